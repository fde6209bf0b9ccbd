//! Load balancers: Services and Ingresses.

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use spindrift_cloud_driver::Query as Wanted;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::server_groups::{of, wanted};
use super::{models, shapes};
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_application))
        .routes(routes!(all))
        .routes(routes!(one))
}

/// The load balancers of an application.
#[utoipa::path(get, path = "/applications/{application}/loadBalancers", tag = "infrastructure",
    params(("application" = String, Path)), responses((status = 200, body = Vec<Object>)))]
async fn of_application(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(application): Segments<String>,
) -> Json<Vec<Value>> {
    Json(list(&state, &identity, &of(&application)).await)
}

/// Every load balancer; `provider` other than `kubernetes` has none.
#[utoipa::path(get, path = "/loadBalancers", tag = "infrastructure",
    params(("provider" = Option<String>, Query)), responses((status = 200, body = Vec<Object>)))]
async fn all(State(state): State<ApiState>, identity: Identity, query: Query) -> Json<Vec<Value>> {
    if query
        .text("provider")
        .is_some_and(|cloud| cloud != "kubernetes")
    {
        return Json(Vec::new());
    }
    Json(list(&state, &identity, &Wanted::default()).await)
}

/// One load balancer, such as `service web`.
#[utoipa::path(get, path = "/loadBalancers/{account}/{region}/{name}", tag = "infrastructure",
    params(("account" = String, Path), ("region" = String, Path), ("name" = String, Path)), responses((status = 200, body = Object)))]
async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, region, name)): Segments<(String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    let found = provider.inventory().load_balancers(&wanted(&region, &name));
    match found.first() {
        Some(balancer) => Ok(Json(shapes::load_balancer(balancer))),
        None => Err(HttpProblem::not_found(format!(
            "there is no load balancer {name:?} in {region:?} of the account {account:?}"
        ))),
    }
}

async fn list(state: &ApiState, identity: &Identity, wanted: &Wanted) -> Vec<Value> {
    let mut found = Vec::new();
    for provider in models::all(state, identity).await {
        let balancers = provider.inventory().load_balancers(wanted);
        found.extend(balancers.iter().map(shapes::load_balancer));
    }
    found
}
