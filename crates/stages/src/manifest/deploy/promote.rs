//! The tasks in which Orca waits for Clouddriver and takes over what it has told. Here both have happened when a deploy returns; their names stay, so that
//! tools which look for them find them.

use spindrift_engine::{InlineTask, StageView, TaskResult};

use crate::fields;

/// The tasks `monitorDeploy` and `monitorCleanup`.
pub(crate) struct Monitor;

impl InlineTask for Monitor {
    fn run(&self, _: &StageView<'_>) -> TaskResult {
        TaskResult::succeeded()
    }
}

/// The task `promoteOutputs`: what was deployed becomes the stage's outputs.
pub(crate) struct Promote;

const PROMOTED: [&str; 5] = [
    "outputs.manifests",
    "outputs.manifestNamesByNamespace",
    "outputs.boundArtifacts",
    "outputs.createdArtifacts",
    "artifacts",
];

impl InlineTask for Promote {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        let stage = stage.stage();
        let mut result = TaskResult::succeeded();
        if fields::flag(stage.context.get("noOutput")) {
            return result;
        }
        for key in PROMOTED {
            if let Some(value) = stage.context.get(key)
                && stage.outputs.get(key) != Some(value)
            {
                result = result.with_output(key, value.clone());
            }
        }
        result
    }
}
