//! Artifacts: what a run reads and produces, and what a pipeline expects of its trigger.

use serde::{Deserialize, Serialize};

use crate::json::Map;

/// A thing outside the run that it refers to: an image, a file, a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Its kind, such as `docker/image`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it is called, such as `registry.example/web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which version of it, such as a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it is, such as a namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// How to get it, such as `registry.example/web:1.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Everything else it came with.
    #[serde(flatten)]
    pub rest: Map,
}

/// What a pipeline or a stage expects to be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedArtifact {
    /// The id by which stages refer to it.
    #[serde(default)]
    pub id: String,
    /// The pattern an artifact must match.
    #[serde(default)]
    pub match_artifact: Option<Artifact>,
    /// Whether `default_artifact` stands in when nothing matches.
    #[serde(default)]
    pub use_default_artifact: bool,
    /// What stands in when nothing matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_artifact: Option<Artifact>,
    /// Whether the artifact of the previous run stands in when nothing matches.
    #[serde(default)]
    pub use_prior_artifact: bool,
    /// What it was bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_artifact: Option<Artifact>,
    /// Everything else it came with.
    #[serde(flatten)]
    pub rest: Map,
}
