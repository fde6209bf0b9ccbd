//! The stage type `monitorPipeline`: waits for executions that somebody else has started.
//!
//! Context: `executionIds` (or one `executionId`), `monitorBehavior` `FailFast` or `WaitForAllToComplete`. Outputs:
//! `executionStatuses`, for each id its `status` and, when it failed, its `exception`.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, Outcome, StageType, StageView, TaskInput, TaskPolicy,
    TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{ExecutionId, Map, Millis, Pointer, Problem, StageConfig, Status};

use super::monitor::{BACKOFF, TWELVE_HOURS, exception, missing};
use crate::fields;

const TASK: &str = "monitorPipeline";

/// Nobody is told of the end of an execution that is not a child, so this looks at them.
const LOOK_EVERY: Millis = 15_000;

/// The stage type.
pub struct MonitorPipeline;

/// When the first failure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behavior {
    FailFast,
    WaitForAllToComplete,
}

impl StageType for MonitorPipeline {
    fn name(&self) -> &str {
        "monitorPipeline"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new(TASK)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == TASK).then(|| TaskRunner::Effect(Arc::new(MonitorMany)))
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let mut problems = Vec::new();
        let ids = stage
            .context
            .get("executionIds")
            .or(stage.context.get("executionId"));
        if fields::texts(ids).is_empty() {
            problems.push(Problem::warning(
                at.key("executionIds"),
                "stage.monitorPipeline.executionIds",
                "the stage fails without executionIds, the executions to wait for",
            ));
        }
        if let Err(failure) = behavior(&stage.context) {
            problems.push(Problem::warning(
                at.key("monitorBehavior"),
                "stage.monitorPipeline.monitorBehavior",
                failure.errors.join("; "),
            ));
        }
        problems
    }
}

struct MonitorMany;

impl EffectTask for MonitorMany {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { look(&input).await.unwrap_or_else(TaskResult::terminal) })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(TWELVE_HOURS),
            overridable: true,
            backoff: BACKOFF,
        }
    }
}

async fn look(input: &TaskInput) -> Result<TaskResult, Failure> {
    let context = &input.stage.context;
    let behavior = behavior(context)?;
    let ids = fields::texts(context.get("executionIds").or(context.get("executionId")));
    if ids.is_empty() {
        return Err(fields::invalid(
            "the stage has no executionIds, the executions to wait for",
        ));
    }
    let mut found = Map::new();
    let mut statuses = Vec::new();
    for id in ids {
        let id = ExecutionId::parse(&id)
            .map_err(|error| fields::invalid(format!("executionIds: {error}")))?;
        let child = input.launcher.state(id.clone()).await?;
        let child = child.ok_or_else(|| missing(&id))?;
        let mut state = json!({"status": child.status.as_str()});
        if child.status.is_failure() {
            state["exception"] = exception(&id, &child);
        }
        found.insert(id.as_str().to_owned(), state);
        statuses.push(child.status);
    }
    let result = TaskResult::new(outcome(&statuses, behavior));
    Ok(result.with_output("executionStatuses", Value::Object(found)))
}

fn behavior(context: &Map) -> Result<Behavior, Failure> {
    match context.get("monitorBehavior") {
        None | Some(Value::Null) => Ok(Behavior::FailFast),
        Some(Value::String(name)) if name.eq_ignore_ascii_case("FailFast") => {
            Ok(Behavior::FailFast)
        }
        Some(Value::String(name)) if name.eq_ignore_ascii_case("WaitForAllToComplete") => {
            Ok(Behavior::WaitForAllToComplete)
        }
        Some(other) => Err(fields::invalid(format!(
            "monitorBehavior must be FailFast or WaitForAllToComplete, not {}",
            fields::shorten(&other.to_string())
        ))),
    }
}

fn outcome(statuses: &[Status], behavior: Behavior) -> Outcome {
    let complete = statuses.iter().all(|status| status.is_complete());
    let some = |wanted: &[Status]| statuses.iter().any(|status| wanted.contains(status));
    if !complete && behavior == Behavior::WaitForAllToComplete {
        return TaskResult::again_in(LOOK_EVERY).outcome;
    }
    if some(&[Status::Terminal, Status::Stopped]) {
        return Outcome::Terminal(Some(Failure::new(
            "ChildFailed",
            "At least one monitored pipeline failed",
        )));
    }
    if some(&[Status::Canceled]) {
        return Outcome::Canceled(Some(Failure::new(
            "ChildCanceled",
            "At least one monitored pipeline was cancelled",
        )));
    }
    match complete {
        true => Outcome::Succeeded,
        false => TaskResult::again_in(LOOK_EVERY).outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::problems;
    use spindrift_engine::Sleep;

    #[test]
    fn the_behavior_decides_when_a_failure_counts() {
        use Status::{Canceled, NotStarted, Paused, Running, Succeeded, Terminal};
        let (fast, all) = (Behavior::FailFast, Behavior::WaitForAllToComplete);
        let table: [(&[Status], Behavior, &str); 8] = [
            (&[Succeeded, Succeeded], fast, "SUCCEEDED"),
            (&[Succeeded, Running], fast, "RUNNING"),
            (&[Paused, NotStarted], fast, "RUNNING"),
            (&[Terminal, Running], fast, "TERMINAL"),
            (&[Terminal, Running], all, "RUNNING"),
            (&[Terminal, Canceled], all, "TERMINAL"),
            (&[Canceled, Running], fast, "CANCELED"),
            (&[Canceled, Succeeded], all, "CANCELED"),
        ];
        for (statuses, behavior, expected) in table {
            let name = match outcome(statuses, behavior) {
                Outcome::Succeeded => "SUCCEEDED",
                Outcome::Terminal(Some(_)) => "TERMINAL",
                Outcome::Canceled(Some(_)) => "CANCELED",
                Outcome::Running(Sleep::For(LOOK_EVERY)) => "RUNNING",
                other => panic!("{other:?}"),
            };
            assert_eq!(name, expected, "{statuses:?} {behavior:?}");
        }
    }

    #[test]
    fn what_is_missing_is_noticed_while_it_is_saved() {
        assert_eq!(
            problems(&MonitorPipeline, json!({"monitorBehavior": "Never"})),
            [
                "/stages/0/executionIds stage.monitorPipeline.executionIds",
                "/stages/0/monitorBehavior stage.monitorPipeline.monitorBehavior",
            ]
        );
        assert!(problems(&MonitorPipeline, json!({"executionIds": ["01J"]})).is_empty());
    }
}
