//! `waitUntil`: nothing happens until a moment.
//!
//! Context: `epochMillis`; the task notes `startTime`. Without a moment there is nothing to wait for.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    ContextEdit, Failure, InlineTask, Outcome, Sleep, StageType, StageView, TaskResult, TaskRunner,
    TaskSpec,
};
use spindrift_model::{Pointer, Problem, Stage, StageConfig};

use crate::fields;
use crate::wait::SKIP;

/// The stage type.
pub struct WaitUntil;

impl StageType for WaitUntil {
    fn name(&self) -> &str {
        "waitUntil"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new("waitUntil")])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == "waitUntil").then(|| TaskRunner::Inline(Arc::new(WaitUntilTask)))
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        ContextEdit {
            unset: vec!["startTime".to_owned(), SKIP.to_owned()],
            ..ContextEdit::default()
        }
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        match stage.context.get("epochMillis") {
            None | Some(Value::Null) => vec![Problem::warning(
                at.key("epochMillis"),
                "stage.waitUntil.epochMillis",
                "without epochMillis the stage ends at once",
            )],
            Some(value) if fields::is_expression(value) || fields::integer(value).is_some() => {
                Vec::new()
            }
            Some(value) => vec![Problem::warning(
                at.key("epochMillis"),
                "stage.waitUntil.epochMillis",
                not_a_moment(value),
            )],
        }
    }
}

struct WaitUntilTask;

impl InlineTask for WaitUntilTask {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        let context = &stage.stage().context;
        let moment = match context.get("epochMillis") {
            None | Some(Value::Null) => return TaskResult::succeeded(),
            Some(value) => match fields::integer(value) {
                Some(moment) => moment,
                None => return TaskResult::terminal(fields::invalid(not_a_moment(value))),
            },
        };
        let result = if moment <= stage.now() || fields::flag(context.get(SKIP)) {
            TaskResult::succeeded()
        } else {
            TaskResult::new(Outcome::Running(Sleep::Until(moment)))
        };
        match context.contains_key("startTime") {
            true => result,
            false => result.with_context("startTime", stage.now()),
        }
    }
}

fn not_a_moment(value: &Value) -> String {
    format!(
        "epochMillis must be a number of milliseconds since 1970, not {}",
        fields::shorten(&value.to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;
    use serde_json::json;

    #[test]
    fn it_sleeps_until_its_moment() {
        let table = [
            (
                json!({"epochMillis": 5_000}),
                4_999,
                Outcome::Running(Sleep::Until(5_000)),
            ),
            (
                json!({"epochMillis": "5000"}),
                4_999,
                Outcome::Running(Sleep::Until(5_000)),
            ),
            (json!({"epochMillis": 5_000}), 5_000, Outcome::Succeeded),
            (
                json!({"epochMillis": 5_000, "skipRemainingWait": true}),
                1,
                Outcome::Succeeded,
            ),
            (json!({}), 1, Outcome::Succeeded),
        ];
        for (context, now, expected) in table {
            let scene = Scene::stage("waitUntil", context.clone()).now(now);
            assert_eq!(
                scene.run(&WaitUntil, "waitUntil").outcome,
                expected,
                "{context}"
            );
        }
    }

    #[test]
    fn the_first_look_notes_its_time() {
        let first = Scene::stage("waitUntil", json!({"epochMillis": 5_000})).now(7);
        assert_eq!(
            first.run(&WaitUntil, "waitUntil").context["startTime"],
            json!(7)
        );
        let later = Scene::stage("waitUntil", json!({"epochMillis": 5_000, "startTime": 7})).now(9);
        assert!(later.run(&WaitUntil, "waitUntil").context.is_empty());
    }

    #[test]
    fn a_moment_that_is_none_fails() {
        let scene = Scene::stage("waitUntil", json!({"epochMillis": "tomorrow"}));
        let Outcome::Terminal(Some(failure)) = scene.run(&WaitUntil, "waitUntil").outcome else {
            panic!("there is no such moment")
        };
        assert!(failure.errors[0].contains("tomorrow"), "{failure:?}");
    }
}
