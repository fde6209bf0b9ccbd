//! Refusals in the form of the Kubernetes `Status` object: code, reason, details and causes.
//!
//! Clients branch on `reason` and `details.causes` and people read `message`, so texts follow those of a real API server.

use serde_json::{Value, json};

use crate::kinds::Kind;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason such as `NotFound`.
    pub reason: String,
    /// Human-readable text.
    pub message: String,
    /// Seconds after which the client may try again (also sent as `Retry-After`).
    pub retry_after_seconds: Option<u32>,
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) causes: Vec<Cause>,
}

/// One entry of `details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub reason: &'static str,
    pub message: String,
    pub field: String,
}

impl Cause {
    pub fn required(field: impl Into<String>, note: &str) -> Self {
        let message = if note.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {note}")
        };
        Self {
            reason: "FieldValueRequired",
            message,
            field: field.into(),
        }
    }

    pub fn invalid(field: impl Into<String>, value: &Value, note: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {}: {note}", brief(value)),
            field: field.into(),
        }
    }

    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let supported: Vec<_> = supported.iter().map(|word| format!("\"{word}\"")).collect();
        let message = format!(
            "Unsupported value: {}: supported values: {}",
            brief(value),
            supported.join(", ")
        );
        Self {
            reason: "FieldValueNotSupported",
            message,
            field: field.into(),
        }
    }

    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self {
            reason: "FieldValueDuplicate",
            message: format!("Duplicate value: {}", brief(value)),
            field: field.into(),
        }
    }

    pub fn forbidden(field: impl Into<String>, note: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {note}"),
            field: field.into(),
        }
    }

    pub fn too_long(field: impl Into<String>, limit: usize) -> Self {
        Self {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {limit} bytes"),
            field: field.into(),
        }
    }

    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self {
            reason: "FieldValueNotFound",
            message: format!("Not found: {}", brief(value)),
            field: field.into(),
        }
    }
}

/// A value inside a message; documents are cut so that a message stays readable.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= 1024 {
        text
    } else {
        text.chars().take(1024).chain("...".chars()).collect()
    }
}

impl Status {
    pub(crate) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            retry_after_seconds: None,
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            causes: Vec::new(),
        }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        kind.group.clone_into(&mut self.group);
        kind.plural.clone_into(&mut self.kind);
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn with_cause(mut self, cause: Cause) -> Self {
        self.causes.push(cause);
        self
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(
            404,
            "NotFound",
            format!("{} \"{name}\" not found", kind.qualified()),
        )
        .about(kind, name)
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{} \"{name}\" already exists", kind.qualified()),
        )
        .about(kind, name)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!(
                "Operation cannot be fulfilled on {} \"{name}\": {why}",
                kind.qualified()
            ),
        )
        .about(kind, name)
    }

    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: Vec<Cause>) -> Self {
        let lines: Vec<_> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let problems = if lines.len() == 1 {
            lines.concat()
        } else {
            format!("[{}]", lines.join(", "))
        };
        let mut status = Self::new(
            422,
            "Invalid",
            format!("{} \"{name}\" is invalid: {problems}", kind.kind_group()),
        )
        .about(kind, name);
        kind.kind.clone_into(&mut status.kind);
        status.causes = causes;
        status
    }

    pub(crate) fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let subject = if name.is_empty() {
            kind.qualified()
        } else {
            format!("{} \"{name}\"", kind.qualified())
        };
        Self::new(403, "Forbidden", format!("{subject} is forbidden: {why}")).about(kind, name)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub(crate) fn unsupported_media_type(got: &str, accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format \"{got}\" - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// The `Status` document of this refusal.
    pub(crate) fn to_value(&self) -> Value {
        let mut details = serde_json::Map::new();
        for (key, value) in [
            ("name", &self.name),
            ("group", &self.group),
            ("kind", &self.kind),
        ] {
            if !value.is_empty() {
                details.insert(key.to_owned(), json!(value));
            }
        }
        if !self.causes.is_empty() {
            let causes: Vec<_> = self.causes.iter().map(cause_value).collect();
            details.insert("causes".to_owned(), json!(causes));
        }
        if let Some(seconds) = self.retry_after_seconds {
            details.insert("retryAfterSeconds".to_owned(), json!(seconds));
        }
        let mut value = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason,
        });
        if !details.is_empty() {
            value["details"] = Value::Object(details);
        }
        value["code"] = json!(self.code);
        value
    }
}

fn cause_value(cause: &Cause) -> Value {
    let mut value = json!({"reason": cause.reason, "message": cause.message});
    if !cause.field.is_empty() {
        value["field"] = json!(cause.field);
    }
    value
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.message, self.code, self.reason)
    }
}

impl std::error::Error for Status {}
