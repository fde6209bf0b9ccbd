//! Whether an object is as a case says.

use serde_json::Value;

/// Where `found` does not have what `wanted` says; `None`: it has all of it. Lists have as many elements; an empty object is anything.
pub fn missing(wanted: &Value, found: &Value) -> Option<String> {
    missing_at(String::new(), wanted, found)
}

fn missing_at(path: String, wanted: &Value, found: &Value) -> Option<String> {
    match (wanted, found) {
        (Value::Object(wanted), _) if wanted.is_empty() => None,
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().find_map(|(key, wanted)| {
            let path = format!("{path}/{key}");
            match found.get(key) {
                Some(found) => missing_at(path, wanted, found),
                None => Some(format!("{path} is missing")),
            }
        }),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(position, (wanted, found))| {
                missing_at(format!("{path}/{position}"), wanted, found)
            }),
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some(format!("{path} is {found}, not {wanted}")),
    }
}

/// Whether a name is as wanted; a `*` at the end stands for anything.
pub fn is_named(wanted: &str, found: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => found.len() > start.len() && found.starts_with(start),
        None => wanted == found,
    }
}
