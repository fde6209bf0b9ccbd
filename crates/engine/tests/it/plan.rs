//! Random pipelines and random things that happen to their runs.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use spindrift_engine::{Outcome, Sleep, TaskResult};
use spindrift_model::Millis;

use crate::scripted;

/// A stage and what its type adds to it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Positions among its siblings, all smaller than its own.
    pub requires: Vec<usize>,
    pub fail_pipeline: Option<bool>,
    pub continue_pipeline: bool,
    pub others_first: bool,
    pub allow_siblings: bool,
    pub enabled: bool,
    pub skippable: bool,
    pub forgiving: bool,
    pub planning: Planning,
    pub limit: Option<Millis>,
    pub loop_start: usize,
    pub work: Work,
    pub before: Vec<Node>,
    pub after: Vec<Node>,
    pub on_failure: Vec<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planning {
    Fine,
    Fails,
    AfterFails,
    OnFailureFails,
}

/// The tasks of a stage.
#[derive(Debug, Clone)]
pub enum Work {
    /// That many, each performed in the world; an event says how each ends.
    World(usize),
    /// Thought-only ones.
    Thought(Vec<Thought>),
}

impl Work {
    pub fn count(&self) -> usize {
        match self {
            Work::World(count) => *count,
            Work::Thought(scripts) => scripts.len(),
        }
    }
}

/// What a thought-only task answers each time it is performed; the last answer repeats.
#[derive(Debug, Clone)]
pub struct Thought(Vec<Answer>);

impl Thought {
    pub fn answer(&self, performed: usize) -> Answer {
        self.0[performed.min(self.0.len() - 1)]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Succeeded,
    FailedContinue,
    Stopped,
    Terminal,
    Canceled,
    Skipped,
    Redirect,
    Retry,
    Sleep(Option<Millis>),
}

impl Answer {
    fn word(self) -> String {
        match self {
            Answer::Succeeded => "S".into(),
            Answer::FailedContinue => "FC".into(),
            Answer::Stopped => "ST".into(),
            Answer::Terminal => "T".into(),
            Answer::Canceled => "X".into(),
            Answer::Skipped => "SKI".into(),
            Answer::Redirect => "REDIRECT".into(),
            Answer::Retry => "T retry".into(),
            Answer::Sleep(None) => "R".into(),
            Answer::Sleep(Some(time)) => format!("R {time}ms"),
        }
    }

    pub fn result(self) -> TaskResult {
        TaskResult::new(match self {
            Answer::Sleep(None) => Outcome::Running(Sleep::Signal),
            Answer::Sleep(Some(time)) => Outcome::Running(Sleep::For(time)),
            other => scripted::outcome(&other.word()),
        })
    }
}

/// Something that happens; a number picks one of what is there.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Finish(u8, Answer),
    Late(u8, Answer),
    Repeat,
    Signal(u8),
    Advance(Millis),
    Tick,
    Cancel,
    Pause,
    Resume,
    Restart { pick: u8, admitted: bool },
    Skip(u8),
    Admit,
    Supersede,
    Recover,
    Keep(u8),
}

/// The stage as its author would write it.
pub fn stage(position: usize, node: &Node) -> Value {
    let mut stage = context(node);
    stage["refId"] = position.to_string().into();
    let requires: Vec<String> = node.requires.iter().map(usize::to_string).collect();
    stage["requisiteStageRefIds"] = json!(requires);
    stage
}

fn context(node: &Node) -> Value {
    let (kind, tasks) = match &node.work {
        Work::World(count) => ("world", vec![json!("busy"); *count]),
        Work::Thought(scripts) => {
            let tasks = scripts
                .iter()
                .map(|script| script.0.iter().map(|answer| answer.word()).collect());
            ("thought", tasks.collect())
        }
    };
    let mut stage = json!({
        "type": kind,
        "tasks": tasks,
        "skippable": node.skippable,
        "undo": node.forgiving,
        "before": children("before", &node.before),
        "after": children("after", &node.after),
        "onFailure": children("onFailure", &node.on_failure),
    });
    if node.work.count() > 0 {
        stage["loops"] = json!([[node.loop_start + 1, node.work.count()]]);
    }
    let flags = [
        ("continuePipeline", node.continue_pipeline),
        ("completeOtherBranchesThenFail", node.others_first),
        ("allowSiblingStagesToContinueOnFailure", node.allow_siblings),
        ("markSuccessfulOnTimeout", node.forgiving),
    ];
    for (key, flag) in flags {
        if flag {
            stage[key] = true.into();
        }
    }
    if let Some(fail) = node.fail_pipeline {
        stage["failPipeline"] = fail.into();
    }
    if !node.enabled {
        stage["stageEnabled"] = json!({"type": "expression", "expression": "false"});
    }
    if let Some(limit) = node.limit {
        stage["stageTimeoutMs"] = limit.into();
    }
    match node.planning {
        Planning::Fine => {}
        Planning::Fails => stage["planning"] = "fails".into(),
        Planning::AfterFails => stage["planningAfter"] = "fails".into(),
        Planning::OnFailureFails => stage["planningOnFailure"] = "fails".into(),
    }
    stage
}

fn children(side: &str, nodes: &[Node]) -> Vec<Value> {
    nodes
        .iter()
        .map(|node| {
            let mut child = context(node);
            let requires: Vec<String> = node
                .requires
                .iter()
                .map(|position| format!("{side} {}", position + 1))
                .collect();
            child["requires"] = json!(requires);
            child
        })
        .collect()
}

/// A pipeline of one to six stages.
pub fn pipeline() -> impl Strategy<Value = Vec<Node>> {
    siblings(2, 1..7)
}

fn siblings(depth: u32, count: std::ops::Range<usize>) -> BoxedStrategy<Vec<Node>> {
    vec((node(depth), any::<[u8; 2]>()), count)
        .prop_map(|nodes| {
            nodes
                .into_iter()
                .enumerate()
                .map(|(position, (mut node, picks))| {
                    node.requires = requisites(position, picks);
                    node
                })
                .collect()
        })
        .boxed()
}

/// None, one or two of those before, more often the one just before.
fn requisites(position: usize, picks: [u8; 2]) -> Vec<usize> {
    let mut requires: Vec<usize> = picks
        .iter()
        .filter_map(|pick| match pick % 4 {
            0 => None,
            1 => position.checked_sub(1),
            _ if position == 0 => None,
            _ => Some(usize::from(*pick / 4) % position),
        })
        .collect();
    requires.sort_unstable();
    requires.dedup();
    requires
}

fn node(depth: u32) -> BoxedStrategy<Node> {
    let inside = if depth == 0 {
        Just((Vec::new(), Vec::new(), Vec::new())).boxed()
    } else {
        (
            rarely(siblings(depth - 1, 1..4)),
            rarely(siblings(depth - 1, 1..3)),
            rarely(siblings(depth - 1, 1..3)),
        )
            .boxed()
    };
    let flags = (
        option::weighted(0.4, any::<bool>()),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.93),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
    );
    let planning = prop_oneof![
        24 => Just(Planning::Fine),
        1 => Just(Planning::Fails),
        1 => Just(Planning::AfterFails),
        1 => Just(Planning::OnFailureFails),
    ];
    let work = prop_oneof![
        6 => (1..4_usize).prop_map(Work::World),
        1 => vec(thought(), 0..3).prop_map(Work::Thought),
    ];
    let limit = option::weighted(0.15, (1..40_i64).prop_map(|seconds| seconds * 1_000));
    (
        inside,
        flags,
        planning,
        work,
        limit,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(inside, flags, planning, work, limit, first)| Node {
            requires: Vec::new(),
            fail_pipeline: flags.0,
            continue_pipeline: flags.1,
            others_first: flags.2,
            allow_siblings: flags.3,
            enabled: flags.4,
            skippable: flags.5,
            forgiving: flags.6,
            planning,
            limit,
            loop_start: first.index(work.count().max(1)),
            work,
            before: inside.0,
            after: inside.1,
            on_failure: inside.2,
        })
        .boxed()
}

fn rarely(nodes: BoxedStrategy<Vec<Node>>) -> BoxedStrategy<Vec<Node>> {
    prop_oneof![7 => Just(Vec::new()), 2 => nodes].boxed()
}

fn thought() -> impl Strategy<Value = Thought> {
    let end = prop_oneof![
        8 => Just(Answer::Succeeded),
        1 => Just(Answer::FailedContinue),
        1 => Just(Answer::Stopped),
        1 => Just(Answer::Terminal),
        1 => Just(Answer::Canceled),
        1 => Just(Answer::Skipped),
    ];
    let first = option::weighted(0.3, sleep());
    (first, end).prop_map(|(first, end)| Thought(first.into_iter().chain([end]).collect()))
}

fn sleep() -> impl Strategy<Value = Answer> {
    option::of((1..20_i64).prop_map(|seconds| seconds * 1_000)).prop_map(Answer::Sleep)
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        12 => Just(Answer::Succeeded),
        1 => Just(Answer::FailedContinue),
        1 => Just(Answer::Stopped),
        2 => Just(Answer::Terminal),
        1 => Just(Answer::Canceled),
        1 => Just(Answer::Skipped),
        1 => Just(Answer::Redirect),
        1 => Just(Answer::Retry),
        3 => sleep(),
    ]
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        30 => (any::<u8>(), answer()).prop_map(|(pick, answer)| Act::Finish(pick, answer)),
        2 => (any::<u8>(), answer()).prop_map(|(pick, answer)| Act::Late(pick, answer)),
        2 => Just(Act::Repeat),
        4 => any::<u8>().prop_map(Act::Signal),
        5 => (1..30_i64).prop_map(|seconds| Act::Advance(seconds * 1_000)),
        1 => Just(Act::Tick),
        1 => Just(Act::Cancel),
        2 => Just(Act::Pause),
        3 => Just(Act::Resume),
        3 => (any::<u8>(), prop::bool::weighted(0.7))
            .prop_map(|(pick, admitted)| Act::Restart { pick, admitted }),
        1 => any::<u8>().prop_map(Act::Skip),
        2 => Just(Act::Admit),
        1 => Just(Act::Supersede),
        2 => Just(Act::Recover),
        3 => any::<u8>().prop_map(Act::Keep),
    ];
    vec(act, 0..40)
}
