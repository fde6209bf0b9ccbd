//! Pipelines as documents: saving, reading, moving, ordering and deleting them.

use axum::Json;
use axum::extract::State;
use spindrift_model::{Map, Pointer, Value};
use spindrift_runtime::Saved;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalog::{self, Kind};
use crate::body::{JsonBody, text};
use crate::identity::Identity;
use crate::path::{Segments, pipeline_id};
use crate::problem::{HttpProblem, wrong_shape};
use crate::query::{MAX_PAGE, Query};
use crate::schema::{BulkSaved, PipelineDocument, SavedPipeline};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(save))
        .routes(routes!(save_many))
        .routes(routes!(rename))
        .routes(routes!(update))
        .routes(routes!(delete))
        .routes(routes!(list_all))
        .routes(routes!(list_of_application))
        .routes(routes!(get))
        .routes(routes!(reorder))
}

impl From<Saved> for SavedPipeline {
    fn from(saved: Saved) -> Self {
        Self {
            id: saved.revision.id.to_string(),
            application: saved.revision.application,
            name: saved.revision.name,
            revision: saved.revision.revision,
            changed: saved.changed,
            warnings: saved.warnings,
        }
    }
}

/// Saves a pipeline.
///
/// It is on disk when this answers. Stage types that are not known here are named in `warnings`.
#[utoipa::path(post, path = "/pipelines", tag = "pipelines", request_body = PipelineDocument,
    params(("staleCheck" = Option<bool>, Query, description = "Refuse a document whose updateTs is not the stored one.")),
    responses((status = 200, body = SavedPipeline)))]
async fn save(
    State(state): State<ApiState>,
    identity: Identity,
    query: Query,
    body: JsonBody,
) -> Result<Json<SavedPipeline>, HttpProblem> {
    let document = Value::Object(body.object("a pipeline")?);
    let stale_check = query.flag("staleCheck", false)?;
    let saved = catalog::save(&state, &identity, document, stale_check).await?;
    Ok(Json(saved.into()))
}

/// Saves several pipelines, each for itself.
#[utoipa::path(post, path = "/pipelines/bulksave", tag = "pipelines", request_body = Vec<PipelineDocument>,
    params(("application" = Option<String>, Query, description = "Refuse pipelines of other applications.")),
    responses((status = 200, body = BulkSaved)))]
async fn save_many(
    State(state): State<ApiState>,
    identity: Identity,
    query: Query,
    body: JsonBody,
) -> Result<Json<BulkSaved>, HttpProblem> {
    let documents = body.list("a bulk save")?;
    if documents.len() > MAX_PAGE {
        return Err(HttpProblem::bad_request(format!(
            "at most {MAX_PAGE} pipelines can be saved at once, not {}",
            documents.len()
        )));
    }
    let application = query.text("application");
    let mut result = BulkSaved::default();
    for document in documents {
        match save_one(&state, &identity, application, document.clone()).await {
            Ok(saved) => result.successful_pipelines.push(saved.revision.name),
            Err(problem) => result.failed_pipelines.push(failed(document, problem)),
        }
    }
    result.successful_pipelines_count = result.successful_pipelines.len();
    result.failed_pipelines_count = result.failed_pipelines.len();
    Ok(Json(result))
}

async fn save_one(
    state: &ApiState,
    identity: &Identity,
    application: Option<&str>,
    document: Value,
) -> Result<Saved, HttpProblem> {
    let own = document.get("application").and_then(Value::as_str);
    if let (Some(application), Some(own)) = (application, own)
        && !own.trim().eq_ignore_ascii_case(application.trim())
    {
        return Err(HttpProblem::bad_request(format!(
            "this pipeline belongs to application {own}, not to {application}"
        )));
    }
    catalog::save(state, identity, document, false).await
}

fn failed(document: Value, problem: HttpProblem) -> Value {
    let mut map = match document {
        Value::Object(map) => map,
        other => Map::from_iter([("document".to_owned(), other)]),
    };
    map.insert("errorMsg".to_owned(), problem.message.into());
    Value::Object(map)
}

/// Gives a pipeline another name.
#[utoipa::path(post, path = "/pipelines/move", tag = "pipelines", request_body = Object,
    responses((status = 200, body = SavedPipeline)))]
async fn rename(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<Json<SavedPipeline>, HttpProblem> {
    let body = body.object("a rename")?;
    let (application, from, to) = (
        text(&body, "application")?,
        text(&body, "from")?,
        text(&body, "to")?,
    );
    let pipeline = state.engine().pipeline(application, from)?;
    let mut document = pipeline.document;
    document.insert("name".to_owned(), to.into());
    // Somebody may save it between the two lines above; theirs must not be lost.
    let saved = catalog::save(&state, &identity, Value::Object(document), true).await?;
    Ok(Json(saved.into()))
}

/// Changes a pipeline.
#[utoipa::path(put, path = "/pipelines/{id}", tag = "pipelines", params(("id" = String, Path, description = "The pipeline's id.")),
    request_body = PipelineDocument, responses((status = 200, body = PipelineDocument)))]
async fn update(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
    body: JsonBody,
) -> Result<Json<Map>, HttpProblem> {
    let mut document = body.object("a pipeline")?;
    let id = pipeline_id(&id)?;
    let own = document.get("id").filter(|own| !own.is_null());
    if let Some(own) = own
        && own.as_str() != Some(id.as_str())
    {
        return Err(wrong_shape(
            Pointer::root().key("id"),
            format!("the path says pipeline {id}, the document says {own}"),
        ));
    }
    catalog::known(&state, &id)?;
    document.insert("id".to_owned(), id.as_str().into());
    let saved = catalog::save(&state, &identity, Value::Object(document), false).await?;
    Ok(Json(catalog::shown(saved.revision.document)))
}

/// Deletes a pipeline; its history and its executions stay.
#[utoipa::path(delete, path = "/pipelines/{application}/{name}", tag = "pipelines",
    params(("application" = String, Path), ("name" = String, Path, description = "Its name or id.")),
    responses((status = 200, description = "It is deleted.")))]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, name)): Segments<(String, String)>,
) -> Result<(), HttpProblem> {
    let pipeline = state.engine().pipeline(&application, &name)?;
    catalog::delete(&state, &identity, &pipeline).await
}

/// The pipelines of all applications.
#[utoipa::path(get, path = "/pipelineConfigs", tag = "pipelines", responses((status = 200, body = Vec<PipelineDocument>)))]
async fn list_all(State(state): State<ApiState>) -> Result<Json<Vec<Map>>, HttpProblem> {
    catalog::all(&state, Kind::Pipeline).await.map(Json)
}

/// The pipelines of an application, in their order.
#[utoipa::path(get, path = "/applications/{application}/pipelineConfigs", tag = "pipelines",
    params(("application" = String, Path), ("pipelineNameFilter" = Option<String>, Query), ("pipelineLimit" = Option<usize>, Query)),
    responses((status = 200, body = Vec<PipelineDocument>)))]
async fn list_of_application(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Map>>, HttpProblem> {
    let list = catalog::of_application(&state, Kind::Pipeline, application, &query);
    list.await.map(Json)
}

/// A pipeline, as it was saved.
#[utoipa::path(get, path = "/applications/{application}/pipelineConfigs/{name}", tag = "pipelines",
    params(("application" = String, Path), ("name" = String, Path, description = "Its name or id.")),
    responses((status = 200, body = PipelineDocument)))]
async fn get(
    State(state): State<ApiState>,
    Segments((application, name)): Segments<(String, String)>,
) -> Result<Json<Map>, HttpProblem> {
    let pipeline = state.engine().pipeline(&application, &name)?;
    Ok(Json(catalog::shown(pipeline.document)))
}

/// Puts the pipelines of an application into another order.
#[utoipa::path(post, path = "/actions/pipelines/reorder", tag = "pipelines", request_body = Object,
    responses((status = 200, description = "They have their indices.")))]
async fn reorder(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<(), HttpProblem> {
    catalog::reorder(&state, &identity, body).await
}
