//! Strategic merge patch: a merge patch that merges lists by key and understands `$patch`, `$retainKeys`, `$setElementOrder/…` and
//! `$deleteFromPrimitiveList/…`.

use serde_json::{Map, Value};

use super::interleave;
use crate::schema::{MergeList, Shape};
use crate::status::Status;

const ORDER: &str = "$setElementOrder/";
const DELETE_VALUES: &str = "$deleteFromPrimitiveList/";

pub(super) fn merge(
    shape: Shape<'_>,
    target: &Value,
    patch: &Map<String, Value>,
) -> Result<Value, Status> {
    let mut result = target.as_object().cloned().unwrap_or_default();
    merge_map(shape, &mut result, patch)?;
    Ok(Value::Object(result))
}

fn directive(patch: &Map<String, Value>) -> Option<&str> {
    patch.get("$patch").and_then(Value::as_str)
}

fn merge_map(
    shape: Shape<'_>,
    target: &mut Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<(), Status> {
    match directive(patch) {
        Some("delete") => {
            target.clear();
            return Ok(());
        }
        Some("replace") => target.clear(),
        Some("merge") | None => {}
        Some(other) => {
            return Err(Status::bad_request(format!(
                "unknown patch type found: {other}"
            )));
        }
    }
    if let Some(keep) = patch.get("$retainKeys").and_then(Value::as_array) {
        target.retain(|key, _| keep.iter().any(|name| name.as_str() == Some(key)));
    }
    for (key, value) in patch {
        if let Some(field) = key.strip_prefix(DELETE_VALUES) {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (target.get_mut(field), value)
            {
                items.retain(|item| !gone.contains(item));
            }
        } else if !key.starts_with('$') {
            merge_field(
                shape.field(key).unwrap_or(Shape::Unknown),
                target,
                key,
                value,
            )?;
        }
    }
    for (key, value) in patch {
        if let (Some(field), Value::Array(order)) = (key.strip_prefix(ORDER), value) {
            reorder(
                shape.field(field).unwrap_or(Shape::Unknown),
                target,
                field,
                order,
            );
        }
    }
    Ok(())
}

fn merge_field(
    shape: Shape<'_>,
    target: &mut Map<String, Value>,
    key: &str,
    value: &Value,
) -> Result<(), Status> {
    match value {
        Value::Null => {
            target.shift_remove(key);
        }
        Value::Object(patch) => {
            let current = target
                .entry(key)
                .or_insert_with(|| Value::Object(Map::new()));
            if !current.is_object() {
                *current = Value::Object(Map::new());
            }
            if let Value::Object(current) = current {
                merge_map(shape, current, patch)?;
            }
            if directive(patch) == Some("delete") {
                target.shift_remove(key);
            }
        }
        Value::Array(items) => {
            let current = match target.get_mut(key) {
                Some(Value::Array(current)) => std::mem::take(current),
                _ => Vec::new(),
            };
            let merged = merge_list(shape, current, items)?;
            target.insert(key.to_owned(), Value::Array(merged));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            target.insert(key.to_owned(), value.clone());
        }
    }
    Ok(())
}

fn merge_list(
    shape: Shape<'_>,
    mut current: Vec<Value>,
    patch: &[Value],
) -> Result<Vec<Value>, Status> {
    let MergeList::Keyed(key) = shape.merge().list else {
        if shape.merge().list == MergeList::Replace {
            return Ok(patch.to_vec());
        }
        for item in patch {
            if !current.contains(item) {
                current.push(item.clone());
            }
        }
        return Ok(current);
    };
    let is_replace = |item: &Value| item.get("$patch").and_then(Value::as_str) == Some("replace");
    if patch.iter().any(is_replace) {
        current.clear();
    }
    for item in patch {
        let Value::Object(fields) = item else {
            return Err(Status::bad_request(format!(
                "expected a map with merge key {key}, got {item}"
            )));
        };
        let Some(identity) = fields.get(key) else {
            if is_replace(item) {
                continue;
            }
            return Err(Status::bad_request(format!(
                "map: {item} does not contain declared merge key: {key}"
            )));
        };
        let position = current
            .iter()
            .position(|present| present.get(key) == Some(identity));
        match (directive(fields), position) {
            (Some("delete"), Some(_)) => {
                current.retain(|present| present.get(key) != Some(identity))
            }
            (Some("delete"), None) => {}
            (_, Some(position)) => {
                if let Value::Object(present) = &mut current[position] {
                    merge_map(shape.item(), present, fields)?;
                }
            }
            (_, None) => {
                let mut fresh = Map::new();
                merge_map(shape.item(), &mut fresh, fields)?;
                current.push(Value::Object(fresh));
            }
        }
    }
    Ok(current)
}

fn reorder(shape: Shape<'_>, target: &mut Map<String, Value>, field: &str, order: &[Value]) {
    let Some(Value::Array(items)) = target.get_mut(field) else {
        return;
    };
    let identity = |item: &Value| match shape.merge().list {
        MergeList::Keyed(key) => item.get(key).cloned(),
        MergeList::Set | MergeList::Replace => Some(item.clone()),
    };
    let items = std::mem::take(items);
    let ordered = order
        .iter()
        .filter_map(|wanted| {
            items
                .iter()
                .find(|item| identity(item) == identity(wanted))
                .cloned()
        })
        .collect();
    target.insert(
        field.to_owned(),
        Value::Array(interleave(ordered, items, identity)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;
    use serde_json::json;

    fn pod(target: &Value, patch: Value) -> Value {
        let registry = Registry::default();
        let kind = registry.find_kind("v1", "Pod").unwrap();
        super::super::strategic(Shape::of(kind), target, &patch).unwrap()
    }

    fn two() -> Value {
        json!({"spec": {"containers": [{"name": "a", "image": "a:1", "args": ["x"]}, {"name": "b", "image": "b:1"}], "volumes": [{"name": "v", "emptyDir": {}}]}})
    }

    #[test]
    fn lists_with_a_key_merge_and_others_are_replaced() {
        let result = pod(
            &two(),
            json!({"spec": {"containers": [{"name": "a", "image": "a:2", "args": ["y"]}, {"name": "c", "image": "c:1"}]}}),
        );
        assert_eq!(
            result["spec"]["containers"],
            json!([{"name": "a", "image": "a:2", "args": ["y"]}, {"name": "b", "image": "b:1"}, {"name": "c", "image": "c:1"}])
        );
    }

    #[test]
    fn directives_delete_replace_retain_and_order() {
        let deleted = pod(
            &two(),
            json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}),
        );
        assert_eq!(
            deleted["spec"]["containers"],
            json!([{"name": "b", "image": "b:1"}])
        );
        let replaced = pod(
            &two(),
            json!({"spec": {"containers": [{"name": "z"}, {"$patch": "replace"}]}}),
        );
        assert_eq!(replaced["spec"]["containers"], json!([{"name": "z"}]));
        let retained = pod(
            &two(),
            json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "m"}}]}}),
        );
        assert_eq!(
            retained["spec"]["volumes"],
            json!([{"name": "v", "configMap": {"name": "m"}}])
        );
        let ordered = pod(
            &two(),
            json!({"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "c", "image": "c:1"}]}}),
        );
        let names: Vec<_> = ordered["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["c", "a", "b"]);
    }

    #[test]
    fn sets_of_values_merge_and_null_removes() {
        let target = json!({"metadata": {"finalizers": ["x", "y"], "labels": {"a": "1"}}});
        let result = pod(
            &target,
            json!({"metadata": {"finalizers": ["z"], "$deleteFromPrimitiveList/finalizers": ["x"], "labels": {"a": null}}}),
        );
        assert_eq!(
            result,
            json!({"metadata": {"finalizers": ["y", "z"], "labels": {}}})
        );
    }

    #[test]
    fn an_item_without_its_key_is_refused() {
        let registry = Registry::default();
        let kind = registry.find_kind("v1", "Pod").unwrap();
        let refusal = super::super::strategic(
            Shape::of(kind),
            &two(),
            &json!({"spec": {"containers": [{"image": "x"}]}}),
        )
        .unwrap_err();
        assert!(
            refusal
                .message
                .contains("does not contain declared merge key: name"),
            "{refusal}"
        );
    }
}
