//! Changes: the only way a run is altered, and the unit in which it is stored.

use serde::{Deserialize, Serialize};
use spindrift_model::{Map, Millis, Phase, Serial, Stage, Status, Task, Value, Wait};

use crate::effect::Promise;

/// One small alteration of a run.
///
/// [`Run::apply`](crate::Run::apply) performs it, live and when a run is read back, so that both always agree.
/// The serialised names are part of the format on disk: a variant or a field may be added, none renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The execution is in another state.
    ExecutionStatus {
        /// The state.
        status: Status,
        /// Since when.
        at: Millis,
    },
    /// Somebody ended the execution; running work is canceled with it.
    Canceled {
        /// Who.
        by: String,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// The execution is held.
    Paused {
        /// By whom.
        by: String,
        /// Since when.
        at: Millis,
    },
    /// The execution goes on.
    Resumed {
        /// Whose decision it was.
        by: String,
        /// When.
        at: Millis,
    },
    /// Members of the trigger have other values.
    Trigger {
        /// The members.
        set: Map,
    },
    /// What the execution waits to do once its pipeline has a free slot; none when it no longer waits.
    Pending {
        /// The restart to perform instead of a first start.
        restart: Option<Box<Restart>>,
        /// Since when it waits; none when it does not.
        waiting: Option<Millis>,
    },
    /// The stage exists.
    StageAdded {
        /// The stage.
        stage: Box<Stage>,
    },
    /// The stage no longer exists.
    StageRemoved {
        /// Which.
        stage: Serial,
    },
    /// The stage is in another state.
    StageStatus {
        /// Which.
        stage: Serial,
        /// The state.
        status: Status,
        /// Since when.
        at: Millis,
    },
    /// The work inside the stage has come further.
    StagePhase {
        /// Which.
        stage: Serial,
        /// How far.
        phase: Phase,
    },
    /// Members of the stage's context have other values.
    StageContext {
        /// Which.
        stage: Serial,
        /// Members set.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        set: Map,
        /// Members removed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unset: Vec<String>,
    },
    /// Members of the stage's outputs have other values.
    StageOutputs {
        /// Which.
        stage: Serial,
        /// Members set.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        set: Map,
        /// Members removed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unset: Vec<String>,
    },
    /// Somebody changed the stage by hand.
    StageModified {
        /// Which.
        stage: Serial,
        /// `{user, allowedAccounts, lastModifiedTime}`.
        last_modified: Value,
    },
    /// The stage's time window opens then.
    StageScheduled {
        /// Which.
        stage: Serial,
        /// When.
        at: Option<Millis>,
    },
    /// The stage is as if it had never begun; its context and outputs stay.
    StageReset {
        /// Which.
        stage: Serial,
    },
    /// The stage has these tasks.
    TasksPlanned {
        /// Which stage.
        stage: Serial,
        /// Its tasks.
        tasks: Vec<Task>,
    },
    /// The task is in another state.
    TaskStatus {
        /// Which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
        /// The state.
        status: Status,
        /// Since when.
        at: Millis,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exception: Option<Map>,
    },
    /// The task is being performed once more.
    TaskPerformed {
        /// Which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
        /// The how manieth time; 0: one more than before.
        #[serde(default)]
        attempt: u32,
    },
    /// The running task sleeps.
    TaskWaits {
        /// Which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
        /// Until when.
        wait: Wait,
    },
    /// A signal came for a task that is being performed.
    TaskSignaled {
        /// Which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
    },
    /// The task will be done again, as part of a loop.
    TaskRewound {
        /// Which stage.
        stage: Serial,
        /// The position of the task.
        task: u16,
    },
    /// An expression of the stage has what it asked for.
    Answered {
        /// Which stage.
        stage: Serial,
        /// What came.
        answer: Answer,
    },
    /// Something must still be done outside.
    Promised {
        /// What.
        promise: Promise,
    },
    /// It has been done.
    Kept {
        /// The promise's number.
        number: u32,
    },
}

impl Change {
    /// The stage whose row this alters; `None` when it alters the header only, or removes the stage.
    pub fn touched(&self) -> Option<Serial> {
        match self {
            Change::StageAdded { stage } => Some(stage.serial),
            Change::StageStatus { stage, .. }
            | Change::StagePhase { stage, .. }
            | Change::StageContext { stage, .. }
            | Change::StageOutputs { stage, .. }
            | Change::StageModified { stage, .. }
            | Change::StageScheduled { stage, .. }
            | Change::StageReset { stage }
            | Change::TasksPlanned { stage, .. }
            | Change::TaskStatus { stage, .. }
            | Change::TaskPerformed { stage, .. }
            | Change::TaskWaits { stage, .. }
            | Change::TaskSignaled { stage, .. }
            | Change::TaskRewound { stage, .. } => Some(*stage),
            Change::ExecutionStatus { .. }
            | Change::Canceled { .. }
            | Change::Paused { .. }
            | Change::Resumed { .. }
            | Change::Trigger { .. }
            | Change::Pending { .. }
            | Change::StageRemoved { .. }
            | Change::Answered { .. }
            | Change::Promised { .. }
            | Change::Kept { .. } => None,
        }
    }

    /// The stage that this removes.
    pub fn removed(&self) -> Option<Serial> {
        match self {
            Change::StageRemoved { stage } => Some(*stage),
            _ => None,
        }
    }
}

/// What a URL answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The URL.
    pub url: String,
    /// The body, or why there is none.
    pub body: Result<String, String>,
}

/// A restart that waits for a free slot of its pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// From which stage.
    pub stage: Serial,
    /// By whom.
    pub by: String,
    /// Whether the stage only looks again at what it had started.
    #[serde(default)]
    pub look_again: bool,
}
