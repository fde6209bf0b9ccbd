//! Custom resource definitions, and custom resources against their schema.

use serde_json::{Value, json};

use crate::json::Json;
use crate::kinds::{Kind, Schema};
use crate::status::Cause;

pub(super) fn definition(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in [
        &["spec", "group"][..],
        &["spec", "names", "plural"],
        &["spec", "names", "kind"],
        &["spec", "scope"],
    ] {
        if object.text(field).is_empty() {
            causes.push(Cause::required(field.join("."), ""));
        }
    }
    let expected = format!(
        "{}.{}",
        object.text(&["spec", "names", "plural"]),
        object.text(&["spec", "group"])
    );
    if causes.is_empty() && object.name() != expected {
        let note = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &json!(object.name()), note));
    }
    let scope = object.text(&["spec", "scope"]);
    if !matches!(scope, "" | "Namespaced" | "Cluster") {
        causes.push(Cause::unsupported(
            "spec.scope",
            &json!(scope),
            &["Cluster", "Namespaced"],
        ));
    }
    let versions = object.items(&["spec", "versions"]);
    let stored = versions
        .iter()
        .filter(|version| version.flag(&["storage"]))
        .count();
    if stored != 1 {
        causes.push(Cause::invalid(
            "spec.versions",
            &json!(versions.len()),
            "must have exactly one version marked as storage version",
        ));
    }
    for (index, version) in versions.iter().enumerate() {
        if version.at(&["schema", "openAPIV3Schema"]).is_none() {
            causes.push(Cause::required(
                format!("spec.versions[{index}].schema.openAPIV3Schema"),
                "schemas are required",
            ));
        }
    }
    causes
}

/// A custom resource against the schema of its version.
pub(super) fn object(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Schema::Custom(schema) = &kind.schema {
        check(schema, object, "", &mut causes);
    }
    causes
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema.flag(&["nullable"]) {
        return;
    }
    let (wanted, got) = (schema.text(&["type"]), type_of(value));
    let either =
        schema.flag(&["x-kubernetes-int-or-string"]) && matches!(got, "integer" | "string");
    let suits =
        wanted.is_empty() || either || wanted == got || (wanted == "number" && got == "integer");
    if !suits {
        let message =
            format!("Invalid value: \"{got}\": {path} in body must be of type {wanted}: \"{got}\"");
        causes.push(Cause {
            reason: "FieldValueTypeInvalid",
            message,
            field: path.to_owned(),
        });
        return;
    }
    let allowed = schema.items(&["enum"]);
    if !allowed.is_empty() && !allowed.contains(value) {
        let words: Vec<_> = allowed
            .iter()
            .map(|word| {
                word.as_str()
                    .map_or_else(|| word.to_string(), str::to_owned)
            })
            .collect();
        causes.push(Cause::unsupported(
            path,
            value,
            &words.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
    }
    bounds(schema, value, path, causes);
    match value {
        Value::Object(map) => {
            for name in schema.items(&["required"]).iter().filter_map(Value::as_str) {
                if !map.contains_key(name) {
                    causes.push(Cause::required(join(path, name), ""));
                }
            }
            for (key, value) in map {
                if path.is_empty() && matches!(key.as_str(), "metadata" | "apiVersion" | "kind") {
                    continue;
                }
                let below = schema.at(&["properties", key]).or_else(|| {
                    schema
                        .get("additionalProperties")
                        .filter(|extra| extra.is_object())
                });
                if let Some(below) = below {
                    check(below, value, &join(path, key), causes);
                }
            }
        }
        Value::Array(items) => {
            if let Some(below) = schema.get("items") {
                for (index, value) in items.iter().enumerate() {
                    check(below, value, &format!("{path}[{index}]"), causes);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn bounds(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let mut complain = |note: String| {
        causes.push(Cause::invalid(
            path,
            value,
            &format!("{path} in body should be {note}"),
        ))
    };
    if let Some(number) = value.as_f64() {
        if let Some(least) = limit("minimum").filter(|least| number < *least) {
            complain(format!("greater than or equal to {least}"));
        }
        if let Some(most) = limit("maximum").filter(|most| number > *most) {
            complain(format!("less than or equal to {most}"));
        }
    }
    let (size, unit, least, most) = match value {
        Value::String(text) => (text.chars().count(), "chars long", "minLength", "maxLength"),
        Value::Array(items) => (items.len(), "items", "minItems", "maxItems"),
        Value::Object(map) => (map.len(), "properties", "minProperties", "maxProperties"),
        Value::Null | Value::Bool(_) | Value::Number(_) => return,
    };
    if let Some(least) = limit(least).filter(|least| (size as f64) < *least) {
        complain(format!("at least {least} {unit}"));
    }
    if let Some(most) = limit(most).filter(|most| (size as f64) > *most) {
        complain(format!("at most {most} {unit}"));
    }
}

/// Applies defaults of the schema and removes fields it does not know; their paths go to `unknown`.
pub(crate) fn prune(schema: &Value, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let open = schema.flag(&["x-kubernetes-preserve-unknown-fields"])
                || schema.is_null()
                || schema.get("additionalProperties").is_some();
            let embedded = path.is_empty() || schema.flag(&["x-kubernetes-embedded-resource"]);
            map.retain(|key, _| {
                let known = open
                    || (embedded && matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
                    || properties.is_some_and(|list| list.contains_key(key));
                if !known {
                    unknown.push(join(path, key));
                }
                known
            });
            for (name, property) in properties.into_iter().flatten() {
                if let Some(default) = property.get("default").filter(|_| !map.contains_key(name)) {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (key, value) in map.iter_mut() {
                let below = properties.and_then(|list| list.get(key)).or_else(|| {
                    schema
                        .get("additionalProperties")
                        .filter(|extra| extra.is_object())
                });
                if let Some(below) = below.filter(|_| !(path.is_empty() && key == "metadata")) {
                    prune(below, value, &join(path, key), unknown);
                }
            }
        }
        Value::Array(items) => {
            if let Some(below) = schema.get("items") {
                for (index, value) in items.iter_mut().enumerate() {
                    prune(below, value, &format!("{path}[{index}]"), unknown);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1}, "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}})
    }

    #[test]
    fn unknown_fields_go_and_defaults_come() {
        let (mut value, mut unknown) = (
            json!({"kind": "X", "spec": {"size": 1, "free": {"x": 1}, "other": 2}, "extra": 1}),
            Vec::new(),
        );
        prune(&schema(), &mut value, "", &mut unknown);
        assert_eq!(
            value,
            json!({"kind": "X", "spec": {"size": 1, "free": {"x": 1}, "mode": "a"}})
        );
        assert_eq!(unknown, ["extra", "spec.other"]);
    }

    #[test]
    fn types_bounds_and_words_are_checked() {
        for (spec, field) in [
            (json!({"size": 0}), "spec.size"),
            (json!({"size": "1"}), "spec.size"),
            (json!({}), "spec.size"),
            (json!({"size": 1, "mode": "c"}), "spec.mode"),
        ] {
            let mut causes = Vec::new();
            check(&schema(), &json!({"spec": spec}), "", &mut causes);
            assert_eq!(
                causes
                    .iter()
                    .map(|cause| cause.field.as_str())
                    .collect::<Vec<_>>(),
                [field],
                "{spec}"
            );
        }
    }
}
