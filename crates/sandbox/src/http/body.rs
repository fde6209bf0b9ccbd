//! Request bodies.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use serde_json::Value;

use crate::protobuf;
use crate::status::Status;

/// As much as a real API server takes.
const LIMIT: usize = 3 * 1024 * 1024;

const ACCEPTED: &[&str] = &["application/json", "application/yaml", protobuf::MEDIA_TYPE];

pub(super) fn content_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/json");
    value.split(';').next().unwrap_or(value).trim()
}

/// Reads a whole document, JSON or YAML.
pub(super) async fn document(headers: &HeaderMap, body: Body) -> Result<Value, Status> {
    match content_type(headers) {
        "application/json" | "" => json(&bytes(body).await?),
        "application/yaml" | "text/yaml" | "application/x-yaml" => yaml(&bytes(body).await?),
        protobuf::MEDIA_TYPE => binary(&bytes(body).await?),
        other => Err(Status::unsupported_media_type(other, ACCEPTED)),
    }
}

/// Reads a document that may be left out.
pub(super) async fn optional(headers: &HeaderMap, body: Body) -> Result<Value, Status> {
    let bytes = bytes(body).await?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    match content_type(headers) {
        "application/yaml" => yaml(&bytes),
        protobuf::MEDIA_TYPE => binary(&bytes),
        _ => json(&bytes),
    }
}

pub(super) async fn bytes(body: Body) -> Result<Vec<u8>, Status> {
    match axum::body::to_bytes(body, LIMIT).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if error.to_string().contains("length limit") => Err(Status::new(
            413,
            "RequestEntityTooLarge",
            format!("Request entity too large: limit is {LIMIT}"),
        )),
        Err(error) => Err(Status::bad_request(format!(
            "the body of the request broke off: {error}"
        ))),
    }
}

fn binary(bytes: &[u8]) -> Result<Value, Status> {
    protobuf::read(bytes).ok_or_else(|| {
        Status::bad_request("the body of the request is not an object of a known kind in protobuf")
    })
}

pub(super) fn json(bytes: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(bytes).map_err(|error| {
        Status::bad_request(format!("the body of the request is not JSON: {error}"))
    })
}

pub(super) fn yaml(bytes: &[u8]) -> Result<Value, Status> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Status::bad_request("the body of the request is not UTF-8"))?;
    // JSON is YAML, and the JSON reader is faster.
    if text.trim_start().starts_with('{') {
        return json(bytes);
    }
    serde_saphyr::from_str(text)
        .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))
}
