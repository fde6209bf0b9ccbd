//! What is shown of objects: never what a Secret holds, nor the notes of API servers that nobody reads.

use serde_json::Value;

use super::annotations;
use super::kind::Kind;

/// The object without secrets, and without the list of who owns which field.
pub fn redacted(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    if is_secret(&object) {
        if let Some(object) = object.as_object_mut() {
            object.shift_remove("data");
            object.shift_remove("stringData");
        }
        // The copy holds the data, and a digest of a short one can be guessed.
        annotations::remove(&mut object, annotations::LAST_APPLIED);
        annotations::remove(&mut object, annotations::CONTENT);
    }
    object
}

/// Whether an object is a Secret.
pub(crate) fn is_secret(object: &Value) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    Kind::of(text("kind"), text("apiVersion")).is("secret")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_of_a_secret_is_left() {
        let secret = json!({
            "kind": "Secret", "apiVersion": "v1", "type": "Opaque", "data": {"k": "aHVzaA=="}, "stringData": {"k": "hush"},
            "metadata": {"name": "s", "managedFields": [{}], "annotations": {
                annotations::LAST_APPLIED: "{\"stringData\":{\"k\":\"hush\"}}", annotations::CONTENT: "00", "a": "b"}},
        });
        assert_eq!(
            redacted(secret),
            json!({"kind": "Secret", "apiVersion": "v1", "type": "Opaque", "metadata": {"name": "s", "annotations": {"a": "b"}}})
        );
        let other = json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"k": "v"}, "metadata": {"name": "c"}});
        assert_eq!(redacted(other.clone()), other);
    }
}
