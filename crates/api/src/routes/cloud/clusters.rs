//! Clusters: the server groups of an application that are versions of each other.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use spindrift_cloud_driver::model::ServerGroup;
use spindrift_cloud_driver::target::{self, Target};
use spindrift_cloud_driver::{Provider, Query as Wanted};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::server_groups::of;
use super::{models, shapes};
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(names))
        .routes(routes!(of_account))
        .routes(routes!(one))
        .routes(routes!(one_of_type))
        .routes(routes!(server_groups))
        .routes(routes!(server_groups_named))
        .routes(routes!(target_group))
}

/// The names of an application's clusters, by account.
#[utoipa::path(get, path = "/applications/{application}/clusters", tag = "infrastructure",
    params(("application" = String, Path)), responses((status = 200, body = Object)))]
async fn names(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(application): Segments<String>,
) -> Json<BTreeMap<String, BTreeSet<String>>> {
    let mut found = BTreeMap::new();
    for provider in models::all(&state, &identity).await {
        let names = cluster_names(provider.as_ref(), &application);
        if !names.is_empty() {
            found.insert(provider.account().to_owned(), names);
        }
    }
    Json(found)
}

/// The clusters of an application in an account.
#[utoipa::path(get, path = "/applications/{application}/clusters/{account}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path)), responses((status = 200, body = Vec<Object>)))]
async fn of_account(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, account)): Segments<(String, String)>,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    let names = cluster_names(provider.as_ref(), &application);
    if names.is_empty() {
        return Err(HttpProblem::not_found(format!(
            "No clusters found for application {application} in account {account}"
        )));
    }
    let clusters = names.iter();
    Ok(Json(
        clusters
            .map(|name| cluster(provider.as_ref(), &application, name))
            .collect(),
    ))
}

/// One cluster with its server groups and load balancers.
#[utoipa::path(get, path = "/applications/{application}/clusters/{account}/{cluster}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("cluster" = String, Path)), responses((status = 200, body = Object)))]
async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, account, name)): Segments<(String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    known(provider.as_ref(), &application, &name)?;
    Ok(Json(cluster(provider.as_ref(), &application, &name)))
}

/// The same; the type of the cloud is not looked at, as an account has one.
#[utoipa::path(get, path = "/applications/{application}/clusters/{account}/{cluster}/{type}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("cluster" = String, Path), ("type" = String, Path)), responses((status = 200, body = Object)))]
async fn one_of_type(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, account, name, _type)): Segments<(String, String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    known(provider.as_ref(), &application, &name)?;
    Ok(Json(cluster(provider.as_ref(), &application, &name)))
}

/// The server groups of a cluster.
#[utoipa::path(get, path = "/applications/{application}/clusters/{account}/{cluster}/serverGroups", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("cluster" = String, Path)), responses((status = 200, body = Vec<Object>)))]
async fn server_groups(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, account, name)): Segments<(String, String, String)>,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    known(provider.as_ref(), &application, &name)?;
    let groups = members(provider.as_ref(), &application, &name);
    Ok(Json(groups.iter().map(shapes::server_group).collect()))
}

/// The server groups of a cluster that have a name, one for each region.
#[utoipa::path(get, path = "/applications/{application}/clusters/{account}/{cluster}/serverGroups/{name}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("cluster" = String, Path), ("name" = String, Path)), responses((status = 200, body = Vec<Object>)))]
async fn server_groups_named(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, account, cluster, name)): Segments<(String, String, String, String)>,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    let mut groups = members(provider.as_ref(), &application, &cluster);
    groups.retain(|group| group.name == name);
    if groups.is_empty() {
        return Err(HttpProblem::not_found(format!(
            "there is no server group {name:?} in the cluster {cluster:?} of {application}"
        )));
    }
    Ok(Json(groups.iter().map(shapes::server_group).collect()))
}

/// The server group of a cluster that a target means, such as `current_asg_dynamic`.
#[utoipa::path(get, path = "/applications/{application}/clusters/{account}/{cluster}/{provider}/{scope}/serverGroups/target/{target}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("cluster" = String, Path), ("provider" = String, Path), ("scope" = String, Path),
        ("target" = String, Path), ("onlyEnabled" = Option<bool>, Query), ("validateOldest" = Option<bool>, Query)),
    responses((status = 200, body = Object)))]
async fn target_group(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, account, cluster, _provider, scope, target)): Segments<(
        String,
        String,
        String,
        String,
        String,
        String,
    )>,
    query: Query,
) -> Result<Json<Value>, HttpProblem> {
    let wanted = Target::parse(&target).ok_or_else(|| {
        HttpProblem::bad_request(format!(
            "there is no target {target:?}; there are current_asg_dynamic, ancestor_asg_dynamic and oldest_asg_dynamic"
        ))
    })?;
    let only_enabled = query.flag("onlyEnabled", false)?;
    let provider = models::one(&state, &identity, &account).await?;
    let mut groups = members(provider.as_ref(), &application, &cluster);
    groups.retain(|group| {
        group.region == scope && group.managers.is_empty() && !(only_enabled && group.disabled)
    });
    groups.sort_by(target::by_age);
    match wanted.resolve(&groups) {
        Some(group) => Ok(Json(shapes::server_group(group))),
        None => Err(HttpProblem::not_found(format!(
            "there is no {} in the cluster {cluster:?} of {application} in {scope:?}",
            wanted.describe()
        ))),
    }
}

/// Clusters are those of server groups and of what manages them.
fn cluster_names(provider: &dyn Provider, application: &str) -> BTreeSet<String> {
    let inventory = provider.inventory();
    let wanted = of(application);
    let groups = inventory.server_groups(&wanted).into_iter();
    let groups = groups.map(|group| group.moniker.cluster);
    let managers = inventory.server_group_managers(&wanted).into_iter();
    let managers = managers.map(|manager| manager.moniker.cluster);
    groups.chain(managers).flatten().collect()
}

fn known(provider: &dyn Provider, application: &str, name: &str) -> Result<(), HttpProblem> {
    if cluster_names(provider, application).contains(name) {
        return Ok(());
    }
    let account = provider.account();
    Err(HttpProblem::not_found(format!(
        "Cluster not found (application: {application}, account: {account}, name: {name})"
    )))
}

fn members(provider: &dyn Provider, application: &str, cluster: &str) -> Vec<ServerGroup> {
    provider.inventory().server_groups(&Wanted {
        cluster: Some(cluster.to_owned()),
        ..of(application)
    })
}

fn cluster(provider: &dyn Provider, application: &str, name: &str) -> Value {
    let groups = members(provider, application, name);
    let behind: BTreeSet<(&str, &str)> = groups
        .iter()
        .flat_map(|group| {
            let names = group.load_balancers.iter();
            names.map(|name| (group.region.as_str(), name.as_str()))
        })
        .collect();
    let balancers = behind.into_iter().map(|(region, name)| {
        json!({"name": name, "account": provider.account(), "region": region, "type": provider.cloud()})
    });
    json!({
        "name": name,
        "type": provider.cloud(),
        "account": provider.account(),
        "accountName": provider.account(),
        "application": application,
        "moniker": {"app": application, "cluster": name},
        "serverGroups": groups.iter().map(shapes::server_group_summary).collect::<Vec<_>>(),
        "loadBalancers": balancers.collect::<Vec<_>>(),
    })
}
