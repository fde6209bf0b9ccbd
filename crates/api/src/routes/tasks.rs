//! Ad-hoc tasks: runs of stages that belong to no pipeline.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::json;
use spindrift_engine::{ExecutionQuery, Scope};
use spindrift_model::{Execution, ExecutionId, ExecutionKind, Map, Pointer, Value};
use spindrift_runtime::{Engine, Notice};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::concealed;
use super::executions::{self, read_all};
use super::starting;
use crate::body::{JsonBody, text};
use crate::identity::Identity;
use crate::path::{Segments, execution_id};
use crate::problem::{HttpProblem, wrong_shape};
use crate::query::Query;
use crate::schema::Reference;
use crate::state::ApiState;

/// The last page of a list of tasks.
const MAX_PAGES: usize = 100;

/// Stages that only change documents: a task of these is answered when it has ended, since Spinnaker's command line asks once
/// and then sleeps for a second.
const QUICK: [&str; 9] = [
    "createApplication",
    "updateApplication",
    "upsertApplication",
    "deleteApplication",
    "upsertProject",
    "deleteProject",
    "savePipeline",
    "updatePipeline",
    "deletePipeline",
];

/// So long such a task is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(submit))
        .routes(routes!(get, delete))
        .routes(routes!(cancel_many))
        .routes(routes!(cancel))
        .routes(routes!(list))
}

/// Runs stages that belong to no pipeline: `{application, description, job: [{type, …}]}`.
#[utoipa::path(post, path = "/tasks", tag = "tasks", request_body = Object, responses((status = 200, body = Reference)))]
async fn submit(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<Json<Reference>, HttpProblem> {
    let mut body = body.object("a task")?;
    let mut job = match body.shift_remove("job") {
        Some(Value::Array(job)) if !job.is_empty() => job,
        _ => {
            return Err(wrong_shape(
                Pointer::root().key("job"),
                "a task needs a job: a list of stages, each with a type",
            ));
        }
    };
    concealed::conceal(state.triggers(), &mut job)?;
    let application = text(&body, "application")?;
    let trigger = match body.get("trigger") {
        Some(Value::Object(trigger)) => trigger.clone(),
        _ => Map::new(),
    };
    let description = body.get("description").or_else(|| body.get("name"));
    let description = description
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty());
    let mut document = Map::new();
    document.insert(
        "name".to_owned(),
        description.unwrap_or("unnamed task").into(),
    );
    document.insert("application".to_owned(), application.into());
    document.insert("stages".to_owned(), Value::Array(job));
    let mut request = starting::request(&identity, document, trigger)
        .map_err(|problem| problem.moved("/stages", "job"))?;
    request.kind = ExecutionKind::Orchestration;
    let quick = request
        .pipeline
        .stages
        .iter()
        .all(|stage| QUICK.contains(&stage.kind.as_str()));
    // Those jobs ask for the permission to change what they change, and say so as tasks do.
    if !quick {
        starting::permit(&state, &identity, &request.pipeline.application)?;
    }
    let mut news = state.engine().watch();
    let submitted = state.engine().submit(request).await?;
    let id = &submitted.execution.id;
    if quick {
        // Who asks later sees how it ended, as who asks at once mostly does.
        let _ = timeout(PATIENCE, end_of(&mut news, id)).await;
    }
    Ok(Json(Reference {
        path: format!("/tasks/{id}"),
    }))
}

/// Returns when the execution has ended, or nobody can tell any more.
async fn end_of(news: &mut Receiver<Arc<Notice>>, id: &ExecutionId) {
    loop {
        match news.recv().await {
            Ok(notice) if notice.execution == *id && notice.has_ended() => return,
            Ok(_) => {}
            // The notice may be among those that were missed.
            Err(RecvError::Lagged(_) | RecvError::Closed) => return,
        }
    }
}

/// A task.
#[utoipa::path(get, path = "/tasks/{id}", tag = "tasks", params(("id" = String, Path)), responses((status = 200, body = Object)))]
async fn get(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
) -> Result<Json<Value>, HttpProblem> {
    let execution = state.engine().execution(&execution_id(&id)?)?;
    Ok(Json(view(&execution)))
}

/// Forgets a task that has ended.
#[utoipa::path(delete, path = "/tasks/{id}", tag = "tasks", params(("id" = String, Path)),
    responses((status = 200, description = "It is forgotten.")))]
async fn delete(
    state: State<ApiState>,
    identity: Identity,
    path: Segments<String>,
) -> Result<(), HttpProblem> {
    executions::delete(state, identity, path).await
}

/// Ends a task.
#[utoipa::path(put, path = "/tasks/{id}/cancel", tag = "tasks",
    params(("id" = String, Path), ("reason" = Option<String>, Query)), responses((status = 200, description = "It is canceled.")))]
async fn cancel(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(id): Segments<String>,
    query: Query,
) -> Result<(), HttpProblem> {
    executions::end(&state, &identity, &id, &query).await
}

/// Ends several tasks. The first that cannot be ended is the answer; those before it are canceled.
#[utoipa::path(put, path = "/tasks/cancel", tag = "tasks", params(("ids" = String, Query), ("reason" = Option<String>, Query)),
    responses((status = 200, description = "They are canceled.")))]
async fn cancel_many(
    State(state): State<ApiState>,
    identity: Identity,
    query: Query,
) -> Result<(), HttpProblem> {
    let ids = query.list("ids");
    if ids.is_empty() {
        return Err(HttpProblem::bad_request("ids is needed"));
    }
    for id in ids {
        executions::end(&state, &identity, id, &query).await?;
    }
    Ok(())
}

/// The tasks of an application, newest first.
#[utoipa::path(get, path = "/applications/{application}/tasks", tag = "tasks",
    params(("application" = String, Path), ("page" = Option<usize>, Query), ("limit" = Option<usize>, Query), ("statuses" = Option<String>, Query)),
    responses((status = 200, body = Vec<Object>)))]
async fn list(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let limit = query.page("limit", 20)?;
    let page = query.number("page", 1, 1..=MAX_PAGES)?;
    let wanted = ExecutionQuery {
        kind: Some(ExecutionKind::Orchestration),
        statuses: query.statuses()?,
        ..ExecutionQuery::newest(Scope::Application(application), limit * page)
    };
    let question = move |engine: &Engine| {
        let rows = engine.store().executions(&wanted)?;
        let rows = rows.into_iter().skip(limit * (page - 1)).collect();
        let executions = read_all(engine, rows, true)?;
        Ok(executions.iter().map(view).collect())
    };
    state.read(question).await.map(Json)
}

/// A task as Orca's `OrchestrationViewModel` shows it.
fn view(execution: &Execution) -> Value {
    let steps: Vec<_> = execution
        .stages
        .iter()
        .flat_map(|stage| &stage.tasks)
        .collect();
    json!({
        "id": execution.id,
        "name": execution.display_name(),
        "application": execution.application,
        "status": execution.status,
        "variables": variables(execution),
        "steps": steps,
        "buildTime": execution.build_time,
        "startTime": execution.start_time,
        "endTime": execution.end_time,
        "execution": execution,
    })
}

/// What the stages noted, merged: a later stage wins unless it has nothing to say.
fn variables(execution: &Execution) -> Vec<Value> {
    let mut merged = Map::new();
    for (key, value) in execution.stages.iter().flat_map(|stage| &stage.context) {
        if !merged.contains_key(key) || !says_nothing(value) {
            merged.insert(key.clone(), value.clone());
        }
    }
    merged
        .into_iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
