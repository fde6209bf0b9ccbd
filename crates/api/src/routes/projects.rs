//! Projects. They are changed by tasks.

use axum::Json;
use axum::extract::State;
use spindrift_engine::{ExecutionQuery, Scope};
use spindrift_model::{Execution, Map};
use spindrift_runtime::Engine;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::executions::read_all;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::schema::ExecutionDocument;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(pipelines))
}

/// The projects, by name.
#[utoipa::path(get, path = "/projects", tag = "projects", responses((status = 200, body = Vec<Object>)))]
async fn list(State(state): State<ApiState>) -> Result<Json<Vec<Map>>, HttpProblem> {
    state.browse(|catalog| catalog.projects()).await.map(Json)
}

/// One project.
#[utoipa::path(get, path = "/projects/{project}", tag = "projects",
    params(("project" = String, Path, description = "Its name or id.")), responses((status = 200, body = Object)))]
async fn get(
    State(state): State<ApiState>,
    Segments(project): Segments<String>,
) -> Result<Json<Map>, HttpProblem> {
    let found = state
        .browse(move |catalog| catalog.project(&project))
        .await?;
    Ok(Json(found.document))
}

/// The latest executions of the pipelines that a project shows, newest first. `limit` counts for each pipeline.
#[utoipa::path(get, path = "/projects/{project}/pipelines", tag = "projects",
    params(("project" = String, Path), ("limit" = Option<usize>, Query), ("statuses" = Option<String>, Query)),
    responses((status = 200, body = Vec<ExecutionDocument>)))]
async fn pipelines(
    State(state): State<ApiState>,
    Segments(project): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Execution>>, HttpProblem> {
    let limit = query.page("limit", 5)?;
    let statuses = query.statuses()?;
    let project = state
        .browse(move |catalog| catalog.project(&project))
        .await?;
    let question = move |engine: &Engine| {
        let mut rows = Vec::new();
        for entry in &project.pipelines {
            let wanted = ExecutionQuery {
                statuses: statuses.clone(),
                ..ExecutionQuery::newest(Scope::Pipeline(entry.pipeline.as_str().into()), limit)
            };
            rows.extend(engine.store().executions(&wanted)?);
        }
        let mut executions = read_all(engine, rows, true)?;
        executions.sort_by_key(|execution| std::cmp::Reverse(execution.build_time));
        Ok(executions)
    };
    state.read(question).await.map(Json)
}
