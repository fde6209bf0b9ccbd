//! The differences of two objects, member by member.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::is_noise;
use crate::kubernetes::redact::is_secret;

/// One member that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Where it is, such as `spec.template.spec.containers[web].image`.
    pub path: String,
    /// What is there; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Value>,
    /// What would be there; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Value>,
}

/// What stands for a secret.
const HIDDEN: &str = "(secret)";

/// What would be different. What an API server writes by itself is left out, and secrets are hidden.
pub fn differences(before: Option<&Value>, after: &Value) -> Vec<FieldChange> {
    let mut finder = Finder {
        hides: is_secret(after),
        found: Vec::new(),
    };
    finder.compare(&mut Vec::new(), "", before, Some(after));
    finder.found
}

struct Finder {
    hides: bool,
    found: Vec<FieldChange>,
}

impl Finder {
    fn compare<'v>(
        &mut self,
        pointer: &mut Vec<&'v str>,
        path: &str,
        before: Option<&'v Value>,
        after: Option<&'v Value>,
    ) {
        if before == after || is_noise(pointer) {
            return;
        }
        let descends = |value: Option<&Value>| value.is_none_or(Value::is_object);
        let (old, new) = (
            before.and_then(Value::as_object),
            after.and_then(Value::as_object),
        );
        if descends(before) && descends(after) && pointer.len() < DEEPEST {
            let keys = old.into_iter().flat_map(|map| map.keys()).chain(
                new.into_iter()
                    .flat_map(|map| map.keys())
                    .filter(|key| old.is_none_or(|map| !map.contains_key(key.as_str()))),
            );
            let mut empty = true;
            for key in keys {
                empty = false;
                pointer.push(key);
                self.compare(
                    pointer,
                    &joined(path, key),
                    old.and_then(|map| map.get(key)),
                    new.and_then(|map| map.get(key)),
                );
                pointer.pop();
            }
            if empty {
                self.add(pointer, path, before, after);
            }
            return;
        }
        if let (Some(Value::Array(old)), Some(Value::Array(new))) = (before, after)
            && let (Some(old), Some(new)) = (named(old), named(new))
        {
            let names = old.iter().chain(
                new.iter()
                    .filter(|(name, _)| !old.iter().any(|(known, _)| known == name)),
            );
            for (name, _) in names {
                let find = |list: &[(&'v str, &'v Value)]| {
                    let found = list.iter().find(|(known, _)| known == name);
                    found.map(|(_, value)| *value)
                };
                pointer.push("*");
                self.compare(pointer, &format!("{path}[{name}]"), find(&old), find(&new));
                pointer.pop();
            }
            return;
        }
        self.add(pointer, path, before, after);
    }

    fn add(&mut self, pointer: &[&str], path: &str, before: Option<&Value>, after: Option<&Value>) {
        let is_hidden = self.hides && matches!(pointer.first(), Some(&("data" | "stringData")));
        let shown = |value: Option<&Value>| {
            value.map(|value| {
                if is_hidden {
                    Value::from(HIDDEN)
                } else {
                    value.clone()
                }
            })
        };
        self.found.push(FieldChange {
            path: path.to_owned(),
            before: shown(before),
            after: shown(after),
        });
    }
}

/// Deeper than any kind goes; a document has been read with a limit of its own.
const DEEPEST: usize = 100;

fn joined(path: &str, key: &str) -> String {
    let plain = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match (path, plain) {
        ("", true) => key.to_owned(),
        (path, true) => format!("{path}.{key}"),
        (path, false) => format!("{path}[{key:?}]"),
    }
}

/// The elements of a list by their names, when each has one of its own.
fn named(list: &[Value]) -> Option<Vec<(&str, &Value)>> {
    let mut found: Vec<(&str, &Value)> = Vec::with_capacity(list.len());
    for element in list {
        let name = element.get("name")?.as_str()?;
        if found.iter().any(|(known, _)| *known == name) {
            return None;
        }
        found.push((name, element));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(before: Value, after: Value) -> Vec<String> {
        differences(Some(&before), &after)
            .iter()
            .map(|change| {
                let text =
                    |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
                format!(
                    "{}: {} -> {}",
                    change.path,
                    text(&change.before),
                    text(&change.after)
                )
            })
            .collect()
    }

    #[test]
    fn members_are_compared_and_containers_by_their_names() {
        let before = json!({"kind": "Deployment", "apiVersion": "apps/v1", "status": {"replicas": 1},
            "metadata": {"name": "web", "resourceVersion": "1", "annotations": {"a.b/c": "1"}},
            "spec": {"replicas": 1, "paused": false, "containers": [{"name": "a", "image": "a:1"}, {"name": "old"}], "args": ["x"]}});
        let after = json!({"kind": "Deployment", "apiVersion": "apps/v1", "status": {"replicas": 2},
            "metadata": {"name": "web", "resourceVersion": "2", "annotations": {"a.b/c": "2"}},
            "spec": {"replicas": 1, "containers": [{"name": "a", "image": "a:2"}, {"name": "new"}], "args": ["x", "y"], "new": {}}});
        assert_eq!(
            shown(before, after),
            [
                "metadata.annotations[\"a.b/c\"]: \"1\" -> \"2\"",
                "spec.paused: false -> -",
                "spec.containers[a].image: \"a:1\" -> \"a:2\"",
                "spec.containers[old].name: \"old\" -> -",
                "spec.containers[new].name: - -> \"new\"",
                "spec.args: [\"x\"] -> [\"x\",\"y\"]",
                "spec.new: - -> {}",
            ]
        );
    }

    #[test]
    fn secrets_are_hidden() {
        let secret = |value: &str| json!({"kind": "Secret", "apiVersion": "v1", "type": "Opaque", "data": {"k": value}, "stringData": {"s": value}});
        assert_eq!(
            shown(secret("aHVzaA=="), secret("bm93")),
            [
                "data.k: \"(secret)\" -> \"(secret)\"",
                "stringData.s: \"(secret)\" -> \"(secret)\""
            ]
        );
        let found = format!("{:?}", differences(None, &secret("aHVzaA==")));
        assert!(!found.contains("aHVzaA"), "{found}");
    }
}
