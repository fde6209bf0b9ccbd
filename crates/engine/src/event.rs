//! Events: what can happen to a run.

use spindrift_model::{Map, Serial, StageId};

use crate::task::TaskResult;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// Their name.
    pub user: String,
    /// Their roles.
    pub roles: Vec<String>,
    /// Whether every role counts as theirs.
    pub admin: bool,
    /// The cloud accounts they may use.
    pub allowed_accounts: Vec<String>,
}

impl Caller {
    /// A caller with a name and nothing else.
    pub fn named(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            ..Self::default()
        }
    }

    /// Whether they have one of the roles; an empty list asks for none.
    pub fn has_one_of(&self, roles: &[String]) -> bool {
        roles.is_empty() || self.admin || roles.iter().any(|role| self.roles.contains(role))
    }
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Its pipeline has a free slot: it starts, or restarts as it was asked to.
    Admitted,
    /// A newer waiting run takes its place, or the queue is full.
    Superseded {
        /// What to tell people.
        reason: String,
    },
    /// A task was performed.
    TaskDone {
        /// Of which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
        /// Which performance; the result of an earlier one is ignored.
        attempt: u32,
        /// What came out.
        result: Box<TaskResult>,
    },
    /// A time has come at which something may be due.
    Tick,
    /// Something a stage waits for has happened: its running tasks look again.
    Signal {
        /// Which stage.
        stage: StageId,
    },
    /// A promise was kept.
    Kept {
        /// Its number.
        number: u32,
        /// What a canceled task's stage should note.
        result: Option<Box<TaskResult>>,
    },
    /// What an expression asks for was fetched, or could not be.
    Fetched {
        /// The number of the promise.
        number: u32,
        /// The body, or why there is none.
        body: Result<String, String>,
    },
    /// The process has started again: everything under way must be performed again.
    Recovered,
    /// Somebody ends it.
    Cancel {
        /// Who.
        by: String,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Somebody holds it.
    Pause {
        /// Who.
        by: String,
    },
    /// Somebody lets it go on.
    Resume {
        /// Who.
        by: String,
    },
    /// Somebody changes a stage: a judgment, a skipped wait.
    PatchStage {
        /// Which.
        stage: StageId,
        /// Members of its context to set.
        patch: Map,
        /// Who.
        caller: Caller,
    },
    /// Somebody restarts it from a stage.
    RestartStage {
        /// Which.
        stage: StageId,
        /// Who.
        by: String,
        /// The pipeline as it is now: `checkPreconditions` stages take their preconditions from it.
        pipeline: Option<Box<Map>>,
        /// Whether the pipeline has a free slot; without one the restart waits in the queue.
        admitted: bool,
        /// Whether the stage only looks again at what it had started (a child that was restarted itself).
        look_again: bool,
    },
}

/// Why a command was not carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such stage.
    #[error("execution {execution} has no stage {stage:?}")]
    UnknownStage {
        /// The execution.
        execution: String,
        /// What was asked for.
        stage: String,
    },
    /// The execution or stage is in a state in which this cannot be done.
    #[error("{0}")]
    Conflict(String),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
}
