//! Hooks: the requests of Git hosts, registries and everybody else that announce what runs wait for.
//!
//! They are public, as the senders know no tokens of this server: what they may start is decided by the signatures and
//! constraints of triggers, or by the address itself where a trigger has its own. So a stranger learns what was started and
//! how many triggers did not match, and only callers with an identity learn which ones and why.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use spindrift_model::{Map, Value, parse_json};
use spindrift_triggers::{AcceptError, Delivery, EventRecord, Headers, Receipt, VerdictOutcome};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::starting;
use super::trigger_events::VerdictView;
use crate::body::{RawBody, text};
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::request_id::fresh_id;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(receive))
        .routes(routes!(receive_without_source))
        .routes(routes!(receive_own))
        .routes(routes!(manual))
}

/// What became of a hook.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HookAnswer {
    /// Whether it is an event; pings and the like are none.
    event_processed: bool,
    /// The event, for `GET /events/{id}`.
    event_id: Option<String>,
    /// Why it is no event.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
    /// Whether it came before; this is what became of it then.
    repeated: bool,
    /// What it says, one line per event.
    summaries: Vec<String>,
    /// The executions it started.
    started: Vec<String>,
    /// How many triggers were asked and did not match.
    rejected: usize,
    /// How many triggers matched without starting anything, because the start failed.
    failed: usize,
    /// What every trigger said; for callers with an identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdicts: Option<Vec<VerdictView>>,
}

impl HookAnswer {
    fn of(record: &EventRecord) -> Self {
        let count = |wanted: fn(&VerdictOutcome) -> bool| {
            let verdicts = record.verdicts.iter();
            verdicts.filter(|verdict| wanted(&verdict.outcome)).count()
        };
        Self {
            event_processed: true,
            event_id: Some(record.id.clone()),
            summaries: record.summaries.clone(),
            started: record.started().map(ToString::to_string).collect(),
            rejected: record.omitted
                + count(|outcome| matches!(outcome, VerdictOutcome::Rejected { .. })),
            failed: count(|outcome| matches!(outcome, VerdictOutcome::Failed { .. })),
            ..Self::default()
        }
    }
}

/// Takes a hook: of a Git host (`git/github`), a registry (`docker/harbor`), or any other (`webhook/<source>`).
///
/// It is stored before this answers, matched against the triggers, and the runs are started. The same delivery again is the
/// same event. Gate's `eventProcessed` and `eventId` are there, and what matched.
#[utoipa::path(post, path = "/webhooks/{type}/{source}", tag = "webhooks",
    params(("type" = String, Path, description = "git, docker, webhook, cdevents, pubsub, build, helm, artifactory, nexus or plugin."),
        ("source" = String, Path)),
    request_body = Option<Object>, security(()), responses((status = 200, body = HookAnswer),
        (status = 202, body = HookAnswer, description = "It is stored, and worked on later.")))]
async fn receive(
    State(state): State<ApiState>,
    identity: Option<Identity>,
    Segments((kind, source)): Segments<(String, String)>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, HttpProblem> {
    let delivery = Delivery::new(&kind, &source, body).with_headers(readable(&headers));
    take(&state, identity.as_ref(), delivery).await
}

/// Takes a hook whose body says its `source`.
#[utoipa::path(post, path = "/webhooks/{type}", tag = "webhooks", params(("type" = String, Path)),
    request_body = Object, security(()), responses((status = 200, body = HookAnswer)))]
async fn receive_without_source(
    State(state): State<ApiState>,
    identity: Option<Identity>,
    Segments(kind): Segments<String>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, HttpProblem> {
    let document = object(&state, &body)?;
    let source = text(&document, "source")?.to_owned();
    let delivery = Delivery::new(&kind, &source, body).with_headers(readable(&headers));
    take(&state, identity.as_ref(), delivery).await
}

/// Takes a hook at a trigger's own address: its `hookId`.
#[utoipa::path(post, path = "/webhooks/trigger/{id}", tag = "webhooks", params(("id" = String, Path)),
    request_body = Option<Object>, security(()), responses((status = 200, body = HookAnswer)))]
async fn receive_own(
    State(state): State<ApiState>,
    identity: Option<Identity>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, HttpProblem> {
    let delivery = state
        .triggers()
        .hook_delivery(&id, readable(&headers), body)
        .ok_or_else(|| HttpProblem::not_found("no trigger has this address"))?;
    take(&state, identity.as_ref(), delivery).await
}

/// What starting a pipeline by a hook answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ManualAnswer {
    event_processed: bool,
    event_id: String,
    /// The path of the execution.
    #[serde(rename = "ref")]
    path: String,
}

/// Starts a pipeline by hand: `{application, pipelineNameOrId, trigger}`. Unlike other hooks this is not public.
#[utoipa::path(post, path = "/webhooks/manual/{source}", tag = "webhooks", params(("source" = String, Path)),
    request_body = Object, responses((status = 200, body = ManualAnswer)))]
async fn manual(
    State(state): State<ApiState>,
    identity: Option<Identity>,
    _source: Segments<String>,
    RawBody(body): RawBody,
) -> Result<Json<ManualAnswer>, HttpProblem> {
    let Some(identity) = identity else {
        return Err(HttpProblem::unauthorized(
            "starting a pipeline by hand needs a token; other hooks do not",
        ));
    };
    let mut body = object(&state, &body)?;
    let mut trigger = match body.shift_remove("trigger") {
        Some(Value::Object(trigger)) => trigger,
        _ => Map::new(),
    };
    let event_id = fresh_id();
    trigger.insert("eventId".to_owned(), event_id.clone().into());
    let application = text(&body, "application")?;
    let name = text(&body, "pipelineNameOrId")?;
    let id = starting::start_saved(&state, &identity, application, name, trigger).await?;
    Ok(Json(ManualAnswer {
        event_processed: true,
        event_id,
        path: starting::reference(&id).path,
    }))
}

async fn take(
    state: &ApiState,
    identity: Option<&Identity>,
    delivery: Delivery,
) -> Result<Response, HttpProblem> {
    let receipt = state.triggers().accept(delivery).await?;
    let (record, repeated) = match receipt {
        Receipt::Done(record) => (record, false),
        Receipt::Repeated(record) => (record, true),
        Receipt::Stored(id) => {
            let answer = HookAnswer {
                event_processed: true,
                event_id: Some(id),
                ..HookAnswer::default()
            };
            return Ok((StatusCode::ACCEPTED, Json(answer)).into_response());
        }
        Receipt::Ignored(reason) => {
            let answer = HookAnswer {
                ignored: Some(reason.to_string()),
                ..HookAnswer::default()
            };
            return Ok(Json(answer).into_response());
        }
    };
    let mut answer = HookAnswer::of(&record);
    answer.repeated = repeated;
    answer.verdicts = identity.map(|_| record.verdicts.iter().map(VerdictView::of).collect());
    Ok(Json(answer).into_response())
}

impl From<AcceptError> for HttpProblem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Delivery(error) => Self::bad_request(error.to_string()),
            AcceptError::Unavailable(message) => {
                spindrift_runtime::EngineError::Unavailable(message).into()
            }
        }
    }
}

/// The headers that are text, as all are that mean something here.
fn readable(headers: &HeaderMap) -> Headers {
    let pairs = headers.iter();
    Headers::new(pairs.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))))
}

fn object(state: &ApiState, body: &Bytes) -> Result<Map, HttpProblem> {
    match parse_json(body, state.limits().json)? {
        Value::Object(map) => Ok(map),
        _ => Err(HttpProblem::bad_request("the body is a JSON object")),
    }
}
