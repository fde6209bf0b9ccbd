//! The outermost layer: the request's id, its log line, its figures, and the writing of problems.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, SecondsFormat};
use hyper::ext::ReasonPhrase;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use spindrift_model::Millis;
use tokio::time::Instant;
use tracing::Instrument;

use crate::problem::HttpProblem;
use crate::request_id::{REQUEST_ID, request_id};
use crate::schema::ErrorBody;
use crate::state::ApiState;

/// A longer message is in the body only: some clients bound the length of the status line.
const MAX_REASON: usize = 512;

/// The bounds of the answer times' histogram, in seconds.
const ANSWER_TIMES: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Collects the figures of this process for `/metrics`. Call it once, before the engine is started. Errors: figures are
/// collected already.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets(&ANSWER_TIMES)?
        .install_recorder()?;
    describe_counter!(
        "spindrift_http_requests_total",
        "Answers by method, route and status."
    );
    describe_histogram!(
        "spindrift_http_answer_seconds",
        "Time until an answer began."
    );
    describe_gauge!("spindrift_store_bytes", "Bytes of the store on disk.");
    describe_gauge!("spindrift_store_up", "1 while the store takes writes.");
    describe_counter!("spindrift_decisions_total", "Events that changed a run.");
    describe_counter!(
        "spindrift_stage_transitions_total",
        "Changes of a stage's status."
    );
    describe_counter!("spindrift_task_performances_total", "Tasks performed.");
    describe_counter!(
        "spindrift_executions_ended_total",
        "Executions ended, by status."
    );
    Ok(handle)
}

/// Gives the request its id, and its answer the form that every answer has.
pub(crate) async fn observe(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", id, %method, path, user = tracing::field::Empty);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let problem = response.extensions_mut().remove::<Arc<HttpProblem>>();
    if let Some(problem) = &problem {
        write(&mut response, problem, state.engine().clock().now());
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let elapsed = started.elapsed();
    let changes = !method.is_safe();
    span.in_scope(|| log(&response, problem.as_deref(), changes, elapsed));
    let status = response.status().as_u16().to_string();
    counter!("spindrift_http_requests_total", "method" => known(&method), "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!("spindrift_http_answer_seconds", "route" => route).record(elapsed.as_secs_f64());
    response
}

/// Anybody may make up methods; figures are kept for those that mean something.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// What changed something, or failed to, is worth a line; reading is not.
fn log(response: &Response, problem: Option<&HttpProblem>, changes: bool, elapsed: Duration) {
    let status = response.status().as_u16();
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let message = problem.map_or("", |problem| problem.message.as_str());
    if response.status().is_server_error() {
        tracing::error!(status, milliseconds, message, "answered");
    } else if changes || problem.is_some() {
        tracing::info!(status, milliseconds, message, "answered");
    } else {
        tracing::debug!(status, milliseconds, "answered");
    }
}

fn write(response: &mut Response, problem: &HttpProblem, now: Millis) {
    let body = ErrorBody {
        timestamp: timestamp(now),
        status: problem.status.as_u16(),
        error: problem
            .status
            .canonical_reason()
            .unwrap_or("Error")
            .to_owned(),
        message: problem.message.clone(),
        errors: problem.errors.clone(),
    };
    // Texts and numbers always become JSON.
    let text = serde_json::to_vec(&body).unwrap_or_default();
    let headers = response.headers_mut();
    // It was counted when the answer was still empty.
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    *response.body_mut() = Body::from(text);
    if let Some(reason) = reason(&problem.message) {
        response.extensions_mut().insert(reason);
    }
}

/// The message as a status line can carry it: one line of printable ASCII.
fn reason(message: &str) -> Option<ReasonPhrase> {
    let printable = message.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let short = (1..=MAX_REASON).contains(&message.len());
    (printable && short).then(|| ReasonPhrase::try_from(message.as_bytes()).ok())?
}

fn timestamp(now: Millis) -> String {
    DateTime::from_timestamp_millis(now)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The answer to a request whose handler panicked.
pub(crate) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    axum::response::IntoResponse::into_response(HttpProblem::internal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_carries_one_line_of_ascii() {
        let long = "x".repeat(513);
        for (message, carried) in [
            ("A pipeline with name p already exists", true),
            ("zwei\nZeilen", false),
            ("tab\tbed", false),
            ("größer", false),
            ("", false),
            (long.as_str(), false),
        ] {
            assert_eq!(reason(message).is_some(), carried, "{message:?}");
        }
    }

    #[test]
    fn a_timestamp_is_a_date() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(1_780_000_000_123), "2026-05-28T20:26:40.123Z");
    }
}
