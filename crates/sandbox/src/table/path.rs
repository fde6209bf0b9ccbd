//! The simple JSON paths of printer columns: `.spec.a`, `.status.conditions[?(@.type=="Ready")].status`, `.spec.list[0]`.

use serde_json::Value;

use crate::json::Json;

/// The first value a path leads to.
pub(super) fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = object;
    let mut rest = path.trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('[') {
            let (inside, after) = tail.split_once(']')?;
            value = select(value, inside)?;
            rest = after;
        } else {
            let tail = rest.strip_prefix('.').unwrap_or(rest);
            let end = field_end(tail);
            let name = tail[..end].replace("\\.", ".");
            value = value.get(&name)?;
            rest = &tail[end..];
        }
    }
    Some(value)
}

/// Where a field name ends; a dot after a backslash belongs to it.
fn field_end(text: &str) -> usize {
    let mut escaped = false;
    for (index, letter) in text.char_indices() {
        if !escaped && matches!(letter, '.' | '[') {
            return index;
        }
        escaped = letter == '\\';
    }
    text.len()
}

fn select<'a>(value: &'a Value, inside: &str) -> Option<&'a Value> {
    if let Some(name) = inside
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
    {
        return value.get(name);
    }
    let items = value.as_array()?;
    if let Some(filter) = inside
        .strip_prefix("?(@.")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        let (field, wanted) = filter.split_once("==")?;
        let wanted = wanted.trim().trim_matches(['"', '\'']);
        let path: Vec<_> = field.trim().split('.').collect();
        return items.iter().find(|item| item.text(&path) == wanted);
    }
    if inside == "*" {
        return items.first();
    }
    items.get(inside.parse::<usize>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_of_printer_columns_are_followed() {
        let object = json!({"spec": {"a": [{"b": 1}], "x.y": 2}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        for (path, expected) in [
            (".spec.a[0].b", Some(json!(1))),
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                Some(json!("True")),
            ),
            (".status.conditions[?(@.type=='Other')].status", None),
            (".spec.x\\.y", Some(json!(2))),
            (".spec.none", None),
        ] {
            assert_eq!(find(&object, path).cloned(), expected, "{path}");
        }
    }
}
