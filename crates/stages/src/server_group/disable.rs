//! The stage type `disableServerGroup`: takes a server group out of traffic, and waits until no load balancer sends it any.

use spindrift_cloud_driver::Goal;
use spindrift_engine::{
    ContextEdit, Failure, StageType, StageView, SyntheticPlan, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use super::clouds::Clouds;
use super::linear;
use super::operation::{self, Deed, Operate};
use super::wait::WaitFor;
use crate::fields;

const KIND: &str = "disableServerGroup";

/// The stage type.
pub(crate) struct DisableServerGroup {
    pub(crate) clouds: Clouds,
}

impl StageType for DisableServerGroup {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        whole(&view.stage().context)?;
        if !linear::is_inner(view) {
            return Ok(Vec::new());
        }
        Ok([
            "determineHealthProviders",
            "disableServerGroup",
            "monitorServerGroup",
            "waitForDownInstances",
            "waitForServerGroupDisabled",
            "forceCacheRefresh",
        ]
        .map(TaskSpec::new)
        .to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            KIND => Some(Operate::runner(&self.clouds, Deed::Disable)),
            "waitForDownInstances" => Some(WaitFor::runner(&self.clouds, Goal::Disabled)),
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

/// Refuses a share: what a share of a server group's traffic is, no cloud here can say.
fn whole(context: &Map) -> Result<(), Failure> {
    let share = context.get("desiredPercentage").and_then(fields::number);
    match share {
        Some(percent) if percent < 100.0 => Err(fields::invalid(format!(
            "a server group is disabled as a whole, and desiredPercentage is {percent}; resize it instead"
        ))),
        Some(_) | None => Ok(()),
    }
}
