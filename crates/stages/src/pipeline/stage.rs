//! The stage type `pipeline`.
//!
//! Context: `application` or `pipelineApplication`, `pipeline` (`pipelineId` for a strategy), `pipelineParameters`,
//! `waitForCompletion`, `skippable`, `skipDownstreamOutput`, `expectedArtifacts`, `stageTimeoutMs`. The tasks note `executionId`,
//! `executionName`, `status`, and `exception` when the child fails.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{ContextEdit, Failure, StageType, StageView, TaskRunner, TaskSpec};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use super::monitor::MonitorChild;
use super::start::StartPipeline;
use crate::{artifacts, fields};

const START: &str = "startPipeline";
const MONITOR: &str = "monitorPipeline";

/// Set by a restart of the child: the stage goes on watching it and starts no other.
const KEEP_CHILD: &str = "_skipPipelineRestart";

/// The stage type.
pub struct Pipeline {
    /// Whether a child's outputs stay with it where a stage says nothing about that.
    pub skip_downstream_output: bool,
}

impl StageType for Pipeline {
    fn name(&self) -> &str {
        "pipeline"
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let context = &view.stage().context;
        let mut tasks = Vec::new();
        if fields::text(context, "executionId").is_none() {
            tasks.push(TaskSpec::new(START));
        }
        if waits(context) {
            tasks.push(TaskSpec::new(MONITOR));
        }
        if artifacts::are_expected(context) {
            tasks.push(TaskSpec::new(artifacts::BIND));
        }
        Ok(tasks)
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            START => Some(TaskRunner::Effect(Arc::new(StartPipeline))),
            MONITOR => Some(TaskRunner::Effect(Arc::new(MonitorChild {
                skip_downstream_output: self.skip_downstream_output,
            }))),
            artifacts::BIND => Some(artifacts::bind_produced()),
            _ => None,
        }
    }

    fn restart(&self, stage: &Stage) -> ContextEdit {
        let unset: &[&str] = match fields::flag(stage.context.get(KEEP_CHILD)) {
            true => &[KEEP_CHILD],
            false => &["status", "executionName", "executionId"],
        };
        ContextEdit {
            unset: unset.iter().map(|key| (*key).to_owned()).collect(),
            ..ContextEdit::default()
        }
    }

    fn may_be_skipped(&self, stage: &Stage) -> bool {
        fields::flag(stage.context.get("skippable"))
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let context = &stage.context;
        let key = match is_strategy(context) {
            true => "pipelineId",
            false => "pipeline",
        };
        match fields::text(context, key) {
            Some(_) => Vec::new(),
            None => vec![Problem::warning(
                at.key(key),
                "stage.pipeline.pipeline",
                format!("the stage fails without {key}, the pipeline to run"),
            )],
        }
    }
}

/// Whether the stage lasts as long as its child; only a plain "false" says that it does not.
pub(super) fn waits(context: &Map) -> bool {
    let value = context.get("waitForCompletion").and_then(fields::scalar);
    !value.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
}

/// Whether the child is a deployment strategy.
pub(super) fn is_strategy(context: &Map) -> bool {
    let parameters = context.get("pipelineParameters").and_then(Value::as_object);
    fields::flag(parameters.and_then(|parameters| parameters.get("strategy")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, map, problems};
    use serde_json::json;

    const PIPELINE: Pipeline = Pipeline {
        skip_downstream_output: false,
    };

    #[test]
    fn the_tasks_follow_from_the_context() {
        let table = [
            (json!({"pipeline": "p"}), vec![START, MONITOR]),
            (json!({"waitForCompletion": null}), vec![START, MONITOR]),
            (json!({"waitForCompletion": "maybe"}), vec![START, MONITOR]),
            (json!({"waitForCompletion": false}), vec![START]),
            (json!({"waitForCompletion": "FALSE"}), vec![START]),
            (json!({"executionId": "01J"}), vec![MONITOR]),
            (
                json!({"expectedArtifacts": [{"id": "a"}]}),
                vec![START, MONITOR, "bindProducedArtifacts"],
            ),
        ];
        for (context, tasks) in table {
            let scene = Scene::stage("pipeline", context.clone());
            assert_eq!(scene.tasks(&PIPELINE), Ok(tasks), "{context}");
        }
    }

    #[test]
    fn a_restart_starts_another_child_unless_the_child_itself_was_restarted() {
        let restart = |context| {
            let stage = Stage {
                context: map(context),
                ..Stage::default()
            };
            PIPELINE.restart(&stage).unset
        };
        assert_eq!(
            restart(json!({"executionId": "01J"})),
            ["status", "executionName", "executionId"]
        );
        assert_eq!(restart(json!({KEEP_CHILD: true})), [KEEP_CHILD]);
    }

    #[test]
    fn only_a_skippable_stage_may_be_skipped() {
        let stage = |context| Stage {
            context: map(context),
            ..Stage::default()
        };
        assert!(PIPELINE.may_be_skipped(&stage(json!({"skippable": true}))));
        assert!(!PIPELINE.may_be_skipped(&stage(json!({}))));
    }

    #[test]
    fn a_stage_that_names_no_pipeline_is_noticed() {
        assert_eq!(
            problems(&PIPELINE, json!({})),
            ["/stages/0/pipeline stage.pipeline.pipeline"]
        );
        assert_eq!(
            problems(
                &PIPELINE,
                json!({"pipelineParameters": {"strategy": true}, "pipeline": "p"})
            ),
            ["/stages/0/pipelineId stage.pipeline.pipeline"]
        );
        assert!(problems(&PIPELINE, json!({"pipeline": "p"})).is_empty());
    }
}
