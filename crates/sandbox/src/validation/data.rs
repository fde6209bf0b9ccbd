//! ConfigMaps, Secrets, volume claims and role bindings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::unchanged;
use crate::json::Json;
use crate::status::Cause;

/// Total bytes of a ConfigMap's or Secret's data.
const DATA_LIMIT: usize = 1024 * 1024;

fn keys(object: &Value, field: &str, causes: &mut Vec<Cause>) -> usize {
    let mut size = 0;
    for (key, value) in object.map(&[field]).into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        let legal = !key.is_empty()
            && key.len() <= 253
            && key
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if !legal {
            let note = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used \
                for validation is '[-._a-zA-Z0-9]+')";
            causes.push(Cause::invalid(format!("{field}[{key}]"), &json!(key), note));
        }
    }
    size
}

pub(super) fn config_map(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let size = keys(object, "data", &mut causes) + keys(object, "binaryData", &mut causes);
    for key in object
        .map(&["data"])
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
    {
        if object.at(&["binaryData", key]).is_some() {
            causes.push(Cause::invalid(
                format!("data[{key}]"),
                &json!(key),
                "duplicate of key present in binaryData",
            ));
        }
    }
    if size > DATA_LIMIT {
        causes.push(Cause::too_long("", DATA_LIMIT));
    }
    causes
}

pub(super) fn secret(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if keys(object, "data", &mut causes) > DATA_LIMIT * 4 / 3 {
        causes.push(Cause::too_long("data", DATA_LIMIT));
    }
    for (key, value) in object.map(&["data"]).into_iter().flatten() {
        if value
            .as_str()
            .is_none_or(|text| STANDARD.decode(text).is_err())
        {
            causes.push(Cause::invalid(
                format!("data[{key}]"),
                &json!("<redacted>"),
                "illegal base64 data",
            ));
        }
    }
    let required: &[&str] = match object.text(&["type"]) {
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in required {
        if object.at(&["data", key]).is_none() {
            causes.push(Cause::required(format!("data[{key}]"), ""));
        }
    }
    causes
}

/// Objects marked immutable keep their data, and the mark.
pub(super) fn immutable_change(old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = if old.kind() == "Secret" {
        unchanged(old, new, &[&["type"]])
    } else {
        Vec::new()
    };
    if !old.flag(&["immutable"]) {
        return causes;
    }
    if !new.flag(&["immutable"]) {
        causes.push(Cause::forbidden(
            "immutable",
            "field is immutable when `immutable` is set",
        ));
    }
    for field in ["data", "binaryData"] {
        if old.get(field) != new.get(field) {
            causes.push(Cause::forbidden(
                field,
                "field is immutable when `immutable` is set",
            ));
        }
    }
    causes
}

pub(super) fn claim(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if object.items(&["spec", "accessModes"]).is_empty() {
        causes.push(Cause::required(
            "spec.accessModes",
            "at least 1 access mode is required",
        ));
    }
    if object
        .at(&["spec", "resources", "requests", "storage"])
        .is_none()
    {
        causes.push(Cause::required("spec.resources[storage]", ""));
    }
    causes
}

pub(super) fn claim_change(old: &Value, new: &Value) -> Vec<Cause> {
    let frozen = |object: &Value| {
        let mut spec = object["spec"].clone();
        spec.cut(&["resources"]);
        spec.cut(&["volumeName"]);
        spec
    };
    if frozen(old) == frozen(new) {
        return Vec::new();
    }
    vec![Cause::forbidden(
        "spec",
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
    )]
}

pub(super) fn binding(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in ["kind", "name"] {
        if object.text(&["roleRef", field]).is_empty() {
            causes.push(Cause::required(format!("roleRef.{field}"), ""));
        }
    }
    causes
}

pub(super) fn binding_change(old: &Value, new: &Value) -> Vec<Cause> {
    if old.get("roleRef") == new.get("roleRef") {
        return Vec::new();
    }
    vec![Cause::invalid(
        "roleRef",
        &new["roleRef"],
        "cannot change roleRef",
    )]
}
