//! `/echo`: answers with the request it was sent, so that the webhook stage can be tried without another server.

use axum::Json;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::RawBody;
use crate::state::ApiState;

/// What a caller proves who they are with is not repeated.
const SECRET: [&str; 4] = [
    "authorization",
    "cookie",
    "x-spinnaker-token",
    "proxy-authorization",
];

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(echo))
}

/// The request, as it arrived.
#[utoipa::path(method(get, post, put, patch, delete), path = "/echo", tag = "about", responses((status = 200, body = Object)))]
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: RawBody) -> Json<Value> {
    let text = String::from_utf8_lossy(&body.0);
    let body = match serde_json::from_slice(&body.0) {
        Ok(json) => json,
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::String(text.into_owned()),
    };
    Json(json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": uri.query(),
        "headers": shown(&headers),
        "body": body,
    }))
}

fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, value) in headers {
        let text = match SECRET.contains(&name.as_str()) {
            true => "(redacted)".to_owned(),
            false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        shown.insert(name.as_str().to_owned(), text.into());
    }
    shown
}
