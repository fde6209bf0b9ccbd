//! What an API server's refusal means for this program.

use std::time::Duration;

use kube::core::Status;
use serde_json::{Value, json};

use crate::error::{CloudError, ErrorKind};

/// The failure of a request by the `kube` client. The API server's text is kept as it is.
pub fn from_kube(error: kube::Error) -> CloudError {
    match error {
        kube::Error::Api(status) => from_status(&status),
        kube::Error::SerdeError(error) => CloudError::new(
            ErrorKind::Failed,
            format!("the answer of the API server cannot be read: {error}"),
        ),
        kube::Error::BuildRequest(error) => CloudError::invalid(error.to_string()),
        kube::Error::Discovery(error) => CloudError::new(ErrorKind::NotFound, error.to_string()),
        kube::Error::Auth(error) => CloudError::new(
            ErrorKind::Refused,
            format!("the account's credentials cannot be used: {error}"),
        ),
        other => CloudError::new(
            ErrorKind::Unavailable,
            format!("the API server cannot be reached: {}", chain(&other)),
        ),
    }
}

/// The failure that a `Status` tells.
pub fn from_status(status: &Status) -> CloudError {
    let kind = match status.code {
        404 => ErrorKind::NotFound,
        409 if status.reason == "AlreadyExists" => ErrorKind::Refused,
        409 | 410 => ErrorKind::Conflict,
        429 | 500 | 502 | 503 | 504 => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    };
    let message = if status.message.is_empty() {
        format!("the API server answered {} {}", status.code, status.reason)
    } else {
        status.message.clone()
    };
    let mut error = CloudError::new(kind, message)
        .with_detail("code", status.code)
        .with_detail("reason", status.reason.clone());
    if let Some(details) = &status.details {
        let causes: Vec<Value> = details
            .causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        if !causes.is_empty() {
            error = error.with_detail("causes", causes);
        }
        if details.retry_after_seconds > 0 {
            error.retry_after = Some(Duration::from_secs(details.retry_after_seconds.into()));
        }
    }
    error
}

/// An error with what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
