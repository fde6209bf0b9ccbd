//! Deletion: preconditions, grace, finalizers, and what happens to dependents.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Place, present};
use crate::clock::stamp;
use crate::cluster::Cluster;
use crate::json::Json;
use crate::kinds::Kind;
use crate::status::Status;
use crate::store::{ObjectKey, State};

/// What becomes of objects that name the deleted one as their owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Propagation {
    /// They go after their owner.
    #[default]
    Background,
    /// Their owner waits for them.
    Foreground,
    /// They stay, without an owner.
    Orphan,
}

/// How a deletion is to be done.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub dry_run: bool,
    pub grace: Option<i64>,
    pub propagation: Propagation,
    pub uid: Option<String>,
    pub version: Option<String>,
}

const FOREGROUND: &str = "foregroundDeletion";

/// Deletes an object. The answer is the object while it lingers, or a `Status` of success once it is gone.
pub(crate) fn delete(
    cluster: &Cluster,
    state: &mut State,
    kind: &Kind,
    place: Place<'_>,
    options: &DeleteOptions,
) -> Result<Arc<Value>, Status> {
    let object = state
        .get(&kind.resource, place.namespace, place.name)
        .cloned()
        .ok_or_else(|| Status::not_found(kind, place.name))?;
    check_preconditions(kind, &object, options)?;
    super::admission::deletion(kind, &object)?;
    if options.dry_run {
        return Ok(present(kind, &object));
    }
    if options.propagation == Propagation::Orphan {
        orphan(state, object.uid());
    }
    let mut next = Value::clone(&object);
    if options.propagation == Propagation::Foreground && has_blockers(state, object.uid()) {
        let finalizers = next
            .map_mut(&["metadata"])
            .entry("finalizers")
            .or_insert_with(|| json!([]));
        if let Some(list) = finalizers
            .as_array_mut()
            .filter(|list| !list.contains(&json!(FOREGROUND)))
        {
            list.push(json!(FOREGROUND));
        }
    }
    let grace = grace(kind, &object, options);
    let held =
        grace > 0 || !next.items(&["metadata", "finalizers"]).is_empty() || kind.is("namespaces");
    if !held {
        remove(cluster, state, kind, &object);
        let details = json!({"name": object.name(), "group": kind.group, "kind": kind.plural, "uid": object.uid()});
        return Ok(Arc::new(
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}),
        ));
    }
    if !object.is_deleting() {
        let due = cluster.clock.now() + chrono::TimeDelta::seconds(grace);
        next.put(&["metadata", "deletionTimestamp"], stamp(due));
        next.put(&["metadata", "deletionGracePeriodSeconds"], grace);
        if kind.has_generation {
            next.put(&["metadata", "generation"], object.generation() + 1);
        }
        if kind.is("namespaces") {
            next.put(&["status", "phase"], "Terminating");
        }
    }
    let stored = if next == *object {
        object
    } else {
        state.put(kind, next)
    };
    if options.propagation == Propagation::Foreground {
        for key in state.dependents(stored.uid()) {
            delete_dependent(cluster, state, &key, Propagation::Foreground);
        }
    }
    Ok(present(kind, &stored))
}

fn check_preconditions(kind: &Kind, object: &Value, options: &DeleteOptions) -> Result<(), Status> {
    let pairs = [
        ("UID", &options.uid, object.uid()),
        (
            "ResourceVersion",
            &options.version,
            object.text(&["metadata", "resourceVersion"]),
        ),
    ];
    for (what, wanted, got) in pairs {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != got) {
            let why = format!(
                "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {got}"
            );
            return Err(Status::conflict(kind, object.name(), &why));
        }
    }
    Ok(())
}

/// Only a pod that is on a node and runs has something to finish.
fn grace(kind: &Kind, pod: &Value, options: &DeleteOptions) -> i64 {
    let idle = pod.text(&["spec", "nodeName"]).is_empty()
        || matches!(pod.text(&["status", "phase"]), "Succeeded" | "Failed");
    if !kind.is("pods") || idle {
        return 0;
    }
    options
        .grace
        .or(pod.int(&["spec", "terminationGracePeriodSeconds"]))
        .unwrap_or(30)
        .max(0)
}

fn owner_of(object: &Value, uid: &str) -> bool {
    object
        .items(&["metadata", "ownerReferences"])
        .iter()
        .any(|owner| owner.text(&["uid"]) == uid)
}

fn has_blockers(state: &State, uid: &str) -> bool {
    let blocks = |object: &Arc<Value>| {
        let owners = object.items(&["metadata", "ownerReferences"]);
        owners
            .iter()
            .any(|owner| owner.text(&["uid"]) == uid && owner.flag(&["blockOwnerDeletion"]))
    };
    state
        .dependents(uid)
        .iter()
        .any(|key| state.find(key).is_some_and(blocks))
}

/// Takes an owner off its dependents.
fn orphan(state: &mut State, uid: &str) {
    for key in state.dependents(uid) {
        let (Some(kind), Some(object)) = (
            state.kinds.by_resource(&key.resource).cloned(),
            state.find(&key).cloned(),
        ) else {
            continue;
        };
        let mut free = Value::clone(&object);
        drop_owners(&mut free, |owner| owner.text(&["uid"]) == uid);
        state.put(&kind, free);
    }
}

fn drop_owners(object: &mut Value, gone: impl Fn(&Value) -> bool) {
    let left: Vec<Value> = object
        .items(&["metadata", "ownerReferences"])
        .iter()
        .filter(|owner| !gone(owner))
        .cloned()
        .collect();
    if left.is_empty() {
        object.cut(&["metadata", "ownerReferences"]);
    } else {
        object.put(&["metadata", "ownerReferences"], left);
    }
}

fn delete_dependent(
    cluster: &Cluster,
    state: &mut State,
    key: &ObjectKey,
    propagation: Propagation,
) {
    let Some(kind) = state.kinds.by_resource(&key.resource).cloned() else {
        return;
    };
    let place = Place {
        namespace: &key.namespace,
        name: &key.name,
    };
    let options = DeleteOptions {
        propagation,
        ..DeleteOptions::default()
    };
    // The list of dependents was read under the same lock, so the only refusal is one already gone through another owner.
    if let Err(status) = delete(cluster, state, &kind, place, &options) {
        tracing::debug!(sandbox.object = %key.name, error = %status, "dependent was gone already");
    }
}

/// Takes an object out of the store; its dependents follow, and an owner that waited for it goes too.
pub(crate) fn remove(cluster: &Cluster, state: &mut State, kind: &Kind, object: &Value) {
    let Some(last) = state.remove(&kind.resource, object.namespace(), object.name()) else {
        return;
    };
    if kind.is("pods") {
        cluster.logs.forget(last.uid());
    }
    if kind.is("customresourcedefinitions.apiextensions.k8s.io") {
        remove_instances(cluster, state, &last);
    }
    for key in state.dependents(last.uid()) {
        collect_if_orphaned(cluster, state, &key);
    }
    for owner in last.items(&["metadata", "ownerReferences"]) {
        release_owner(cluster, state, last.namespace(), owner);
    }
}

fn remove_instances(cluster: &Cluster, state: &mut State, definition: &Value) {
    let mut registry = crate::kinds::Registry::default();
    registry.define(definition);
    let Some(kind) = registry.by_resource(definition.name()).cloned() else {
        return;
    };
    let objects: Vec<_> = state.list(&kind.resource, None).cloned().collect();
    for object in objects {
        remove(cluster, state, &kind, &object);
    }
}

/// Whether some object carries a uid, looked up by an owner reference.
fn exists(state: &State, namespace: &str, owner: &Value) -> bool {
    find_owner(state, namespace, owner).is_some()
}

fn find_owner(state: &State, namespace: &str, owner: &Value) -> Option<(Arc<Kind>, Arc<Value>)> {
    let kind = state
        .kinds
        .find_kind(owner.text(&["apiVersion"]), owner.kind())?
        .clone();
    let namespace = if kind.namespaced { namespace } else { "" };
    let object = state
        .get(&kind.resource, namespace, owner.text(&["name"]))
        .filter(|object| object.uid() == owner.text(&["uid"]))?
        .clone();
    Some((kind, object))
}

/// Deletes an object all of whose owners are gone; takes off those that are gone otherwise.
pub(crate) fn collect_if_orphaned(cluster: &Cluster, state: &mut State, key: &ObjectKey) {
    let (Some(kind), Some(object)) = (
        state.kinds.by_resource(&key.resource).cloned(),
        state.find(key).cloned(),
    ) else {
        return;
    };
    let owners = object.items(&["metadata", "ownerReferences"]);
    let gone = owners
        .iter()
        .filter(|owner| !exists(state, &key.namespace, owner))
        .count();
    if gone == 0 {
        return;
    }
    if gone == owners.len() {
        delete_dependent(cluster, state, key, Propagation::Background);
        return;
    }
    let mut next = Value::clone(&object);
    let missing: Vec<String> = owners
        .iter()
        .filter(|owner| !exists(state, &key.namespace, owner))
        .map(|owner| owner.text(&["uid"]).to_owned())
        .collect();
    drop_owners(&mut next, |owner| {
        missing.iter().any(|uid| uid == owner.text(&["uid"]))
    });
    state.put(&kind, next);
}

/// An owner deleted in the foreground goes once nothing blocks it.
fn release_owner(cluster: &Cluster, state: &mut State, namespace: &str, reference: &Value) {
    let Some((kind, owner)) = find_owner(state, namespace, reference) else {
        return;
    };
    let waits = owner.is_deleting()
        && owner
            .items(&["metadata", "finalizers"])
            .contains(&json!(FOREGROUND));
    if !waits || has_blockers(state, owner.uid()) {
        return;
    }
    let mut free = Value::clone(&owner);
    let left: Vec<Value> = owner
        .items(&["metadata", "finalizers"])
        .iter()
        .filter(|finalizer| **finalizer != json!(FOREGROUND))
        .cloned()
        .collect();
    let last = left.is_empty();
    free.put(&["metadata", "finalizers"], left);
    let owner = state.put(&kind, free);
    debug_assert!(
        !owner_of(&owner, owner.uid()),
        "an object does not own itself"
    );
    if last {
        remove(cluster, state, &kind, &owner);
    }
}
