//! The task `startPipeline`.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    BoxFuture, ChildRequest, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult,
};
use spindrift_model::{Map, PipelineId, Stage};

use super::monitor::{PARENT, no_longer_waits};
use super::stage::{is_strategy, waits};
use crate::fields;

/// Starts the child. A repeat after a crash finds the child that was started before, by its correlation id.
pub(super) struct StartPipeline;

impl EffectTask for StartPipeline {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { start(input).await.unwrap_or_else(TaskResult::terminal) })
    }

    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        if !self.has_cancel(&input.stage) {
            return None;
        }
        let correlation = correlation_id(pipeline(&input.stage.context).ok()?, &input);
        Some(Box::pin(async move {
            let reason = no_longer_waits(&input);
            let withdrawn = input
                .launcher
                .withdraw(correlation, PARENT.to_owned(), reason)
                .await;
            match withdrawn {
                Ok(()) => TaskResult::succeeded(),
                Err(failure) => TaskResult::terminal(failure),
            }
        }))
    }

    /// The child may exist before the stage knows its id. One that nobody would wait for goes on.
    fn has_cancel(&self, stage: &Stage) -> bool {
        waits(&stage.context) && pipeline(&stage.context).is_ok()
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: None,
            overridable: false,
            backoff: 5_000,
        }
    }

    fn reads(&self) -> &'static [&'static str] {
        &["artifacts"]
    }
}

async fn start(input: TaskInput) -> Result<TaskResult, Failure> {
    let request = request(&input)?;
    let child = input.launcher.start(request).await?;
    let result = TaskResult::succeeded().with_context("executionId", child.as_str());
    // The name is for people only, and the monitor brings it again.
    match input.launcher.state(child).await {
        Ok(Some(state)) => Ok(result.with_context("executionName", state.name)),
        Ok(None) | Err(_) => Ok(result),
    }
}

fn request(input: &TaskInput) -> Result<ChildRequest, Failure> {
    let context = &input.stage.context;
    let strategy = is_strategy(context);
    let pipeline = pipeline(context)?;
    let application = fields::text(context, "pipelineApplication")
        .or_else(|| fields::text(context, "application"));
    Ok(ChildRequest {
        application: application.map(str::to_owned),
        pipeline: PipelineId::from(pipeline),
        parameters: parameters(context)?,
        artifacts: artifacts(input),
        parent: input.execution.clone(),
        parent_stage: input.stage.id.clone(),
        key: input.key.clone(),
        user: input.user.clone(),
        correlation_id: correlation_id(pipeline, input),
        dry_run: input.trigger.flag("dryRun"),
        strategy,
    })
}

fn pipeline(context: &Map) -> Result<&str, Failure> {
    let key = match is_strategy(context) {
        true => "pipelineId",
        false => "pipeline",
    };
    fields::text(context, key)
        .ok_or_else(|| fields::invalid(format!("the stage has no {key}, the pipeline to run")))
}

/// As in Orca, and another one after each restart of the stage: the child of the stage before its restart may still be
/// ending.
fn correlation_id(pipeline: &str, input: &TaskInput) -> String {
    let stage = &input.stage;
    let first = format!(
        "{}_{}_{pipeline}_{}",
        input.execution, stage.id, input.execution_start
    );
    match stage.restarts {
        0 => first,
        restarts => format!("{first}_{restarts}"),
    }
}

fn parameters(context: &Map) -> Result<Map, Failure> {
    match context.get("pipelineParameters") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(parameters)) => Ok(parameters.clone()),
        Some(other) => Err(fields::invalid(format!(
            "pipelineParameters must be an object of names and values, not {}",
            fields::shorten(&other.to_string())
        ))),
    }
}

/// What this stage sees, each artifact once.
fn artifacts(input: &TaskInput) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    for artifact in input.artifacts() {
        if !seen.contains(artifact) {
            seen.push(artifact.clone());
        }
    }
    seen
}
