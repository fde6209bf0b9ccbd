//! A case as it is written; `engine-spec/README.md` explains the members to its authors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use spindrift_model::{Map, Status};

use crate::scripted::Mode;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    #[serde(default)]
    pub cases: Vec<Case>,
    #[serde(default)]
    pub queues: Vec<QueueCase>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    #[serde(default)]
    pub rows: Vec<u32>,
    pub says: String,
    #[serde(default)]
    pub mode: Option<Mode>,
    pub pipeline: Map,
    #[serde(default)]
    pub trigger: Map,
    #[serde(default)]
    pub foreign: bool,
    #[serde(default)]
    pub waits: bool,
    #[serde(default)]
    pub refused: Option<Vec<String>>,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub expect: Expect,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    pub admit: Option<bool>,
    pub supersede: Option<String>,
    pub cancel: Option<By>,
    pub pause: Option<By>,
    pub resume: Option<By>,
    pub patch: Option<Patch>,
    pub restart: Option<RestartStep>,
    pub signal: Option<String>,
    pub done: Option<Done>,
    pub advance: Option<String>,
    pub tick: Option<bool>,
    pub recover: Option<bool>,
    pub again: Option<bool>,
    pub refused: Option<String>,
    pub expect: Option<Expect>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct By {
    #[serde(default)]
    pub by: String,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    pub stage: String,
    pub set: Map,
    #[serde(default)]
    pub by: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RestartStep {
    pub stage: String,
    #[serde(default)]
    pub by: String,
    #[serde(default = "yes")]
    pub admitted: bool,
    #[serde(default)]
    pub look_again: bool,
    #[serde(default)]
    pub pipeline: Option<Map>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    pub stage: String,
    pub task: String,
    pub outcome: String,
    #[serde(default)]
    pub attempt: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Expect {
    pub execution: Option<Status>,
    pub canceled: Option<bool>,
    pub canceled_by: Option<String>,
    pub reason: Option<String>,
    pub stages: Option<BTreeMap<String, Status>>,
    pub tasks: BTreeMap<String, Vec<Status>>,
    pub performed: BTreeMap<String, Vec<u32>>,
    pub context: BTreeMap<String, Map>,
    pub lacks: BTreeMap<String, Vec<String>>,
    pub outputs: BTreeMap<String, Map>,
    pub requires: BTreeMap<String, Vec<String>>,
    pub wakes: Option<Wakes>,
    pub promised: Option<Vec<Value>>,
    pub in_flight: Option<Vec<String>>,
    pub waiting: Option<bool>,
    pub exceptions: BTreeMap<String, String>,
}

/// The time of the next wake-up, from the start of the case; `never` when there is none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Wakes(pub String);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct QueueCase {
    #[serde(default)]
    pub rows: Vec<u32>,
    pub says: String,
    #[serde(default)]
    pub pipeline: Option<String>,
    #[serde(default)]
    pub limit_concurrent: bool,
    #[serde(default)]
    pub max_concurrent_executions: u32,
    #[serde(default)]
    pub keep_waiting_pipelines: bool,
    pub running: usize,
    #[serde(default)]
    pub waiting: Vec<String>,
    pub admits: bool,
    #[serde(default)]
    pub starts: Vec<String>,
    #[serde(default)]
    pub superseded: Vec<String>,
}

fn yes() -> bool {
    true
}
