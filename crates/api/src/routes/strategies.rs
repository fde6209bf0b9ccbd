//! Deployment strategies: pipelines that say `strategy: true`, under paths of their own.

use axum::Json;
use axum::extract::State;
use spindrift_engine::PipelineRevision;
use spindrift_model::{Map, Value};
use spindrift_runtime::EngineError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalog::{self, Kind};
use crate::body::JsonBody;
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::schema::{PipelineDocument, SavedPipeline};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(save))
        .routes(routes!(delete))
        .routes(routes!(list_all))
        .routes(routes!(list_of_application))
        .routes(routes!(get))
        .routes(routes!(reorder))
}

/// Saves a strategy.
#[utoipa::path(post, path = "/strategies", tag = "strategies", request_body = PipelineDocument,
    responses((status = 200, body = SavedPipeline)))]
async fn save(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<Json<SavedPipeline>, HttpProblem> {
    let mut document = body.object("a strategy")?;
    document.insert("strategy".to_owned(), true.into());
    let saved = catalog::save(&state, &identity, Value::Object(document), false).await?;
    Ok(Json(saved.into()))
}

fn find(state: &ApiState, application: &str, name: &str) -> Result<PipelineRevision, HttpProblem> {
    let found = state.engine().pipeline(application, name).ok();
    let strategy = found.filter(|pipeline| Kind::of(pipeline) == Kind::Strategy);
    strategy.ok_or_else(|| {
        EngineError::UnknownPipeline(format!(
            "Strategy configuration not found (nameOrId: {name} in application {application})"
        ))
        .into()
    })
}

/// Deletes a strategy; its history stays.
#[utoipa::path(delete, path = "/strategies/{application}/{name}", tag = "strategies",
    params(("application" = String, Path), ("name" = String, Path)), responses((status = 200, description = "It is deleted.")))]
async fn delete(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, name)): Segments<(String, String)>,
) -> Result<(), HttpProblem> {
    let strategy = find(&state, &application, &name)?;
    catalog::delete(&state, &identity, &strategy).await
}

/// The strategies of all applications.
#[utoipa::path(get, path = "/strategyConfigs", tag = "strategies", responses((status = 200, body = Vec<PipelineDocument>)))]
async fn list_all(State(state): State<ApiState>) -> Result<Json<Vec<Map>>, HttpProblem> {
    catalog::all(&state, Kind::Strategy).await.map(Json)
}

/// The strategies of an application, in their order.
#[utoipa::path(get, path = "/applications/{application}/strategyConfigs", tag = "strategies",
    params(("application" = String, Path)), responses((status = 200, body = Vec<PipelineDocument>)))]
async fn list_of_application(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Map>>, HttpProblem> {
    let list = catalog::of_application(&state, Kind::Strategy, application, &query);
    list.await.map(Json)
}

/// A strategy, as it was saved.
#[utoipa::path(get, path = "/applications/{application}/strategyConfigs/{name}", tag = "strategies",
    params(("application" = String, Path), ("name" = String, Path)), responses((status = 200, body = PipelineDocument)))]
async fn get(
    State(state): State<ApiState>,
    Segments((application, name)): Segments<(String, String)>,
) -> Result<Json<Map>, HttpProblem> {
    let strategy = find(&state, &application, &name)?;
    Ok(Json(catalog::shown(strategy.document)))
}

/// Puts the strategies of an application into another order.
#[utoipa::path(post, path = "/actions/strategies/reorder", tag = "strategies", request_body = Object,
    responses((status = 200, description = "They have their indices.")))]
async fn reorder(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<(), HttpProblem> {
    catalog::reorder(&state, &identity, body).await
}
