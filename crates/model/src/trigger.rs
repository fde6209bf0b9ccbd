//! What started an execution.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::{Map, Value};

/// What started an execution: the JSON object as it came, with the members every trigger has.
///
/// Cloning is cheap: the document is shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger(Arc<Map>);

impl Trigger {
    /// Takes the trigger as it came and adds the members that every trigger has
    /// (Orca's `TriggerDeserializer` and `DefaultTrigger`).
    pub fn new(mut map: Map) -> Self {
        map.entry("type").or_insert_with(|| "none".into());
        if !matches!(map.get("user"), Some(Value::String(user)) if !user.is_empty()) {
            map.insert("user".into(), "[anonymous]".into());
        }
        for key in ["parameters"] {
            if !matches!(map.get(key), Some(Value::Object(_))) {
                map.insert(key.into(), Value::Object(Map::new()));
            }
        }
        for key in ["artifacts", "notifications", "resolvedExpectedArtifacts"] {
            if !matches!(map.get(key), Some(Value::Array(_))) {
                map.insert(key.into(), Value::Array(Vec::new()));
            }
        }
        for key in ["rebake", "dryRun", "strategy"] {
            if !matches!(map.get(key), Some(Value::Bool(_))) {
                map.insert(key.into(), Value::Bool(false));
            }
        }
        Self(Arc::new(map))
    }

    /// The whole document.
    pub fn map(&self) -> &Map {
        &self.0
    }

    /// The document, to be changed and given to [`Trigger::new`] again.
    pub fn to_map(&self) -> Map {
        (*self.0).clone()
    }

    /// The kind of trigger, such as `manual`.
    pub fn kind(&self) -> &str {
        self.text("type").unwrap_or("none")
    }

    /// Who started it.
    pub fn user(&self) -> &str {
        self.text("user").unwrap_or("[anonymous]")
    }

    /// The parameters it was started with; empty when there are none.
    pub fn parameters(&self) -> Option<&Map> {
        self.0.get("parameters").and_then(Value::as_object)
    }

    /// The artifacts it came with.
    pub fn artifacts(&self) -> &[Value] {
        self.0
            .get("artifacts")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// The caller's own id of this start; a second start with the same one is the same execution.
    pub fn correlation_id(&self) -> Option<&str> {
        self.text("correlationId").filter(|id| !id.is_empty())
    }

    /// A member that is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// A member that is a boolean; absent or of another type counts as false.
    pub fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(false)
    }
}

impl Default for Trigger {
    fn default() -> Self {
        Self::new(Map::new())
    }
}

impl Serialize for Trigger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Trigger::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_trigger_always_has_the_common_members() {
        let trigger: Trigger =
            serde_json::from_value(json!({"type": "manual", "payload": {"x": 1}})).unwrap();
        assert_eq!(
            serde_json::to_value(&trigger).unwrap(),
            json!({
                "type": "manual", "payload": {"x": 1}, "user": "[anonymous]", "parameters": {},
                "artifacts": [], "notifications": [], "resolvedExpectedArtifacts": [],
                "rebake": false, "dryRun": false, "strategy": false
            })
        );
    }
}
