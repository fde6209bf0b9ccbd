//! Creation of objects.

use serde_json::{Value, json};

use super::{WriteOptions, Written, admission, decode, present, to_stored};
use crate::cluster::Cluster;
use crate::defaults;
use crate::ids;
use crate::json::Json;
use crate::kinds::Kind;
use crate::patch::ownership::{self, Writer};
use crate::status::Status;
use crate::store::State;
use crate::validation;

/// Where a request points: a namespace (empty for cluster-scoped kinds) and, except for collections, a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
}

/// Creates an object in a namespace.
pub(crate) fn create(
    cluster: &Cluster,
    state: &mut State,
    kind: &Kind,
    namespace: &str,
    mut object: Value,
    options: WriteOptions<'_>,
) -> Result<Written, Status> {
    let mut warnings = Vec::new();
    match_kind(kind, &mut object)?;
    match_namespace(kind, namespace, &mut object)?;
    if !object.text(&["metadata", "resourceVersion"]).is_empty() {
        return Err(Status::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    decode(kind, &mut object, &options, &mut warnings)?;
    let stored = state
        .kinds
        .by_resource(&kind.resource)
        .cloned()
        .ok_or_else(Status::no_such_path)?;
    to_stored(kind, &stored, &mut object);
    defaults::generate_name(&mut object);
    admission::namespace(state, kind, namespace, object.name())?;

    let now = cluster.clock.stamp();
    for field in [
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ] {
        object.cut(&["metadata", field]);
    }
    object.put(&["metadata", "uid"], ids::uid());
    object.put(&["metadata", "creationTimestamp"], now.clone());
    if kind.has_status {
        object.cut(&["status"]);
    }
    if kind.has_generation {
        object.put(&["metadata", "generation"], 1);
    }
    defaults::fill(&stored, &mut object);
    admission::deny(&object)?;
    admission::limit_ranges(state, &stored, &mut object)?;
    // Problems of the writer's document come before anything is handed out for it.
    let causes = validation::object(&stored, &object);
    if !causes.is_empty() {
        return Err(Status::invalid(kind, object.name(), causes));
    }
    if state
        .get(&kind.resource, object.namespace(), object.name())
        .is_some()
    {
        return Err(Status::already_exists(kind, object.name()));
    }
    admission::quotas(state, &stored, None, &object)?;
    defaults::initialise(&stored, &mut object, state, &now);
    track(&stored, &mut object, options, &now);
    if options.dry_run {
        return Ok(Written {
            object: present(kind, &object.into()),
            created: true,
            warnings,
        });
    }
    let object = state.put(&stored, object);
    if stored.is("namespaces") {
        furnish(cluster, state, object.name());
    }
    Ok(Written {
        object: present(kind, &object),
        created: true,
        warnings,
    })
}

fn track(kind: &Kind, object: &mut Value, options: WriteOptions<'_>, now: &str) {
    // Apply has written the entries already.
    let Some(manager) = options
        .manager
        .filter(|_| object.at(&["metadata", "managedFields"]).is_none())
    else {
        return;
    };
    let status = if kind.has_status {
        object.cut(&["status"])
    } else {
        None
    };
    ownership::track_update(
        kind,
        None,
        object,
        Writer {
            manager,
            subresource: "",
            now,
        },
    );
    if let Some(status) = status {
        object.put(&["status"], status);
    }
}

/// The document must be of the kind the path names.
pub(super) fn match_kind(kind: &Kind, object: &mut Value) -> Result<(), Status> {
    if !object.is_object() {
        return Err(Status::bad_request(
            "the body of the request is not an object",
        ));
    }
    object.default_to(&["apiVersion"], kind.api_version());
    object.default_to(&["kind"], kind.kind.clone());
    let (version, name) = (object.text(&["apiVersion"]), object.kind());
    if version != kind.api_version() {
        let expected = kind.api_version();
        return Err(Status::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if name != kind.kind {
        return Err(Status::bad_request(format!(
            "the kind in the data ({name}) does not match the expected kind ({})",
            kind.kind
        )));
    }
    Ok(())
}

pub(super) fn match_namespace(
    kind: &Kind,
    namespace: &str,
    object: &mut Value,
) -> Result<(), Status> {
    if !kind.namespaced {
        object.cut(&["metadata", "namespace"]);
        return Ok(());
    }
    match object.namespace() {
        "" => object.put(&["metadata", "namespace"], namespace),
        same if same == namespace => {}
        other => {
            let message = format!(
                "the namespace of the provided object does not match the namespace sent on the request: \"{other}\" is not \"{namespace}\""
            );
            return Err(Status::bad_request(message));
        }
    }
    Ok(())
}

/// Every namespace has a service account and the cluster's certificate bundle.
fn furnish(cluster: &Cluster, state: &mut State, namespace: &str) {
    let account = json!({"metadata": {"name": "default"}});
    let bundle = json!({"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}});
    for (resource, object) in [("serviceaccounts", account), ("configmaps", bundle)] {
        if let Some(kind) = state.kinds.by_resource(resource).cloned() {
            let made = create(
                cluster,
                state,
                &kind,
                namespace,
                object,
                WriteOptions::default(),
            );
            // Both may be left over in a namespace that was restored from a snapshot.
            if let Err(status) = made.map(drop) {
                tracing::debug!(sandbox.namespace = namespace, error = %status, "namespace content was there already");
            }
        }
    }
}
