//! Reading members of a JSON document without caring about what is absent.

use spindrift_model::Value;

/// What stands at a path of member names and positions, such as `["push", "changes", "0"]`.
pub(crate) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    let found = path.iter().try_fold(value, |value, step| match value {
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        Value::Object(map) => map.get(*step),
        _ => None,
    });
    found.filter(|value| !value.is_null())
}

/// The text at a path; numbers and booleans count as their text.
pub(crate) fn text(value: &Value, path: &[&str]) -> Option<String> {
    match at(value, path)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The text at a path, when it is not empty.
pub(crate) fn filled(value: &Value, path: &[&str]) -> Option<String> {
    text(value, path).filter(|text| !text.is_empty())
}

/// The list at a path; nothing when it is no list.
pub(crate) fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
