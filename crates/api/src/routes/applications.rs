//! Applications.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use spindrift_catalog::Revision;
use spindrift_model::Map;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(history))
}

/// The applications, by name: those that were saved, and those that have pipelines.
#[utoipa::path(get, path = "/applications", tag = "applications",
    params(("owner" = Option<String>, Query, description = "Only those with this e-mail address.")),
    responses((status = 200, body = Vec<Object>)))]
async fn list(State(state): State<ApiState>, query: Query) -> Result<Json<Vec<Map>>, HttpProblem> {
    let mut all = state.browse(|catalog| catalog.applications()).await?;
    if let Some(owner) = query.text("owner") {
        all.retain(|application| {
            let email = application.get("email").and_then(Value::as_str);
            email.is_some_and(|email| email.eq_ignore_ascii_case(owner.trim()))
        });
    }
    Ok(Json(all))
}

/// One application.
#[utoipa::path(get, path = "/applications/{application}", tag = "applications",
    params(("application" = String, Path)), responses((status = 200, body = Object)))]
async fn get(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
) -> Result<Json<Value>, HttpProblem> {
    let name = application.clone();
    let found = state
        .browse(move |catalog| catalog.application(&name))
        .await?;
    let Some(attributes) = found else {
        return Err(unknown(&application));
    };
    let name = attributes.get("name").cloned();
    Ok(Json(
        json!({"name": name, "attributes": attributes, "clusters": {}}),
    ))
}

/// What an application was, newest first, also when it was deleted.
#[utoipa::path(get, path = "/applications/{application}/history", tag = "applications",
    params(("application" = String, Path), ("limit" = Option<usize>, Query)), responses((status = 200, body = Vec<Object>)))]
async fn history(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Map>>, HttpProblem> {
    let limit = query.page("limit", 20)?;
    let revisions = state.catalog().application_history(&application, limit)?;
    if revisions.is_empty() && state.catalog().application(&application)?.is_none() {
        return Err(unknown(&application));
    }
    Ok(Json(revisions.into_iter().map(shown).collect()))
}

fn shown(revision: Revision) -> Map {
    let mut document = revision.document;
    document.insert("revision".to_owned(), revision.revision.into());
    if revision.deleted {
        document.insert("deleted".to_owned(), true.into());
    }
    document
}

fn unknown(application: &str) -> HttpProblem {
    HttpProblem::not_found(format!("Application not found (id: {application})"))
}
