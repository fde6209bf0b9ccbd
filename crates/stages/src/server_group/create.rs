//! The stage types `createServerGroup` and `deploy`: on clouds whose server groups are made from manifests they say which stage makes them.

use spindrift_engine::{Failure, StageType, StageView, TaskRunner, TaskSpec};
use spindrift_model::{Pointer, Problem, StageConfig};

use crate::fields;

/// A stage type that cannot be carried out here.
pub(crate) struct MadeFromManifests {
    /// Its name.
    pub(crate) kind: &'static str,
}

const INSTEAD: &str = "server groups of Kubernetes are made from manifests; use a deployManifest stage, or cloneServerGroup to repeat one that is there";

impl StageType for MadeFromManifests {
    fn name(&self) -> &str {
        self.kind
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Err(Failure {
            kind: "OperationUnsupported".to_owned(),
            ..fields::invalid(INSTEAD)
        })
    }

    fn task(&self, _: &str) -> Option<TaskRunner> {
        None
    }

    fn check(&self, _: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let code = format!("stage.{}.type", self.kind);
        vec![Problem::warning(at.key("type"), &code, INSTEAD)]
    }
}
