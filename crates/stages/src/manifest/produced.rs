//! The task `bindProducedArtifacts` of stages that always have it.

use std::sync::Arc;

use spindrift_engine::{InlineTask, StageView, TaskResult, TaskRunner};

use crate::artifacts;

/// Binds what the stage expects; without expectations, what it has made stays as it is.
pub(crate) fn bind() -> TaskRunner {
    TaskRunner::Inline(Arc::new(BindIfExpected))
}

struct BindIfExpected;

impl InlineTask for BindIfExpected {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        match (
            artifacts::expects_any(&stage.stage().context),
            artifacts::bind_produced(),
        ) {
            (true, TaskRunner::Inline(bind)) => bind.run(stage),
            (true, TaskRunner::Effect(_)) | (false, _) => TaskResult::succeeded(),
        }
    }
}
