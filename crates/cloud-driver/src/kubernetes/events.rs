//! The events that a cluster has recorded about objects.

use serde_json::Value;

use super::account::Kubernetes;
use super::kind::Kind;
use super::retry::retry;
use crate::error::CloudError;

impl Kubernetes {
    /// What the cluster has recorded about an object, oldest first.
    pub async fn events_about(&self, object: &Value) -> Result<Vec<Value>, CloudError> {
        let text = |pointer| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let selector = format!("involvedObject.uid={}", text("/metadata/uid"));
        // Events about objects of the whole cluster are kept in the namespace `default`.
        let namespace = match text("/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let kind = event_kind();
        let mut events = retry(|| self.list_fields(&kind, namespace, &selector)).await?;
        for event in &mut events {
            if let Some(metadata) = event.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
        }
        events.sort_by_key(|event| last_seen(event).to_owned());
        Ok(events)
    }
}

/// The kind of events.
pub(crate) fn event_kind() -> Kind {
    Kind::of("Event", "v1")
}

/// When an event was last recorded, as text that sorts by time.
pub(crate) fn last_seen(event: &Value) -> &str {
    let text = |pointer| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    [
        "/lastTimestamp",
        "/series/lastObservedTime",
        "/eventTime",
        "/metadata/creationTimestamp",
    ]
    .into_iter()
    .find_map(text)
    .unwrap_or_default()
}
