//! The applications that have pipelines or executions.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
}

/// The applications, by name.
#[utoipa::path(get, path = "/applications", tag = "applications", responses((status = 200, body = Vec<Object>)))]
async fn list(State(state): State<ApiState>) -> Result<Json<Vec<Value>>, HttpProblem> {
    let names = state.engine().store().applications()?;
    let mut names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    names.sort();
    names.dedup();
    Ok(Json(
        names
            .into_iter()
            .map(|name| json!({"name": name}))
            .collect(),
    ))
}

/// One application.
#[utoipa::path(get, path = "/applications/{application}", tag = "applications",
    params(("application" = String, Path)), responses((status = 200, body = Object)))]
async fn get(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
) -> Result<Json<Value>, HttpProblem> {
    let names = state.engine().store().applications()?;
    let name = application.to_lowercase();
    if !names.iter().any(|known| known.to_lowercase() == name) {
        return Err(HttpProblem::not_found(format!(
            "Application not found (id: {application})"
        )));
    }
    Ok(Json(
        json!({"name": name, "attributes": {"name": name}, "clusters": {}}),
    ))
}
