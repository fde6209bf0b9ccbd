//! Google Container Registry and Artifact Registry: messages on the topic `gcr`.

use spindrift_model::Value;

use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::filled;

/// Reads a Pub/Sub push request, or the message alone.
pub(super) fn read(body: &Value) -> RegistryOutcome {
    match crate::events::pubsub::parse(body) {
        Some(message) => read_message(&message.payload),
        None => read_message(body),
    }
}

/// Reads `{action, digest: "host/repository@sha256:…", tag: "host/repository:tag"}`.
pub(crate) fn read_message(message: &Value) -> RegistryOutcome {
    if filled(message, &["action"]).as_deref() != Some("INSERT") {
        return Err("no image was pushed");
    }
    let digest = filled(message, &["digest"]);
    let tag = filled(message, &["tag"]);
    let (name, digest) = match digest.as_deref().and_then(|text| text.split_once('@')) {
        Some((name, digest)) => (name.to_owned(), Some(digest.to_owned())),
        None => (String::new(), None),
    };
    let (name, tag) = match tag.as_deref().and_then(|text| text.rsplit_once(':')) {
        Some((name, tag)) => (name.to_owned(), Some(tag.to_owned())),
        None => (name, None),
    };
    let (registry, repository) = name.split_once('/').ok_or("it names no repository")?;
    Ok(vec![ImageEvent {
        registry: Some(registry.to_owned()),
        repository: repository.to_owned(),
        tag,
        digest,
        ..ImageEvent::default()
    }])
}
