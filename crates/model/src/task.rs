//! Tasks: the steps of a stage.

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::json::Map;
use crate::status::Status;

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// One step of a stage (Orca's `TaskExecution`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Task {
    /// Its position in the stage, from "1".
    pub id: String,
    /// What implements it: stage type and task name.
    pub implementing_class: String,
    /// What it is called, such as `waitForJudgment`.
    pub name: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Millis>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Millis>,
    /// Its state.
    pub status: Status,
    /// Whether it is the first of its stage.
    pub stage_start: bool,
    /// Whether it is the last of its stage.
    pub stage_end: bool,
    /// Whether a loop begins with it.
    pub loop_start: bool,
    /// Whether a loop ends with it.
    pub loop_end: bool,
    /// What went wrong, under `exception`.
    pub task_exception_details: Map,
    /// What a running task waits for; absent while it is being performed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// How often it was performed, from 1; part of the idempotency key.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Whether a signal came while it was being performed, so that it must not go to sleep.
    #[serde(skip_serializing_if = "is_false")]
    pub signaled: bool,
}

/// What wakes a running task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Wait {
    /// The time at which it wakes by itself; absent when only a signal wakes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}
