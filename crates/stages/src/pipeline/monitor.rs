//! The task `monitorPipeline` of a `pipeline` stage.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{
    BoxFuture, ChildState, EffectTask, Failure, Outcome, TaskInput, TaskPolicy, TaskResult,
};
use spindrift_model::{ExecutionId, Map, Millis, Stage, Status};

use crate::fields;

/// How long a child may take unless `stageTimeoutMs` says otherwise.
pub(super) const TWELVE_HOURS: Millis = 12 * 60 * 60 * 1_000;

/// After a failure to read the child.
pub(super) const BACKOFF: Millis = 15_000;

/// As whom children are canceled.
pub(super) const PARENT: &str = "parent pipeline";

/// Sleeps until the child ends, whose end signals the stage, and takes over how it ended.
pub(super) struct MonitorChild {
    /// Whether the child's outputs stay with it where the stage says nothing about that.
    pub(super) skip_downstream_output: bool,
}

impl EffectTask for MonitorChild {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { self.look(&input).await.unwrap_or_else(TaskResult::terminal) })
    }

    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        let child = child(&input.stage).ok()?;
        Some(Box::pin(async move {
            let reason = no_longer_waits(&input);
            let canceled = input
                .launcher
                .cancel(child, PARENT.to_owned(), Some(reason))
                .await;
            match canceled {
                Ok(()) => TaskResult::succeeded(),
                Err(failure) => TaskResult::terminal(failure),
            }
        }))
    }

    fn has_cancel(&self, stage: &Stage) -> bool {
        child(stage).is_ok()
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(TWELVE_HOURS),
            overridable: true,
            backoff: BACKOFF,
        }
    }
}

impl MonitorChild {
    async fn look(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let id = child(&input.stage)?;
        let Some(child) = input.launcher.state(id.clone()).await? else {
            return Err(missing(&id));
        };
        let outcome = outcome(child.status);
        let mut result = TaskResult::new(outcome)
            .with_context("status", child.status.as_str())
            .with_context("executionName", child.name.clone());
        if let Outcome::Terminal(_) = result.outcome {
            result = result.with_context("exception", exception(&id, &child));
        }
        if child.status.is_complete() && !self.keeps_outputs_away(&input.stage.context) {
            result.outputs = child.outputs;
        }
        Ok(result)
    }

    fn keeps_outputs_away(&self, context: &Map) -> bool {
        match context.get("skipDownstreamOutput") {
            None | Some(Value::Null) => self.skip_downstream_output,
            value => fields::flag(value),
        }
    }
}

/// Why the child of a stage is canceled.
pub(super) fn no_longer_waits(input: &TaskInput) -> String {
    format!(
        "the stage {:?} of execution {} no longer waits for it",
        input.stage.display_name(),
        input.execution
    )
}

fn child(stage: &Stage) -> Result<ExecutionId, Failure> {
    let id = fields::text(&stage.context, "executionId").ok_or_else(|| {
        fields::invalid("the stage has no executionId, the execution to wait for")
    })?;
    ExecutionId::parse(id).map_err(|error| fields::invalid(format!("executionId: {error}")))
}

pub(super) fn missing(id: &ExecutionId) -> Failure {
    Failure::new(
        "ExecutionNotFound",
        format!("the child execution {id} does not exist any more"),
    )
}

/// What the end of a child means for its stage.
fn outcome(status: Status) -> Outcome {
    match status {
        Status::Succeeded | Status::Skipped | Status::FailedContinue => Outcome::Succeeded,
        Status::Canceled => Outcome::Canceled(Some(Failure::new(
            "ChildCanceled",
            "At least one monitored pipeline was cancelled",
        ))),
        Status::Terminal | Status::Stopped => Outcome::Terminal(None),
        Status::NotStarted
        | Status::Running
        | Status::Paused
        | Status::Suspended
        | Status::Redirect
        | Status::Buffered => TaskResult::until_signal().outcome,
    }
}

/// What failed in a child: its first failed stage is the source, and every failed stage adds its errors.
pub(super) fn exception(id: &ExecutionId, child: &ChildState) -> Value {
    let mut errors: Vec<String> = Vec::new();
    for failure in &child.failures {
        let place = format!(
            "Exception in child pipeline stage ({}: {})",
            child.name, failure.stage_name
        );
        match failure.errors.is_empty() {
            true => errors.push(place),
            false => {
                let said = failure
                    .errors
                    .iter()
                    .map(|error| format!("{place}: {error}"));
                errors.extend(said);
            }
        }
    }
    if errors.is_empty() {
        errors.push(format!(
            "the child pipeline {:?} ended {}",
            child.name, child.status
        ));
    }
    let mut exception = json!({"details": {"errors": errors}});
    if let Some(failure) = child.failures.first() {
        exception["source"] = json!({
            "executionId": id.as_str(),
            "stageId": failure.stage_id,
            "stageName": failure.stage_name,
            "stageIndex": failure.stage_index,
        });
    }
    exception
}
