//! The artifacts of one deploy, in the order in which they may be bound, and which of them were.

use serde_json::Value;
use spindrift_model::Artifact;

use crate::error::CloudError;

/// The artifacts that manifests of one deploy may be bound to.
///
/// The nearest comes first: what this deploy has made, then what it requires, then what is in sight. Of several with the same type, name and location only the
/// first counts.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    made: Vec<Artifact>,
    given: Vec<Artifact>,
}

/// What was bound: the artifacts, in the order in which they first were.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bound(Vec<Artifact>);

impl Artifacts {
    /// The artifacts a deploy is given: those it requires, then those in sight.
    pub fn new(required: &[Artifact], optional: &[Artifact]) -> Self {
        let mut given: Vec<Artifact> = Vec::new();
        for artifact in required.iter().chain(optional) {
            let typed = artifact
                .kind
                .as_deref()
                .is_some_and(|kind| !kind.is_empty());
            if typed && !given.iter().any(|known| same_thing(known, artifact)) {
                given.push(artifact.clone());
            }
        }
        Self {
            made: Vec::new(),
            given,
        }
    }

    /// Adds what the deploy itself makes; it stands before everything given of the same type, name and location.
    pub(crate) fn add_made(&mut self, artifact: Artifact) {
        self.given.retain(|known| !same_thing(known, &artifact));
        self.made.retain(|known| !same_thing(known, &artifact));
        self.made.push(artifact);
    }

    /// The first that fits.
    pub(super) fn find(&self, fits: impl Fn(&Artifact) -> bool) -> Option<&Artifact> {
        self.made
            .iter()
            .chain(&self.given)
            .find(|artifact| fits(artifact))
    }
}

impl Bound {
    /// Remembers that an artifact was bound.
    pub(super) fn add(&mut self, artifact: &Artifact) {
        if !self.0.iter().any(|known| same_artifact(known, artifact)) {
            self.0.push(artifact.clone());
        }
    }

    /// Whether an artifact was bound.
    fn has(&self, artifact: &Artifact) -> bool {
        self.0.iter().any(|known| same_artifact(known, artifact))
    }

    /// Everything that is required must have been bound.
    pub(crate) fn require(&self, required: &[Artifact]) -> Result<(), CloudError> {
        let missing: Vec<String> = required
            .iter()
            .filter(|artifact| !self.has(artifact))
            .map(|artifact| {
                let part = |text: &Option<String>| text.clone().unwrap_or_default();
                format!(
                    "{}:{} ({})",
                    part(&artifact.kind),
                    part(&artifact.name),
                    part(&artifact.reference)
                )
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(CloudError::invalid(format!(
            "The following required artifacts could not be bound: '[{}]'. Check that the Docker image name above matches the name used in the image field \
             of your manifest. Failing the stage as this is likely a configuration error.",
            missing.join(", ")
        )))
    }

    /// What was bound.
    pub(crate) fn into_list(self) -> Vec<Artifact> {
        self.0
    }
}

/// Whether two artifacts are one: everything but the account counts.
fn same_artifact(one: &Artifact, other: &Artifact) -> bool {
    same_thing(one, other)
        && empty(&one.version) == empty(&other.version)
        && empty(&one.reference) == empty(&other.reference)
}

fn same_thing(one: &Artifact, other: &Artifact) -> bool {
    empty(&one.kind) == empty(&other.kind)
        && empty(&one.name) == empty(&other.name)
        && empty(&one.location) == empty(&other.location)
}

fn empty(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// The account an artifact says it belongs to.
pub(super) fn account_of(artifact: &Artifact) -> Option<&str> {
    artifact
        .rest
        .get("metadata")
        .and_then(|metadata| metadata.get("account"))
        .and_then(Value::as_str)
        .filter(|account| !account.is_empty())
}
