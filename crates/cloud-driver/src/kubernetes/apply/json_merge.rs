//! The difference between what was applied, what is to be, and what is, as a JSON merge patch: for kinds whose lists nobody knows how to merge.

use serde_json::{Map, Value};

/// The patch that makes `live` what `wanted` says; empty when it is. What `applied` had and `wanted` does not is removed, the rest of `live` stays.
pub(super) fn patch(applied: &Value, wanted: &Value, live: &Value) -> Map<String, Value> {
    let mut patch = Map::new();
    let (Some(wanted), Some(live)) = (wanted.as_object(), live.as_object()) else {
        return patch;
    };
    for (key, value) in wanted {
        match (value, live.get(key)) {
            (Value::Null, None) => {}
            (value, None) => {
                patch.insert(key.clone(), value.clone());
            }
            (Value::Object(_), Some(now @ Value::Object(_))) => {
                let inner = self::patch(applied.get(key).unwrap_or(&Value::Null), value, now);
                if !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            (value, Some(now)) if value == now => {}
            (value, Some(_)) => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in applied.as_object().into_iter().flat_map(Map::keys) {
        if !wanted.contains_key(key) && live.contains_key(key) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_values_and_what_others_set_stays() {
        let table = [
            (
                json!({}),
                json!({"a": {"b": [1]}}),
                json!({"a": {"b": [1], "c": 2}}),
                json!({}),
            ),
            (
                json!({}),
                json!({"a": [1, 2]}),
                json!({"a": [2]}),
                json!({"a": [1, 2]}),
            ),
            (
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1, "c": 2, "d": 3}}),
                json!({"a": {"c": null}}),
            ),
            (
                json!({"a": {"b": 1}}),
                json!({}),
                json!({"a": {"b": 1}}),
                json!({"a": null}),
            ),
            (json!({"a": 1}), json!({}), json!({}), json!({})),
        ];
        for (applied, wanted, live, expected) in table {
            assert_eq!(
                Value::Object(patch(&applied, &wanted, &live)),
                expected,
                "{wanted} on {live}"
            );
        }
    }
}
