//! `restrictExecutionDuringTimeWindow`: the stage that the engine puts before one that may only begin in a window.
//!
//! Context: `restrictedExecutionWindow {whitelist, days, jitter, timeZone}`, `skipRemainingWait`, which ends both waits. The
//! task notes `scheduledTime`, the moment at which the window opens, and `waitTime`, the seconds of jitter.
//!
//! The zone is the window's `timeZone`, else the pipeline's, else the configuration's.

use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value;
use spindrift_engine::{
    Failure, InlineTask, Outcome, Sleep, StageType, StageView, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Millis, Pointer, Problem};

use super::hours::Window;
use super::jitter::Jitter;
use super::opening::{Verdict, next_open};
use crate::fields;
use crate::wait::{SKIP, rest};

const KIND: &str = "restrictExecutionDuringTimeWindow";
const SUSPEND: &str = "suspendExecutionDuringTimeWindow";
const JITTER: &str = "waitForJitter";
const WINDOW: &str = "restrictedExecutionWindow";

/// The stage type.
pub struct RestrictExecutionDuringTimeWindow;

impl StageType for RestrictExecutionDuringTimeWindow {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, stage: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let mut tasks = vec![TaskSpec::new(SUSPEND)];
        if Jitter::of(stage).is_some() {
            tasks.push(TaskSpec::new(JITTER));
        }
        Ok(tasks)
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            SUSPEND => Some(TaskRunner::Inline(Arc::new(Suspend))),
            JITTER => Some(TaskRunner::Inline(Arc::new(WaitForJitter))),
            _ => None,
        }
    }
}

/// Waits until the window is open.
struct Suspend;

impl InlineTask for Suspend {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        if fields::flag(stage.stage().context.get(SKIP)) {
            return TaskResult::succeeded();
        }
        match decide(stage) {
            Ok(Verdict::Open) => TaskResult::succeeded(),
            Ok(Verdict::Opens(at)) => TaskResult::new(Outcome::Running(Sleep::Until(at)))
                .with_context("scheduledTime", at),
            Err(reason) => TaskResult::terminal(fields::invalid(reason.clone()))
                .with_context("failureReason", reason),
        }
    }
}

fn decide(stage: &StageView<'_>) -> Result<Verdict, String> {
    let written = match stage.stage().context.get(WINDOW) {
        Some(Value::Object(window)) => window,
        Some(_) | None => return Err(format!("the stage has no {WINDOW}")),
    };
    let window = Window::read(written, &Pointer::root().key(WINDOW)).map_err(|problems| {
        let said = problems.iter().map(|(at, text)| format!("{at}: {text}"));
        said.collect::<Vec<_>>().join("; ")
    })?;
    let zone = read_zone(written).unwrap_or_else(|| Ok(stage.time_zone()))?;
    let zone = zone.parse::<Tz>().map_err(|_| unknown_zone(zone))?;
    Ok(next_open(&window, stage.now(), zone))
}

/// The zone of the window itself, when it names one.
fn read_zone(window: &Map) -> Option<Result<&str, String>> {
    match window.get("timeZone") {
        None | Some(Value::Null) => None,
        Some(Value::String(zone)) if zone.trim().is_empty() => None,
        Some(Value::String(zone)) => Some(Ok(zone.trim())),
        Some(other) => Some(Err(unknown_zone(&other.to_string()))),
    }
}

fn unknown_zone(zone: &str) -> String {
    format!(
        "{:?} is not a time zone; use a name such as Europe/Berlin",
        fields::shorten(zone)
    )
}

/// Waits a little longer. The delay counts from the start of the task, which is the opening of the window, or later when the
/// window was open already.
struct WaitForJitter;

impl InlineTask for WaitForJitter {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        let delay: Millis = match Jitter::of(stage) {
            Some(jitter) => jitter.delay(&stage.stage().id),
            None => 0,
        };
        let result = rest(stage, JITTER, delay);
        match result.outcome {
            Outcome::Running(_) => result.with_context("waitTime", delay / 1_000),
            Outcome::Succeeded
            | Outcome::FailedContinue
            | Outcome::Stopped
            | Outcome::Terminal(_)
            | Outcome::Canceled(_)
            | Outcome::Skipped
            | Outcome::Redirect => result,
        }
    }
}

/// What is wrong with the window of a stage of any type, as its author wrote it.
pub(crate) fn check(context: &Map, at: &Pointer) -> Vec<Problem> {
    let warn = |pointer: Pointer, message: String| {
        Problem::warning(pointer, "stage.restrictedExecutionWindow", message)
    };
    let restricted = match context.get(KIND) {
        None | Some(Value::Null | Value::Bool(false)) => return Vec::new(),
        Some(Value::Bool(true)) => context.get(WINDOW),
        Some(_) => {
            let message = format!("{KIND} counts only as true or false, without quotes");
            return vec![warn(at.key(KIND), message)];
        }
    };
    let at = at.key(WINDOW);
    let Some(Value::Object(window)) = restricted else {
        let message = format!("the stage is restricted to a window but has no {WINDOW}");
        return vec![warn(at, message)];
    };
    let mut problems: Vec<Problem> = match Window::read(window, &at) {
        Ok(_) => Vec::new(),
        Err(found) => found
            .into_iter()
            .map(|(pointer, message)| warn(pointer, message))
            .collect(),
    };
    let zone = read_zone(window).map(|zone| {
        zone.and_then(|zone| zone.parse::<Tz>().map(drop).map_err(|_| unknown_zone(zone)))
    });
    if let Some(Err(message)) = zone {
        problems.push(warn(at.key("timeZone"), message));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, map};
    use serde_json::json;

    /// 2015-02-13 09:59:59 in Los Angeles.
    const MORNING: Millis = 1_423_850_399_000;
    const TEN: Millis = 1_423_850_400_000;

    fn ten_to_one() -> Value {
        json!([{"startHour": 10, "startMin": 0, "endHour": 13, "endMin": 0}])
    }

    #[test]
    fn it_waits_for_the_window_and_says_until_when() {
        let context = json!({WINDOW: {"whitelist": ten_to_one()}});
        let result = Scene::stage(KIND, context.clone())
            .now(MORNING)
            .run(&RestrictExecutionDuringTimeWindow, SUSPEND);
        assert_eq!(result.outcome, Outcome::Running(Sleep::Until(TEN)));
        assert_eq!(result.context["scheduledTime"], json!(TEN));
        let open = Scene::stage(KIND, context)
            .now(TEN)
            .run(&RestrictExecutionDuringTimeWindow, SUSPEND);
        assert_eq!(open, TaskResult::succeeded());
    }

    #[test]
    fn the_window_may_have_a_zone_of_its_own() {
        let at_nine_in_berlin = TEN - 8 * 3_600_000 - 1_000 - 2 * 3_600_000;
        let context = json!({WINDOW: {"whitelist": ten_to_one(), "timeZone": "Europe/Berlin"}});
        let result = Scene::stage(KIND, context)
            .zone("Asia/Tokyo")
            .now(at_nine_in_berlin)
            .run(&RestrictExecutionDuringTimeWindow, SUSPEND);
        assert_eq!(
            result.outcome,
            Outcome::Running(Sleep::Until(TEN - 9 * 3_600_000))
        );
    }

    #[test]
    fn a_window_that_makes_no_sense_fails_with_its_reason() {
        let table = [
            (json!({}), "the stage has no restrictedExecutionWindow"),
            (
                json!({WINDOW: {}}),
                "/restrictedExecutionWindow: the window has neither a whitelist nor days; add one of them",
            ),
            (
                json!({WINDOW: {"days": [2], "timeZone": "Mars/Base"}}),
                "\"Mars/Base\" is not a time zone; use a name such as Europe/Berlin",
            ),
        ];
        for (context, reason) in table {
            let result =
                Scene::stage(KIND, context).run(&RestrictExecutionDuringTimeWindow, SUSPEND);
            assert_eq!(result.context["failureReason"], json!(reason));
            assert_eq!(
                result.outcome,
                Outcome::Terminal(Some(fields::invalid(reason)))
            );
        }
    }

    #[test]
    fn the_rest_of_both_waits_can_be_skipped() {
        let context = json!({WINDOW: {"whitelist": ten_to_one(), "jitter": {"enabled": true, "minDelay": 60, "maxDelay": 60}}, SKIP: true});
        let scene = Scene::stage(KIND, context)
            .now(MORNING)
            .task(JITTER, MORNING);
        for task in [SUSPEND, JITTER] {
            let result = scene.run(&RestrictExecutionDuringTimeWindow, task);
            assert_eq!(result, TaskResult::succeeded(), "{task}");
        }
    }

    #[test]
    fn jitter_counts_from_the_opening_whatever_the_stage_itself_waits() {
        let jitter = json!({"enabled": true, "minDelay": 60, "maxDelay": 60});
        // `waitTime` is what the parent, a wait, brought with it.
        let context = json!({"waitTime": 5, WINDOW: {"whitelist": ten_to_one(), "jitter": jitter}});
        let scene = Scene::stage(KIND, context)
            .started(MORNING)
            .task(SUSPEND, MORNING)
            .task(JITTER, TEN)
            .now(TEN);
        let result = scene.run(&RestrictExecutionDuringTimeWindow, JITTER);
        assert_eq!(result.outcome, Outcome::Running(Sleep::Until(TEN + 60_000)));
        assert_eq!(result.context["waitTime"], json!(60));
    }

    #[test]
    fn jitter_is_planned_only_where_it_applies() {
        let jitter = |skip_manual| json!({WINDOW: {"days": [1], "jitter": {"enabled": true, "skipManual": skip_manual, "maxDelay": 9}}});
        let table = [
            (json!({WINDOW: {"days": [1]}}), "cron", vec![SUSPEND]),
            (jitter(true), "manual", vec![SUSPEND]),
            (jitter(true), "cron", vec![SUSPEND, JITTER]),
            (jitter(false), "manual", vec![SUSPEND, JITTER]),
        ];
        for (context, trigger, tasks) in table {
            let scene = Scene::stage(KIND, context).trigger(json!({"type": trigger}));
            assert_eq!(scene.tasks(&RestrictExecutionDuringTimeWindow), Ok(tasks));
        }
    }

    #[test]
    fn a_window_is_checked_while_it_is_saved() {
        let table: [(Value, &[&str]); 5] = [
            (json!({}), &[]),
            (
                json!({KIND: true, WINDOW: {"days": [7], "timeZone": ""}}),
                &[],
            ),
            (json!({KIND: true}), &["/restrictedExecutionWindow"]),
            (
                json!({KIND: "true"}),
                &["/restrictExecutionDuringTimeWindow"],
            ),
            (
                json!({KIND: true, WINDOW: {"whitelist": [{"startHour": 30, "endHour": 1}], "timeZone": "Mars"}}),
                &[
                    "/restrictedExecutionWindow/whitelist/0/startHour",
                    "/restrictedExecutionWindow/timeZone",
                ],
            ),
        ];
        for (context, places) in table {
            let problems = check(&map(context), &Pointer::root());
            let found: Vec<&str> = problems
                .iter()
                .map(|problem| problem.pointer.as_str())
                .collect();
            assert_eq!(found, places);
        }
    }
}
