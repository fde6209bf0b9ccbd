//! One entry of a pipeline's `triggers`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spindrift_model::{Map, PipelineId, Value};

use super::hook::HookId;
use super::kind::TriggerKind;
use crate::artifacts::ArtifactPattern;
use crate::events::hex;
use crate::signature::Secrets;

/// The name of a trigger within its pipeline: the id in its document, else a digest of the document, so that it stays the
/// same as long as nobody edits it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TriggerId(Arc<str>);

impl TriggerId {
    /// Takes the id of the document, or text that was a trigger's id before.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub(super) fn digest(document: &Map) -> Self {
        let text = serde_json::to_vec(document).unwrap_or_default();
        Self(hex(&Sha256::digest(text)[..16]).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TriggerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A trigger of a pipeline, read.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its name within the pipeline.
    pub id: TriggerId,
    /// The pipeline it starts.
    pub pipeline: PipelineId,
    /// Its position in `triggers`.
    pub position: usize,
    /// Its type as it was written.
    pub type_name: String,
    /// The document, without secrets and without its address.
    pub document: Map,
    /// What it waits for.
    pub kind: TriggerKind,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether the pipeline is off.
    pub pipeline_disabled: bool,
    /// Its own address, when it has one: from outside nothing else reaches it.
    pub hook: Option<HookId>,
    /// The secrets that its deliveries are signed with.
    pub secrets: Secrets,
    /// As whom the run acts.
    pub run_as: Option<String>,
    /// The ids of the artifacts it expects.
    pub expected_ids: Vec<String>,
    /// The patterns of those.
    pub expected: Vec<ArtifactPattern>,
}

impl Trigger {
    /// The id of the run that one event starts through this trigger: a repeated start is the same run.
    pub fn correlation_id(&self, event_id: &str) -> String {
        let mut hash = Sha256::new();
        for part in [event_id, self.pipeline.as_str(), self.id.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        format!("trigger:{}", hex(&hash.finalize()[..16]))
    }

    /// A text of its document.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.document
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }
}
