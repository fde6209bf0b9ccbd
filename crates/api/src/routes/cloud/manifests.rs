//! Manifests as they are now: read from the API server when they are asked for.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use spindrift_cloud_driver::CloudError;
use spindrift_cloud_driver::kubernetes::{
    Criteria, Kind, ManifestCluster, ObjectId, find_artifacts, redacted, status,
};
use spindrift_cloud_driver::model::Moniker;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::models;
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(of_cluster))
        .routes(routes!(chosen))
}

/// Where an object is.
#[derive(Serialize)]
struct Coordinates {
    kind: Kind,
    namespace: String,
    name: String,
}

/// One object as it is now, such as `deployment web`: with its status, its events and the artifacts it refers to. `_` stands for no namespace.
#[utoipa::path(get, path = "/manifests/{account}/{location}/{name}", tag = "manifests",
    params(("account" = String, Path), ("location" = String, Path), ("name" = String, Path), ("includeEvents" = Option<bool>, Query)),
    responses((status = 200, body = Object)))]
async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, location, name)): Segments<(String, String, String)>,
    query: Query,
) -> Result<Json<Value>, HttpProblem> {
    let include_events = query.flag("includeEvents", true)?;
    let provider = models::provider(&state, &identity, &account)?;
    let kubernetes = models::kubernetes(provider.as_ref())?;
    let id = ObjectId::parse(&name, models::namespace(&location))?;
    let object = kubernetes.get(&id).await?.ok_or_else(|| {
        HttpProblem::not_found(format!(
            "Manifest not found (account: {account}, location: {location}, name: {name})"
        ))
    })?;
    let events = match include_events {
        true => kubernetes
            .events_about(&object)
            .await
            .or_else(without_rights)?,
        false => Vec::new(),
    };
    Ok(Json(json!({
        "account": account,
        "name": id.to_string(),
        "location": location,
        "moniker": moniker(&id, &object),
        "status": status(&object),
        "artifacts": find_artifacts(&object),
        "events": events,
        "warnings": [],
        "metrics": [],
        "manifest": redacted(without_noise(object)),
    })))
}

/// The objects of a cluster as they are now: where they are.
#[utoipa::path(get, path = "/manifests/{account}/{location}/{kind}/cluster/{application}/{cluster}", tag = "manifests",
    params(("account" = String, Path), ("location" = String, Path), ("kind" = String, Path), ("application" = String, Path), ("cluster" = String, Path)),
    responses((status = 200, body = Vec<Object>)))]
async fn of_cluster(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, location, kind, application, cluster)): Segments<(
        String,
        String,
        String,
        String,
        String,
    )>,
) -> Result<Json<Vec<Coordinates>>, HttpProblem> {
    let provider = models::provider(&state, &identity, &account)?;
    let kubernetes = models::kubernetes(provider.as_ref())?;
    let wanted = wanted(&location, &kind, application, cluster)?;
    let members = kubernetes.cluster_members(&wanted).await?;
    let ids = members.iter().filter_map(ObjectId::of);
    Ok(Json(ids.map(coordinates).collect()))
}

/// The object of a cluster that criteria choose now: `newest`, `second_newest`, `oldest`, `largest` or `smallest`.
#[utoipa::path(get, path = "/manifests/{account}/{location}/{kind}/cluster/{application}/{cluster}/dynamic/{criteria}", tag = "manifests",
    params(("account" = String, Path), ("location" = String, Path), ("kind" = String, Path), ("application" = String, Path), ("cluster" = String, Path), ("criteria" = String, Path)),
    responses((status = 200, body = Object)))]
async fn chosen(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, location, kind, application, cluster, criteria)): Segments<(
        String,
        String,
        String,
        String,
        String,
        String,
    )>,
) -> Result<Json<Coordinates>, HttpProblem> {
    let provider = models::provider(&state, &identity, &account)?;
    let kubernetes = models::kubernetes(provider.as_ref())?;
    let wanted = wanted(&location, &kind, application, cluster)?;
    let criteria = Criteria::parse(&criteria).ok_or_else(|| {
        HttpProblem::bad_request(format!(
            "there are no criteria {criteria:?}; there are newest, second_newest, oldest, largest and smallest"
        ))
    })?;
    let id = kubernetes.resolve_target(&wanted, criteria).await?;
    Ok(Json(coordinates(id)))
}

/// Events that may not be read are no reason to hide the object.
fn without_rights(error: CloudError) -> Result<Vec<Value>, CloudError> {
    match error.is_retryable() {
        true => Err(error),
        false => Ok(Vec::new()),
    }
}

/// Managed fields tell people nothing.
fn without_noise(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

fn moniker(id: &ObjectId, object: &Value) -> Moniker {
    let annotations = &object["metadata"]["annotations"];
    Moniker::of_object(id.kind.name(), &id.name, |key| annotations[key].as_str())
}

fn wanted(
    location: &str,
    kind: &str,
    application: String,
    cluster: String,
) -> Result<ManifestCluster, HttpProblem> {
    let kind = Kind::parse(kind).map_err(|error| HttpProblem::bad_request(error.to_string()))?;
    Ok(ManifestCluster {
        kind,
        namespace: models::namespace(location).to_owned(),
        application,
        name: cluster,
    })
}

fn coordinates(id: ObjectId) -> Coordinates {
    Coordinates {
        kind: id.kind,
        namespace: id.namespace,
        name: id.name,
    }
}
