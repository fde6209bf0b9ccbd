//! CDEvents: CloudEvents about deliveries (<https://cdevents.dev>).

use spindrift_model::Value;

use super::delivery::Headers;
use super::json::{at, filled};

/// A CDEvent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdEvent {
    /// Its type, such as `dev.cdevents.artifact.published.0.3.0`.
    pub kind: String,
    /// Its own id.
    pub id: Option<String>,
    /// What it is about.
    pub subject: String,
    /// The image or package it is about, when its subject is one.
    pub artifact: Option<String>,
    /// The headers of the CloudEvent, which triggers compare.
    pub headers: Headers,
}

/// Reads the data of a CloudEvent; `None` when it has no `context` or no `subject`.
pub(super) fn parse(body: &Value, headers: &Headers) -> Option<CdEvent> {
    let (context, subject) = (at(body, &["context"])?, at(body, &["subject"])?);
    let id = filled(subject, &["id"])?;
    let artifact = filled(subject, &["content", "artifactId"])
        .or_else(|| Some(id.clone()).filter(|id| id.starts_with("pkg:")));
    Some(CdEvent {
        kind: filled(context, &["type"]).or_else(|| headers.get("ce-type").map(str::to_owned))?,
        id: filled(context, &["id"]),
        subject: id,
        artifact,
        headers: headers.clone(),
    })
}
