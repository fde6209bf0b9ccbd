//! Creates, updates, patches and deletes.

use std::sync::atomic::Ordering;

use axum::body::Body;
use serde_json::{Value, json};

use super::path::Info;
use super::read::Filter;
use super::{Call, Reply, body, is_status_failure, manager};
use crate::api::{self, DeleteOptions, Part, Place, Propagation, Written};
use crate::json::Json;
use crate::kinds::Kind;
use crate::patch::ownership::Writer;
use crate::patch::{self, PatchKind};
use crate::schema::Shape;
use crate::status::Status;

fn part(info: &Info) -> Part {
    if info.subresource == "status" {
        Part::Status
    } else {
        Part::Main
    }
}

fn place(info: &Info) -> Place<'_> {
    Place {
        namespace: &info.namespace,
        name: &info.name,
    }
}

fn reply(written: Written) -> Reply {
    Reply::Document {
        code: if written.created { 201 } else { 200 },
        value: written.object,
        warnings: written.warnings,
    }
}

pub(super) async fn create(
    call: &Call<'_>,
    kind: &Kind,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    if !info.name.is_empty() {
        return Err(Status::method_not_allowed());
    }
    let object = body::document(call.headers, body).await?;
    let options = call.params.write_options(Some(manager(call)));
    call.cluster
        .store
        .write(|state| api::create(call.cluster, state, kind, &info.namespace, object, options))
        .map(reply)
}

pub(super) async fn update(
    call: &Call<'_>,
    kind: &Kind,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    let object = body::document(call.headers, body).await?;
    let options = call.params.write_options(Some(manager(call)));
    if object.text(&["metadata", "resourceVersion"]).is_empty() && kind.is_custom() {
        let cause = crate::status::Cause::invalid(
            "metadata.resourceVersion",
            &json!(0),
            "must be specified for an update",
        );
        return Err(Status::invalid(kind, &info.name, vec![cause]));
    }
    call.cluster
        .store
        .write(|state| {
            api::update(
                call.cluster,
                state,
                kind,
                place(info),
                part(info),
                options,
                |_| Ok(object),
            )
        })
        .map(reply)
}

pub(super) async fn patch(
    call: &Call<'_>,
    kind: &Kind,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    let content_type = body::content_type(call.headers);
    let accepted: &[&str] = if kind.is_custom() {
        &[
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/apply-patch+yaml",
        ]
    } else {
        &[
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml",
        ]
    };
    let patch = PatchKind::from_content_type(content_type)
        .filter(|patch| !(*patch == PatchKind::Strategic && kind.is_custom()));
    let Some(patch) = patch else {
        return Err(Status::unsupported_media_type(content_type, accepted));
    };
    let bytes = body::bytes(body).await?;
    if patch == PatchKind::Apply {
        return apply(call, kind, info, &bytes);
    }
    let document = body::json(&bytes)?;
    let options = call.params.write_options(Some(manager(call)));
    let edit = |object: &Value| match patch {
        PatchKind::Json => patch::json(object, &document),
        PatchKind::Merge => patch::merge(object, &document),
        PatchKind::Strategic | PatchKind::Apply => {
            patch::strategic(Shape::of(kind), object, &document)
        }
    };
    call.cluster
        .store
        .write(|state| {
            api::update(
                call.cluster,
                state,
                kind,
                place(info),
                part(info),
                options,
                edit,
            )
        })
        .map(reply)
}

fn apply(call: &Call<'_>, kind: &Kind, info: &Info, bytes: &[u8]) -> Result<Reply, Status> {
    let manager = call.params.text("fieldManager");
    if manager.is_empty() {
        let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        return Err(Status::new(422, "Invalid", message));
    }
    let mut config = body::yaml(bytes)?;
    check_configuration(kind, info, &config)?;
    config.cut(&["metadata", "managedFields"]);
    let wanted_version = config.cut(&["metadata", "resourceVersion"]);
    if part(info) == Part::Main && kind.has_status {
        config.cut(&["status"]);
    }
    let now = call.cluster.clock.stamp();
    let writer = Writer {
        manager,
        subresource: &info.subresource,
        now: &now,
    };
    let force = call.params.flag("force");
    let options = call.params.write_options(None);
    call.cluster
        .store
        .write(|state| {
            if state
                .get(&kind.resource, &info.namespace, &info.name)
                .is_none()
            {
                let mut start = patch::apply::blank(&config);
                start.put(&["metadata", "name"], info.name.clone());
                let object = patch::apply::apply(kind, &start, &config, writer, force)?;
                return api::create(call.cluster, state, kind, &info.namespace, object, options);
            }
            api::update(
                call.cluster,
                state,
                kind,
                place(info),
                part(info),
                options,
                |live| {
                    let mut object = patch::apply::apply(kind, live, &config, writer, force)?;
                    if let Some(version) = &wanted_version {
                        object.put(&["metadata", "resourceVersion"], version.clone());
                    }
                    Ok(object)
                },
            )
        })
        .map(reply)
}

fn check_configuration(kind: &Kind, info: &Info, config: &Value) -> Result<(), Status> {
    if config.text(&["apiVersion"]).is_empty() || config.kind().is_empty() {
        return Err(Status::bad_request(
            "error decoding apply patch: apiVersion and kind must be set",
        ));
    }
    if config
        .at(&["metadata", "managedFields"])
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let name = config.name();
    if !name.is_empty() && name != info.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            info.name
        )));
    }
    let _ = kind;
    Ok(())
}

/// Deletion options come in the body, in the query, or both.
fn delete_options(call: &Call<'_>, document: &Value) -> Result<DeleteOptions, Status> {
    let text = |name: &str| {
        Some(document.text(&[name]))
            .filter(|text| !text.is_empty())
            .or(call.params.get(name))
            .unwrap_or("")
    };
    let orphan = document
        .get("orphanDependents")
        .and_then(Value::as_bool)
        .or(call
            .params
            .get("orphanDependents")
            .map(|text| text == "true"));
    let dry_run = call.params.dry_run() || document.items(&["dryRun"]).contains(&json!("All"));
    call.dry_run.store(dry_run, Ordering::Relaxed);
    let propagation = match (text("propagationPolicy"), orphan) {
        ("", Some(true)) | ("Orphan", _) => Propagation::Orphan,
        ("" | "Background", _) => Propagation::Background,
        ("Foreground", _) => Propagation::Foreground,
        (other, _) => {
            let message = format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"{other}\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            );
            return Err(Status::new(422, "Invalid", message));
        }
    };
    let precondition = |name: &str| {
        Some(document.text(&["preconditions", name]))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    Ok(DeleteOptions {
        dry_run,
        grace: document
            .int(&["gracePeriodSeconds"])
            .or(call.params.int("gracePeriodSeconds")),
        propagation,
        uid: precondition("uid"),
        version: precondition("resourceVersion"),
    })
}

pub(super) async fn delete(
    call: &Call<'_>,
    kind: &Kind,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    let document = body::optional(call.headers, body).await?;
    let options = delete_options(call, &document)?;
    let value = call
        .cluster
        .store
        .write(|state| api::delete(call.cluster, state, kind, place(info), &options))?;
    Ok(Reply::ok(value))
}

pub(super) async fn delete_collection(
    call: &Call<'_>,
    kind: &Kind,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    let document = body::optional(call.headers, body).await?;
    let options = delete_options(call, &document)?;
    let filter = Filter::of(call, kind, info)?;
    let value = call.cluster.store.write(|state| {
        let objects = filter.select(state, kind);
        for object in &objects {
            let place = Place { namespace: object.namespace(), name: object.name() };
            match api::delete(call.cluster, state, kind, place, &options) {
                Ok(_) => {}
                // One may have gone with its owner, deleted a moment ago.
                Err(status) if status.code == 404 => {}
                Err(status) => return Err(status),
            }
        }
        let items: Vec<Value> = objects.iter().map(|object| Value::clone(&api::present(kind, object))).collect();
        Ok(json!({"kind": kind.list_kind, "apiVersion": kind.api_version(), "metadata": {"resourceVersion": state.revision().to_string()}, "items": items}))
    })?;
    debug_assert!(!is_status_failure(&value), "a list is no refusal");
    Ok(Reply::ok(value))
}
