//! The `scale` subresource.

use axum::body::Body;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::path::{Info, Verb};
use super::{Call, Reply, body, manager, read};
use crate::api::{self, Part, Place};
use crate::json::Json;
use crate::kinds::{Kind, ScalePaths};
use crate::patch::{self, PatchKind};
use crate::selector::LabelSelector;
use crate::status::{Cause, Status};

fn steps(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

/// The scale of an object.
fn of(paths: &ScalePaths, object: &Value) -> Value {
    let selector = match &paths.selector {
        Some(path) => object.text(&steps(path)).to_owned(),
        None => LabelSelector::from_value(object.at(&["spec", "selector"]))
            .map(|selector| selector.to_text())
            .unwrap_or_default(),
    };
    let mut metadata = json!({});
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if let Some(value) = object.at(&["metadata", field]) {
            metadata[field] = value.clone();
        }
    }
    let mut status = json!({"replicas": object.int(&steps(&paths.status_replicas)).unwrap_or(0)});
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    let spec = object
        .int(&steps(&paths.spec_replicas))
        .map_or_else(|| json!({}), |replicas| json!({"replicas": replicas}));
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
}

pub(super) async fn serve(
    call: &Call<'_>,
    kind: &Kind,
    verb: Verb,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    let Some(paths) = &kind.scale else {
        return Err(Status::no_such_path());
    };
    let wanted: Edit = match verb {
        Verb::Get => return Ok(Reply::ok(of(paths, &*read::find(call, kind, info)?))),
        Verb::Update => {
            let scale = body::document(call.headers, body).await?;
            Box::new(move |_| Ok(scale))
        }
        Verb::Patch => patched(call.headers, body).await?,
        _ => return Err(Status::method_not_allowed()),
    };
    let options = call.params.write_options(Some(manager(call)));
    let place = Place {
        namespace: &info.namespace,
        name: &info.name,
    };
    let written = call.cluster.store.write(|state| {
        api::update(
            call.cluster,
            state,
            kind,
            place,
            Part::Scale,
            options,
            |live| {
                let scale = wanted(&of(paths, live))?;
                let replicas = replicas(kind, &info.name, &scale)?;
                let mut object = live.clone();
                object.put(&steps(&paths.spec_replicas), replicas);
                if let version @ Some(_) = scale.at(&["metadata", "resourceVersion"]) {
                    object.put(&["metadata", "resourceVersion"], version.cloned());
                }
                Ok(object)
            },
        )
    })?;
    Ok(Reply::ok(of(paths, &written.object)))
}

type Edit = Box<dyn FnOnce(&Value) -> Result<Value, Status>>;

async fn patched(headers: &HeaderMap, body: Body) -> Result<Edit, Status> {
    let content_type = body::content_type(headers).to_owned();
    let kind = PatchKind::from_content_type(&content_type);
    let bytes = body::bytes(body).await?;
    Ok(match kind {
        Some(PatchKind::Json) => {
            let patch = body::json(&bytes)?;
            Box::new(move |scale| patch::json(scale, &patch))
        }
        // A scale has no lists, so all merges are alike.
        Some(PatchKind::Merge | PatchKind::Strategic | PatchKind::Apply) => {
            let patch = body::yaml(&bytes)?;
            Box::new(move |scale| patch::merge(scale, &patch))
        }
        None => {
            return Err(Status::unsupported_media_type(
                &content_type,
                &[
                    "application/json-patch+json",
                    "application/merge-patch+json",
                ],
            ));
        }
    })
}

fn replicas(kind: &Kind, name: &str, scale: &Value) -> Result<i64, Status> {
    let replicas = scale.int(&["spec", "replicas"]).unwrap_or(0);
    if replicas < 0 {
        let cause = Cause::invalid(
            "spec.replicas",
            &json!(replicas),
            "must be greater than or equal to 0",
        );
        return Err(Status::invalid(kind, name, vec![cause]));
    }
    Ok(replicas)
}
