//! Every answer that is not a success, and the one mapping of the engine's errors to status codes.
//!
//! A handler returns an [`HttpProblem`]; the outermost layer writes it as `{timestamp, status, error, message, errors}`
//! and, because Spinnaker's command line shows nothing else, puts the message into the status line too.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use spindrift_artifacts::FetchError;
use spindrift_catalog::CatalogError;
use spindrift_cloud_driver::{CloudError, ErrorKind};
use spindrift_engine::{Refusal, StoreError};
use spindrift_model::{ParseError, Pointer, Problem};
use spindrift_runtime::EngineError;

/// After so many seconds a caller who was turned away may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpProblem {
    /// The status code.
    pub status: StatusCode,
    /// What is wrong and what to do about it.
    pub message: String,
    /// The places in the body that are wrong.
    pub errors: Vec<Problem>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl HttpProblem {
    /// A problem of any kind.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
            header: None,
        }
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The caller may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// Nobody knows who the caller is.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message).with_header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"spindrift\""),
        )
    }

    /// This program has a bug; the log says more than the caller needs.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "this request met a defect of the server; its log has the details under the request's id",
        )
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    fn with_errors(mut self, errors: Vec<Problem>) -> Self {
        self.errors = errors;
        self
    }

    /// The same problem of a document whose member at the pointer `from` came as the member `to`.
    pub(crate) fn moved(mut self, from: &str, to: &str) -> Self {
        for problem in &mut self.errors {
            let Some(inside) = problem.pointer.as_str().strip_prefix(from) else {
                continue;
            };
            let steps = inside.split('/').skip(1);
            let steps = steps.map(|step| step.replace("~1", "/").replace("~0", "~"));
            problem.pointer = steps.fold(Pointer::root().key(to), |place, step| place.key(&step));
        }
        self.message = summary(&self.errors);
        self
    }

    /// A document that is refused.
    pub(crate) fn invalid(problems: Vec<Problem>) -> Self {
        Self::bad_request(summary(&problems)).with_errors(problems)
    }
}

/// One error speaks for itself where its message names its member; one inside a list needs its place, as several do.
fn summary(problems: &[Problem]) -> String {
    let errors: Vec<&Problem> = problems
        .iter()
        .filter(|problem| problem.is_error())
        .collect();
    match errors.as_slice() {
        [] => "the document was refused".to_owned(),
        [only] if !is_in_list(&only.pointer) => only.message.clone(),
        _ => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            lines.join("; ")
        }
    }
}

fn is_in_list(place: &Pointer) -> bool {
    let mut steps = place.as_str().split('/');
    steps.any(|step| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()))
}

impl IntoResponse for HttpProblem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some((name, value)) = self.header.clone() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<EngineError> for HttpProblem {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::UnknownExecution(_) | EngineError::UnknownPipeline(_) => {
                Self::not_found(message)
            }
            EngineError::Refused(refusal) => {
                let status = match refusal {
                    Refusal::UnknownStage { .. } => StatusCode::NOT_FOUND,
                    Refusal::Conflict(_) => StatusCode::CONFLICT,
                    Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
                    Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self::new(status, message)
            }
            EngineError::Invalid(problems) => Self::invalid(problems),
            EngineError::Conflict(_) => Self::new(StatusCode::CONFLICT, message),
            EngineError::Busy(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, message)
                .with_header(header::RETRY_AFTER, RETRY_AFTER),
            EngineError::Unavailable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
                .with_header(header::RETRY_AFTER, RETRY_AFTER),
        }
    }
}

impl From<CatalogError> for HttpProblem {
    fn from(error: CatalogError) -> Self {
        let message = error.to_string();
        match error {
            CatalogError::Unknown(_) => Self::not_found(message),
            CatalogError::Forbidden(_) => Self::forbidden(message),
            CatalogError::Conflict(_) | CatalogError::InUse { .. } => {
                Self::new(StatusCode::CONFLICT, message)
            }
            CatalogError::Engine(error) => error.into(),
        }
    }
}

impl From<FetchError> for HttpProblem {
    fn from(error: FetchError) -> Self {
        let message = error.to_string();
        let forbidden = error.is_forbidden();
        let status = match error {
            FetchError::Outbound(_) if forbidden => StatusCode::FORBIDDEN,
            FetchError::UnknownType(..)
            | FetchError::Incomplete { .. }
            | FetchError::NoAccount(_)
            | FetchError::Elsewhere { .. } => StatusCode::BAD_REQUEST,
            FetchError::Answer { status: 404, .. } => StatusCode::NOT_FOUND,
            FetchError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            FetchError::Account { .. }
            | FetchError::Answer { .. }
            | FetchError::Unreadable { .. }
            | FetchError::Outbound(_) => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, message)
    }
}

impl From<CloudError> for HttpProblem {
    fn from(error: CloudError) -> Self {
        let status = match error.kind {
            ErrorKind::Invalid | ErrorKind::Unsupported => StatusCode::BAD_REQUEST,
            ErrorKind::Denied => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Failed => StatusCode::BAD_GATEWAY,
        };
        let problem = Self::new(status, error.message);
        match error.kind {
            ErrorKind::Unavailable => problem.with_header(header::RETRY_AFTER, RETRY_AFTER),
            _ => problem,
        }
    }
}

impl From<StoreError> for HttpProblem {
    fn from(error: StoreError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ParseError> for HttpProblem {
    fn from(error: ParseError) -> Self {
        let message = format!("the body is not acceptable JSON: {error}");
        match error {
            ParseError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            ParseError::Syntax {
                message: what,
                pointer,
                ..
            } => Self::bad_request(message).with_errors(vec![Problem::error(
                pointer,
                "json.syntax",
                what,
            )]),
        }
    }
}

/// A body whose JSON is fine but whose shape is not.
pub(crate) fn wrong_shape(pointer: Pointer, message: impl Into<String>) -> HttpProblem {
    HttpProblem::invalid(vec![Problem::error(pointer, "request.shape", message)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use spindrift_model::ExecutionId;

    #[test]
    fn every_error_of_the_engine_has_its_status() {
        let refused = EngineError::Refused;
        let table = [
            (
                EngineError::UnknownExecution(ExecutionId::from("01J")),
                404,
                "there is no execution 01J",
            ),
            (
                EngineError::UnknownPipeline("no pipeline".into()),
                404,
                "no pipeline",
            ),
            (
                refused(Refusal::UnknownStage {
                    execution: "e".into(),
                    stage: "s".into(),
                }),
                404,
                "execution e has no stage \"s\"",
            ),
            (
                refused(Refusal::Conflict("too late".into())),
                409,
                "too late",
            ),
            (
                refused(Refusal::Forbidden("not yours".into())),
                403,
                "not yours",
            ),
            (
                refused(Refusal::Invalid("not offered".into())),
                422,
                "not offered",
            ),
            (EngineError::Conflict("stale".into()), 409, "stale"),
            (EngineError::Busy("full".into()), 429, "full"),
            (EngineError::Unavailable("stopped".into()), 503, "stopped"),
        ];
        for (error, status, message) in table {
            let problem = HttpProblem::from(error);
            assert_eq!(
                (problem.status.as_u16(), problem.message.as_str()),
                (status, message)
            );
            let retry = problem
                .into_response()
                .headers()
                .contains_key(header::RETRY_AFTER);
            assert_eq!(retry, [429, 503].contains(&status));
        }
    }

    #[test]
    fn every_error_of_a_cloud_has_its_status() {
        let table = [
            (ErrorKind::Invalid, 400),
            (ErrorKind::Denied, 403),
            (ErrorKind::NotFound, 404),
            (ErrorKind::Conflict, 409),
            (ErrorKind::Refused, 422),
            (ErrorKind::Unavailable, 503),
            (ErrorKind::Failed, 502),
            (ErrorKind::Unsupported, 400),
        ];
        for (kind, status) in table {
            let problem = HttpProblem::from(CloudError::new(kind, "why"));
            assert_eq!(
                (problem.status.as_u16(), problem.message.as_str()),
                (status, "why")
            );
        }
    }

    #[test]
    fn one_error_speaks_for_itself_and_several_name_their_places() {
        let name = Problem::error(
            Pointer::root().key("name"),
            "x",
            "A pipeline with name p already exists",
        );
        let stage = Problem::error(
            Pointer::root().key("stages").index(3),
            "x",
            "a stage is an object",
        );
        let warning = Problem::warning(Pointer::root(), "x", "look at this");
        let cases = [
            (
                vec![name.clone(), warning],
                "A pipeline with name p already exists",
            ),
            (vec![stage.clone()], "/stages/3: a stage is an object"),
            (
                vec![name, stage],
                "/name: A pipeline with name p already exists; /stages/3: a stage is an object",
            ),
        ];
        for (problems, message) in cases {
            assert_eq!(
                HttpProblem::from(EngineError::Invalid(problems)).message,
                message
            );
        }
    }
}
