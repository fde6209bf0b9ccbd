//! JSON in one form: members sorted, no blanks. The form of the copy that `kubectl apply` keeps, and of digests.

use std::fmt::Write as _;

use serde_json::Value;

/// A value in that form.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (position, (key, value)) in members.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                scalar(&Value::from(key.as_str()), text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (position, value) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(value, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(value, text),
    }
}

fn scalar(value: &Value, text: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_at_every_depth() {
        let value = json!({"b": [{"z": 1, "a": null}], "a": "x\"\n"});
        assert_eq!(canonical(&value), r#"{"a":"x\"\n","b":[{"a":null,"z":1}]}"#);
    }
}
