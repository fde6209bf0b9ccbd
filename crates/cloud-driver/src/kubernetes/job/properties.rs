//! The properties that a Job writes to its log (Orca's `PropertyParser`).
//!
//! - A line with `SPINNAKER_PROPERTY_key=value` anywhere in it sets a property; its key is written small, and an empty value counts as none.
//! - A line that begins with `SPINNAKER_CONFIG_JSON={…}` sets all members of the object. What comes later wins.

use serde_json::{Map, Value};

const PROPERTY: &str = "SPINNAKER_PROPERTY_";
const DOCUMENT: &str = "SPINNAKER_CONFIG_JSON=";

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the log is no JSON object behind {DOCUMENT} {cause}")]
pub struct PropertyError {
    /// The number of the line, from 1.
    pub line: usize,
    /// Why not.
    pub cause: String,
}

/// Reads the properties of a log.
pub fn read_properties(log: &str) -> Result<Map<String, Value>, PropertyError> {
    let mut properties = Map::new();
    for (line, text) in (1..).zip(log.lines()) {
        if let Some(document) = text.trim_start().strip_prefix(DOCUMENT) {
            let members: Map<String, Value> =
                serde_json::from_str(document.trim()).map_err(|error| PropertyError {
                    line,
                    cause: error.to_string(),
                })?;
            properties.extend(members);
        } else if let Some((_, property)) = text.split_once(PROPERTY)
            && let Some((key, value)) = property.split_once('=')
        {
            let (key, value) = (key.trim().to_lowercase(), value.trim());
            if !key.is_empty() && !value.is_empty() {
                properties.insert(key, value.into());
            }
        }
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_are_read_line_by_line() {
        let table = [
            ("", json!({})),
            ("SPINNAKER_PROPERTY_FOO=a=b==", json!({"foo": "a=b=="})),
            (
                "2026-01-01 INFO SPINNAKER_PROPERTY_Foo=bar",
                json!({"foo": "bar"}),
            ),
            ("SPINNAKER_PROPERTY_FOO=", json!({})),
            ("SPINNAKER_PROPERTY_FOO", json!({})),
            ("x SPINNAKER_CONFIG_JSON={\"a\": 1}", json!({})),
            (
                "  SPINNAKER_CONFIG_JSON={\"a\": 1, \"B\": [true]}",
                json!({"a": 1, "B": [true]}),
            ),
            (
                "SPINNAKER_PROPERTY_A=1\nSPINNAKER_CONFIG_JSON={\"a\": 2}",
                json!({"a": 2}),
            ),
            (
                "SPINNAKER_CONFIG_JSON={\"a\": 2}\nSPINNAKER_PROPERTY_A=1",
                json!({"a": "1"}),
            ),
        ];
        for (log, expected) in table {
            assert_eq!(
                Value::Object(read_properties(log).unwrap()),
                expected,
                "{log:?}"
            );
        }
        let error = read_properties("fine\nSPINNAKER_CONFIG_JSON={\"a\"").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(read_properties("SPINNAKER_CONFIG_JSON=[1]").is_err());
    }
}
