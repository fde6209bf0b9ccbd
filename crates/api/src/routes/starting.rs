//! Starting executions.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use spindrift_model::{
    Authentication, ExecutionId, ExecutionKind, Map, Permission, Pipeline, Pointer, Value,
};
use spindrift_runtime::{EngineError, StartRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::{HttpProblem, wrong_shape};
use crate::request_id::fresh_id;
use crate::schema::{EventReference, PipelineDocument, Reference};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(start_by_event))
        .routes(routes!(start_deprecated))
        .routes(routes!(start_inline))
}

/// Starts a pipeline.
///
/// The body is the trigger, alone or as the only member `trigger` of an object; without one the start is manual. A second
/// start with the same `correlationId` is the same execution as long as that has not ended.
#[utoipa::path(post, path = "/pipelines/{application}/{name}", tag = "executions",
    params(("application" = String, Path), ("name" = String, Path, description = "Its name or id.")),
    request_body = Option<Object>, responses((status = 202, body = Reference)))]
pub(crate) async fn start(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, name)): Segments<(String, String)>,
    body: JsonBody,
) -> Result<Response, HttpProblem> {
    let trigger = trigger_of(body.object_or_empty("a trigger")?);
    let id = start_saved(&state, &identity, &application, &name, trigger).await?;
    Ok((StatusCode::ACCEPTED, Json(reference(&id))).into_response())
}

/// Starts a pipeline; the old path of the same.
#[utoipa::path(post, path = "/applications/{application}/pipelineConfigs/{name}", tag = "executions",
    params(("application" = String, Path), ("name" = String, Path)), request_body = Option<Object>,
    responses((status = 202, body = Reference)))]
async fn start_deprecated(
    state: State<ApiState>,
    identity: Identity,
    path: Segments<(String, String)>,
    body: JsonBody,
) -> Result<Response, HttpProblem> {
    start(state, identity, path, body).await
}

/// Starts a pipeline as an event of its own; unlike Spinnaker's, this answers when it has been started.
#[utoipa::path(post, path = "/pipelines/v2/{application}/{name}", tag = "executions",
    params(("application" = String, Path), ("name" = String, Path)), request_body = Option<Object>,
    responses((status = 202, body = EventReference)))]
async fn start_by_event(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((application, name)): Segments<(String, String)>,
    body: JsonBody,
) -> Result<Response, HttpProblem> {
    let mut trigger = trigger_of(body.object_or_empty("a trigger")?);
    let event_id = fresh_id();
    trigger.insert("eventId".to_owned(), event_id.clone().into());
    let id = start_saved(&state, &identity, &application, &name, trigger).await?;
    let path = reference(&id).path;
    Ok((
        StatusCode::ACCEPTED,
        Json(EventReference { event_id, path }),
    )
        .into_response())
}

/// Starts a pipeline that is given whole and not saved.
///
/// With `plan: true` nothing is started: the answer is the execution that would be.
#[utoipa::path(post, path = "/pipelines/start", tag = "executions", request_body = PipelineDocument,
    responses((status = 200, body = Reference)))]
async fn start_inline(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<Response, HttpProblem> {
    let mut document = body.object("a pipeline")?;
    let trigger = match document.shift_remove("trigger") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(trigger)) => trigger,
        Some(_) => {
            return Err(wrong_shape(
                Pointer::root().key("trigger"),
                "a trigger is a JSON object",
            ));
        }
    };
    if let Some(application) = document.get("application").and_then(Value::as_str) {
        permit(&state, &identity, application)?;
    }
    let only_plan = document.get("plan") == Some(&Value::Bool(true));
    let id = chosen_id(&document, &Pointer::root())?
        .or(chosen_id(&trigger, &Pointer::root().key("trigger"))?);
    let mut request = request(&identity, document, trigger)?;
    request.id = id;
    if only_plan {
        return Ok(Json(state.engine().plan(request)?.execution).into_response());
    }
    let submitted = state.engine().submit(request).await?;
    Ok(Json(reference(&submitted.execution.id)).into_response())
}

pub(crate) fn reference(id: &ExecutionId) -> Reference {
    Reference {
        path: format!("/pipelines/{id}"),
    }
}

/// Gate's older clients send the trigger, newer ones an object that holds nothing but the trigger.
fn trigger_of(mut body: Map) -> Map {
    let alone = body
        .iter()
        .all(|(key, value)| key == "trigger" || is_empty(value));
    match body.get("trigger") {
        Some(Value::Object(_)) if alone && !body.contains_key("type") => {
            match body.shift_remove("trigger") {
                Some(Value::Object(trigger)) => trigger,
                _ => body,
            }
        }
        _ => body,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Starts a saved pipeline by its name or id.
pub(crate) async fn start_saved(
    state: &ApiState,
    identity: &Identity,
    application: &str,
    name: &str,
    mut trigger: Map,
) -> Result<ExecutionId, HttpProblem> {
    let revision = state.engine().pipeline(application, name).map_err(|error| match error {
        EngineError::UnknownPipeline(message) => EngineError::UnknownPipeline(format!(
            "Unable to trigger pipeline (application: {application}, pipelineNameOrId: {name}). Error: {message}"
        )),
        other => other,
    })?;
    permit(state, identity, &revision.application)?;
    state.triggers().complete_artifacts(&mut trigger)?;
    let mut document = revision.document;
    add_notifications(&mut document, &trigger);
    let id = chosen_id(&trigger, &Pointer::root())?;
    let mut request = request(identity, document, trigger)?;
    request.id = id;
    let submitted = state.engine().submit(request).await?;
    Ok(submitted.execution.id.clone())
}

/// Lets callers pass who may start pipelines of an application and decide about their runs.
pub(crate) fn permit(
    state: &ApiState,
    identity: &Identity,
    application: &str,
) -> Result<(), HttpProblem> {
    let catalog = state.catalog();
    Ok(catalog.permit(&identity.0, application, Permission::Execute)?)
}

/// Whoever starts a pipeline may ask for messages besides those that its author asks for.
fn add_notifications(document: &mut Map, trigger: &Map) {
    let Some(Value::Array(more)) = trigger.get("notifications") else {
        return;
    };
    match document.get_mut("notifications") {
        Some(Value::Array(list)) => list.extend(more.iter().cloned()),
        _ => {
            document.insert("notifications".to_owned(), Value::Array(more.clone()));
        }
    }
}

fn chosen_id(map: &Map, place: &Pointer) -> Result<Option<ExecutionId>, HttpProblem> {
    let id = match map.get("executionId") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => ExecutionId::parse(text).map_err(|error| error.to_string()),
        Some(_) => Err("an execution id is a text".to_owned()),
    };
    id.map(Some)
        .map_err(|message| wrong_shape(place.key("executionId"), message))
}

/// A start by the caller; who they are is not for the trigger to say.
pub(crate) fn request(
    identity: &Identity,
    document: Map,
    mut trigger: Map,
) -> Result<StartRequest, HttpProblem> {
    let (pipeline, _) = Pipeline::parse(Value::Object(document)).map_err(HttpProblem::invalid)?;
    trigger.insert("user".to_owned(), identity.user().into());
    Ok(StartRequest {
        pipeline,
        trigger,
        authentication: Authentication {
            user: Some(identity.user().to_owned()),
            allowed_accounts: identity.0.allowed_accounts.clone(),
        },
        origin: Some("api".to_owned()),
        kind: ExecutionKind::Pipeline,
        id: None,
        root: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_trigger_may_come_wrapped() {
        let table = [
            (json!({}), json!({})),
            (
                json!({"type": "manual", "trigger": {"a": 1}}),
                json!({"type": "manual", "trigger": {"a": 1}}),
            ),
            (
                json!({"trigger": {"type": "manual"}}),
                json!({"type": "manual"}),
            ),
            (
                json!({"trigger": {"a": 1}, "parameters": {}, "user": null}),
                json!({"a": 1}),
            ),
            (
                json!({"trigger": {"a": 1}, "dryRun": false}),
                json!({"trigger": {"a": 1}, "dryRun": false}),
            ),
            (json!({"trigger": "x"}), json!({"trigger": "x"})),
        ];
        for (body, trigger) in table {
            let Value::Object(map) = body.clone() else {
                panic!()
            };
            assert_eq!(Value::Object(trigger_of(map)), trigger, "{body}");
        }
    }
}
