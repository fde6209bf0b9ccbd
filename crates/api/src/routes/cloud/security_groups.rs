//! Security groups: network policies.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use spindrift_cloud_driver::Query as Wanted;
use spindrift_cloud_driver::model::SecurityGroup;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::server_groups::{of, wanted};
use super::{models, shapes};
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::state::ApiState;

/// By region.
type Regions = BTreeMap<String, Vec<Value>>;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_application))
        .routes(routes!(all))
        .routes(routes!(of_account))
        .routes(routes!(one))
}

/// The security groups of an application.
#[utoipa::path(get, path = "/applications/{application}/securityGroups", tag = "infrastructure",
    params(("application" = String, Path)), responses((status = 200, body = Vec<Object>)))]
async fn of_application(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(application): Segments<String>,
) -> Json<Vec<Value>> {
    let mut found = Vec::new();
    for provider in models::all(&state, &identity).await {
        let groups = provider.inventory().security_groups(&of(&application));
        found.extend(groups.iter().map(shapes::security_group));
    }
    Json(found)
}

/// Every security group, by account, cloud and region.
#[utoipa::path(get, path = "/securityGroups", tag = "infrastructure", responses((status = 200, body = Object)))]
async fn all(
    State(state): State<ApiState>,
    identity: Identity,
) -> Json<BTreeMap<String, BTreeMap<String, Regions>>> {
    let mut found = BTreeMap::new();
    for provider in models::all(&state, &identity).await {
        let groups = provider.inventory().security_groups(&Wanted::default());
        let clouds = BTreeMap::from([(provider.cloud().to_owned(), by_region(&groups))]);
        found.insert(provider.account().to_owned(), clouds);
    }
    Json(found)
}

/// The security groups of an account, by region.
#[utoipa::path(get, path = "/securityGroups/{account}", tag = "infrastructure",
    params(("account" = String, Path)), responses((status = 200, body = Object)))]
async fn of_account(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(account): Segments<String>,
) -> Result<Json<Regions>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    let groups = provider.inventory().security_groups(&Wanted::default());
    Ok(Json(by_region(&groups)))
}

/// One security group, such as `networkPolicy web`.
#[utoipa::path(get, path = "/securityGroups/{account}/{region}/{name}", tag = "infrastructure",
    params(("account" = String, Path), ("region" = String, Path), ("name" = String, Path)), responses((status = 200, body = Object)))]
async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, region, name)): Segments<(String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    let found = provider
        .inventory()
        .security_groups(&wanted(&region, &name));
    match found.first() {
        Some(group) => Ok(Json(shapes::security_group(group))),
        None => Err(HttpProblem::not_found(format!(
            "there is no security group {name:?} in {region:?} of the account {account:?}"
        ))),
    }
}

fn by_region(groups: &[SecurityGroup]) -> Regions {
    let mut regions = Regions::new();
    for group in groups {
        let region = regions.entry(group.region.clone()).or_default();
        region.push(shapes::security_group(group));
    }
    regions
}
