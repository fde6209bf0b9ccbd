//! `wait`: nothing happens for a time.
//!
//! Context: `waitTime` in seconds (a number, or a text that an expression left), `skipRemainingWait`. The time counts from the
//! start of the task, a pause does not lengthen it, and a patch of `skipRemainingWait` ends it at once.

use std::sync::Arc;

use spindrift_engine::{
    ContextEdit, Failure, InlineTask, Outcome, Sleep, StageType, StageView, TaskResult, TaskRunner,
    TaskSpec,
};
use spindrift_model::{Millis, Pointer, Problem, Stage, StageConfig};

use crate::fields;

/// The member that ends a wait; a restart forgets it, or the wait would be skipped again.
pub(crate) const SKIP: &str = "skipRemainingWait";

/// The stage type.
pub struct Wait;

impl StageType for Wait {
    fn name(&self) -> &str {
        "wait"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new("wait")])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == "wait").then(|| TaskRunner::Inline(Arc::new(WaitTask)))
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        ContextEdit {
            unset: vec![SKIP.to_owned()],
            ..ContextEdit::default()
        }
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let value = stage.context.get("waitTime");
        if value.is_some_and(fields::is_expression) {
            return Vec::new();
        }
        match fields::seconds("waitTime", value) {
            Ok(_) => Vec::new(),
            Err(failure) => vec![Problem::warning(
                at.key("waitTime"),
                "stage.wait.waitTime",
                failure.errors.join("; "),
            )],
        }
    }
}

struct WaitTask;

impl InlineTask for WaitTask {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        match fields::seconds("waitTime", stage.stage().context.get("waitTime")) {
            Ok(delay) => rest(stage, "wait", delay),
            Err(failure) => TaskResult::terminal(failure),
        }
    }
}

/// Sleeps for `delay` milliseconds from the start of the task of that name, or until the rest is skipped.
pub(crate) fn rest(stage: &StageView<'_>, task: &str, delay: Millis) -> TaskResult {
    let due = fields::task_start(stage, task).saturating_add(delay);
    if due <= stage.now() || fields::flag(stage.stage().context.get(SKIP)) {
        TaskResult::succeeded()
    } else {
        TaskResult::new(Outcome::Running(Sleep::Until(due)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, problems};
    use serde_json::{Value, json};

    #[test]
    fn a_wait_ends_at_its_time_or_when_the_rest_is_skipped() {
        let until = |time| Outcome::Running(Sleep::Until(time));
        let table = [
            (json!({"waitTime": 30}), 1_000, until(31_000)),
            (json!({"waitTime": "30"}), 30_999, until(31_000)),
            (json!({"waitTime": 30}), 31_000, Outcome::Succeeded),
            (
                json!({"waitTime": 30, "skipRemainingWait": true}),
                1_000,
                Outcome::Succeeded,
            ),
            (json!({}), 1_000, Outcome::Succeeded),
            (json!({"waitTime": null}), 1_000, Outcome::Succeeded),
            (json!({"waitTime": -5}), 1_000, Outcome::Succeeded),
            (json!({"waitTime": 1e300}), 1_000, until(Millis::MAX)),
        ];
        for (context, now, expected) in table {
            let scene = Scene::stage("wait", context.clone())
                .task("wait", 1_000)
                .now(now);
            assert_eq!(scene.run(&Wait, "wait").outcome, expected, "{context}");
        }
    }

    #[test]
    fn the_time_counts_from_the_task_and_not_from_a_window_before_it() {
        let scene = Scene::stage("wait", json!({"waitTime": 60}))
            .started(1_000)
            .task("wait", 500_000)
            .now(500_000);
        assert_eq!(
            scene.run(&Wait, "wait").outcome,
            Outcome::Running(Sleep::Until(560_000))
        );
    }

    #[test]
    fn garbage_is_named_when_it_is_saved_and_when_it_runs() {
        let scene = Scene::stage("wait", json!({"waitTime": "soon"})).task("wait", 0);
        let Outcome::Terminal(Some(failure)) = scene.run(&Wait, "wait").outcome else {
            panic!("a wait of no length cannot begin")
        };
        assert_eq!(
            failure.errors,
            ["waitTime must be a number of seconds, not \"soon\""]
        );
        let table: [(Value, &[&str]); 4] = [
            (json!({}), &[]),
            (json!({"waitTime": "${parameters.delay}"}), &[]),
            (json!({"waitTime": 5}), &[]),
            (
                json!({"waitTime": "soon"}),
                &["/stages/0/waitTime stage.wait.waitTime"],
            ),
        ];
        for (context, expected) in table {
            assert_eq!(problems(&Wait, context), expected);
        }
    }

    #[test]
    fn a_restart_waits_again() {
        let edit = Wait.restart(&Stage::default());
        assert_eq!(edit.unset, ["skipRemainingWait"]);
    }
}
