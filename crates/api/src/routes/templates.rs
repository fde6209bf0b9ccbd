//! Pipeline templates of the second schema.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use spindrift_catalog::{Author, Selector, StoredTemplate};
use spindrift_model::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::schema::PipelineDocument;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(versions))
        .routes(routes!(plan))
        .routes(routes!(create))
        .routes(routes!(update))
        .routes(routes!(get, delete))
        .routes(routes!(dependents))
}

/// The templates, one for each tag.
#[utoipa::path(get, path = "/v2/pipelineTemplates", tag = "templates",
    params(("scopes" = Option<String>, Query, description = "Only those that are offered in one of these scopes.")),
    responses((status = 200, body = Vec<Object>)))]
async fn list(State(state): State<ApiState>, query: Query) -> Result<Json<Vec<Map>>, HttpProblem> {
    let scopes = scopes(&query);
    let found = state
        .browse(move |catalog| {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            catalog.templates(&scopes)
        })
        .await?;
    Ok(Json(found.into_iter().map(|one| one.document).collect()))
}

/// Every version of every template, by id.
#[utoipa::path(get, path = "/v2/pipelineTemplates/versions", tag = "templates",
    params(("scopes" = Option<String>, Query)), responses((status = 200, body = Object)))]
async fn versions(State(state): State<ApiState>, query: Query) -> Result<Json<Value>, HttpProblem> {
    let scopes = scopes(&query);
    let found = state
        .browse(move |catalog| {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            catalog.template_versions(&scopes)
        })
        .await?;
    Ok(Json(json!(found)))
}

fn scopes(query: &Query) -> Vec<String> {
    query
        .list("scopes")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// Shows the pipeline that a templated one makes with its template. Nothing is saved or started.
#[utoipa::path(post, path = "/v2/pipelineTemplates/plan", tag = "templates", request_body = PipelineDocument,
    responses((status = 200, body = PipelineDocument)))]
async fn plan(State(state): State<ApiState>, body: JsonBody) -> Result<Json<Map>, HttpProblem> {
    let document = body.object("a templated pipeline")?;
    let engine = state.engine().clone();
    state
        .read(move |_| Ok(engine.plan_template(&document)?))
        .await
        .map(Json)
}

/// Saves a new template, or a new tag of one.
#[utoipa::path(post, path = "/v2/pipelineTemplates/create", tag = "templates", request_body = Object,
    params(("tag" = Option<String>, Query)), responses((status = 202, body = Object)))]
async fn create(
    State(state): State<ApiState>,
    identity: Identity,
    query: Query,
    body: JsonBody,
) -> Result<Response, HttpProblem> {
    let document = body.object("a template")?;
    let author = Author::of(identity.user());
    let catalog = state.catalog();
    let saved = catalog.create_template(document, query.text("tag"), &author);
    Ok(accepted(&saved.await?))
}

/// Replaces a template. Pipelines that are made of it must still be possible.
#[utoipa::path(post, path = "/v2/pipelineTemplates/update/{id}", tag = "templates", request_body = Object,
    params(("id" = String, Path), ("tag" = Option<String>, Query),
        ("skipPlanDependents" = Option<bool>, Query, description = "Do not look at the pipelines that are made of it.")),
    responses((status = 202, body = Object)))]
async fn update(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
    query: Query,
    body: JsonBody,
) -> Result<Response, HttpProblem> {
    let document = body.object("a template")?;
    let skip_plan = query.flag("skipPlanDependents", false)?;
    let author = Author::of(identity.user());
    let catalog = state.catalog();
    let saved = catalog.update_template(&id, document, query.text("tag"), skip_plan, &author);
    Ok(accepted(&saved.await?))
}

/// Spinnaker's command line takes the answer for a task that has ended.
fn accepted(saved: &StoredTemplate) -> Response {
    let body =
        json!({"status": "SUCCEEDED", "id": saved.key, "digest": saved.document.get("digest")});
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// One template.
#[utoipa::path(get, path = "/v2/pipelineTemplates/{id}", tag = "templates",
    params(("id" = String, Path), ("tag" = Option<String>, Query), ("digest" = Option<String>, Query, description = "Not together with tag.")),
    responses((status = 200, body = Object)))]
async fn get(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    query: Query,
) -> Result<Json<Map>, HttpProblem> {
    let selector = Selector {
        tag: query.text("tag"),
        digest: query.text("digest"),
    };
    Ok(Json(state.catalog().template(&id, selector)?))
}

/// Deletes a template: every version, or the one with a tag or a digest.
#[utoipa::path(delete, path = "/v2/pipelineTemplates/{id}", tag = "templates",
    params(("id" = String, Path), ("tag" = Option<String>, Query), ("digest" = Option<String>, Query)),
    responses((status = 202, body = Object)))]
async fn delete(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
    query: Query,
) -> Result<Response, HttpProblem> {
    let author = Author::of(identity.user());
    let catalog = state.catalog();
    catalog
        .delete_template(&id, query.text("tag"), query.text("digest"), &author)
        .await?;
    let body = json!({"status": "SUCCEEDED"});
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// The pipelines that are made of a template.
#[utoipa::path(get, path = "/v2/pipelineTemplates/{id}/dependents", tag = "templates",
    params(("id" = String, Path)), responses((status = 200, body = Vec<PipelineDocument>)))]
async fn dependents(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
) -> Result<Json<Vec<Map>>, HttpProblem> {
    let found = state.browse(move |catalog| catalog.template_dependents(&id));
    found.await.map(Json)
}
