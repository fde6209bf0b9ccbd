//! The annotations that tell Spinnaker and this program what an object is, and how they are read.

use serde_json::{Map, Value};

use crate::model::Moniker;

/// The artifact that an object is: its type.
pub const ARTIFACT_TYPE: &str = "artifact.spinnaker.io/type";
/// Its name before a version.
pub const ARTIFACT_NAME: &str = "artifact.spinnaker.io/name";
/// Its namespace.
pub const ARTIFACT_LOCATION: &str = "artifact.spinnaker.io/location";
/// Its version, such as `v003`; empty when it has none.
pub const ARTIFACT_VERSION: &str = "artifact.spinnaker.io/version";
/// The application.
pub const APPLICATION: &str = "moniker.spinnaker.io/application";
/// The cluster, such as `replicaSet web`.
pub const CLUSTER: &str = "moniker.spinnaker.io/cluster";
/// The stack.
pub const STACK: &str = "moniker.spinnaker.io/stack";
/// The detail.
pub const DETAIL: &str = "moniker.spinnaker.io/detail";
/// The number of the version; also a label.
pub const SEQUENCE: &str = "moniker.spinnaker.io/sequence";
/// The Services in front of it, a JSON list such as `["service web"]`.
pub const LOAD_BALANCERS: &str = "traffic.spinnaker.io/load-balancers";
/// The manifest as it was applied last (written by every client that applies with three sides).
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Which deploy made this version: a repetition of it finds it by this.
pub const DEPLOY_KEY: &str = "deploy.spindrift.io/key";
/// A digest of what was sent, without metadata: a version with equal content is used again.
pub const CONTENT: &str = "deploy.spindrift.io/content";

/// An annotation as written.
pub fn raw<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(key)?
        .as_str()
}

/// An annotation of Spinnaker, which is JSON or plain text: quoted texts lose their quotes.
pub fn text(object: &Value, key: &str) -> Option<String> {
    let raw = raw(object, key)?;
    match serde_json::from_str::<Value>(raw) {
        Ok(Value::String(text)) => Some(text),
        Ok(Value::Null) => None,
        Ok(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | Err(_) => {
            Some(raw.to_owned())
        }
    }
}

/// The moniker written on an object; what is not written is absent.
pub fn moniker(object: &Value) -> Moniker {
    Moniker {
        app: text(object, APPLICATION),
        cluster: text(object, CLUSTER),
        stack: text(object, STACK),
        detail: text(object, DETAIL),
        sequence: text(object, SEQUENCE).and_then(|text| text.trim().parse().ok()),
    }
}

/// The Services written on an object, such as `service web`; nothing that can be read is none.
pub fn load_balancers(object: &Value) -> Vec<String> {
    raw(object, LOAD_BALANCERS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Sets an annotation or label in a map of them, unless it is there and may not be replaced.
fn set(map: &mut Map<String, Value>, key: &str, value: &str, replace: bool) {
    if replace || !map.contains_key(key) {
        map.insert(key.to_owned(), Value::from(value));
    }
}

/// The map of that name in `metadata` of an object or template; it is made when it is missing.
fn entries<'a>(holder: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    let metadata = holder
        .as_object_mut()?
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()?;
    let entries = metadata
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()));
    if entries.is_null() {
        *entries = Value::Object(Map::new());
    }
    entries.as_object_mut()
}

/// The pod template that annotations and labels are also written to: `spec.template`, when it has `metadata`.
fn template(object: &mut Value) -> Option<&mut Value> {
    let template = object.get_mut("spec")?.get_mut("template")?;
    template
        .get("metadata")
        .is_some_and(Value::is_object)
        .then_some(template)
}

/// Sets an annotation of the object alone.
pub(crate) fn annotate(object: &mut Value, key: &str, value: &str) {
    if let Some(annotations) = entries(object, "annotations") {
        set(annotations, key, value, true);
    }
}

/// Removes an annotation of the object.
pub(crate) fn remove(object: &mut Value, key: &str) {
    let annotations = object
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"))
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.shift_remove(key);
    }
}

/// Writes annotations on the object and its pod template; those that are there stay.
pub(crate) fn annotate_with_template(object: &mut Value, annotations: &[(&str, String)]) {
    for_both(object, "annotations", |map| {
        for (key, value) in annotations {
            set(map, key, value, false);
        }
    });
}

/// Writes a label on the object and, unless `only_object`, on its pod template.
pub(crate) fn label(object: &mut Value, key: &str, value: &str, replace: bool, only_object: bool) {
    if let Some(labels) = entries(object, "labels") {
        set(labels, key, value, replace);
    }
    if only_object {
        return;
    }
    if let Some(labels) = template(object).and_then(|template| entries(template, "labels")) {
        set(labels, key, value, replace);
    }
}

/// The labels of its pods: those of its template when that has `metadata`, else its own.
pub(crate) fn traffic_labels(object: &mut Value) -> Option<&mut Map<String, Value>> {
    if template(object).is_some() {
        template(object).and_then(|template| entries(template, "labels"))
    } else {
        entries(object, "labels")
    }
}

fn for_both(object: &mut Value, name: &str, mut edit: impl FnMut(&mut Map<String, Value>)) {
    if let Some(map) = entries(object, name) {
        edit(map);
    }
    if let Some(map) = template(object).and_then(|template| entries(template, name)) {
        edit(map);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quoted_and_plain_texts_are_read_alike() {
        let object = json!({"metadata": {"annotations": {
            APPLICATION: "\"shop\"", CLUSTER: "replicaSet web", SEQUENCE: "3", STACK: "null", LOAD_BALANCERS: "[\"service web\"]",
        }}});
        let read = moniker(&object);
        assert_eq!(read.app.as_deref(), Some("shop"));
        assert_eq!(read.cluster.as_deref(), Some("replicaSet web"));
        assert_eq!((read.sequence, read.stack), (Some(3), None));
        assert_eq!(load_balancers(&object), ["service web"]);
        let broken =
            json!({"metadata": {"annotations": {LOAD_BALANCERS: "nonsense", SEQUENCE: "x"}}});
        assert_eq!(load_balancers(&broken), Vec::<String>::new());
        assert_eq!(moniker(&broken).sequence, None);
    }

    #[test]
    fn templates_are_written_to_only_when_they_have_metadata() {
        let mut with = json!({"spec": {"template": {"metadata": {}, "spec": {}}}});
        let mut without = json!({"spec": {"template": {"spec": {}}}});
        for object in [&mut with, &mut without] {
            annotate_with_template(object, &[("a", "1".to_owned())]);
            label(object, "l", "2", true, false);
        }
        assert_eq!(
            with["spec"]["template"]["metadata"],
            json!({"annotations": {"a": "1"}, "labels": {"l": "2"}})
        );
        assert_eq!(without["spec"]["template"], json!({"spec": {}}));
        assert_eq!(
            without["metadata"],
            json!({"annotations": {"a": "1"}, "labels": {"l": "2"}})
        );
    }

    #[test]
    fn what_is_there_stays_unless_it_is_ours() {
        let mut object = json!({"metadata": {"annotations": {"a": "old"}, "labels": {"l": "old"}}});
        annotate_with_template(&mut object, &[("a", "new".to_owned())]);
        label(&mut object, "l", "new", false, false);
        assert_eq!(object["metadata"]["annotations"]["a"], "old");
        assert_eq!(object["metadata"]["labels"]["l"], "old");
        label(&mut object, "l", "new", true, false);
        assert_eq!(object["metadata"]["labels"]["l"], "new");
    }
}
