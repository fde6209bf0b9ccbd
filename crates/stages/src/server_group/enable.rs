//! The stage type `enableServerGroup`: lets a server group take traffic, and waits until its instances do.

use spindrift_engine::{
    ContextEdit, Failure, StageType, StageView, SyntheticPlan, TaskRunner, TaskSpec,
};
use spindrift_model::{Pointer, Problem, Stage, StageConfig};

use super::clouds::Clouds;
use super::linear;
use super::operation::{self, Deed, Operate};
use super::up::WaitForUp;

const KIND: &str = "enableServerGroup";

/// The stage type.
pub(crate) struct EnableServerGroup {
    pub(crate) clouds: Clouds,
}

impl StageType for EnableServerGroup {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        if !linear::is_inner(view) {
            return Ok(Vec::new());
        }
        Ok([
            "determineHealthProviders",
            "enableServerGroup",
            "monitorServerGroup",
            "waitForUpInstances",
            "forceCacheRefresh",
        ]
        .map(TaskSpec::new)
        .to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            KIND => Some(Operate::runner(&self.clouds, Deed::Enable)),
            "waitForUpInstances" => Some(WaitForUp::runner(&self.clouds)),
            _ => operation::passed(name),
        }
    }

    fn before(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        match linear::is_inner(view) {
            true => Ok(()),
            false => linear::plan(KIND, view, plan),
        }
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        operation::forget()
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        linear::check(stage, at)
    }
}
