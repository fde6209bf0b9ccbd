//! The task `startPipeline`.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    BoxFuture, ChildRequest, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult,
};
use spindrift_model::{Map, PipelineId};

use super::stage::is_strategy;
use crate::fields;

/// Starts the child. A repeat after a crash finds the child that was started before, by its correlation id.
pub(super) struct StartPipeline;

impl EffectTask for StartPipeline {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { start(input).await.unwrap_or_else(TaskResult::terminal) })
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
    let key = match strategy {
        true => "pipelineId",
        false => "pipeline",
    };
    let pipeline = fields::text(context, key)
        .ok_or_else(|| fields::invalid(format!("the stage has no {key}, the pipeline to run")))?;
    let application = fields::text(context, "pipelineApplication")
        .or_else(|| fields::text(context, "application"));
    let correlation_id = format!(
        "{}_{}_{pipeline}_{}",
        input.execution, input.stage.id, input.execution_start
    );
    Ok(ChildRequest {
        application: application.map(str::to_owned),
        pipeline: PipelineId::from(pipeline),
        parameters: parameters(context)?,
        artifacts: artifacts(input),
        parent: input.execution.clone(),
        parent_stage: input.stage.id.clone(),
        user: input.user.clone(),
        correlation_id,
        dry_run: input.trigger.flag("dryRun"),
        strategy,
    })
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

/// What this stage sees, each artifact once: its own, those of the nearest stage before that has any, those of the trigger.
fn artifacts(input: &TaskInput) -> Vec<Value> {
    let listed = |value: Option<&Value>| -> Vec<Value> {
        let list = value.and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut seen: Vec<Value> = Vec::new();
    let own = listed(input.stage.context.get("artifacts"));
    let inherited = listed(input.inherited.get("artifacts"));
    for artifact in own
        .into_iter()
        .chain(inherited)
        .chain(input.trigger.artifacts().to_vec())
    {
        if !seen.contains(&artifact) {
            seen.push(artifact);
        }
    }
    seen
}
