//! `dependsOnExecution`: waits for the end of another execution.
//!
//! Context: `executionType`, `executionId`. Ids are unique over both types, so the type is not needed to find one.

use std::sync::Arc;

use spindrift_engine::{
    BoxFuture, EffectTask, Failure, Outcome, StageType, StageView, TaskInput, TaskPolicy,
    TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{ExecutionId, Millis, Pointer, Problem, StageConfig};

use crate::fields;

const TASK: &str = "dependsOnExecution";

/// Nobody is told of the end of an execution that is not a child, so this looks at it.
const LOOK_EVERY: Millis = 10_000;
const TWO_HOURS: Millis = 2 * 60 * 60 * 1_000;

/// The stage type.
pub struct DependsOnExecution;

impl StageType for DependsOnExecution {
    fn name(&self) -> &str {
        "dependsOnExecution"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new(TASK)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == TASK).then(|| TaskRunner::Effect(Arc::new(Monitor)))
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        match fields::text(&stage.context, "executionId") {
            Some(_) => Vec::new(),
            None => vec![Problem::warning(
                at.key("executionId"),
                "stage.dependsOnExecution.executionId",
                "the stage fails without executionId, the execution it waits for",
            )],
        }
    }
}

struct Monitor;

impl EffectTask for Monitor {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { look(input).await.unwrap_or_else(TaskResult::terminal) })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(TWO_HOURS),
            overridable: false,
            backoff: LOOK_EVERY,
        }
    }
}

async fn look(input: TaskInput) -> Result<TaskResult, Failure> {
    let id = fields::text(&input.stage.context, "executionId")
        .ok_or_else(|| fields::invalid("the stage names no executionId"))?;
    let id = ExecutionId::parse(id).map_err(|error| fields::invalid(error.to_string()))?;
    let Some(other) = input.launcher.state(id.clone()).await? else {
        return Err(Failure::new(
            "ExecutionNotFound",
            format!("there is no execution {id}"),
        ));
    };
    if !other.status.is_complete() {
        return Ok(TaskResult::again_in(LOOK_EVERY));
    }
    if other.status.is_successful() {
        return Ok(TaskResult::succeeded());
    }
    let failure = Failure::new(
        "DependencyFailed",
        format!("execution {id} ended {}", other.status),
    );
    Ok(TaskResult::new(Outcome::Canceled(Some(failure))))
}
