//! Effects: what a decision asks the world to do.
//!
//! An effect is performed after the changes it came with are on disk. It may be performed twice when the process
//! dies in between; its [`IdempotencyKey`] is the same both times.

use std::fmt;

use serde::{Deserialize, Serialize};
use spindrift_model::{ExecutionId, Millis, Serial, Stage, StageId};

/// Something to do outside the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Perform a task. The run itself remembers that it is under way.
    Perform {
        /// Of which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
    },
    /// Stop performing a task: nobody waits for its result any more.
    Abandon {
        /// Of which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
    },
    /// Do what was promised, then report [`Event::Kept`](crate::Event::Kept).
    Keep(Promise),
}

/// Something that must be done outside even when the process dies first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// Its number within the execution.
    pub number: u32,
    /// What must be done.
    pub deed: Deed,
}

/// What can be promised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Deed {
    /// Undo or stop what a canceled or timed-out task has begun outside.
    CancelTask {
        /// Of which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
    },
    /// The same for a stage that has been reset or removed before it was done: what the task began is found by the stage
    /// as it was, and what comes of it is no longer noted.
    CancelFormer {
        /// The stage as it was.
        former: Box<Stage>,
        /// The position of the task.
        task: u16,
        /// When the execution had begun then.
        execution_start: Option<Millis>,
    },
    /// Tell the stage that started this execution that it has ended.
    TellParent {
        /// The execution of that stage.
        execution: ExecutionId,
        /// The stage.
        stage: StageId,
    },
    /// Fetch what an expression of a stage asks for; the stage is planned when it has it.
    Fetch {
        /// Which stage.
        stage: Serial,
        /// From where.
        url: String,
    },
    /// Restart the stage that started this execution, because this execution was restarted.
    RestartParent {
        /// The execution of that stage.
        execution: ExecutionId,
        /// The stage.
        stage: StageId,
        /// Who restarted this one.
        by: String,
    },
}

/// The same for every repetition of one effect, and for no other effect.
///
/// ```
/// use spindrift_engine::IdempotencyKey;
/// let key = IdempotencyKey::new(&"01J".into(), &"01K".into(), 2, "createWebhook", 1);
/// assert_eq!(key.to_string(), "01J-01K-2-createWebhook-1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of the `attempt`th performance of a task after `restarts` restarts of its stage.
    pub fn new(
        execution: &ExecutionId,
        stage: &StageId,
        restarts: u32,
        task: &str,
        attempt: u32,
    ) -> Self {
        Self(format!("{execution}-{stage}-{restarts}-{task}-{attempt}"))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
