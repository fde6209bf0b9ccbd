//! Stages of an execution.

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{RefId, Serial, StageId};
use crate::json::{Map, Value};
use crate::status::Status;
use crate::task::Task;

/// On which side of its parent a synthetic stage runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyntheticOwner {
    /// Before the parent's tasks.
    StageBefore,
    /// After the parent's tasks, or after their failure.
    StageAfter,
}

/// How far the work inside a stage has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Neither tasks nor synthetic stages exist yet.
    #[default]
    Unplanned,
    /// Its stages before, and then its tasks, are under way.
    Work,
    /// Its stages after are under way.
    After,
    /// It has failed; its stages for that case are under way, and it will end in this state.
    OnFailure(Status),
}

fn is_unplanned(phase: &Phase) -> bool {
    *phase == Phase::Unplanned
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// One stage of an execution (Orca's `StageExecution`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Stage {
    /// Its id.
    pub id: StageId,
    /// Its name within the execution.
    pub ref_id: RefId,
    /// Its type, such as `wait`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Millis>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Millis>,
    /// After this it is skipped instead of started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_expiry: Option<Millis>,
    /// Its state.
    pub status: Status,
    /// What its author wrote, and what its tasks noted.
    pub context: Map,
    /// What later stages can read.
    pub outputs: Map,
    /// Its steps.
    pub tasks: Vec<Task>,
    /// Which side of its parent it belongs to, when it is synthetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic_stage_owner: Option<SyntheticOwner>,
    /// The stage it was made for, when it is synthetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_stage_id: Option<StageId>,
    /// The stages that must end before it starts.
    pub requisite_stage_ref_ids: Vec<RefId>,
    /// When its time window opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Millis>,
    /// Who changed it last: `{user, allowedAccounts, lastModifiedTime}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Value>,
    /// Its position in the execution.
    pub serial: Serial,
    /// The position of its parent, when it is synthetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Serial>,
    /// How far its work has come.
    #[serde(skip_serializing_if = "is_unplanned")]
    pub phase: Phase,
    /// How often it was restarted; part of the idempotency key.
    #[serde(skip_serializing_if = "is_zero")]
    pub restarts: u32,
}

impl Stage {
    /// The name people gave it, else its type.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.kind)
    }

    /// Whether the engine made it for another stage.
    pub fn is_synthetic(&self) -> bool {
        self.synthetic_stage_owner.is_some()
    }

    /// Whether it runs before its parent's tasks.
    pub fn is_before(&self) -> bool {
        self.synthetic_stage_owner == Some(SyntheticOwner::StageBefore)
    }

    /// Whether it runs after its parent's tasks.
    pub fn is_after(&self) -> bool {
        self.synthetic_stage_owner == Some(SyntheticOwner::StageAfter)
    }

    /// A member of its own context that is a boolean.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.context.get(key).and_then(Value::as_bool)
    }

    /// A member of its own context that is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.context.get(key).and_then(Value::as_str)
    }

    /// What went wrong in it, in the words of the exception that a failed task leaves in its context.
    pub fn errors(&self) -> Vec<&str> {
        let exception = self.context.get("exception");
        let Some(details) = exception.and_then(|exception| exception.get("details")) else {
            return Vec::new();
        };
        let listed = details.get("errors").and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        let texts: Vec<&str> = listed.collect();
        match details.get("error").and_then(Value::as_str) {
            Some(only) if texts.is_empty() => vec![only],
            _ => texts,
        }
    }
}
