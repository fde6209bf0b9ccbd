//! What is wrong with manifests, all of it, before anything is sent.

use serde_json::Value;

use super::names;
use super::read::Document;
use crate::error::CloudError;
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::kind::Kind;
use crate::kubernetes::order;
use crate::kubernetes::resources::Resource;
use crate::kubernetes::strategy::has_generated_name;

/// A manifest that can be sent: what it is and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// Where it was written, for messages.
    pub(crate) place: String,
    /// The manifest; its namespace is written when its kind has namespaces.
    pub(crate) manifest: Value,
    /// Its kind.
    pub(crate) kind: Kind,
    /// Its resource.
    pub(crate) resource: Resource,
    /// Whether the kind is made by a definition in the same request.
    pub(crate) defined_here: bool,
    /// Its namespace; empty for kinds of the whole cluster.
    pub(crate) namespace: String,
    /// Its name before a version; empty when the API server chooses it.
    pub(crate) name: String,
}

/// Judges every document. The error tells all that is wrong, each with its document and field.
pub(crate) async fn judge(
    account: &Kubernetes,
    documents: Vec<Document>,
    namespace_override: Option<&str>,
) -> Result<Vec<Judged>, CloudError> {
    let defined: Vec<Resource> = documents
        .iter()
        .flat_map(|document| Resource::defined_by(&document.manifest))
        .collect();
    let (mut judged, mut errors) = (Vec::new(), Vec::new());
    for document in documents {
        match judge_one(account, document, namespace_override, &defined).await {
            Ok(manifest) => judged.push(manifest),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(judged),
        1 => Err(errors.swap_remove(0)),
        _ => {
            let messages: Vec<String> = errors.iter().map(|error| error.message.clone()).collect();
            let mut first = errors.swap_remove(0);
            first.message = messages.join("; ");
            Err(first.with_detail("errors", messages))
        }
    }
}

async fn judge_one(
    account: &Kubernetes,
    document: Document,
    namespace_override: Option<&str>,
    defined: &[Resource],
) -> Result<Judged, CloudError> {
    let Document {
        place,
        mut manifest,
    } = document;
    let head = head(&place.to_string(), &manifest);
    let wrong = |field: &str, what: String| CloudError::invalid(format!("{head}: {field}: {what}"));
    let text = |key: &str| {
        manifest
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };

    let (kind_text, api_version) = (text("kind").to_owned(), text("apiVersion").to_owned());
    if kind_text.is_empty() {
        return Err(wrong(
            "kind",
            "it is missing; a manifest says what it is".to_owned(),
        ));
    }
    if api_version.is_empty() {
        return Err(wrong(
            "apiVersion",
            "it is missing; write it as apps/v1".to_owned(),
        ));
    }
    let kind = Kind::of(&kind_text, &api_version);
    if !order::treatment(&kind).deployable {
        return Err(wrong(
            "kind",
            format!("{kind} cannot be deployed; the cluster makes it"),
        ));
    }
    let metadata = match manifest.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(wrong("metadata", "it is not an object".to_owned())),
        None => return Err(wrong("metadata.name", "it is missing".to_owned())),
    };
    for key in ["labels", "annotations"] {
        strings(metadata.get(key)).map_err(|what| wrong(&format!("metadata.{key}"), what))?;
    }
    let member = |key: &str| match metadata.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(other) => Err(wrong(
            &format!("metadata.{key}"),
            format!("it must be a text, not {other}; quote it"),
        )),
    };
    let (name, generate_name) = (
        member("name")?.to_owned(),
        member("generateName")?.to_owned(),
    );
    let mut namespace = member("namespace")?.to_owned();
    if name.is_empty() && generate_name.is_empty() {
        return Err(wrong("metadata.name", "it is missing".to_owned()));
    }
    let judged_name = if name.is_empty() {
        // What the server appends is a letter or digit.
        format!("{generate_name}x")
    } else {
        name.clone()
    };
    if let Some(problem) = names::problem(&kind, &judged_name) {
        return Err(wrong("metadata.name", problem));
    }

    let here = defined
        .iter()
        .find(|resource| resource.api.kind == kind_text && resource.api.api_version == api_version);
    let (resource, defined_here) = match here {
        Some(resource) => (resource.clone(), true),
        None => {
            let found = account.resource(&kind, Some(&api_version)).await;
            (
                found.map_err(|error| error.prefixed(&format!("{head}: kind: ")))?,
                false,
            )
        }
    };
    if resource.namespaced {
        if let Some(other) = namespace_override {
            namespace = other.to_owned();
        }
        namespace = account.namespace_or_default(&namespace).to_owned();
        if let Some(problem) = names::namespace_problem(&namespace) {
            return Err(wrong("metadata.namespace", problem));
        }
    } else {
        namespace.clear();
    }
    account
        .permit(&kind, resource.namespaced, &namespace)
        .map_err(|error| error.prefixed(&format!("{head}: ")))?;
    if resource.namespaced {
        manifest["metadata"]["namespace"] = Value::from(namespace.clone());
    }
    let name = if has_generated_name(&manifest) {
        String::new()
    } else {
        name
    };
    Ok(Judged {
        place: head,
        manifest,
        kind,
        resource,
        defined_here,
        namespace,
        name,
    })
}

/// `document 2 (deployment web)`.
fn head(place: &str, manifest: &Value) -> String {
    let text = |value: Option<&Value>| {
        let text = value
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        text.map(|text| text.chars().take(80).collect::<String>())
    };
    let kind = text(manifest.get("kind"));
    let name = text(
        manifest
            .get("metadata")
            .and_then(|metadata| metadata.get("name")),
    );
    match (kind, name) {
        (Some(kind), Some(name)) => {
            let api_version = manifest.get("apiVersion").and_then(Value::as_str);
            format!(
                "{place} ({} {name})",
                Kind::of(&kind, api_version.unwrap_or_default())
            )
        }
        (Some(kind), None) => format!("{place} ({kind})"),
        (None, Some(name)) => format!("{place} ({name:?})"),
        (None, None) => place.to_owned(),
    }
}

/// Labels and annotations are texts; YAML makes numbers and booleans of those that are not quoted.
fn strings(map: Option<&Value>) -> Result<(), String> {
    let map = match map {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err("it is not an object".to_owned()),
    };
    match map
        .iter()
        .find(|(_, value)| !value.is_string() && !value.is_null())
    {
        Some((key, value)) => Err(format!("{key:?} must be a text, not {value}; quote it")),
        None => Ok(()),
    }
}
