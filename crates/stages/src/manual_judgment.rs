//! `manualJudgment`: a person decides whether the run goes on.
//!
//! Context: `instructions`, `judgmentInputs [{value}]`, `requiredJudgmentRoles`, else `selectedStageRoles`,
//! `propagateAuthenticationContext`, `notifications`, `sendNotifications`, `stageTimeoutMs`. The decision is a patch of
//! `judgmentStatus` (`continue` or `stop`) and `judgmentInput`; it notes `lastModifiedBy`.
//!
//! Invariants: only a running judgment without a decision takes one, only from somebody who may decide, and who may decide
//! cannot be changed by a patch.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    Caller, ContextEdit, Failure, InlineTask, Outcome, Refusal, StageType, StageView, TaskPolicy,
    TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Millis, Pointer, Problem, Stage, StageConfig, Status};

use crate::fields;

const TASK: &str = "waitForJudgment";
const STATUS: &str = "judgmentStatus";
const INPUT: &str = "judgmentInput";
const JUDGE: &str = "lastModifiedBy";
const PROPAGATE: &str = "propagateAuthenticationContext";

/// What the author decides, not the judge.
const FIXED: [&str; 5] = [
    "judgmentInputs",
    "requiredJudgmentRoles",
    "selectedStageRoles",
    PROPAGATE,
    JUDGE,
];

/// How long a judgment waits unless `stageTimeoutMs` says otherwise.
const THREE_DAYS: Millis = 3 * 24 * 60 * 60 * 1_000;

/// The stage type.
pub struct ManualJudgment;

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgment {
    Continue,
    Stop,
}

impl Judgment {
    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            text if text.eq_ignore_ascii_case("continue") => Some(Self::Continue),
            text if text.eq_ignore_ascii_case("stop") => Some(Self::Stop),
            _ => None,
        }
    }

    fn of(context: &Map) -> Option<Self> {
        context
            .get(STATUS)
            .and_then(Value::as_str)
            .and_then(Self::parse)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Stop => "stop",
        }
    }
}

impl StageType for ManualJudgment {
    fn name(&self) -> &str {
        "manualJudgment"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new(TASK)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == TASK).then(|| TaskRunner::Inline(Arc::new(WaitForJudgment)))
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        ContextEdit {
            unset: [STATUS, INPUT, JUDGE].map(str::to_owned).to_vec(),
            ..ContextEdit::default()
        }
    }

    fn patch(&self, view: &StageView<'_>, patch: Map, caller: &Caller) -> Result<Map, Refusal> {
        let stage = view.stage();
        if let Some(key) = FIXED.into_iter().find(|key| patch.contains_key(*key)) {
            return Err(Refusal::Invalid(format!(
                "{key} cannot be changed while the judgment waits; change the pipeline"
            )));
        }
        if !patch.contains_key(STATUS) && !patch.contains_key(INPUT) {
            return Ok(patch);
        }
        is_undecided(stage)?;
        may_decide(stage, caller)?;
        decide(stage, patch, caller)
    }

    /// Who judges chooses or writes a text, not an expression.
    fn unevaluated(&self, _: &Map, _: bool) -> &'static [&'static str] {
        &[INPUT]
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut warn = |key: &str, message: &str| {
            let code = format!("stage.manualJudgment.{key}");
            problems.push(Problem::warning(at.key(key), &code, message));
        };
        if let Some(Value::String(_) | Value::Object(_) | Value::Bool(_)) =
            stage.context.get("judgmentInputs")
        {
            warn(
                "judgmentInputs",
                "judgmentInputs is a list of choices such as [{\"value\": \"blue\"}]",
            );
        }
        if stage.context.contains_key(STATUS) {
            warn(
                STATUS,
                "with a judgmentStatus nobody is asked; remove it from the pipeline",
            );
        }
        problems
    }
}

/// Refuses a decision where none is awaited, and says why.
fn is_undecided(stage: &Stage) -> Result<(), Refusal> {
    let name = stage.display_name();
    let judge = stage.text(JUDGE).unwrap_or("somebody");
    let conflict = |why: String| Err(Refusal::Conflict(why));
    if let Some(judgment) = Judgment::of(&stage.context) {
        return conflict(format!(
            "{judge} has already judged {name:?}: {}",
            judgment.as_str()
        ));
    }
    match stage.status {
        Status::Running => Ok(()),
        Status::NotStarted | Status::Buffered => {
            conflict(format!("{name:?} does not ask for a judgment yet"))
        }
        Status::Paused | Status::Suspended => conflict(format!(
            "{name:?} is held with its execution; resume that before judging"
        )),
        Status::Succeeded
        | Status::FailedContinue
        | Status::Terminal
        | Status::Canceled
        | Status::Redirect
        | Status::Stopped
        | Status::Skipped => conflict(format!(
            "{name:?} no longer asks for a judgment: it is {}",
            stage.status
        )),
    }
}

/// Refuses a caller who has none of the roles that the author named.
fn may_decide(stage: &Stage, caller: &Caller) -> Result<(), Refusal> {
    let required = fields::texts(stage.context.get("requiredJudgmentRoles"));
    let roles = match required.is_empty() {
        true => fields::texts(stage.context.get("selectedStageRoles")),
        false => required,
    };
    if caller.has_one_of(&roles) {
        return Ok(());
    }
    Err(Refusal::Forbidden(format!(
        "{:?} may be judged by members of {} only, and {} is in none of them",
        stage.display_name(),
        roles.join(", "),
        caller.user
    )))
}

fn decide(stage: &Stage, mut patch: Map, caller: &Caller) -> Result<Map, Refusal> {
    if let Some(input) = patch.get(INPUT).filter(|input| !input.is_null()) {
        let options = options(&stage.context);
        let chosen = fields::scalar(input);
        let known = chosen.is_some_and(|chosen| options.contains(&chosen));
        if !options.is_empty() && !known {
            return Err(Refusal::Invalid(format!(
                "{INPUT} must be one of {}, not {}",
                options.join(", "),
                fields::shorten(&input.to_string())
            )));
        }
    }
    let Some(status) = patch.get(STATUS) else {
        return Ok(patch);
    };
    let Some(judgment) = status.as_str().and_then(Judgment::parse) else {
        return Err(Refusal::Invalid(format!(
            "{STATUS} must be \"continue\" or \"stop\", not {}",
            fields::shorten(&status.to_string())
        )));
    };
    patch.insert(STATUS.to_owned(), judgment.as_str().into());
    patch.insert(JUDGE.to_owned(), caller.user.clone().into());
    // The author may have written a text; who looks for a judge to act as finds a boolean.
    if judgment == Judgment::Continue && fields::flag(stage.context.get(PROPAGATE)) {
        patch.insert(PROPAGATE.to_owned(), true.into());
    }
    Ok(patch)
}

/// The choices: objects with a `value`, or plain texts.
fn options(context: &Map) -> Vec<String> {
    let list = context.get("judgmentInputs").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|option| fields::scalar(option.get("value").unwrap_or(option)))
        .filter(|option| !option.is_empty())
        .collect()
}

struct WaitForJudgment;

impl InlineTask for WaitForJudgment {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        match Judgment::of(&stage.stage().context) {
            Some(Judgment::Continue) => TaskResult::succeeded(),
            Some(Judgment::Stop) => TaskResult::new(Outcome::Terminal(None)),
            None => TaskResult::until_signal(),
        }
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(THREE_DAYS),
            overridable: true,
            backoff: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, map, problems};
    use serde_json::json;

    fn caller(roles: &[&str]) -> Caller {
        Caller {
            user: "ann".to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Caller::default()
        }
    }

    fn patched(scene: &Scene, patch: Value, caller: &Caller) -> Result<Value, Refusal> {
        scene
            .see(|view| ManualJudgment.patch(view, map(patch), caller))
            .map(Value::Object)
    }

    #[test]
    fn the_decision_ends_the_wait() {
        let table = [
            (json!({}), TaskResult::until_signal()),
            (json!({STATUS: ""}), TaskResult::until_signal()),
            (json!({STATUS: "Continue"}), TaskResult::succeeded()),
            (
                json!({STATUS: "STOP"}),
                TaskResult::new(Outcome::Terminal(None)),
            ),
        ];
        for (context, expected) in table {
            let scene = Scene::stage("manualJudgment", context.clone());
            assert_eq!(scene.run(&ManualJudgment, TASK), expected, "{context}");
        }
    }

    #[test]
    fn a_decision_is_written_in_one_form_with_who_made_it() {
        let table = [
            (
                json!({}),
                json!({STATUS: "CONTINUE"}),
                json!({STATUS: "continue", JUDGE: "ann"}),
            ),
            (
                json!({"judgmentInputs": [{"value": "blue"}, "green"]}),
                json!({STATUS: "stop", INPUT: "green"}),
                json!({STATUS: "stop", INPUT: "green", JUDGE: "ann"}),
            ),
            (
                json!({PROPAGATE: "true"}),
                json!({STATUS: "continue"}),
                json!({STATUS: "continue", JUDGE: "ann", PROPAGATE: true}),
            ),
            (
                json!({PROPAGATE: true}),
                json!({STATUS: "stop"}),
                json!({STATUS: "stop", JUDGE: "ann"}),
            ),
            (
                json!({}),
                json!({INPUT: "anything"}),
                json!({INPUT: "anything"}),
            ),
            (
                json!({}),
                json!({"comment": "looks well"}),
                json!({"comment": "looks well"}),
            ),
        ];
        for (context, patch, expected) in table {
            let scene = Scene::stage("manualJudgment", context);
            assert_eq!(patched(&scene, patch, &caller(&[])), Ok(expected));
        }
    }

    #[test]
    fn only_the_named_roles_decide() {
        let both = json!({"requiredJudgmentRoles": ["ops"], "selectedStageRoles": ["dev"]});
        let admin = Caller {
            admin: true,
            ..caller(&[])
        };
        let table = [
            (json!({}), caller(&[]), true),
            (json!({"selectedStageRoles": []}), caller(&[]), true),
            (
                json!({"selectedStageRoles": ["dev"]}),
                caller(&["dev"]),
                true,
            ),
            (
                json!({"selectedStageRoles": ["dev"]}),
                caller(&["de"]),
                false,
            ),
            (both.clone(), caller(&["dev"]), false),
            (both.clone(), caller(&["ops"]), true),
            (both, admin, true),
        ];
        for (context, caller, allowed) in table {
            let scene = Scene::stage("manualJudgment", context.clone());
            let found = patched(&scene, json!({STATUS: "continue"}), &caller);
            assert_eq!(found.is_ok(), allowed, "{context} {caller:?}");
        }
        let scene = Scene::stage(
            "manualJudgment",
            json!({"requiredJudgmentRoles": ["ops", "sre"]}),
        );
        assert_eq!(
            patched(&scene, json!({STATUS: "continue"}), &caller(&[])),
            Err(Refusal::Forbidden(
                "\"manualJudgment\" may be judged by members of ops, sre only, and ann is in none of them".to_owned()
            ))
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let table = [
            (
                json!({STATUS: "maybe"}),
                "judgmentStatus must be \"continue\" or \"stop\", not \"maybe\"",
            ),
            (
                json!({STATUS: true}),
                "judgmentStatus must be \"continue\" or \"stop\", not true",
            ),
            (
                json!({STATUS: "continue", INPUT: "red"}),
                "judgmentInput must be one of blue, green, not \"red\"",
            ),
            (
                json!({STATUS: "continue", "requiredJudgmentRoles": []}),
                "requiredJudgmentRoles cannot be changed while the judgment waits; change the pipeline",
            ),
        ];
        let context = json!({"judgmentInputs": [{"value": "blue"}, {"value": "green"}]});
        let scene = Scene::stage("manualJudgment", context);
        for (patch, message) in table {
            let found = patched(&scene, patch, &caller(&[]));
            assert_eq!(found, Err(Refusal::Invalid(message.to_owned())));
        }
    }

    #[test]
    fn only_a_judgment_that_waits_takes_a_decision() {
        let judged = json!({STATUS: "continue", JUDGE: "bob"});
        let table = [
            (
                json!({}),
                Status::NotStarted,
                "\"manualJudgment\" does not ask for a judgment yet",
            ),
            (
                json!({}),
                Status::Paused,
                "\"manualJudgment\" is held with its execution; resume that before judging",
            ),
            (
                json!({}),
                Status::Canceled,
                "\"manualJudgment\" no longer asks for a judgment: it is CANCELED",
            ),
            (
                judged.clone(),
                Status::Succeeded,
                "bob has already judged \"manualJudgment\": continue",
            ),
            (
                judged,
                Status::Running,
                "bob has already judged \"manualJudgment\": continue",
            ),
        ];
        for (context, status, message) in table {
            let scene = Scene::stage("manualJudgment", context).status(status);
            let found = patched(&scene, json!({STATUS: "stop"}), &caller(&[]));
            assert_eq!(found, Err(Refusal::Conflict(message.to_owned())));
        }
    }

    #[test]
    fn a_restart_asks_again() {
        let edit = ManualJudgment.restart(&Stage::default());
        assert_eq!(edit.unset, [STATUS, INPUT, JUDGE]);
        assert_eq!(
            WaitForJudgment.policy().timeout,
            Some(259_200_000),
            "three days"
        );
    }

    #[test]
    fn a_pipeline_cannot_judge_itself_unnoticed() {
        let context = json!({STATUS: "continue", "judgmentInputs": "a,b"});
        assert_eq!(
            problems(&ManualJudgment, context),
            [
                "/stages/0/judgmentInputs stage.manualJudgment.judgmentInputs",
                "/stages/0/judgmentStatus stage.manualJudgment.judgmentStatus",
            ]
        );
    }
}
