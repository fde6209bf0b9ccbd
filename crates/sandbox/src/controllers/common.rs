//! What controllers of workloads share: ownership, conditions, readiness, writing.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Desk;
use crate::api::{self, DeleteOptions, Part, Place, WriteOptions};
use crate::clock::parse_stamp;
use crate::json::Json;
use crate::kinds::Kind;
use crate::selector::LabelSelector;
use crate::status::Status;
use crate::store::State;

/// The name of this program in events.
pub(super) const COMPONENT: &str = "sandbox-controller-manager";

/// How long a controller waits after a refused write.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// The owner that controls an object.
pub(super) fn controller_of(object: &Value) -> Option<&Value> {
    object
        .items(&["metadata", "ownerReferences"])
        .iter()
        .find(|owner| owner.flag(&["controller"]))
}

pub(super) fn is_controlled_by(object: &Value, owner: &Value) -> bool {
    controller_of(object).is_some_and(|reference| reference.text(&["uid"]) == owner.uid())
}

/// A reference to a controlling owner.
pub(super) fn owner_reference(owner: &Value) -> Value {
    json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner.name(), "uid": owner.uid(), "controller": true, "blockOwnerDeletion": true})
}

/// Objects of a resource that an owner controls. Orphans its selector matches are adopted, and those it no longer matches released.
pub(super) fn claim(desk: &mut Desk<'_>, resource: &str, owner: &Value) -> Vec<Arc<Value>> {
    let Some(kind) = desk.state.kinds.by_resource(resource).cloned() else {
        return Vec::new();
    };
    let Some(selector) = LabelSelector::from_value(owner.at(&["spec", "selector"])) else {
        return Vec::new();
    };
    let mut claimed = Vec::new();
    for object in controlled(desk.state, resource, owner) {
        if selector.matches(&object) || object.is_deleting() {
            claimed.push(object);
        } else {
            release(desk, &kind, &object, owner);
        }
    }
    if owner.is_deleting() {
        return claimed;
    }
    let orphans = desk.state.orphans(&kind.resource, owner.namespace());
    for object in orphans
        .into_iter()
        .filter(|object| selector.matches(object) && !object.is_deleting())
    {
        let mut adopted = Value::clone(&object);
        adopted.put(
            &["metadata", "ownerReferences"],
            json!([owner_reference(owner)]),
        );
        claimed.push(desk.state.put(&kind, adopted));
    }
    claimed
}

/// Objects of a resource that an owner controls, by name.
pub(super) fn controlled(state: &State, resource: &str, owner: &Value) -> Vec<Arc<Value>> {
    let keys = state.dependents(owner.uid());
    let objects = keys
        .iter()
        .filter(|key| &*key.resource == resource)
        .filter_map(|key| state.find(key));
    objects
        .filter(|object| is_controlled_by(object, owner))
        .cloned()
        .collect()
}

fn release(desk: &mut Desk<'_>, kind: &Kind, object: &Value, owner: &Value) {
    let left: Vec<Value> = object
        .items(&["metadata", "ownerReferences"])
        .iter()
        .filter(|reference| reference.text(&["uid"]) != owner.uid())
        .cloned()
        .collect();
    let mut free = object.clone();
    if left.is_empty() {
        free.cut(&["metadata", "ownerReferences"]);
    } else {
        free.put(&["metadata", "ownerReferences"], left);
    }
    desk.state.put(kind, free);
}

/// Neither finished nor going away.
pub(super) fn is_active(pod: &Value) -> bool {
    !pod.is_deleting() && !is_finished(pod)
}

pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(pod.text(&["status", "phase"]), "Succeeded" | "Failed")
}

pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object
        .items(&["status", "conditions"])
        .iter()
        .find(|condition| condition.text(&["type"]) == kind)
}

pub(super) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.text(&["status"]) == "True")
}

/// Since when a pod is ready.
fn ready_since(pod: &Value) -> Option<DateTime<Utc>> {
    condition(pod, "Ready")
        .and_then(|condition| parse_stamp(condition.text(&["lastTransitionTime"])))
}

/// Ready for at least this many seconds.
pub(super) fn is_available(pod: &Value, seconds: i64, now: DateTime<Utc>) -> bool {
    is_ready(pod)
        && !pod.is_deleting()
        && (seconds == 0
            || ready_since(pod).is_some_and(|since| (now - since).num_seconds() >= seconds))
}

/// When the next ready pod becomes available.
pub(super) fn available_in<'a>(
    pods: impl Iterator<Item = &'a Arc<Value>>,
    seconds: i64,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let waiting = pods.filter(|pod| is_ready(pod) && !is_available(pod, seconds, now));
    let left = waiting
        .filter_map(|pod| Some(seconds - (now - ready_since(pod)?).num_seconds()))
        .min()?;
    Some(Duration::from_secs(u64::try_from(left.max(1)).unwrap_or(1)))
}

/// Sets a condition in a status; the transition time moves only when the status word changes.
pub(super) fn set_condition(
    status: &mut Value,
    kind: &str,
    word: &str,
    reason: &str,
    message: &str,
    now: &str,
) -> bool {
    let conditions = status
        .map_mut(&[])
        .entry("conditions")
        .or_insert_with(|| json!([]));
    let Some(list) = conditions.as_array_mut() else {
        return false;
    };
    let mut fresh = json!({"type": kind, "status": word, "lastTransitionTime": now});
    for (field, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            fresh[field] = json!(text);
        }
    }
    let Some(present) = list
        .iter_mut()
        .find(|condition| condition.text(&["type"]) == kind)
    else {
        list.push(fresh);
        return true;
    };
    if present.text(&["status"]) == word {
        fresh["lastTransitionTime"] = present["lastTransitionTime"].clone();
    }
    for field in ["lastUpdateTime", "lastProbeTime"] {
        if let Some(value) = present.get(field) {
            fresh[field] = value.clone();
        }
    }
    let changed = *present != fresh;
    *present = fresh;
    changed
}

pub(super) fn drop_condition(status: &mut Value, kind: &str) {
    if let Some(list) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        list.retain(|condition| condition.text(&["type"]) != kind);
    }
}

/// Writes a status if it changed.
pub(super) fn write_status(
    desk: &mut Desk<'_>,
    resource: &str,
    object: &Value,
    status: Value,
) -> bool {
    if object.get("status") == Some(&status) {
        return false;
    }
    let Some(kind) = desk.state.kinds.by_resource(resource).cloned() else {
        return false;
    };
    let mut next = object.clone();
    next.put(&["status"], status);
    desk.state.put(&kind, next);
    true
}

/// A counter of a status; zero is left out, as Go's encoder leaves it out.
pub(super) fn count(status: &mut Value, field: &str, number: usize) {
    if number == 0 {
        status.cut(&[field]);
    } else {
        status.put(&[field], number);
    }
}

/// Changes an object's spec or metadata as a client would, with generation and checks.
pub(super) fn edit(
    desk: &mut Desk<'_>,
    resource: &str,
    object: &Value,
    change: impl FnOnce(&mut Value),
) -> Option<Arc<Value>> {
    let kind = desk.state.kinds.by_resource(resource).cloned()?;
    let place = Place {
        namespace: object.namespace(),
        name: object.name(),
    };
    let written = api::update(
        desk.cluster,
        desk.state,
        &kind,
        place,
        Part::Main,
        WriteOptions::default(),
        |live| {
            let mut next = live.clone();
            change(&mut next);
            Ok(next)
        },
    );
    match written {
        Ok(written) => Some(written.object),
        Err(status) => {
            tracing::debug!(sandbox.object = object.name(), error = %status, "a controller's write was refused");
            None
        }
    }
}

/// Creates an object on behalf of an owner.
pub(super) fn create(
    desk: &mut Desk<'_>,
    resource: &str,
    namespace: &str,
    object: Value,
) -> Result<Arc<Value>, Status> {
    let kind = desk
        .state
        .kinds
        .by_resource(resource)
        .cloned()
        .ok_or_else(Status::no_such_path)?;
    api::create(
        desk.cluster,
        desk.state,
        &kind,
        namespace,
        object,
        WriteOptions::default(),
    )
    .map(|written| written.object)
}

pub(super) fn delete(desk: &mut Desk<'_>, resource: &str, object: &Value) {
    let Some(kind) = desk.state.kinds.by_resource(resource).cloned() else {
        return;
    };
    let place = Place {
        namespace: object.namespace(),
        name: object.name(),
    };
    if let Err(status) = api::delete(
        desk.cluster,
        desk.state,
        &kind,
        place,
        &DeleteOptions::default(),
    ) {
        tracing::debug!(sandbox.object = object.name(), error = %status, "it was gone already");
    }
}

pub(super) fn event(desk: &mut Desk<'_>, about: &Value, kind: &str, reason: &str, message: &str) {
    let cluster = desk.cluster.clone();
    cluster.event(desk.state, about, kind, reason, message, COMPONENT);
}

/// A pod as a template describes it, controlled by an owner.
pub(super) fn pod_from(template: &Value, owner: &Value) -> Value {
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": template["spec"]});
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.at(&["metadata", field]) {
            pod.put(&["metadata", field], value.clone());
        }
    }
    pod.put(
        &["metadata", "ownerReferences"],
        json!([owner_reference(owner)]),
    );
    pod
}

/// Creates a pod and tells of it in an event; a refusal is told too.
pub(super) fn create_pod(
    desk: &mut Desk<'_>,
    owner: &Value,
    pod: Value,
) -> Result<Arc<Value>, Status> {
    match create(desk, "pods", owner.namespace(), pod) {
        Ok(pod) => {
            event(
                desk,
                owner,
                "Normal",
                "SuccessfulCreate",
                &format!("Created pod: {}", pod.name()),
            );
            Ok(pod)
        }
        Err(status) => {
            event(
                desk,
                owner,
                "Warning",
                "FailedCreate",
                &format!("Error creating: {}", status.message),
            );
            Err(status)
        }
    }
}

pub(super) fn delete_pod(desk: &mut Desk<'_>, owner: &Value, pod: &Value) {
    delete(desk, "pods", pod);
    event(
        desk,
        owner,
        "Normal",
        "SuccessfulDelete",
        &format!("Deleted pod: {}", pod.name()),
    );
}

/// A number or a percentage of a total.
pub(super) fn scaled(value: Option<&Value>, total: i64, round_up: bool) -> i64 {
    match value {
        Some(Value::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let product = percent * total;
            if round_up {
                product.div_euclid(100) + i64::from(product % 100 != 0)
            } else {
                product.div_euclid(100)
            }
        }
        Some(value) => value.as_i64().unwrap_or(0),
        None => 0,
    }
}

/// The shortest of several waits.
pub(super) fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_deployments_round_them() {
        assert_eq!(scaled(Some(&json!("25%")), 10, true), 3);
        assert_eq!(scaled(Some(&json!("25%")), 10, false), 2);
        assert_eq!(scaled(Some(&json!(4)), 10, false), 4);
        assert_eq!(scaled(None, 10, true), 0);
    }

    #[test]
    fn a_condition_keeps_its_transition_time_until_its_word_changes() {
        let mut status = json!({});
        assert!(set_condition(&mut status, "Ready", "False", "a", "", "t1"));
        assert!(set_condition(&mut status, "Ready", "False", "b", "", "t2"));
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "t1");
        assert!(!set_condition(&mut status, "Ready", "False", "b", "", "t3"));
        set_condition(&mut status, "Ready", "True", "b", "", "t4");
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "t4");
    }
}
