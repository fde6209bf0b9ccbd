//! Instances, and what their containers say.

use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use spindrift_cloud_driver::CloudError;
use spindrift_cloud_driver::kubernetes::{Kind, LogOptions, ObjectId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::server_groups::wanted;
use super::{models, shapes};
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

/// The console shows so many of the last lines of each container.
const CONSOLE_LINES: u32 = 10_000;

/// The longest tail of a log.
const MAX_LINES: u32 = 1_000_000;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(console))
        .routes(routes!(log))
}

/// One instance, such as `pod web-v001-x1`.
#[utoipa::path(get, path = "/instances/{account}/{region}/{name}", tag = "infrastructure",
    params(("account" = String, Path), ("region" = String, Path), ("name" = String, Path)), responses((status = 200, body = Object)))]
async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, region, name)): Segments<(String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::one(&state, &identity, &account).await?;
    let full = format!("pod {}", pod(&name));
    let found = provider.inventory().instances(&wanted(&region, &full));
    match found.first() {
        Some(instance) => Ok(Json(shapes::instance(instance))),
        None => Err(HttpProblem::not_found(format!(
            "there is no instance {name:?} in {region:?} of the account {account:?}"
        ))),
    }
}

/// What every container of a pod has said so far: `{output: [{name, output}]}`, those that prepare the pod first.
#[utoipa::path(get, path = "/instances/{account}/{region}/{name}/console", tag = "infrastructure",
    params(("account" = String, Path), ("region" = String, Path), ("name" = String, Path)), responses((status = 200, body = Object)))]
async fn console(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, region, name)): Segments<(String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::provider(&state, &identity, &account)?;
    let kubernetes = models::kubernetes(provider.as_ref())?;
    let (namespace, pod) = (models::namespace(&region), pod(&name));
    let id = ObjectId {
        kind: Kind::of("Pod", "v1"),
        namespace: namespace.to_owned(),
        name: pod.to_owned(),
    };
    let object = kubernetes
        .get(&id)
        .await?
        .ok_or_else(|| HttpProblem::not_found(format!("there is no pod {pod:?} in {region:?}")))?;
    let mut output = Vec::new();
    for container in containers(&object) {
        let options = LogOptions {
            container: Some(container.to_owned()),
            tail_lines: Some(CONSOLE_LINES),
            ..LogOptions::default()
        };
        // A container that has not started has said nothing, which is no reason to hide the others.
        let text = match kubernetes.logs(namespace, pod, &options).await {
            Ok(text) => text,
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(error) => error.message,
        };
        output.push(json!({"name": container, "output": text}));
    }
    Ok(Json(json!({"output": output})))
}

/// The log of one container of a pod: as text, or as server-sent events for who asks for `text/event-stream`.
///
/// `follow` goes on with what is said later, until the container ends. `container` may be left out where there is one; `tail` is the number of last lines to
/// begin with; `previous` is the log of the container's life before this one.
#[utoipa::path(get, path = "/instances/{account}/{region}/{name}/log", tag = "infrastructure",
    params(("account" = String, Path), ("region" = String, Path), ("name" = String, Path), ("container" = Option<String>, Query),
        ("follow" = Option<bool>, Query), ("tail" = Option<u32>, Query), ("previous" = Option<bool>, Query), ("timestamps" = Option<bool>, Query)),
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn log(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((account, region, name)): Segments<(String, String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    let provider = models::provider(&state, &identity, &account)?;
    let kubernetes = models::kubernetes(provider.as_ref())?;
    let (namespace, pod) = (models::namespace(&region), pod(&name));
    let options = LogOptions {
        container: query.text("container").map(str::to_owned),
        tail_lines: match query.text("tail") {
            Some(_) => Some(query.number("tail", 0, 0..=MAX_LINES)?),
            None => None,
        },
        previous: query.flag("previous", false)?,
        timestamps: query.flag("timestamps", false)?,
    };
    if !query.flag("follow", false)? {
        let text = kubernetes.logs(namespace, pod, &options).await?;
        return Ok(([(header::CONTENT_TYPE, PLAIN)], text).into_response());
    }
    let lines = kubernetes.follow_logs(namespace, pod, &options).await?;
    let closing = state.closing().clone();
    let lines = lines.take_until(async move { closing.cancelled().await });
    let wants_events = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    Ok(match wants_events {
        true => events(lines),
        false => text(lines),
    })
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn text(lines: impl Stream<Item = Result<String, CloudError>> + Send + 'static) -> Response {
    let bytes = lines.map(|line| line.map(|line| line + "\n"));
    ([(header::CONTENT_TYPE, PLAIN)], Body::from_stream(bytes)).into_response()
}

/// A `line` for each line, then an `end`, with the reason where the log broke off.
fn events(lines: impl Stream<Item = Result<String, CloudError>> + Send + 'static) -> Response {
    let line = |line: Result<String, CloudError>| match line {
        Ok(line) => Event::default().event("line").data(line),
        Err(error) => Event::default().event("error").data(error.message),
    };
    let end = futures::stream::once(std::future::ready(Event::default().event("end").data("")));
    let events = lines.map(line).chain(end).map(Ok::<_, Infallible>);
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// A pod's name without its kind.
fn pod(name: &str) -> &str {
    name.strip_prefix("pod ").unwrap_or(name)
}

fn containers(pod: &Value) -> impl Iterator<Item = &str> {
    let lists = ["initContainers", "containers"].into_iter();
    lists
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten())
        .filter_map(|container| container["name"].as_str())
}
