//! The stage type `destroyServerGroup`: takes a server group out of traffic unless told otherwise, deletes it, and waits until it is gone.

use spindrift_cloud_driver::Goal;
use spindrift_engine::{
    ContextEdit, Failure, StageType, StageView, SyntheticPlan, TaskRunner, TaskSpec,
};
use spindrift_model::{Pointer, Problem, Stage, StageConfig};

use super::clouds::Clouds;
use super::operation::{self, BEFORE_DESTROY, Deed, Operate};
use super::wait::WaitFor;
use super::{determine, linear, place};
use crate::fields;

const KIND: &str = "destroyServerGroup";

/// The stage type.
pub(crate) struct DestroyServerGroup {
    pub(crate) clouds: Clouds,
}

impl StageType for DestroyServerGroup {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        if !linear::is_inner(view) {
            return Ok(Vec::new());
        }
        Ok([
            "destroyServerGroup",
            "monitorServerGroup",
            "waitForDestroyedServerGroup",
        ]
        .map(TaskSpec::new)
        .to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            KIND => Some(Operate::runner(&self.clouds, Deed::Destroy)),
            "waitForDestroyedServerGroup" => Some(WaitFor::runner(&self.clouds, Goal::Gone)),
            _ => operation::passed(name),
        }
    }

    fn before(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        if !linear::is_inner(view) {
            return linear::plan(KIND, view, plan);
        }
        let context = &view.stage().context;
        if fields::flag(context.get("skipDisableBeforeDestroy")) {
            return Ok(());
        }
        let location = place::location(context)?;
        let name = linear::group_name(context, view.get(determine::REFERENCES))?;
        let mut inner = place::for_group(context, &location, &name);
        inner.insert(BEFORE_DESTROY.to_owned(), true.into());
        plan.then("disableServerGroup", "Disable before destroy", inner);
        Ok(())
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        operation::forget()
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        linear::check(stage, at)
    }
}
