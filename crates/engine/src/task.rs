//! Tasks: what a stage type does, step by step.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;
use spindrift_model::{ExecutionId, Map, Millis, PipelineId, Stage, Trigger, Value};

use crate::effect::IdempotencyKey;
use crate::launch::Launcher;
use crate::view::StageView;

/// The member of contexts, outputs and triggers that lists artifacts.
pub(crate) const ARTIFACTS: &str = "artifacts";
/// The member of contexts, outputs and triggers that says what expected artifacts were bound to.
pub(crate) const RESOLVED: &str = "resolvedExpectedArtifacts";

/// A future that owns what it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What came out of performing a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResult {
    /// How it ended, or that it goes on.
    pub outcome: Outcome,
    /// Members to set in the stage's context.
    pub context: Map,
    /// Members to set in the stage's outputs.
    pub outputs: Map,
    /// Members to remove from the stage's context.
    pub unset: Vec<String>,
    /// Members to remove from the stage's outputs.
    pub unset_outputs: Vec<String>,
}

/// How a task ended, or that it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It ended well.
    Succeeded,
    /// It failed, and the stage goes on.
    FailedContinue,
    /// It failed and ends its branch only, whatever the stage's flags say.
    Stopped,
    /// It failed; the stage's flags decide what that means.
    Terminal(Option<Failure>),
    /// It was canceled; the stage's flags decide what that means.
    Canceled(Option<Failure>),
    /// It was not needed.
    Skipped,
    /// The loop it belongs to runs again.
    Redirect,
    /// It goes on.
    Running(Sleep),
}

/// What wakes a task that goes on; a signal to its stage always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// Only a signal.
    Signal,
    /// That many milliseconds from now.
    For(Millis),
    /// That time.
    Until(Millis),
}

/// What went wrong in a task (Orca's `ExceptionHandler.Response`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failure {
    /// A name of the kind of failure.
    pub kind: String,
    /// One line that says what failed.
    pub error: String,
    /// What a person needs to know, one text for each cause.
    pub errors: Vec<String>,
    /// More members for `details`.
    pub details: Map,
    /// Whether the task should simply be performed again after its back-off.
    pub retryable: bool,
}

impl Failure {
    /// A failure with one cause.
    pub fn new(kind: &str, cause: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            error: "Unexpected Task Failure".to_owned(),
            errors: vec![cause.into()],
            ..Self::default()
        }
    }

    /// The same, to be tried again.
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// The `exception` block of a stage's context and a task's details.
    pub fn to_exception(&self, operation: &str, now: Millis) -> Map {
        let mut details = self.details.clone();
        details.insert("error".into(), self.error.clone().into());
        details.insert("errors".into(), self.errors.clone().into());
        let exception = json!({
            "timestamp": now,
            "exceptionType": self.kind,
            "operation": operation,
            "details": details,
            "shouldRetry": self.retryable,
        });
        match exception {
            Value::Object(map) => map,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        }
    }
}

impl TaskResult {
    /// A result with that outcome and nothing else.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            context: Map::new(),
            outputs: Map::new(),
            unset: Vec::new(),
            unset_outputs: Vec::new(),
        }
    }

    /// It ended well.
    pub fn succeeded() -> Self {
        Self::new(Outcome::Succeeded)
    }

    /// It failed.
    pub fn terminal(failure: Failure) -> Self {
        Self::new(Outcome::Terminal(Some(failure)))
    }

    /// It goes on until a signal comes.
    pub fn until_signal() -> Self {
        Self::new(Outcome::Running(Sleep::Signal))
    }

    /// It goes on and looks again after that many milliseconds, or at a signal.
    pub fn again_in(milliseconds: Millis) -> Self {
        Self::new(Outcome::Running(Sleep::For(milliseconds)))
    }

    /// With that member of the stage's context.
    pub fn with_context(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.context.insert(key.to_owned(), value.into());
        self
    }

    /// With that member of the stage's outputs.
    pub fn with_output(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.outputs.insert(key.to_owned(), value.into());
        self
    }
}

/// How long a task may take and how often it is performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskPolicy {
    /// The longest time from its start to its end, in milliseconds; absent: any.
    pub timeout: Option<Millis>,
    /// Whether the stage's `stageTimeoutMs` replaces that time.
    pub overridable: bool,
    /// Milliseconds between two performances after a retryable failure.
    pub backoff: Millis,
}

/// A task that is only thought: it reads the run and decides. It is performed inside a decision.
pub trait InlineTask: Send + Sync {
    /// Decides.
    fn run(&self, stage: &StageView<'_>) -> TaskResult;

    /// How long it may take.
    fn policy(&self) -> TaskPolicy {
        TaskPolicy::default()
    }
}

/// A task that touches the world. It is performed after the decision that asked for it is on disk.
pub trait EffectTask: Send + Sync + 'static {
    /// Performs it. It may be performed again after a crash, with the same key.
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult>;

    /// Stops or undoes outside what it has begun, after it was canceled or has timed out; `None`: nothing to do.
    ///
    /// The result's context and outputs are kept. After a retryable failure it is asked again, for a minute.
    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        drop(input);
        None
    }

    /// Whether [`EffectTask::cancel`] has anything to do for that stage.
    fn has_cancel(&self, stage: &Stage) -> bool {
        let _ = stage;
        false
    }

    /// How long it may take and how often it is performed.
    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: None,
            overridable: false,
            backoff: 1_000,
        }
    }

    /// The members it looks up in its stage's context and the outputs of the stages before it.
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }
}

/// What a task that touches the world is given.
#[derive(Clone)]
pub struct TaskInput {
    /// The execution it belongs to.
    pub execution: ExecutionId,
    /// Its application.
    pub application: String,
    /// The name of its pipeline.
    pub pipeline_name: Option<String>,
    /// Its pipeline.
    pub pipeline: Option<PipelineId>,
    /// When the execution began.
    pub execution_start: Millis,
    /// What started it.
    pub trigger: Trigger,
    /// The stage, its expressions evaluated.
    pub stage: Stage,
    /// The position of the stage among the top-level stages.
    pub stage_index: usize,
    /// What [`EffectTask::reads`] asked for and the stages before have put out: what the nearest of them has, and of
    /// `artifacts` what all of them have.
    pub inherited: Map,
    /// The user it acts as.
    pub user: Option<String>,
    /// The cloud accounts it may use.
    pub allowed_accounts: Vec<String>,
    /// The same for every repetition of this performance.
    pub key: IdempotencyKey,
    /// When the task was first started.
    pub task_start: Millis,
    /// Now.
    pub now: Millis,
    /// How other executions are started and read.
    pub launcher: Arc<dyn Launcher>,
}

impl TaskInput {
    /// A member of the stage's context, else of the nearest stage before that has put it out.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.stage
            .context
            .get(key)
            .or_else(|| self.inherited.get(key))
    }

    /// The artifacts in sight of a task that reads `artifacts`: those of its stage's context, those that the stages before
    /// have put out, nearest first, those of the trigger. One may be there more than once.
    pub fn artifacts(&self) -> impl Iterator<Item = &Value> {
        fn of(map: &Map) -> &[Value] {
            match map.get(ARTIFACTS) {
                Some(Value::Array(list)) => list,
                _ => &[],
            }
        }
        let (own, before) = (of(&self.stage.context), of(&self.inherited));
        own.iter().chain(before).chain(self.trigger.artifacts())
    }
}

/// What performs a task.
#[derive(Clone)]
pub enum TaskRunner {
    /// Inside a decision.
    Inline(Arc<dyn InlineTask>),
    /// In the world.
    Effect(Arc<dyn EffectTask>),
}

impl TaskRunner {
    /// How long it may take and how often it is performed.
    pub fn policy(&self) -> TaskPolicy {
        match self {
            TaskRunner::Inline(task) => task.policy(),
            TaskRunner::Effect(task) => task.policy(),
        }
    }
}
