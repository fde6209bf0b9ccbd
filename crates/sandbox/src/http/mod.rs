//! The cluster over HTTP: one router whose fallback reads Kubernetes paths.
//!
//! Paths depend on the kinds served at the moment, so they are parsed here and not by the router, as in a real API server.

mod body;
pub(crate) mod options;
pub(crate) mod path;
mod pods;
mod read;
mod reviews;
mod scale;
mod watch;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::discovery;
use crate::faults::{Fault, Seen};
use crate::json::Json;
use crate::openapi;
use crate::recorder::RecordedRequest;
use crate::status::Status;
use options::Params;
use path::{Target, Verb};

/// The API as a service.
pub(crate) fn router(cluster: Arc<Cluster>) -> Router {
    Router::new().fallback(handle).with_state(cluster)
}

/// An answer before it becomes bytes.
pub(crate) enum Reply {
    Document {
        code: u16,
        value: Arc<Value>,
        warnings: Vec<String>,
    },
    Stream(Response),
}

impl Reply {
    fn ok(value: impl Into<Arc<Value>>) -> Self {
        Self::Document {
            code: 200,
            value: value.into(),
            warnings: Vec::new(),
        }
    }
}

/// What a request handler sees of its request.
pub(crate) struct Call<'a> {
    pub cluster: &'a Arc<Cluster>,
    pub verb: Verb,
    pub params: &'a Params,
    pub headers: &'a HeaderMap,
    pub faults: Vec<Fault>,
    /// Whether this is a dry run; a deletion says so in its body.
    pub dry_run: AtomicBool,
}

async fn handle(State(cluster): State<Arc<Cluster>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (path, query) = (
        parts.uri.path().to_owned(),
        parts.uri.query().unwrap_or("").to_owned(),
    );
    let params = Params::parse(&query);
    let target = path::parse(&path);
    let verb = path::verb(&parts.method, &target, params.flag("watch"));
    let mut call = Call {
        cluster: &cluster,
        verb,
        params: &params,
        headers: &parts.headers,
        faults: Vec::new(),
        dry_run: AtomicBool::new(params.dry_run()),
    };
    let response = match serve(&mut call, &parts.method, &target, body).await {
        Ok(reply) => respond(reply),
        Err(status) => refuse(&status),
    };
    let dry_run = call.dry_run.load(Ordering::Relaxed);
    let code = response.status().as_u16();
    cluster.requests.record(RecordedRequest {
        verb: verb.name().to_owned(),
        path,
        query,
        dry_run,
        code,
    });
    response
}

async fn serve(
    call: &mut Call<'_>,
    method: &Method,
    target: &Target,
    body: Body,
) -> Result<Reply, Status> {
    let cluster = call.cluster;
    authenticate(cluster, call.headers)?;
    call.faults = strike(cluster, call.verb, target).await?;
    if call.faults.contains(&Fault::Reset) {
        return Ok(Reply::Stream(broken(b"")));
    }
    let reply = match target {
        Target::Health => Ok(Reply::Stream(plain("ok"))),
        Target::Unknown => Err(Status::no_such_path()),
        Target::OpenApiV2 => Ok(openapi::v2(call.headers)),
        _ if method != Method::GET && !matches!(target, Target::Object(_)) => {
            Err(Status::method_not_allowed())
        }
        Target::OpenApiV3(group_version) => cluster
            .store
            .read(|state| openapi::v3(&state.kinds, group_version.as_deref()))
            .map(Reply::ok),
        Target::Version
        | Target::Api
        | Target::Apis
        | Target::Group(_)
        | Target::GroupVersion(..) => cluster
            .store
            .read(|state| discovery::document(&state.kinds, target, call.headers))
            .map(discovery::reply),
        Target::Object(info) => object(call, call.verb, info, body).await,
    }?;
    if call.faults.contains(&Fault::CutAnswer) {
        return Ok(Reply::Stream(broken(b"{\"kind\":")));
    }
    Ok(reply)
}

async fn object(
    call: &Call<'_>,
    verb: Verb,
    info: &path::Info,
    body: Body,
) -> Result<Reply, Status> {
    let kind = call
        .cluster
        .store
        .read(|state| {
            state
                .kinds
                .find(&info.group, &info.version, &info.resource)
                .cloned()
        })
        .ok_or_else(Status::no_such_path)?;
    if kind.is_review() {
        return reviews::answer(call, &kind, verb, body).await;
    }
    if kind.namespaced && info.namespace.is_empty() && !matches!(verb, Verb::List | Verb::Watch) {
        return Err(Status::method_not_allowed());
    }
    match info.subresource.as_str() {
        "" => match verb {
            Verb::Get => read::get(call, &kind, info),
            Verb::List => read::list(call, &kind, info),
            Verb::Watch => watch::watch(call, &kind, info),
            Verb::Create => write::create(call, &kind, info, body).await,
            Verb::Update => write::update(call, &kind, info, body).await,
            Verb::Patch => write::patch(call, &kind, info, body).await,
            Verb::Delete => write::delete(call, &kind, info, body).await,
            Verb::DeleteCollection => write::delete_collection(call, &kind, info, body).await,
            Verb::Other => Err(Status::method_not_allowed()),
        },
        "status" if kind.has_status => match verb {
            Verb::Get => read::get(call, &kind, info),
            Verb::Update => write::update(call, &kind, info, body).await,
            Verb::Patch => write::patch(call, &kind, info, body).await,
            _ => Err(Status::method_not_allowed()),
        },
        "scale" if kind.scale.is_some() => scale::serve(call, &kind, verb, info, body).await,
        "log" if kind.is("pods") && verb == Verb::Get => pods::log(call, &kind, info),
        "eviction" if kind.is("pods") && verb == Verb::Create => {
            pods::evict(call, &kind, info, body).await
        }
        "binding" if kind.is("pods") && verb == Verb::Create => {
            pods::bind(call, &kind, info, body).await
        }
        "finalize" if kind.is("namespaces") && verb == Verb::Update => {
            write::update(call, &kind, info, body).await
        }
        "token" if kind.is("serviceaccounts") && verb == Verb::Create => {
            reviews::token(call, info, body).await
        }
        _ => Err(Status::no_such_path()),
    }
}

fn authenticate(cluster: &Cluster, headers: &HeaderMap) -> Result<(), Status> {
    let Some(token) = &cluster.options.token else {
        return Ok(());
    };
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if given == Some(token.as_str()) {
        Ok(())
    } else {
        Err(Status::unauthorized())
    }
}

/// Applies scripted faults: waits, refuses, or returns those that act later.
async fn strike(cluster: &Cluster, verb: Verb, target: &Target) -> Result<Vec<Fault>, Status> {
    let Target::Object(info) = target else {
        let seen = Seen {
            verb: verb.name(),
            resource: "",
            subresource: "",
            namespace: "",
            name: "",
        };
        return act(cluster.faults.strike(&seen), &seen).await;
    };
    let resource = info.qualified();
    let seen = Seen {
        verb: verb.name(),
        resource: &resource,
        subresource: &info.subresource,
        namespace: &info.namespace,
        name: &info.name,
    };
    act(cluster.faults.strike(&seen), &seen).await
}

async fn act(faults: Vec<Fault>, seen: &Seen<'_>) -> Result<Vec<Fault>, Status> {
    for fault in &faults {
        if let Fault::Delay(delay) = fault {
            tokio::time::sleep(*delay).await;
        }
        if let Some(status) = fault.refusal(seen) {
            return Err(status);
        }
    }
    Ok(faults)
}

fn respond(reply: Reply) -> Response {
    match reply {
        Reply::Stream(response) => response,
        Reply::Document {
            code,
            value,
            warnings,
        } => {
            let mut response = document(code, &value);
            for warning in warnings {
                let text = format!(
                    "299 - \"{}\"",
                    warning.replace('\\', "\\\\").replace('"', "\\\"")
                );
                if let Ok(value) = HeaderValue::from_str(&text) {
                    response.headers_mut().append(header::WARNING, value);
                }
            }
            response
        }
    }
}

fn document(code: u16, value: &Value) -> Response {
    let mut bytes = value.to_string().into_bytes();
    bytes.push(b'\n');
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn refuse(status: &Status) -> Response {
    let mut response = document(status.code, &status.to_value());
    if let Some(seconds) = status.retry_after_seconds {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn plain(text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// An answer that breaks off.
fn broken(start: &'static [u8]) -> Response {
    let pieces = [
        Ok(start),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ];
    let mut response = Response::new(Body::from_stream(futures::stream::iter(pieces)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// A resource version of a query: absent and empty mean the same.
fn version(params: &Params) -> Result<Option<u64>, Status> {
    match params.get("resourceVersion") {
        None | Some("") => Ok(None),
        Some(text) => match text.parse() {
            Ok(version) => Ok(Some(version)),
            Err(_) => Err(Status::bad_request(format!(
                "Invalid value: \"{text}\": invalid resource version"
            ))),
        },
    }
}

/// The manager of a write: as the query says, or the program of the user agent.
fn manager<'a>(call: &'a Call<'_>) -> &'a str {
    let agent = || {
        call.headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .and_then(|agent| agent.split('/').next())
    };
    call.params
        .get("fieldManager")
        .filter(|manager| !manager.is_empty())
        .or_else(agent)
        .unwrap_or("unknown")
}

fn is_status_failure(value: &Value) -> bool {
    value.kind() == "Status" && value.text(&["status"]) == "Failure"
}
