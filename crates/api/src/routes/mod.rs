//! The routes, one file for each group, and the layers around them.

mod about;
mod applications;
mod artifacts;
mod catalog;
mod cloud;
mod concealed;
mod configs;
mod cron;
mod echo;
mod evaluate;
mod events;
mod executions;
mod health;
mod history;
mod projects;
mod search;
mod stages;
mod starting;
mod strategies;
mod tasks;
mod templates;
mod trigger_events;
mod webhooks;

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
        .merge(artifacts::routes())
        .merge(cloud::routes())
        .merge(configs::routes())
        .merge(cron::routes())
        .merge(evaluate::routes())
        .merge(events::routes())
        .merge(executions::routes())
        .merge(health::routes())
        .merge(history::routes())
        .merge(projects::routes())
        .merge(search::routes())
        .merge(stages::routes())
        .merge(starting::routes())
        .merge(strategies::routes())
        .merge(tasks::routes())
        .merge(templates::routes())
        .merge(trigger_events::routes())
        .merge(webhooks::routes())
}

/// The whole API, ready to be served.
pub fn router(state: ApiState) -> Router {
    let mut routes = documented();
    if state.options().echo {
        routes = routes.merge(echo::routes());
    }
    let (router, _) = routes.split_for_parts();
    surround(router, state)
}

/// Puts the layers around routes.
fn surround(routes: Router<ApiState>, state: ApiState) -> Router {
    routes
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use spindrift_catalog::{Catalog, CatalogOptions};
    use spindrift_engine::Registry;
    use spindrift_runtime::{Engine, EngineOptions, SystemClock, SystemEntropy};
    use spindrift_store::MemoryStore;
    use spindrift_triggers::{TriggerOptions, Triggers};
    use tower::ServiceExt;

    async fn answer(path: &str) -> (StatusCode, String) {
        let engine = Engine::start(
            Arc::new(MemoryStore::new()),
            Registry::new(),
            EngineOptions::default(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let triggers = Triggers::start(
            engine.clone(),
            TriggerOptions::default(),
            Arc::new(SystemEntropy),
        );
        let triggers = triggers.unwrap();
        let catalog = Catalog::new(engine.clone(), triggers.clone(), CatalogOptions::default());
        let state = ApiState::new(engine, triggers, catalog, crate::ApiOptions::default());
        let broken = async || -> () { panic!("a bug") };
        let routes = Router::new()
            .route("/broken", get(broken))
            .route("/silent", get(std::future::pending::<()>));
        let request = Request::builder().uri(path).header("host", "localhost");
        let request = request.body(Body::empty()).unwrap();
        let response = surround(routes, state).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        (status, body["message"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_bug_is_a_500_that_tells_the_caller_nothing_of_it() {
        let (status, message) = answer("/broken").await;
        assert_eq!(status, 500);
        assert!(!message.contains("a bug"), "{message}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_begin_is_given_up() {
        let (status, message) = answer("/silent").await;
        assert_eq!(status, 503);
        assert_eq!(
            message,
            "there was no answer within 30 s; what was asked for may still happen"
        );
    }
}
