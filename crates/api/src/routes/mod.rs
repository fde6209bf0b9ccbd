//! The routes, one file for each group, and the layers around them.

mod about;
mod applications;
mod configs;
mod echo;
mod evaluate;
mod events;
mod executions;
mod health;
mod history;
mod search;
mod stages;
mod starting;
mod tasks;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::identity::identify;
use crate::limits::bound;
use crate::observe::{observe, panicked};
use crate::origin::guard;
use crate::problem::HttpProblem;
use crate::state::ApiState;

/// The routes that the OpenAPI document describes.
pub(crate) fn documented() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(about::routes())
        .merge(applications::routes())
        .merge(configs::routes())
        .merge(evaluate::routes())
        .merge(events::routes())
        .merge(executions::routes())
        .merge(health::routes())
        .merge(history::routes())
        .merge(search::routes())
        .merge(stages::routes())
        .merge(starting::routes())
        .merge(tasks::routes())
}

/// The whole API, ready to be served.
pub fn router(state: ApiState) -> Router {
    let mut routes = documented();
    if state.options().echo {
        routes = routes.merge(echo::routes());
    }
    let (router, _) = routes.split_for_parts();
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), bound))
        .layer(from_fn_with_state(state.clone(), identify))
        .layer(from_fn_with_state(state.clone(), guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

async fn unknown_route(method: Method, uri: axum::http::Uri) -> HttpProblem {
    HttpProblem::not_found(format!(
        "there is no route {method} {}; GET /openapi.json lists them",
        shorten(uri.path())
    ))
}

/// The router adds the `Allow` header.
async fn wrong_method(method: Method, uri: axum::http::Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    HttpProblem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!(
            "{} does not take {method}; the Allow header says what it takes",
            shorten(uri.path())
        ),
    )
    .into_response()
}

fn shorten(path: &str) -> &str {
    // A path in a URI is ASCII.
    path.get(..200).unwrap_or(path)
}
