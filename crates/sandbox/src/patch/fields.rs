//! Sets of field paths, as `managedFields` records them (FieldsV1).
//!
//! A set is flat: each member is a path to a leaf (a scalar, an atomic list or map, or an empty one) or to an item of a keyed list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::json::canonical;
use crate::schema::{ListKind, Shape};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Field(String),
    /// An item of a keyed list: its keys as canonical JSON.
    Item(String),
    /// A value of a set: canonical JSON.
    Value(String),
}

pub(crate) type Path = Vec<Step>;

/// Paths with the values they lead to; `None` for items of keyed lists, which have no value of their own.
pub(crate) type Leaves<'a> = BTreeMap<Path, Option<&'a Value>>;

/// The leaves of a document under a shape.
pub(crate) fn leaves<'a>(shape: Shape<'_>, value: &'a Value) -> Leaves<'a> {
    let mut found = Leaves::new();
    walk(shape, value, &mut Vec::new(), &mut found);
    found
}

fn walk<'a>(shape: Shape<'_>, value: &'a Value, path: &mut Path, found: &mut Leaves<'a>) {
    match value {
        Value::Object(map) if !map.is_empty() && !shape.is_atomic_map() => {
            for (key, value) in map {
                path.push(Step::Field(key.clone()));
                if !is_identity(path) {
                    walk(
                        shape.field(key).unwrap_or(Shape::Unknown),
                        value,
                        path,
                        found,
                    );
                }
                path.pop();
            }
        }
        Value::Array(items) if !items.is_empty() && shape.list() != ListKind::Atomic => {
            for item in items {
                let step = item_step(&shape.list(), item);
                let keyed = matches!(step, Step::Item(_));
                path.push(step);
                found.insert(path.clone(), (!keyed).then_some(item));
                if keyed {
                    walk(shape.item(), item, path, found);
                }
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone(), Some(value));
        }
    }
}

/// Fields nobody owns: they identify the object or belong to the server.
fn is_identity(path: &[Step]) -> bool {
    let words: Vec<&str> = path
        .iter()
        .map(|step| {
            if let Step::Field(name) = step {
                name.as_str()
            } else {
                ""
            }
        })
        .collect();
    match words.as_slice() {
        ["apiVersion" | "kind"] => true,
        ["metadata", field] => matches!(
            *field,
            "name"
                | "namespace"
                | "generateName"
                | "uid"
                | "resourceVersion"
                | "creationTimestamp"
                | "generation"
                | "managedFields"
                | "selfLink"
                | "deletionTimestamp"
                | "deletionGracePeriodSeconds"
        ),
        _ => false,
    }
}

/// How an item of a list is named in a path.
pub(crate) fn item_step(list: &ListKind, item: &Value) -> Step {
    match list {
        ListKind::Keyed(keys) => {
            let identity: Map<String, Value> = keys
                .iter()
                .filter_map(|key| Some((key.clone(), item_key(item, key)?)))
                .collect();
            Step::Item(canonical(&Value::Object(identity)))
        }
        ListKind::Set | ListKind::Atomic => Step::Value(canonical(item)),
    }
}

/// A key of a list item; `protocol` is the one key with a default.
fn item_key(item: &Value, key: &str) -> Option<Value> {
    item.get(key)
        .cloned()
        .or_else(|| (key == "protocol").then(|| json!("TCP")))
}

/// Reads FieldsV1.
pub(crate) fn read(document: &Value) -> BTreeSet<Path> {
    let mut set = BTreeSet::new();
    read_into(document, &mut Vec::new(), &mut set);
    set
}

fn read_into(document: &Value, path: &mut Path, set: &mut BTreeSet<Path>) {
    let Value::Object(map) = document else { return };
    if map.is_empty() || map.contains_key(".") {
        set.insert(path.clone());
    }
    for (key, below) in map {
        let step = match key.split_once(':') {
            Some(("f", name)) => Step::Field(name.to_owned()),
            Some(("k", keys)) => Step::Item(
                serde_json::from_str(keys)
                    .map_or_else(|_| keys.to_owned(), |value: Value| canonical(&value)),
            ),
            Some(("v", value)) => Step::Value(value.to_owned()),
            _ => continue,
        };
        path.push(step);
        read_into(below, path, set);
        path.pop();
    }
}

/// Writes FieldsV1.
pub(crate) fn write(set: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in set {
        let mut place = &mut root;
        for step in path {
            let key = match step {
                Step::Field(name) => format!("f:{name}"),
                Step::Item(keys) => format!("k:{keys}"),
                Step::Value(value) => format!("v:{value}"),
            };
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[key];
        }
        if place.is_null() {
            *place = json!({});
        }
        if matches!(path.last(), Some(Step::Item(_))) {
            place["."] = json!({});
        }
    }
    mark_owned_parents(&mut root, set, &mut Vec::new());
    root
}

/// A path that is owned and has owned paths below carries a dot.
fn mark_owned_parents(document: &mut Value, set: &BTreeSet<Path>, path: &mut Path) {
    let Value::Object(map) = document else { return };
    let keys: Vec<String> = map
        .keys()
        .filter(|key| key.starts_with("f:"))
        .cloned()
        .collect();
    for key in keys {
        path.push(Step::Field(key[2..].to_owned()));
        let below = &mut map[&key];
        if below.as_object().is_some_and(|below| !below.is_empty()) && set.contains(path) {
            below["."] = json!({});
        }
        mark_owned_parents(below, set, path);
        path.pop();
    }
}

/// A path in the words of conflict messages: `.spec.containers[name="web"].image`.
pub(crate) fn show(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Item(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let parts: Vec<_> = keys
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                text.push_str(&format!("[{}]", parts.join(",")));
            }
            Step::Value(value) => text.push_str(&format!("[={value}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;

    #[test]
    fn a_set_survives_being_written_and_read() {
        let registry = Registry::default();
        let kind = registry.find_kind("apps/v1", "Deployment").unwrap();
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "labels": {"a/b": "c"}, "finalizers": ["f"]},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": [
                {"name": "w", "image": "i", "args": ["1"], "ports": [{"containerPort": 80}], "securityContext": {}}]}}}});
        let set: BTreeSet<Path> = leaves(Shape::of(kind), &object).into_keys().collect();
        let document = write(&set);
        assert_eq!(read(&document), set);
        let container =
            &document["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"w\"}"];
        assert_eq!(container["."], json!({}));
        assert_eq!(
            container["f:args"],
            json!({}),
            "an atomic list is one field"
        );
        assert_eq!(
            document["f:spec"]["f:selector"],
            json!({}),
            "a label selector is atomic"
        );
        assert_eq!(
            container["f:ports"]["k:{\"containerPort\":80,\"protocol\":\"TCP\"}"]["f:containerPort"],
            json!({})
        );
        assert_eq!(document["f:metadata"]["f:finalizers"]["v:\"f\""], json!({}));
        let shown: Vec<_> = set.iter().map(|path| show(path)).collect();
        assert!(
            shown.contains(&".spec.template.spec.containers[name=\"w\"].image".to_owned()),
            "{shown:?}"
        );
    }
}
