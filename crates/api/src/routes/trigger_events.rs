//! Events: what came from outside or came due, and what every trigger said to it.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use spindrift_engine::Store;
use spindrift_model::{Map, Millis, PipelineId, Value};
use spindrift_triggers::{
    Cause, Delivery, EventRecord, EventState, Headers, Verdict, VerdictOutcome, VerdictRecord,
    recognise,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(preview))
}

/// What a trigger said to an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerdictView {
    /// Which of the events of the delivery, from 0.
    event: usize,
    /// The id of the pipeline.
    pipeline: String,
    /// Its application; absent when it has been deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The name of the trigger within its pipeline.
    trigger: String,
    /// The type of the trigger.
    #[serde(rename = "type")]
    kind: String,
    /// `started`, `rejected` or `failed`; of a preview `matches` or `rejected`.
    outcome: &'static str,
    /// The execution that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<String>,
    /// The stable name of the reason why it did not match.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl VerdictView {
    pub(crate) fn of(verdict: &VerdictRecord) -> Self {
        let (outcome, execution, code, message) = match &verdict.outcome {
            VerdictOutcome::Started { execution } => {
                ("started", Some(execution.to_string()), None, None)
            }
            VerdictOutcome::Rejected { code, message } => {
                ("rejected", None, Some(code.clone()), Some(message.clone()))
            }
            VerdictOutcome::Failed { message } => ("failed", None, None, Some(message.clone())),
        };
        Self {
            event: verdict.event,
            pipeline: verdict.pipeline.to_string(),
            application: None,
            name: None,
            trigger: verdict.trigger.to_string(),
            kind: verdict.type_name.clone(),
            outcome,
            execution,
            code,
            message,
        }
    }

    fn of_preview(event: usize, verdict: &Verdict) -> Self {
        let reason = verdict.outcome.as_ref().err();
        Self {
            event,
            pipeline: verdict.trigger.pipeline.to_string(),
            application: None,
            name: None,
            trigger: verdict.trigger.id.to_string(),
            kind: verdict.trigger.type_name.clone(),
            outcome: if reason.is_none() {
                "matches"
            } else {
                "rejected"
            },
            execution: None,
            code: reason.map(|reason| reason.code().to_owned()),
            message: reason.map(ToString::to_string),
        }
    }
}

/// Names the pipelines of verdicts as people know them.
fn name_pipelines(verdicts: &mut [VerdictView], store: &dyn Store) -> Result<(), HttpProblem> {
    let mut known: HashMap<String, Option<(String, String)>> = HashMap::new();
    for verdict in verdicts {
        if !known.contains_key(&verdict.pipeline) {
            let found = store.pipeline(&PipelineId::new(verdict.pipeline.as_str()))?;
            let names = found.map(|pipeline| (pipeline.application, pipeline.name));
            known.insert(verdict.pipeline.clone(), names);
        }
        if let Some(Some((application, name))) = known.get(&verdict.pipeline) {
            verdict.application = Some(application.clone());
            verdict.name = Some(name.clone());
        }
    }
    Ok(())
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventView {
    /// Its id: `eventId` in the triggers of the executions it started.
    id: String,
    /// When it came or was due.
    #[schema(value_type = i64)]
    received_at: Millis,
    /// The type of a hook (`git`, `docker`, `webhook`, …), `cron` for a schedule, `pipeline` for the end of an execution.
    #[serde(rename = "type")]
    kind: String,
    /// The source of a hook, the account of a registry that was asked, else the id of the pipeline.
    source: String,
    /// The execution whose end it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<String>,
    /// `received` until every trigger has been asked, then `done`.
    state: &'static str,
    /// What it says, one line each.
    summaries: Vec<String>,
    /// The executions it started.
    started: Vec<String>,
    /// How many triggers were asked and did not match.
    rejected: usize,
    /// How many triggers matched without starting anything.
    failed: usize,
    /// What every trigger said; in the answer for one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdicts: Option<Vec<VerdictView>>,
    /// How many more did not match than are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<usize>,
    /// The headers of the hook, without signatures and tokens; in the answer for one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    headers: Option<Map>,
    /// The body of the hook: JSON, or a text; in the answer for one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
    /// How many bytes of headers and body are not kept, because no trigger matched and they were too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_bytes: Option<usize>,
}

impl EventView {
    fn of(record: &EventRecord) -> Self {
        let (kind, source, execution) = match &record.cause {
            Cause::Delivery(delivery) => (delivery.kind.clone(), delivery.source.clone(), None),
            Cause::Image(image) => {
                let account = image.account.clone().unwrap_or_default();
                ("docker".to_owned(), account, None)
            }
            Cause::Tick { pipeline, .. } => ("cron".to_owned(), pipeline.to_string(), None),
            Cause::RunEnded {
                pipeline,
                execution,
                ..
            } => (
                "pipeline".to_owned(),
                pipeline.to_string(),
                Some(execution.to_string()),
            ),
        };
        let count = |wanted: fn(&VerdictOutcome) -> bool| {
            let verdicts = record.verdicts.iter();
            verdicts.filter(|verdict| wanted(&verdict.outcome)).count()
        };
        Self {
            id: record.id.clone(),
            received_at: record.received_at,
            kind,
            source,
            execution,
            state: match record.state {
                EventState::Received => "received",
                EventState::Done => "done",
            },
            summaries: record.summaries.clone(),
            started: record.started().map(ToString::to_string).collect(),
            rejected: record.omitted
                + count(|outcome| matches!(outcome, VerdictOutcome::Rejected { .. })),
            failed: count(|outcome| matches!(outcome, VerdictOutcome::Failed { .. })),
            verdicts: None,
            omitted: None,
            headers: None,
            payload: None,
            dropped_bytes: record.dropped,
        }
    }

    fn whole(record: &EventRecord) -> Self {
        let mut view = Self::of(record);
        view.verdicts = Some(record.verdicts.iter().map(VerdictView::of).collect());
        view.omitted = Some(record.omitted);
        if let Cause::Delivery(delivery) = &record.cause
            && record.dropped.is_none()
        {
            view.headers = Some(shown(&delivery.headers));
            let json = serde_json::from_slice(&delivery.body).ok();
            let text = || String::from_utf8_lossy(&delivery.body).into_owned().into();
            view.payload = Some(json.unwrap_or_else(text));
        }
        view
    }
}

/// Headers as anybody may see them: from a signature and its body a short secret could be guessed.
fn shown(headers: &Headers) -> Map {
    let mut map = Map::new();
    for (name, value) in headers.iter() {
        let lower = name.to_ascii_lowercase();
        let hidden = lower.contains("signature") || lower.contains("token");
        let value = if hidden { "[redacted]" } else { value };
        map.insert(name.to_owned(), value.into());
    }
    map
}

/// The events, newest first; those after `after` when that is given.
#[utoipa::path(get, path = "/events", tag = "events",
    params(("after" = Option<String>, Query, description = "The id of the last event of the page before."), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = Vec<EventView>)))]
async fn list(
    State(state): State<ApiState>,
    query: Query,
) -> Result<Json<Vec<EventView>>, HttpProblem> {
    let limit = query.page("limit", 50)?;
    let after = query.text("after").map(str::to_owned);
    let triggers = state.triggers().clone();
    let question = move |_: &_| {
        let records = triggers.events(after.as_deref(), limit)?;
        Ok(records.iter().map(EventView::of).collect())
    };
    state.read(question).await.map(Json)
}

/// An event, with what every trigger said to it.
#[utoipa::path(get, path = "/events/{id}", tag = "events", params(("id" = String, Path)),
    responses((status = 200, body = EventView)))]
async fn get(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
) -> Result<Json<EventView>, HttpProblem> {
    let triggers = state.triggers().clone();
    let question = move |engine: &spindrift_runtime::Engine| {
        let record = triggers.event(&id)?;
        let record =
            record.ok_or_else(|| HttpProblem::not_found(format!("there is no event {id:?}")))?;
        let mut view = EventView::whole(&record);
        if let Some(verdicts) = &mut view.verdicts {
            name_pipelines(verdicts, engine.store())?;
        }
        Ok(view)
    };
    state.read(question).await.map(Json)
}

/// What a hook would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PreviewView {
    /// The type it was read as.
    #[serde(rename = "type")]
    kind: String,
    /// The source it was read as.
    source: String,
    /// Why it would be ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
    /// What it says, one line per event.
    summaries: Vec<String>,
    /// The artifacts it brings, event by event.
    #[schema(value_type = Vec<Vec<Object>>)]
    artifacts: Vec<Value>,
    /// What every trigger would say.
    verdicts: Vec<VerdictView>,
}

/// Tells what a hook would do, and does nothing: `{payload, type, source, headers}`.
///
/// The payload is the body of the hook: an object, or a text that is taken letter by letter, as signatures need it. Without
/// type and source the payload tells what it is.
#[utoipa::path(post, path = "/events/preview", tag = "events", request_body = Object,
    responses((status = 200, body = PreviewView)))]
async fn preview(
    State(state): State<ApiState>,
    body: JsonBody,
) -> Result<Json<PreviewView>, HttpProblem> {
    let delivery = delivery_of(body.object("a preview")?)?;
    let triggers = state.triggers().clone();
    let question = move |engine: &spindrift_runtime::Engine| {
        let preview = triggers
            .preview(&delivery)
            .map_err(|error| HttpProblem::bad_request(error.to_string()))?;
        let mut verdicts: Vec<VerdictView> = Vec::new();
        for (number, (_, said)) in preview.events.iter().enumerate() {
            verdicts.extend(
                said.iter()
                    .map(|verdict| VerdictView::of_preview(number, verdict)),
            );
        }
        name_pipelines(&mut verdicts, engine.store())?;
        let artifacts = |event: &spindrift_triggers::Event| {
            serde_json::to_value(&event.artifacts).unwrap_or_default()
        };
        Ok(PreviewView {
            kind: delivery.kind.clone(),
            source: delivery.source.clone(),
            ignored: preview.ignored.map(|reason| reason.to_string()),
            summaries: preview
                .events
                .iter()
                .map(|(event, _)| event.summary())
                .collect(),
            artifacts: preview
                .events
                .iter()
                .map(|(event, _)| artifacts(event))
                .collect(),
            verdicts,
        })
    };
    state.read(question).await.map(Json)
}

fn delivery_of(mut body: Map) -> Result<Delivery, HttpProblem> {
    let headers = match body.shift_remove("headers") {
        Some(Value::Object(headers)) => {
            let pairs = headers.into_iter().map(|(name, value)| {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                (name, value)
            });
            Headers::new(pairs.collect::<Vec<_>>())
        }
        _ => Headers::default(),
    };
    let payload = match body.shift_remove("payload") {
        None => return Err(HttpProblem::bad_request("a preview needs a payload")),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    let named = |key| {
        body.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let (kind, source) = match (named("type"), named("source")) {
        (Some(kind), Some(source)) => (kind.to_owned(), source.to_owned()),
        (kind, source) => {
            let document = serde_json::from_str(&payload).unwrap_or_default();
            let (found_kind, found_source) = recognise(&headers, &document).route();
            let kind = kind.map_or(found_kind, |kind| kind).to_owned();
            (kind, source.map_or(found_source, str::to_owned))
        }
    };
    Ok(Delivery::new(&kind, &source, payload).with_headers(headers))
}
