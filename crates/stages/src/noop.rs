//! `noop`: a stage that does nothing, well. It joins branches, and it is the measure of what the engine itself costs.

use std::sync::Arc;

use spindrift_engine::{
    Failure, InlineTask, StageType, StageView, TaskResult, TaskRunner, TaskSpec,
};

/// The stage type.
pub struct Noop;

impl StageType for Noop {
    fn name(&self) -> &str {
        "noop"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new("noop")])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == "noop").then(|| TaskRunner::Inline(Arc::new(NoopTask)))
    }
}

struct NoopTask;

impl InlineTask for NoopTask {
    fn run(&self, _: &StageView<'_>) -> TaskResult {
        TaskResult::succeeded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;
    use serde_json::json;

    #[test]
    fn it_succeeds_and_changes_nothing() {
        let scene = Scene::stage("noop", json!({"anything": true}));
        assert_eq!(scene.run(&Noop, "noop"), TaskResult::succeeded());
        assert!(Noop.task("wait").is_none());
    }
}
