//! Names, labels, annotations and owners.

use serde_json::{Value, json};

use super::{LABEL_NOTE, SUBDOMAIN_NOTE, is_label, is_subdomain};
use crate::json::Json;
use crate::kinds::Kind;
use crate::status::Cause;

/// Total bytes of annotations; `kubectl apply` of large objects runs into it.
const ANNOTATION_LIMIT: usize = 256 * 1024;

pub(super) fn metadata(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    name(kind, object.name(), &mut causes);
    labels(object, "metadata", &mut causes);
    annotations(object, "metadata", &mut causes);
    for (index, owner) in object
        .items(&["metadata", "ownerReferences"])
        .iter()
        .enumerate()
    {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.text(&[field]).is_empty() {
                causes.push(Cause::required(
                    format!("metadata.ownerReferences[{index}].{field}"),
                    "",
                ));
            }
        }
    }
    causes
}

fn name(kind: &Kind, name: &str, causes: &mut Vec<Cause>) {
    if name.is_empty() {
        causes.push(Cause::required(
            "metadata.name",
            "name or generateName is required",
        ));
        return;
    }
    let (legal, note) = match &*kind.resource {
        "namespaces" | "services" => (is_label(name), LABEL_NOTE),
        resource if resource.ends_with("rbac.authorization.k8s.io") => (
            !name.contains(['/', '%']) && name != "." && name != "..",
            "may not contain '/' or '%'",
        ),
        _ => (is_subdomain(name), SUBDOMAIN_NOTE),
    };
    let legal =
        legal && !(kind.is("services") && name.starts_with(|letter: char| letter.is_ascii_digit()));
    if !legal {
        causes.push(Cause::invalid("metadata.name", &json!(name), note));
    }
}

/// `prefix/name` as keys of labels and annotations are.
fn is_qualified_name(key: &str) -> bool {
    let (prefix, name) = key
        .rsplit_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}

fn is_label_value(text: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_none_or(|letter| letter.is_ascii_alphanumeric());
    let inner = text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    text.len() <= 63 && inner && edge(text.chars().next()) && edge(text.chars().last())
}

pub(super) fn labels(object: &Value, path: &str, causes: &mut Vec<Cause>) {
    for (key, value) in object.map(&["metadata", "labels"]).into_iter().flatten() {
        let field = format!("{path}.labels");
        if !is_qualified_name(key) {
            causes.push(Cause::invalid(&field, &json!(key), "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
        }
        if !value.as_str().is_some_and(is_label_value) {
            let note = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character, of at most 63 characters";
            causes.push(Cause::invalid(&field, value, note));
        }
    }
}

fn annotations(object: &Value, path: &str, causes: &mut Vec<Cause>) {
    let mut size = 0;
    for (key, value) in object
        .map(&["metadata", "annotations"])
        .into_iter()
        .flatten()
    {
        size += key.len() + value.as_str().map_or(0, str::len);
        if !is_qualified_name(&key.to_lowercase()) {
            let note = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
            causes.push(Cause::invalid(
                format!("{path}.annotations"),
                &json!(key),
                note,
            ));
        }
    }
    if size > ANNOTATION_LIMIT {
        causes.push(Cause::too_long(
            format!("{path}.annotations"),
            ANNOTATION_LIMIT,
        ));
    }
}
