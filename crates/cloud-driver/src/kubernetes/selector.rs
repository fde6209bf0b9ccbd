//! Label selectors: from the form of an object's spec to the text that requests carry.

use serde_json::Value;

/// The text of a `LabelSelector`; empty where it selects everything or is none.
pub(crate) fn selector_text(selector: &Value) -> String {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let pairs = labels.into_iter().flatten();
    let mut parts: Vec<String> = pairs
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    parts.extend(expressions.into_iter().flatten().filter_map(expression));
    parts.join(",")
}

fn expression(expression: &Value) -> Option<String> {
    let key = expression.get("key")?.as_str()?;
    let values = expression.get("values").and_then(Value::as_array);
    let values: Vec<&str> = values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let values = values.join(",");
    match expression.get("operator")?.as_str()? {
        "In" => Some(format!("{key} in ({values})")),
        "NotIn" => Some(format!("{key} notin ({values})")),
        "Exists" => Some(key.to_owned()),
        "DoesNotExist" => Some(format!("!{key}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_written_as_requests_carry_them() {
        let table = [
            (json!({}), ""),
            (
                json!({"matchLabels": {"app": "web", "tier": "front"}}),
                "app=web,tier=front",
            ),
            (
                json!({"matchLabels": {"app": "web"}, "matchExpressions": [
                    {"key": "env", "operator": "In", "values": ["a", "b"]},
                    {"key": "old", "operator": "DoesNotExist"},
                    {"key": "new", "operator": "Exists"},
                    {"key": "zone", "operator": "NotIn", "values": ["c"]}]}),
                "app=web,env in (a,b),!old,new,zone notin (c)",
            ),
        ];
        for (selector, text) in table {
            assert_eq!(selector_text(&selector), text);
        }
    }
}
