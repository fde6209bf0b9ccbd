//! Empties namespaces that are going away, and lets them go.

use std::time::Duration;

use serde_json::Value;

use super::Desk;
use super::common;
use crate::api;
use crate::json::Json;
use crate::store::ObjectKey;

pub(super) fn reconcile(desk: &mut Desk<'_>, namespace: &Value) -> Option<Duration> {
    if !namespace.is_deleting() {
        return None;
    }
    let inside: Vec<ObjectKey> = desk
        .state
        .everything()
        .filter(|(_, object)| object.namespace() == namespace.name())
        .map(|(resource, object)| ObjectKey::of(resource, object))
        .collect();
    for key in &inside {
        // Some go with their owners on the way.
        if let Some(object) = desk
            .state
            .find(key)
            .cloned()
            .filter(|object| !object.is_deleting())
        {
            common::delete(desk, &key.resource, &object);
        }
    }
    let left = inside.iter().any(|key| desk.state.find(key).is_some());
    if !left && namespace.items(&["metadata", "finalizers"]).is_empty() {
        let kind = desk.state.kinds.by_resource("namespaces").cloned()?;
        api::remove(desk.cluster, desk.state, &kind, namespace);
    }
    None
}
