//! What a request may cost.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use spindrift_model::JsonLimits;

use crate::problem::HttpProblem;
use crate::state::ApiState;

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How large and how deep a JSON body may be.
    pub json: JsonLimits,
    /// How long a URL may be, in bytes.
    pub url_bytes: usize,
    /// How long the head of a request may take to arrive, and how long a connection may idle.
    pub head_time: Duration,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// How long an answer may take to begin. Streams of events go on for as long as their run does.
    pub answer_time: Duration,
    /// How many connections are served at a time; more wait until one ends.
    pub connections: usize,
    /// How long a shutdown waits for answers under way.
    pub farewell_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json: JsonLimits::default(),
            url_bytes: 16 * 1024,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(25),
            answer_time: Duration::from_secs(30),
            connections: 4_096,
            farewell_time: Duration::from_secs(10),
        }
    }
}

/// Refuses a URL that is too long, and gives up on an answer that does not begin in time.
pub(crate) async fn bound(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let limits = state.limits();
    let length = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if length > limits.url_bytes {
        let message = format!(
            "the URL has {length} bytes; at most {} are accepted",
            limits.url_bytes
        );
        return HttpProblem::new(StatusCode::URI_TOO_LONG, message).into_response();
    }
    match tokio::time::timeout(limits.answer_time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => HttpProblem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "there was no answer within {} s; what was asked for may still happen",
                limits.answer_time.as_secs()
            ),
        )
        .into_response(),
    }
}
