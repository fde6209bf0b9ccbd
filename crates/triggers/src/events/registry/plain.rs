//! `{account, registry, repository, tag, digest}`: what Igor sends, and what anybody may send.

use spindrift_model::Value;

use super::image::ImageEvent;
use crate::events::json::{at, filled};

/// Reads the members of the body or of its `content`; `None` when it names no repository.
pub(crate) fn read(body: &Value, chart: bool) -> Option<ImageEvent> {
    let content = at(body, &["content"]).unwrap_or(body);
    Some(ImageEvent {
        account: filled(content, &["account"]),
        registry: filled(content, &["registry"]),
        repository: filled(content, &["repository"])?,
        tag: filled(content, &["tag"]),
        digest: filled(content, &["digest"]),
        chart,
        ..ImageEvent::default()
    })
}
