//! How a case is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use spindrift_model::{Map, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub cases: Vec<Case>,
}

/// Where a case is played.
#[derive(Debug, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Here.
    #[default]
    Unit,
    /// Where there are identities, storage and HTTP.
    System,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub rows: Vec<u32>,
    pub says: String,
    #[serde(default)]
    pub level: Level,
    pub delivery: Option<DeliveryOf>,
    #[serde(default)]
    pub policy: PolicyOf,
    /// The triggers of one pipeline "p".
    #[serde(default)]
    pub triggers: Vec<Value>,
    #[serde(default)]
    pub pipelines: Vec<Map>,
    pub signature: Option<SignatureOf>,
    pub fuzz: Option<FuzzOf>,
    pub missed: Option<MissedOf>,
    pub poll: Option<PollOf>,
    /// For system suites.
    #[expect(dead_code, reason = "read by the suites that have identities")]
    pub permissions: Option<Value>,
    /// For system suites.
    #[expect(dead_code, reason = "read by the suites that have an HTTP interface")]
    pub manual: Option<Value>,
    #[serde(default)]
    pub expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryOf {
    pub kind: String,
    pub source: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
    /// The bytes, where they matter.
    pub raw: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct PolicyOf {
    pub sha1: bool,
    pub shared_secret: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureOf {
    pub body: String,
    pub headers: BTreeMap<String, String>,
    pub secret: String,
    pub sha1: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FuzzOf {
    pub id: String,
    pub text: String,
}

/// Times are minutes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissedOf {
    pub text: String,
    pub from: i64,
    pub to: i64,
    pub last: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PollOf {
    pub cached: Option<BTreeMap<String, Option<String>>>,
    pub seen: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub track_digests: bool,
    pub threshold: Option<usize>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// `pipeline/position` of every trigger that matches, over all events.
    pub starts: Option<Vec<String>>,
    /// `pipeline/position` to the code of the reason; the others are not looked at.
    pub rejections: BTreeMap<String, String>,
    /// Members of the first run's trigger.
    pub trigger: Option<Map>,
    /// Members of the events.
    pub events: Option<Vec<Map>>,
    pub ignored: Option<String>,
    /// How the message begins.
    pub refused: Option<String>,
    pub proof: Option<String>,
    pub text: Option<String>,
    pub missed: Option<bool>,
    pub new: Option<Vec<String>>,
    pub held: Option<usize>,
    pub cache: Option<BTreeMap<String, Option<String>>>,
}
