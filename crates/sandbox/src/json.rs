//! Short reads and writes on JSON documents.
//!
//! Objects of the cluster are plain [`Value`]s whose shape the schema has checked, so a missing field reads as its zero value,
//! as it does for the Go structs behind a real API server.

use serde_json::{Map, Value};

/// Access to fields by path; a path is a list of keys because Kubernetes keys contain dots and slashes.
pub(crate) trait Json {
    fn at(&self, path: &[&str]) -> Option<&Value>;
    fn text(&self, path: &[&str]) -> &str;
    fn int(&self, path: &[&str]) -> Option<i64>;
    fn flag(&self, path: &[&str]) -> bool;
    fn items(&self, path: &[&str]) -> &[Value];
    fn map(&self, path: &[&str]) -> Option<&Map<String, Value>>;
    fn put(&mut self, path: &[&str], value: impl Into<Value>);
    fn cut(&mut self, path: &[&str]) -> Option<Value>;
    fn map_mut(&mut self, path: &[&str]) -> &mut Map<String, Value>;
    fn default_to(&mut self, path: &[&str], value: impl Into<Value>);

    fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }
    fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }
    fn uid(&self) -> &str {
        self.text(&["metadata", "uid"])
    }
    fn kind(&self) -> &str {
        self.text(&["kind"])
    }
    fn annotation(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "annotations", key])
            .and_then(Value::as_str)
    }
    fn label(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "labels", key])
            .and_then(Value::as_str)
    }
    fn is_deleting(&self) -> bool {
        self.at(&["metadata", "deletionTimestamp"])
            .is_some_and(|at| !at.is_null())
    }
    fn generation(&self) -> i64 {
        self.int(&["metadata", "generation"]).unwrap_or(0)
    }
}

impl Json for Value {
    fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    fn text(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or("")
    }

    fn int(&self, path: &[&str]) -> Option<i64> {
        let value = self.at(path)?;
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|float| float as i64))
    }

    fn flag(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Value::as_bool).unwrap_or(false)
    }

    fn items(&self, path: &[&str]) -> &[Value] {
        self.at(path)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn map(&self, path: &[&str]) -> Option<&Map<String, Value>> {
        self.at(path).and_then(Value::as_object)
    }

    fn put(&mut self, path: &[&str], value: impl Into<Value>) {
        if let Some((last, parents)) = path.split_last() {
            self.map_mut(parents)
                .insert((*last).to_owned(), value.into());
        }
    }

    fn cut(&mut self, path: &[&str]) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let parent = parents
            .iter()
            .try_fold(self, |value, key| value.get_mut(key))?;
        parent.as_object_mut()?.shift_remove(*last)
    }

    fn map_mut(&mut self, path: &[&str]) -> &mut Map<String, Value> {
        let mut value = self;
        for key in path {
            value = as_map(value).entry(*key).or_insert(Value::Null);
        }
        as_map(value)
    }

    fn default_to(&mut self, path: &[&str], value: impl Into<Value>) {
        if self.at(path).is_none_or(Value::is_null) {
            self.put(path, value);
        }
    }
}

/// The value as a map; anything else is replaced by an empty one.
fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object just above"),
    }
}

/// String pairs of a map field; entries that are not text are left out.
pub(crate) fn pairs<'a>(
    value: &'a Value,
    path: &[&str],
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    value
        .map(path)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// JSON text with sorted keys: equal values give equal text whatever the order of their keys.
pub(crate) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_field_reads_as_zero_and_a_written_one_makes_its_parents() {
        let mut value = json!({"spec": {"replicas": 2.0}});
        assert_eq!(value.int(&["spec", "replicas"]), Some(2));
        assert_eq!(value.text(&["spec", "absent"]), "");
        value.put(&["metadata", "labels", "a.b/c"], "d");
        assert_eq!(value.label("a.b/c"), Some("d"));
        assert_eq!(value.cut(&["spec", "replicas"]), Some(json!(2.0)));
        assert_eq!(value.at(&["spec", "replicas"]), None);
    }

    #[test]
    fn canonical_text_ignores_key_order() {
        assert_eq!(
            canonical(&json!({"b": 1, "a": [{"d": 1, "c": 2}]})),
            canonical(&json!({"a": [{"c": 2, "d": 1}], "b": 1}))
        );
    }
}
