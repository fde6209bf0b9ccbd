//! Stage types that do what their stage's context says, so that a case of the specification is data alone.
//!
//! `engine-spec/README.md` explains the members. A task notes in `performed` how often it was performed, which makes its
//! outcome a function of the stage.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{
    BoxFuture, Caller, ContextEdit, EffectTask, Failure, InlineTask, Outcome, Refusal, Registry,
    Sleep, StageType, StageView, SyntheticPlan, SyntheticStage, TaskInput, TaskPolicy, TaskResult,
    TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Millis, Stage};

const NAMES: [&str; 9] = ["t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"];

/// A task that this version of the stage type no longer has.
const GONE: &str = "gone";

pub const WINDOW: &str = "restrictExecutionDuringTimeWindow";

const TEN_MINUTES: Millis = 600_000;

/// Whether the tasks of `script` stages are performed inside a decision or in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    Thought,
    World,
}

pub fn registry(mode: Mode) -> Registry {
    let mut registry = Registry::new();
    let mut add = |name: &'static str, mode: Mode, policy: TaskPolicy| {
        registry.add(Arc::new(Script { name, mode, policy }));
    };
    let free = TaskPolicy {
        timeout: None,
        overridable: false,
        backoff: 1_000,
    };
    let limited = |overridable| TaskPolicy {
        timeout: Some(TEN_MINUTES),
        overridable,
        ..free
    };
    add("script", mode, free);
    add("thought", Mode::Thought, free);
    add("world", Mode::World, free);
    add("tenMinutes", mode, limited(false));
    add("tenMinutesOrStageTimeout", mode, limited(true));
    add("checkPreconditions", mode, free);
    add(WINDOW, Mode::Thought, free);
    registry
}

struct Script {
    name: &'static str,
    mode: Mode,
    policy: TaskPolicy,
}

impl StageType for Script {
    fn name(&self) -> &str {
        self.name
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        refuse(view.stage(), "planning")?;
        let stage = view.stage();
        if self.name == WINDOW {
            return Ok(vec![TaskSpec::new(NAMES[0])]);
        }
        let scripts = list(stage, "tasks");
        let mut specs: Vec<TaskSpec> = NAMES
            .iter()
            .zip(scripts)
            .map(|(name, script)| {
                TaskSpec::new(if script.as_str() == Some(GONE) {
                    GONE
                } else {
                    name
                })
            })
            .collect();
        for pair in list(stage, "loops") {
            let at = |index: usize| pair[index].as_u64().unwrap() as usize - 1;
            specs[at(0)].loop_start = true;
            specs[at(1)].loop_end = true;
        }
        Ok(specs)
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        let name = NAMES.into_iter().find(|known| *known == name)?;
        let policy = self.policy;
        Some(match self.mode {
            Mode::Thought => TaskRunner::Inline(Arc::new(Thought { name, policy })),
            Mode::World => TaskRunner::Effect(Arc::new(Work { name, policy })),
        })
    }

    fn before(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        children(view.stage(), "before", plan);
        Ok(())
    }

    fn after(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        refuse(view.stage(), "planningAfter")?;
        children(view.stage(), "after", plan);
        Ok(())
    }

    fn on_failure(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        refuse(view.stage(), "planningOnFailure")?;
        children(view.stage(), "onFailure", plan);
        Ok(())
    }

    fn restart(&self, stage: &Stage) -> ContextEdit {
        ContextEdit {
            unset: list(stage, "dropOnRestart")
                .iter()
                .filter_map(|key| key.as_str().map(str::to_owned))
                .collect(),
            ..ContextEdit::default()
        }
    }

    fn may_be_skipped(&self, stage: &Stage) -> bool {
        stage.flag("skippable") == Some(true)
    }

    fn patch(&self, view: &StageView<'_>, patch: Map, caller: &Caller) -> Result<Map, Refusal> {
        match view.stage().text("onlyFor") {
            Some(user) if user != caller.user => Err(Refusal::Forbidden(format!(
                "{} may not change this stage",
                caller.user
            ))),
            _ => Ok(patch),
        }
    }
}

fn refuse(stage: &Stage, key: &str) -> Result<(), Failure> {
    match stage.text(key) {
        Some("fails") => Err(Failure::new("ScriptedException", format!("{key} fails"))),
        _ => Ok(()),
    }
}

fn list<'s>(stage: &'s Stage, key: &str) -> &'s [Value] {
    stage
        .context
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn children(stage: &Stage, key: &str, plan: &mut SyntheticPlan) {
    if stage.kind == WINDOW {
        // It has its parent's whole context, scripts too.
        return;
    }
    let planned = list(stage, key);
    let name = |child: &Value, position: usize| {
        let default = format!("{key} {}", position + 1);
        child["name"].as_str().map_or(default, str::to_owned)
    };
    for (position, child) in planned.iter().enumerate() {
        let mut context = child.as_object().expect("a child is an object").clone();
        let requires = context.shift_remove("requires");
        let kind = context.shift_remove("type");
        context.shift_remove("name");
        let after = requires
            .iter()
            .flat_map(|names| names.as_array().expect("requires is a list"))
            .map(|wanted| {
                planned
                    .iter()
                    .enumerate()
                    .position(|(position, other)| Some(&*name(other, position)) == wanted.as_str())
                    .expect("requires names a sibling")
            })
            .collect();
        plan.stages.push(SyntheticStage {
            kind: kind
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_else(|| stage.kind.clone()),
            name: name(child, position),
            context,
            after,
        });
    }
}

/// What the script of a task says for its next performance; the last entry of a list repeats.
pub fn next_outcome(stage: &Stage, task: &str) -> Value {
    let position = NAMES
        .iter()
        .position(|name| *name == task)
        .expect("a scripted task");
    let script = list(stage, "tasks").get(position);
    match script.expect("a script for every task") {
        Value::Array(outcomes) => {
            let performed = performed(stage, task).min(outcomes.len() - 1);
            outcomes[performed].clone()
        }
        outcome => outcome.clone(),
    }
}

/// How often a task was performed to its end.
pub fn performed(stage: &Stage, task: &str) -> usize {
    stage.context.get("performed").map_or(0, |performed| {
        performed[task].as_u64().unwrap_or(0) as usize
    })
}

pub fn perform(stage: &Stage, task: &str, now: Millis) -> TaskResult {
    if stage.kind == WINDOW {
        return window(stage, now);
    }
    let scripted = next_outcome(stage, task);
    let mut result = TaskResult::new(outcome(scripted["do"].as_str().unwrap_or_else(|| {
        scripted
            .as_str()
            .unwrap_or_else(|| panic!("no outcome: {scripted}"))
    })));
    let members = |key: &str| scripted[key].as_object().cloned().unwrap_or_default();
    result.context = members("context");
    result.outputs = members("outputs");
    let mut count = stage
        .context
        .get("performed")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    count.insert(task.to_owned(), json!(performed(stage, task) + 1));
    result.with_context("performed", Value::Object(count))
}

/// Opens at `opensAt` (milliseconds), or when somebody skips the rest of the wait.
fn window(stage: &Stage, now: Millis) -> TaskResult {
    let opens = stage.context.get("opensAt").and_then(Value::as_i64);
    let skipped = stage.flag("skipRemainingWait") == Some(true);
    if skipped || opens.is_some_and(|at| at <= now) {
        return TaskResult::succeeded();
    }
    let sleep = opens.map_or(Sleep::Signal, Sleep::Until);
    TaskResult::new(Outcome::Running(sleep)).with_context("scheduledTime", opens)
}

pub fn outcome(word: &str) -> Outcome {
    let failure = |kind: &str| Failure::new(kind, format!("scripted {word}"));
    match word {
        "S" => Outcome::Succeeded,
        "FC" => Outcome::FailedContinue,
        "ST" => Outcome::Stopped,
        "T" => Outcome::Terminal(Some(failure("ScriptedException"))),
        "T retry" => Outcome::Terminal(Some(failure("ScriptedException").retryable())),
        "X" => Outcome::Canceled(None),
        "SKI" => Outcome::Skipped,
        "REDIRECT" => Outcome::Redirect,
        "R" | "busy" => Outcome::Running(Sleep::Signal),
        _ => match word.strip_prefix("R ") {
            Some(time) => Outcome::Running(Sleep::For(duration(time))),
            None => panic!("no outcome is called {word:?}"),
        },
    }
}

/// `500ms`, `30s`, `5m` or `2h`, in milliseconds.
pub fn duration(text: &str) -> Millis {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    units
        .iter()
        .find_map(|(unit, factor)| {
            let count: Millis = text.strip_suffix(unit)?.parse().ok()?;
            Some(count * factor)
        })
        .unwrap_or_else(|| panic!("{text:?} is no duration"))
}

struct Thought {
    name: &'static str,
    policy: TaskPolicy,
}

impl InlineTask for Thought {
    fn run(&self, view: &StageView<'_>) -> TaskResult {
        perform(view.stage(), self.name, view.now())
    }

    fn policy(&self) -> TaskPolicy {
        self.policy
    }
}

struct Work {
    name: &'static str,
    policy: TaskPolicy,
}

impl EffectTask for Work {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(ready(perform(&input.stage, self.name, input.now)))
    }

    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        let result = TaskResult::succeeded().with_context("undone", self.name);
        self.has_cancel(&input.stage)
            .then(|| -> BoxFuture<TaskResult> { Box::pin(ready(result)) })
    }

    fn has_cancel(&self, stage: &Stage) -> bool {
        stage.flag("undo") == Some(true)
    }

    fn policy(&self) -> TaskPolicy {
        self.policy
    }
}
