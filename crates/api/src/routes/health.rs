//! Whether the server lives, works, and how much it does.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics::gauge;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::HttpProblem;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(figures))
}

/// Whether the server and its store work.
#[utoipa::path(get, path = "/health", tag = "health",
    responses((status = 200, body = Object), (status = 503, body = Object, description = "The store has stopped.")))]
async fn health(State(state): State<ApiState>) -> Response {
    let store = state.engine().health();
    let up = store.stopped.is_none();
    let name = if up { "UP" } else { "DOWN" };
    let mut body = json!({
        "status": name,
        "components": {
            "store": {"status": name, "details": {"bytes": store.bytes}},
            "recovery": {"status": "UP", "details": {"done": state.engine().has_recovered()}},
        },
    });
    if let Some(reason) = store.stopped {
        body["components"]["store"]["details"]["stopped"] = reason.into();
    }
    let status = if up {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

/// Whether the server takes work. What was under way before its start may still be on its way back.
#[utoipa::path(get, path = "/ready", tag = "health",
    responses((status = 200, body = Object), (status = 503, body = Object)))]
async fn ready(State(state): State<ApiState>) -> Response {
    let stopped = state.engine().health().stopped;
    let closing = state.closing().is_cancelled();
    let ready = stopped.is_none() && !closing;
    let mut body = json!({"ready": ready, "recovered": state.engine().has_recovered()});
    if let Some(reason) =
        stopped.or_else(|| closing.then(|| "the server is shutting down".to_owned()))
    {
        body["reason"] = reason.into();
    }
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

/// Figures of the server's work, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
async fn figures(State(state): State<ApiState>) -> Result<Response, HttpProblem> {
    let Some(handle) = &state.options().metrics else {
        return Err(HttpProblem::not_found("this server collects no figures"));
    };
    let store = state.engine().health();
    // Bytes beyond 2^53 would be rounded; no disk is that large.
    gauge!("spindrift_store_bytes").set(store.bytes as f64);
    gauge!("spindrift_store_up").set(if store.stopped.is_none() { 1.0 } else { 0.0 });
    handle.run_upkeep();
    let kind = (
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    );
    Ok(([kind], handle.render()).into_response())
}
