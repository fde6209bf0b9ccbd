//! Server groups, and what manages them.

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use spindrift_cloud_driver::Query as Wanted;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{models, shapes};
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_application))
        .routes(routes!(of_applications))
        .routes(routes!(one_of_application))
        .routes(routes!(one))
        .routes(routes!(managers))
        .routes(routes!(raw))
}

/// The server groups of an application; `clusters=account:cluster,…` narrows them, `expand` shows their instances whole.
#[utoipa::path(get, path = "/applications/{application}/serverGroups", tag = "infrastructure",
    params(("application" = String, Path), ("expand" = Option<bool>, Query), ("clusters" = Option<String>, Query), ("cloudProvider" = Option<String>, Query)),
    responses((status = 200, body = Vec<Object>)))]
async fn of_application(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(application): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let expand = query.flag("expand", false)?;
    let clusters = query.list("clusters");
    let mut groups = list(&state, &identity, &[&application]).await;
    if !clusters.is_empty() {
        groups.retain(|group| {
            let place = format!("{}:{}", group.account, group.cluster);
            clusters.contains(&place.as_str())
        });
    }
    let shape = match expand {
        true => shapes::server_group,
        false => shapes::server_group_summary,
    };
    Ok(Json(groups.iter().map(shape).collect()))
}

/// The server groups of several applications (`applications=a,b`), or those of certain names (`ids=account:region:name,…`).
#[utoipa::path(get, path = "/serverGroups", tag = "infrastructure",
    params(("applications" = Option<String>, Query), ("ids" = Option<String>, Query)),
    responses((status = 200, body = Vec<Object>)))]
async fn of_applications(
    State(state): State<ApiState>,
    identity: Identity,
    query: Query,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let (applications, ids) = (query.list("applications"), query.list("ids"));
    if applications.is_empty() == ids.is_empty() {
        return Err(HttpProblem::bad_request(
            "give either applications or ids, which are account:region:name",
        ));
    }
    if ids.is_empty() {
        let groups = list(&state, &identity, &applications).await;
        return Ok(Json(
            groups.iter().map(shapes::server_group_summary).collect(),
        ));
    }
    let mut found = Vec::new();
    for id in ids {
        let mut parts = id.splitn(3, ':');
        let (Some(account), Some(region), Some(name)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(HttpProblem::bad_request(format!(
                "{id:?} is not account:region:name"
            )));
        };
        let provider = models::one(&state, &identity, account).await?;
        let groups = provider.inventory().server_groups(&wanted(region, name));
        found.extend(groups.iter().map(shapes::server_group_summary));
    }
    Ok(Json(found))
}

/// One server group of an application, such as `replicaSet web-v003`.
#[utoipa::path(get, path = "/applications/{application}/serverGroups/{account}/{region}/{name}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("region" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Object)))]
async fn one_of_application(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((_application, account, region, name)): Segments<(String, String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    find(&state, &identity, &account, &region, &name).await
}

/// One server group, such as `replicaSet web-v003`.
#[utoipa::path(get, path = "/serverGroups/{account}/{region}/{name}", tag = "infrastructure",
    params(("account" = String, Path), ("region" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Object)))]
async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, region, name)): Segments<(String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    find(&state, &identity, &account, &region, &name).await
}

/// What manages the server groups of an application, such as Deployments.
#[utoipa::path(get, path = "/applications/{application}/serverGroupManagers", tag = "infrastructure",
    params(("application" = String, Path)), responses((status = 200, body = Vec<Object>)))]
async fn managers(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(application): Segments<String>,
) -> Json<Vec<Value>> {
    let wanted = of(&application);
    let mut found = Vec::new();
    for provider in models::all(&state, &identity).await {
        let inventory = provider.inventory();
        let groups = inventory.server_groups(&wanted);
        let managers = inventory.server_group_managers(&wanted);
        let shape = |manager| shapes::server_group_manager(manager, &groups);
        found.extend(managers.iter().map(shape));
    }
    Json(found)
}

/// Every object of an application that is in memory, of whatever kind.
#[utoipa::path(get, path = "/applications/{application}/rawResources", tag = "infrastructure",
    params(("application" = String, Path)), responses((status = 200, body = Vec<Object>)))]
async fn raw(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(application): Segments<String>,
) -> Json<Vec<Value>> {
    let mut found = Vec::new();
    for provider in models::all(&state, &identity).await {
        let objects = provider.inventory().objects(&of(&application));
        found.extend(objects.iter().map(shapes::object));
    }
    Json(found)
}

/// What belongs to an application.
pub(super) fn of(application: &str) -> Wanted {
    Wanted {
        application: Some(application.to_owned()),
        ..Wanted::default()
    }
}

/// What has that place and name.
pub(super) fn wanted(region: &str, name: &str) -> Wanted {
    Wanted {
        location: Some(models::namespace(region).to_owned()),
        name: Some(name.to_owned()),
        ..Wanted::default()
    }
}

async fn list(
    state: &ApiState,
    identity: &Identity,
    applications: &[&str],
) -> Vec<spindrift_cloud_driver::model::ServerGroup> {
    let mut groups = Vec::new();
    for provider in models::all(state, identity).await {
        for application in applications {
            groups.extend(provider.inventory().server_groups(&of(application)));
        }
    }
    groups
}

async fn find(
    state: &ApiState,
    identity: &Identity,
    account: &str,
    region: &str,
    name: &str,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::one(state, identity, account).await?;
    let groups = provider.inventory().server_groups(&wanted(region, name));
    match groups.first() {
        Some(group) => Ok(Json(shapes::server_group(group))),
        None => Err(HttpProblem::not_found(format!(
            "there is no server group {name:?} in {region:?} of the account {account:?}"
        ))),
    }
}
