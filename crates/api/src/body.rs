//! JSON bodies: bounded in time, size and depth, and read without dropping anything silently.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use spindrift_model::{JsonLimits, Map, Pointer, Value, parse_json};

use crate::limits::Limits;
use crate::problem::{HttpProblem, wrong_shape};
use crate::state::ApiState;

/// A text up to that size, in bytes, is read in less than a millisecond.
const SMALL: usize = 64 * 1024;

/// A JSON body; `None` when there is none.
pub(crate) struct JsonBody(pub(crate) Option<Value>);

impl FromRequest<ApiState> for JsonBody {
    type Rejection = HttpProblem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, HttpProblem> {
        let text = RawBody::from_request(request, state).await?;
        if text.0.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        parse(text.0, state.limits().json)
            .await
            .map(|value| Self(Some(value)))
    }
}

/// Reads JSON; a large text away from the threads that serve connections.
pub(crate) async fn parse(text: Bytes, limits: JsonLimits) -> Result<Value, HttpProblem> {
    if text.len() <= SMALL {
        return Ok(parse_json(&text, limits)?);
    }
    match tokio::task::spawn_blocking(move || parse_json(&text, limits)).await {
        Ok(parsed) => Ok(parsed?),
        Err(_) => Err(HttpProblem::internal()),
    }
}

impl JsonBody {
    /// The object that `what` is.
    pub(crate) fn object(self, what: &str) -> Result<Map, HttpProblem> {
        match self.0 {
            Some(Value::Object(map)) => Ok(map),
            other => Err(wrong_body(what, "a JSON object", other.as_ref())),
        }
    }

    /// The object that `what` is; nothing and `null` count as an empty one.
    pub(crate) fn object_or_empty(self, what: &str) -> Result<Map, HttpProblem> {
        match self.0 {
            None | Some(Value::Null) => Ok(Map::new()),
            some => Self(some).object(what),
        }
    }

    /// The list that `what` is.
    pub(crate) fn list(self, what: &str) -> Result<Vec<Value>, HttpProblem> {
        match self.0 {
            Some(Value::Array(list)) => Ok(list),
            other => Err(wrong_body(what, "a JSON list", other.as_ref())),
        }
    }
}

fn wrong_body(what: &str, wanted: &str, found: Option<&Value>) -> HttpProblem {
    let found = match found {
        None => "there is no body",
        Some(Value::Null) => "this is null",
        Some(Value::Bool(_)) => "this is a boolean",
        Some(Value::Number(_)) => "this is a number",
        Some(Value::String(_)) => "this is a text",
        Some(Value::Array(_)) => "this is a list",
        Some(Value::Object(_)) => "this is an object",
    };
    wrong_shape(Pointer::root(), format!("{what} is {wanted}, but {found}"))
}

/// A member that must be a text.
pub(crate) fn text<'m>(map: &'m Map, key: &str) -> Result<&'m str, HttpProblem> {
    map.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| {
            wrong_shape(
                Pointer::root().key(key),
                format!("{key} is needed; give it as a text"),
            )
        })
}

/// A body as it came.
pub(crate) struct RawBody(pub(crate) Bytes);

impl FromRequest<ApiState> for RawBody {
    type Rejection = HttpProblem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, HttpProblem> {
        let (parts, body) = request.into_parts();
        check_head(&parts.headers, state.limits())?;
        read(body, state.limits()).await.map(Self)
    }
}

fn check_head(headers: &HeaderMap, limits: &Limits) -> Result<(), HttpProblem> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(HttpProblem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "compressed bodies are not accepted; send it as it is",
        ));
    }
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(length) if length > limits.json.bytes as u64 => Err(too_large(limits)),
        _ => Ok(()),
    }
}

async fn read(body: Body, limits: &Limits) -> Result<Bytes, HttpProblem> {
    let collected = Limited::new(body, limits.json.bytes).collect();
    match tokio::time::timeout(limits.body_time, collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limits)),
        Ok(Err(error)) => Err(HttpProblem::bad_request(format!(
            "the body could not be read: {error}"
        ))),
        Err(_) => Err(HttpProblem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the body did not arrive within {} s",
                limits.body_time.as_secs()
            ),
        )),
    }
}

fn too_large(limits: &Limits) -> HttpProblem {
    HttpProblem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "the body is too large; at most {} bytes are accepted",
            limits.json.bytes
        ),
    )
}
