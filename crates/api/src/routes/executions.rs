//! Executions: reading, listing, holding, ending and deleting them.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use spindrift_engine::{ExecutionQuery, Listed, PipelineRevision, Scope};
use spindrift_model::{Execution, ExecutionId, Millis, Permission, PipelineId, Status};
use spindrift_runtime::{Engine, EngineError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalog::is_named_like;
use super::{configs, starting};
use crate::body::JsonBody;
use crate::identity::Identity;
use crate::path::{Segments, execution_id, pipeline_id};
use crate::problem::HttpProblem;
use crate::query::{MAX_PAGE, Query};
use crate::schema::ExecutionDocument;
use crate::state::ApiState;

/// Lists of an application's executions reach back that far, when a pipeline has any as young.
const RECENT: Millis = 14 * 24 * 60 * 60 * 1_000;

/// So many older executions are listed of a pipeline that has no recent ones.
const OLDER: usize = 2;

/// A list of more executions than that is refused.
const MAX_LIST: usize = 10_000;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let mut router = OpenApiRouter::new()
        .routes(routes!(get, delete))
        .routes(routes!(cancel))
        .routes(routes!(cancel_in_application))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(list))
        .routes(routes!(list_of_application));
    // A pipeline may be called like a command.
    for name in ["cancel", "pause", "resume"] {
        let start =
            move |state, identity, Segments(application): Segments<String>, body: JsonBody| {
                starting::start(
                    state,
                    identity,
                    Segments((application, name.to_owned())),
                    body,
                )
            };
        let delete = move |state, identity, Segments(application): Segments<String>| {
            configs::delete(state, identity, Segments((application, name.to_owned())))
        };
        router = router.route(
            &format!("/pipelines/{{id}}/{name}"),
            post(start).delete(delete),
        );
    }
    router
}

/// An execution.
///
/// Its version is the `ETag`; with `If-None-Match` an unchanged one is not sent again.
#[utoipa::path(get, path = "/pipelines/{id}", tag = "executions", params(("id" = String, Path)),
    responses((status = 200, body = ExecutionDocument), (status = 304, description = "It has not changed.")))]
async fn get(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    let execution = state.engine().execution(&execution_id(&id)?)?;
    let tag = format!("W/\"{}\"", execution.version);
    let same = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = match same {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Json(execution).into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}

/// Forgets an execution that has ended.
#[utoipa::path(delete, path = "/pipelines/{id}", tag = "executions", params(("id" = String, Path)),
    responses((status = 200, description = "It is forgotten.")))]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
) -> Result<(), HttpProblem> {
    let id = execution_id(&id)?;
    permit(&state, &identity, &id, Permission::Write)?;
    Ok(state.engine().forget(&id).await?)
}

/// Ends an execution.
#[utoipa::path(put, path = "/pipelines/{id}/cancel", tag = "executions",
    params(("id" = String, Path), ("reason" = Option<String>, Query)),
    responses((status = 200, description = "It is canceled.")))]
async fn cancel(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
    query: Query,
) -> Result<(), HttpProblem> {
    end(&state, &identity, &id, &query).await
}

/// Ends an execution. The application is not looked at: Spinnaker's command line sends a placeholder.
#[utoipa::path(put, path = "/applications/{application}/pipelines/{id}/cancel", tag = "executions",
    params(("application" = String, Path), ("id" = String, Path), ("reason" = Option<String>, Query)),
    responses((status = 200, description = "It is canceled.")))]
async fn cancel_in_application(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((_application, id)): Segments<(String, String)>,
    query: Query,
) -> Result<(), HttpProblem> {
    end(&state, &identity, &id, &query).await
}

/// Lets callers pass who may do that with the application of an execution. Errors: there is no such execution, or they may not.
pub(crate) fn permit(
    state: &ApiState,
    identity: &Identity,
    id: &ExecutionId,
    permission: Permission,
) -> Result<(), HttpProblem> {
    let found = state.engine().store().outline(id)?;
    let execution = found.ok_or_else(|| EngineError::UnknownExecution(id.clone()))?;
    let catalog = state.catalog();
    Ok(catalog.permit(&identity.0, &execution.application, permission)?)
}

/// Ends an execution.
pub(crate) async fn end(
    state: &ApiState,
    identity: &Identity,
    id: &str,
    query: &Query,
) -> Result<(), HttpProblem> {
    let reason = query.text("reason").map(str::to_owned);
    let id = execution_id(id)?;
    permit(state, identity, &id, Permission::Execute)?;
    state.engine().cancel(&id, identity.user(), reason).await?;
    Ok(())
}

/// Holds a running execution.
#[utoipa::path(put, path = "/pipelines/{id}/pause", tag = "executions", params(("id" = String, Path)),
    responses((status = 200, description = "It is held.")))]
async fn pause(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
) -> Result<(), HttpProblem> {
    let id = execution_id(&id)?;
    permit(&state, &identity, &id, Permission::Execute)?;
    state.engine().pause(&id, identity.user()).await?;
    Ok(())
}

/// Lets an execution that is held go on.
#[utoipa::path(put, path = "/pipelines/{id}/resume", tag = "executions", params(("id" = String, Path)),
    responses((status = 200, description = "It goes on.")))]
async fn resume(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
) -> Result<(), HttpProblem> {
    let id = execution_id(&id)?;
    permit(&state, &identity, &id, Permission::Execute)?;
    state.engine().resume(&id, identity.user()).await?;
    Ok(())
}

/// What a list keeps of its executions.
#[derive(Debug, Clone)]
struct Choice {
    statuses: Vec<Status>,
    limit: usize,
    expand: bool,
}

impl Choice {
    fn of(query: &Query, limit: usize) -> Result<Self, HttpProblem> {
        Ok(Self {
            statuses: query.statuses()?,
            limit: query.page("limit", limit)?,
            expand: query.flag("expand", true)?,
        })
    }

    fn newest(&self, pipeline: &PipelineId) -> ExecutionQuery {
        ExecutionQuery {
            statuses: self.statuses.clone(),
            ..ExecutionQuery::newest(Scope::Pipeline(pipeline.clone()), self.limit)
        }
    }
}

/// Executions by their own ids, or the newest of pipelines by theirs.
#[utoipa::path(get, path = "/executions", tag = "executions",
    params(
        ("executionIds" = Option<String>, Query, description = "Ids, separated by commas."),
        ("pipelineConfigIds" = Option<String>, Query, description = "Ids of pipelines, separated by commas."),
        ("limit" = Option<usize>, Query, description = "How many of each pipeline; 1 unless given."),
        ("statuses" = Option<String>, Query), ("expand" = Option<bool>, Query)),
    responses((status = 200, body = Vec<ExecutionDocument>)))]
async fn list(
    State(state): State<ApiState>,
    query: Query,
) -> Result<Json<Vec<Execution>>, HttpProblem> {
    let choice = Choice::of(&query, 1)?;
    let executions = query.list("executionIds");
    let pipelines = query.list("pipelineConfigIds");
    if executions.len().max(pipelines.len()) > MAX_PAGE {
        return Err(HttpProblem::bad_request(format!(
            "ask for at most {MAX_PAGE} ids at once"
        )));
    }
    match (executions.is_empty(), pipelines.is_empty()) {
        (true, true) => Ok(Json(Vec::new())),
        (false, false) => Err(HttpProblem::bad_request(
            "ask either for executionIds or for pipelineConfigIds, not for both",
        )),
        (false, true) => {
            let ids: Vec<ExecutionId> = executions
                .into_iter()
                .map(execution_id)
                .collect::<Result<_, _>>()?;
            state
                .read(move |engine| by_id(engine, &ids, &choice))
                .await
                .map(Json)
        }
        (true, false) => {
            let ids: Vec<PipelineId> = pipelines
                .into_iter()
                .map(pipeline_id)
                .collect::<Result<_, _>>()?;
            state
                .read(move |engine| of_pipelines(engine, &ids, &choice))
                .await
                .map(Json)
        }
    }
}

/// Those of the executions that exist. Errors: none of them does.
fn by_id(
    engine: &Engine,
    ids: &[ExecutionId],
    choice: &Choice,
) -> Result<Vec<Execution>, HttpProblem> {
    let mut found = Vec::new();
    for id in ids {
        found.extend(read(engine, id, choice.expand)?);
    }
    if found.is_empty() {
        let names: Vec<&str> = ids.iter().map(ExecutionId::as_str).collect();
        return Err(HttpProblem::not_found(format!(
            "there is no execution {}",
            names.join(", ")
        )));
    }
    found.retain(|execution| {
        choice.statuses.is_empty() || choice.statuses.contains(&execution.status)
    });
    Ok(found)
}

fn of_pipelines(
    engine: &Engine,
    ids: &[PipelineId],
    choice: &Choice,
) -> Result<Vec<Execution>, HttpProblem> {
    let mut rows = Vec::new();
    for id in ids {
        rows.extend(engine.store().executions(&choice.newest(id))?);
    }
    read_all(engine, rows, choice.expand)
}

/// The latest executions of an application's pipelines, oldest first.
///
/// `limit` counts for each pipeline. Executions older than two weeks are listed only when a pipeline has no younger ones.
#[utoipa::path(get, path = "/applications/{application}/pipelines", tag = "executions",
    params(
        ("application" = String, Path), ("limit" = Option<usize>, Query), ("statuses" = Option<String>, Query),
        ("expand" = Option<bool>, Query, description = "false leaves out the contexts, outputs and tasks of stages."),
        ("pipelineNameFilter" = Option<String>, Query), ("pipelineLimit" = Option<usize>, Query)),
    responses((status = 200, body = Vec<ExecutionDocument>)))]
async fn list_of_application(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Execution>>, HttpProblem> {
    let choice = Choice::of(&query, 10)?;
    let pipeline_limit = query.page("pipelineLimit", usize::MAX)?;
    let filter = query.text("pipelineNameFilter").map(str::to_owned);
    let question = move |engine: &Engine| {
        let mut pipelines = engine.store().pipelines(Some(&application))?;
        pipelines.retain(|pipeline| is_named_like(pipeline, filter.as_deref()));
        pipelines.truncate(pipeline_limit);
        latest(engine, &pipelines, &choice)
    };
    state.read(question).await.map(Json)
}

fn latest(
    engine: &Engine,
    pipelines: &[PipelineRevision],
    choice: &Choice,
) -> Result<Vec<Execution>, HttpProblem> {
    let from = engine.clock().now() - RECENT;
    let mut rows = Vec::new();
    for pipeline in pipelines {
        let newest = choice.newest(&pipeline.id);
        let recent = ExecutionQuery {
            from,
            ..newest.clone()
        };
        let found = engine.store().executions(&recent)?;
        if found.is_empty() {
            let limit = choice.limit.min(OLDER);
            rows.extend(
                engine
                    .store()
                    .executions(&ExecutionQuery { limit, ..newest })?,
            );
        } else {
            rows.extend(found);
        }
        if rows.len() > MAX_LIST {
            break;
        }
    }
    let mut executions = read_all(engine, rows, choice.expand)?;
    executions.sort_by_key(|execution| {
        let started = execution.start_time;
        (started.is_none(), started.or(execution.build_time))
    });
    Ok(executions)
}

/// The executions of a list.
pub(crate) fn read_all(
    engine: &Engine,
    rows: Vec<Listed>,
    expand: bool,
) -> Result<Vec<Execution>, HttpProblem> {
    if rows.len() > MAX_LIST {
        return Err(HttpProblem::bad_request(format!(
            "this list has more than {MAX_LIST} executions; ask for fewer with limit, statuses or pipelineNameFilter"
        )));
    }
    let mut executions = Vec::with_capacity(rows.len());
    for row in rows {
        // It may have been forgotten since the list was made.
        executions.extend(read(engine, &row.id, expand)?);
    }
    Ok(executions)
}

fn read(engine: &Engine, id: &ExecutionId, expand: bool) -> Result<Option<Execution>, HttpProblem> {
    let store = engine.store();
    Ok(match expand {
        true => store.run(id)?.map(|run| run.execution),
        false => store.outline(id)?,
    })
}
