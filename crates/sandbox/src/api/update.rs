//! Changes of objects: PUT, PATCH and the status subresource.

use std::sync::Arc;

use serde_json::Value;

use super::create::{match_kind, match_namespace};
use super::{Place, WriteOptions, Written, admission, decode, delete, present, to_stored};
use crate::cluster::Cluster;
use crate::defaults;
use crate::json::Json;
use crate::kinds::Kind;
use crate::patch::ownership::{self, Writer};
use crate::status::{Cause, Status};
use crate::store::State;
use crate::validation;

/// Which part of an object a request may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Main,
    Status,
    Scale,
}

impl Part {
    fn subresource(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Status => "status",
            Self::Scale => "scale",
        }
    }
}

/// Changes an object by a function from its present to its wanted form.
pub(crate) fn update(
    cluster: &Cluster,
    state: &mut State,
    kind: &Kind,
    place: Place<'_>,
    part: Part,
    options: WriteOptions<'_>,
    edit: impl FnOnce(&Value) -> Result<Value, Status>,
) -> Result<Written, Status> {
    let old = state
        .get(&kind.resource, place.namespace, place.name)
        .cloned()
        .ok_or_else(|| Status::not_found(kind, place.name))?;
    let stored = state
        .kinds
        .by_resource(&kind.resource)
        .cloned()
        .ok_or_else(Status::no_such_path)?;
    let mut warnings = Vec::new();
    let mut new = edit(&present(kind, &old))?;
    match_kind(kind, &mut new)?;
    match_namespace(kind, place.namespace, &mut new)?;
    match_identity(kind, place.name, &old, &mut new)?;
    decode(kind, &mut new, &options, &mut warnings)?;
    to_stored(kind, &stored, &mut new);
    isolate(&stored, part, &old, &mut new);
    if part != Part::Status {
        defaults::fill(&stored, &mut new);
        carry_over(&stored, &old, &mut new, state);
    }
    if same(&old, &new) {
        return Ok(Written {
            object: present(kind, &old),
            created: false,
            warnings,
        });
    }
    if part != Part::Status {
        admission::deny(&new)?;
    }
    let mut causes = validation::change(&stored, &old, &new);
    causes.extend(validation::object(&stored, &new));
    if old.is_deleting() && grows(&old, &new) {
        causes.push(Cause::forbidden(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted",
        ));
    }
    if !causes.is_empty() {
        return Err(Status::invalid(kind, place.name, causes));
    }
    admission::quotas(state, &stored, Some(&old), &new)?;
    finish(cluster, &stored, part, options, &old, &mut new);
    if options.dry_run {
        return Ok(Written {
            object: present(kind, &new.into()),
            created: false,
            warnings,
        });
    }
    let object = store(cluster, state, &stored, new);
    Ok(Written {
        object: present(kind, &object),
        created: false,
        warnings,
    })
}

/// Name, uid and version must be those of the stored object; what the server sets is kept.
fn match_identity(kind: &Kind, name: &str, old: &Value, new: &mut Value) -> Result<(), Status> {
    match new.name() {
        "" => new.put(&["metadata", "name"], name),
        same if same == name => {}
        other => {
            return Err(Status::bad_request(format!(
                "the name of the object ({other}) does not match the name on the URL ({name})"
            )));
        }
    }
    let uid = new.uid();
    if !uid.is_empty() && uid != old.uid() {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            old.uid()
        );
        return Err(Status::conflict(kind, name, &why));
    }
    let version = new.text(&["metadata", "resourceVersion"]);
    if !version.is_empty() && version != old.text(&["metadata", "resourceVersion"]) {
        return Err(Status::modified(kind, name));
    }
    for field in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName",
        "selfLink",
    ] {
        match old.at(&["metadata", field]) {
            Some(value) => new.put(&["metadata", field], value.clone()),
            None => drop(new.cut(&["metadata", field])),
        }
    }
    Ok(())
}

/// A status write changes nothing but the status, and another write anything but the status.
fn isolate(kind: &Kind, part: Part, old: &Value, new: &mut Value) {
    if !kind.has_status {
        return;
    }
    if part == Part::Status {
        let status = new.cut(&["status"]);
        let owners = new.at(&["metadata", "managedFields"]).cloned();
        let mut kept = old.clone();
        if let Some(status) = status {
            kept.put(&["status"], status);
        }
        if let Some(owners) = owners {
            kept.put(&["metadata", "managedFields"], owners);
        }
        *new = kept;
    } else {
        match old.get("status") {
            Some(status) => new.put(&["status"], status.clone()),
            None => drop(new.cut(&["status"])),
        }
    }
}

/// What was handed out at creation stays when a writer leaves it out.
fn carry_over(kind: &Kind, old: &Value, new: &mut Value, state: &mut State) {
    let keep: &[&[&str]] = match &*kind.resource {
        "services" => &[
            &["spec", "clusterIP"],
            &["spec", "clusterIPs"],
            &["spec", "ipFamilies"],
            &["spec", "ipFamilyPolicy"],
        ],
        "persistentvolumeclaims" => &[&["spec", "volumeName"], &["spec", "storageClassName"]],
        "pods" => &[
            &["spec", "nodeName"],
            &["spec", "serviceAccountName"],
            &["spec", "serviceAccount"],
            &["spec", "priority"],
            &["spec", "preemptionPolicy"],
            &["spec", "enableServiceLinks"],
        ],
        "jobs.batch" => &[&["spec", "selector"]],
        "namespaces" => &[&["spec", "finalizers"]],
        _ => &[],
    };
    for path in keep {
        if let Some(value) = old.at(path) {
            new.default_to(path, value.clone());
        }
    }
    match &*kind.resource {
        "services" => {
            let ports = old.items(&["spec", "ports"]).to_vec();
            for port in new
                .get_mut("spec")
                .and_then(|spec| spec.get_mut("ports"))
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                let before = ports.iter().find(|before| {
                    before.get("port") == port.get("port")
                        && before.get("protocol") == port.get("protocol")
                });
                if let Some(number) = before.and_then(|before| before.get("nodePort")) {
                    port.default_to(&["nodePort"], number.clone());
                }
            }
            defaults::allocate(new, state);
        }
        "namespaces" => {
            let name = new.name().to_owned();
            new.put(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
        }
        "jobs.batch" => {
            for (key, value) in old
                .map(&["spec", "template", "metadata", "labels"])
                .cloned()
                .into_iter()
                .flatten()
            {
                if key.ends_with("controller-uid") || key.ends_with("job-name") {
                    new.default_to(&["spec", "template", "metadata", "labels", &key], value);
                }
            }
        }
        _ => {}
    }
}

/// Equal but for the times in `managedFields`.
fn same(old: &Value, new: &Value) -> bool {
    if old == new {
        return true;
    }
    let bare = |object: &Value| {
        let mut bare = object.clone();
        for entry in bare
            .get_mut("metadata")
            .and_then(|metadata| metadata.get_mut("managedFields"))
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            entry.cut(&["time"]);
        }
        bare
    };
    old.at(&["metadata", "managedFields"]) != new.at(&["metadata", "managedFields"])
        && bare(old) == bare(new)
}

fn grows(old: &Value, new: &Value) -> bool {
    let before = old.items(&["metadata", "finalizers"]);
    new.items(&["metadata", "finalizers"])
        .iter()
        .any(|finalizer| !before.contains(finalizer))
}

fn finish(
    cluster: &Cluster,
    kind: &Kind,
    part: Part,
    options: WriteOptions<'_>,
    old: &Value,
    new: &mut Value,
) {
    if kind.has_generation && part != Part::Status && desire(old) != desire(new) {
        new.put(&["metadata", "generation"], old.generation() + 1);
    }
    if let Some(manager) = options.manager {
        let now = cluster.clock.stamp();
        ownership::track_update(
            kind,
            Some(old),
            new,
            Writer {
                manager,
                subresource: part.subresource(),
                now: &now,
            },
        );
    }
}

/// What a generation counts: everything but metadata and status.
fn desire(object: &Value) -> Value {
    let mut desire = object.clone();
    desire.cut(&["metadata"]);
    desire.cut(&["status"]);
    desire.cut(&["apiVersion"]);
    desire
}

/// Stores a changed object; one that is being deleted and has no finalizer left goes instead.
fn store(cluster: &Cluster, state: &mut State, kind: &Kind, new: Value) -> Arc<Value> {
    let object = state.put(kind, new);
    let held = !object.items(&["metadata", "finalizers"]).is_empty()
        || !object.items(&["spec", "finalizers"]).is_empty() && kind.is("namespaces");
    let graceful = kind.is("pods")
        && object
            .int(&["metadata", "deletionGracePeriodSeconds"])
            .unwrap_or(0)
            > 0;
    if object.is_deleting() && !held && !graceful {
        delete::remove(cluster, state, kind, &object);
    }
    object
}
