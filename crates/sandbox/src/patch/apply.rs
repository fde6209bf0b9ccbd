//! Server-side apply: merge by ownership, conflicts, and removal of what its owner no longer sets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::{self, Path, Step};
use super::interleave;
use super::ownership::{self, Operation, Owner, Writer};
use crate::json::Json;
use crate::kinds::Kind;
use crate::schema::{ListKind, Shape};
use crate::status::{Cause, Status};

/// Merges a configuration into the live object on behalf of a manager.
///
/// A field set to another value than its other owner's is a conflict unless forced. Fields the manager owned and sets no more are removed
/// if nobody else owns them.
pub(crate) fn apply(
    kind: &Kind,
    live: &Value,
    config: &Value,
    writer: Writer<'_>,
    force: bool,
) -> Result<Value, Status> {
    let shape = Shape::of(kind);
    let wanted = fields::leaves(shape, config);
    let current = fields::leaves(shape, live);
    let mut owners = ownership::read(live);

    let mut conflicts: BTreeMap<usize, Vec<Path>> = BTreeMap::new();
    for (index, owner) in owners.iter().enumerate() {
        if owner.is(writer.manager, Operation::Apply, writer.subresource) {
            continue;
        }
        let clashing = wanted.iter().filter(|(path, value)| {
            value.is_some() && owner.fields.contains(*path) && current.get(*path) != Some(value)
        });
        let clashing: Vec<Path> = clashing.map(|(path, _)| path.clone()).collect();
        if !clashing.is_empty() {
            conflicts.insert(index, clashing);
        }
    }
    if !conflicts.is_empty() && !force {
        return Err(conflict(&owners, &conflicts));
    }
    for (index, paths) in &conflicts {
        owners[*index].fields.retain(|path| !paths.contains(path));
    }

    let wanted: BTreeSet<Path> = wanted.into_keys().collect();
    let mut merged = merge(shape, live, config);
    let position = owners
        .iter()
        .position(|owner| owner.is(writer.manager, Operation::Apply, writer.subresource));
    if let Some(position) = position {
        let dropped: Vec<Path> = owners[position]
            .fields
            .difference(&wanted)
            .cloned()
            .collect();
        let others: Vec<&Path> = owners
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != position)
            .flat_map(|(_, owner)| &owner.fields)
            .collect();
        // Shortest first: an item goes as a whole, before the fields that name it.
        for path in &dropped {
            let kept = others.iter().any(|other| other.starts_with(path))
                || wanted.iter().any(|other| other.starts_with(path));
            if !kept && !names_item(path) {
                remove(shape, &mut merged, path, 0);
            }
        }
    }
    let mine = Owner {
        manager: writer.manager.to_owned(),
        operation: Operation::Apply,
        api_version: kind.api_version(),
        subresource: writer.subresource.to_owned(),
        time: writer.now.to_owned(),
        fields: wanted,
    };
    match position {
        Some(position) if owners[position].fields == mine.fields => {}
        Some(position) => owners[position] = mine,
        None => owners.push(mine),
    }
    ownership::write(&mut merged, &owners);
    Ok(merged)
}

fn conflict(owners: &[Owner], conflicts: &BTreeMap<usize, Vec<Path>>) -> Status {
    let total: usize = conflicts.values().map(Vec::len).sum();
    let (mut causes, mut parts) = (Vec::new(), Vec::new());
    for (index, paths) in conflicts {
        let owner = &owners[*index];
        let with = if owner.subresource.is_empty() {
            format!("\"{}\" using {}", owner.manager, owner.api_version)
        } else {
            format!(
                "\"{}\" with subresource \"{}\" using {}",
                owner.manager, owner.subresource, owner.api_version
            )
        };
        let shown: Vec<_> = paths.iter().map(|path| fields::show(path)).collect();
        parts.push(match shown.as_slice() {
            [one] => format!("conflict with {with}: {one}"),
            many => format!("conflicts with {with}:\n- {}", many.join("\n- ")),
        });
        causes.extend(shown.into_iter().map(|field| Cause {
            reason: "FieldManagerConflict",
            message: format!("conflict with {with}"),
            field,
        }));
    }
    let noun = if total == 1 { "conflict" } else { "conflicts" };
    let mut status = Status::new(
        409,
        "Conflict",
        format!("Apply failed with {total} {noun}: {}", parts.join("\n")),
    );
    status.causes = causes;
    status
}

/// The live document with the configuration's fields set in it.
fn merge(shape: Shape<'_>, live: &Value, config: &Value) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !shape.is_atomic_map() => {
            let mut result = live.clone();
            for (key, value) in config {
                let below = shape.field(key).unwrap_or(Shape::Unknown);
                let merged = match live.get(key) {
                    Some(current) => merge(below, current, value),
                    None => value.clone(),
                };
                result.insert(key.clone(), merged);
            }
            Value::Object(result)
        }
        (Value::Array(live), Value::Array(config)) if shape.list() != ListKind::Atomic => {
            let list = shape.list();
            let step = |item: &Value| fields::item_step(&list, item);
            let ordered = config.iter().map(|item| {
                match live.iter().find(|present| step(present) == step(item)) {
                    Some(present) => merge(shape.item(), present, item),
                    None => item.clone(),
                }
            });
            Value::Array(interleave(ordered.collect(), live.clone(), step))
        }
        (_, config) => config.clone(),
    }
}

/// Whether a path leads to a key of a list item; an item that stays keeps its keys.
fn names_item(path: &[Step]) -> bool {
    let [.., Step::Item(keys), Step::Field(name)] = path else {
        return false;
    };
    serde_json::from_str::<Value>(keys).is_ok_and(|keys| keys.get(name).is_some())
}

/// Removes what a path leads to, and maps that become empty by it unless the configuration sets them.
fn remove(shape: Shape<'_>, value: &mut Value, path: &[Step], depth: usize) {
    let Some((step, rest)) = path.split_first() else {
        return;
    };
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => {
            if rest.is_empty() {
                map.shift_remove(name);
                return;
            }
            let Some(below) = map.get_mut(name) else {
                return;
            };
            remove(
                shape.field(name).unwrap_or(Shape::Unknown),
                below,
                rest,
                depth + 1,
            );
            let emptied = below.as_object().is_some_and(serde_json::Map::is_empty)
                || below.as_array().is_some_and(Vec::is_empty);
            if emptied && depth > 0 {
                map.shift_remove(name);
            }
        }
        (step, Value::Array(items)) => {
            let list = shape.list();
            if rest.is_empty() {
                items.retain(|item| fields::item_step(&list, item) != *step);
            } else if let Some(item) = items
                .iter_mut()
                .find(|item| fields::item_step(&list, item) == *step)
            {
                remove(shape.item(), item, rest, depth + 1);
            }
        }
        _ => {}
    }
}

/// The start of an object that apply creates.
pub(crate) fn blank(config: &Value) -> Value {
    let mut object = serde_json::json!({});
    for field in ["apiVersion", "kind"] {
        if let Some(value) = config.get(field) {
            object[field] = value.clone();
        }
    }
    for field in ["name", "namespace", "generateName"] {
        if let Some(value) = config.at(&["metadata", field]) {
            object.put(&["metadata", field], value.clone());
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;
    use serde_json::json;

    fn by(manager: &str) -> Writer<'_> {
        Writer {
            manager,
            subresource: "",
            now: "2026-01-01T00:00:00Z",
        }
    }

    fn run(live: &Value, config: Value, manager: &str, force: bool) -> Result<Value, Status> {
        let registry = Registry::default();
        let kind = registry.find_kind("apps/v1", "Deployment").unwrap();
        apply(kind, live, &config, by(manager), force)
    }

    fn containers(list: Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": list}}}})
    }

    #[test]
    fn what_the_owner_drops_is_removed_and_what_others_set_stays() {
        let first = run(&json!({}), containers(json!([{"name": "a", "image": "a:1", "args": ["x"]}, {"name": "b", "image": "b:1"}])), "one", false).unwrap();
        let second = run(
            &first,
            containers(json!([{"name": "c", "image": "c:1"}])),
            "two",
            false,
        )
        .unwrap();
        let third = run(
            &second,
            containers(json!([{"name": "a", "image": "a:1"}])),
            "one",
            false,
        )
        .unwrap();
        assert_eq!(
            third["spec"]["template"]["spec"]["containers"],
            json!([{"name": "a", "image": "a:1"}, {"name": "c", "image": "c:1"}])
        );
    }

    #[test]
    fn another_value_is_a_conflict_unless_forced_and_the_same_value_is_shared() {
        let live = run(
            &json!({}),
            json!({"spec": {"replicas": 1, "paused": true}}),
            "one",
            false,
        )
        .unwrap();
        let refusal = run(&live, json!({"spec": {"replicas": 2}}), "two", false).unwrap_err();
        assert_eq!(
            refusal.message,
            "Apply failed with 1 conflict: conflict with \"one\" using apps/v1: .spec.replicas"
        );
        assert_eq!(
            refusal.to_value()["details"]["causes"][0]["field"],
            ".spec.replicas"
        );
        let forced = run(&live, json!({"spec": {"replicas": 2}}), "two", true).unwrap();
        assert_eq!(forced["spec"]["replicas"], 2);
        let dropped = run(&forced, json!({"spec": {"paused": true}}), "one", false).unwrap();
        assert_eq!(
            dropped["spec"]["replicas"], 2,
            "the first owner has lost it, so it stays"
        );
        let shared = run(&live, json!({"spec": {"replicas": 1}}), "two", false).unwrap();
        let left = run(&shared, json!({"spec": {"paused": true}}), "one", false).unwrap();
        assert_eq!(
            left["spec"]["replicas"], 1,
            "the second owner still sets it"
        );
    }

    #[test]
    fn an_update_takes_over_what_it_changes() {
        let registry = Registry::default();
        let kind = registry.find_kind("apps/v1", "Deployment").unwrap();
        let live = run(&json!({}), json!({"spec": {"replicas": 1}}), "one", false).unwrap();
        let mut scaled = live.clone();
        scaled["spec"]["replicas"] = json!(5);
        ownership::track_update(kind, Some(&live), &mut scaled, by("scaler"));
        let refusal = run(&scaled, json!({"spec": {"replicas": 1}}), "one", false).unwrap_err();
        assert!(
            refusal.message.contains("conflict with \"scaler\""),
            "{refusal}"
        );
    }

    #[test]
    fn maps_that_become_empty_go() {
        let live = run(
            &json!({}),
            json!({"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 1}}),
            "one",
            false,
        )
        .unwrap();
        let dropped = run(&live, json!({"spec": {"replicas": 1}}), "one", false).unwrap();
        assert_eq!(dropped.at(&["metadata", "labels"]), None);
    }
}
