//! The revisions of pipelines.

use axum::Json;
use axum::extract::State;
use spindrift_model::{Map, Value};
use spindrift_runtime::EngineError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalog;
use crate::identity::Identity;
use crate::path::{Segments, pipeline_id};
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::schema::{PipelineDocument, SavedPipeline};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(restore))
}

/// The revisions of a pipeline, newest first, also of one that was deleted.
///
/// Each is the document as it was saved, with its number as `revision`.
#[utoipa::path(get, path = "/pipelineConfigs/{id}/history", tag = "pipelines",
    params(("id" = String, Path), ("limit" = Option<usize>, Query)), responses((status = 200, body = Vec<PipelineDocument>)))]
async fn list(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Map>>, HttpProblem> {
    let id = pipeline_id(&id)?;
    let limit = query.page("limit", 20)?;
    let revisions = state.engine().store().revisions(&id, limit)?;
    if revisions.is_empty() {
        return Err(EngineError::UnknownPipeline(format!("there is no pipeline {id}")).into());
    }
    let documents = revisions.into_iter().map(|revision| {
        let mut document = catalog::shown(revision.document);
        document.insert("revision".to_owned(), revision.revision.into());
        document
    });
    Ok(Json(documents.collect()))
}

/// Saves an earlier revision again, also of a pipeline that was deleted.
#[utoipa::path(post, path = "/pipelineConfigs/{id}/history/{revision}/restore", tag = "pipelines",
    params(("id" = String, Path), ("revision" = u64, Path)), responses((status = 200, body = SavedPipeline)))]
async fn restore(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((id, number)): Segments<(String, u64)>,
) -> Result<Json<SavedPipeline>, HttpProblem> {
    let id = pipeline_id(&id)?;
    let revisions = state.engine().store().revisions(&id, usize::MAX)?;
    let wanted = revisions
        .into_iter()
        .find(|revision| revision.revision == number);
    let Some(wanted) = wanted else {
        return Err(EngineError::UnknownPipeline(format!(
            "pipeline {id} has no revision {number}"
        ))
        .into());
    };
    let document = Value::Object(wanted.document);
    let saved = catalog::save(&state, &identity, document, false).await?;
    Ok(Json(saved.into()))
}
