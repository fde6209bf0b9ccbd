//! The digest of a template's content, as Front50 computes it.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};
use spindrift_model::Map;

use super::LATEST;

/// SHA-256 over the document with sorted keys and without white space; what Front50 notes besides does not count, and the tag
/// is that of the copy it computes over.
pub(super) fn digest(document: &Map) -> String {
    let mut content = document.clone();
    content.retain(|key, _| !["digest", "lastModifiedBy", "updateTs"].contains(&key.as_str()));
    content.insert("tag".to_owned(), LATEST.into());
    let text = sorted(&Value::Object(content)).to_string();
    let text: String = text.split_whitespace().collect();
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a text cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries.into_iter();
            Value::Object(
                entries
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_digest_is_that_of_the_content() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let one = map(
            json!({"id": "a", "pipeline": {"stages": [], "name": "x y"}, "updateTs": "1", "digest": "z"}),
        );
        let same = map(
            json!({"pipeline": {"name": "x y", "stages": []}, "id": "a", "tag": "stable", "lastModifiedBy": "ann"}),
        );
        let other = map(json!({"id": "a", "pipeline": {"stages": [], "name": "x z"}}));
        assert_eq!(digest(&one), digest(&same));
        assert_ne!(digest(&one), digest(&other));
        // {"id":"a","pipeline":{"name":"xy","stages":[]},"tag":"latest"}
        let text = r#"{"id":"a","pipeline":{"name":"xy","stages":[]},"tag":"latest"}"#;
        let expected: String = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digest(&one), expected);
    }
}
