//! What can go wrong between this process and a cloud.

use std::time::Duration;

use serde_json::{Map, Value};

/// A failure of a cloud operation: what kind it is, one text for a person, and what the cloud said besides.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct CloudError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What happened and what to do about it.
    pub message: String,
    /// What the cloud said besides: `code`, `reason`, `causes`, `manifest`, `applied` …
    pub details: Map<String, Value>,
    /// How long the cloud asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// What kind of failure it is; callers choose a status or a repetition by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request makes no sense; nothing was sent.
    Invalid,
    /// A rule of this product forbids it: an allow list, a traffic guard. Nothing was sent.
    Denied,
    /// There is no such account, object or server group.
    NotFound,
    /// Somebody else changed it in the meantime.
    Conflict,
    /// The cloud refuses it: admission, quota, an immutable field, missing rights.
    Refused,
    /// The cloud cannot be reached or is overloaded; a repetition may help.
    Unavailable,
    /// It was carried out and ended badly: a rollout that failed.
    Failed,
    /// This cloud, or this kind of object, has no such operation.
    Unsupported,
}

impl CloudError {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: Map::new(),
            retry_after: None,
        }
    }

    /// A request that makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The same with that text before its message.
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.message = format!("{prefix}{}", self.message);
        self
    }

    /// The same with one more detail.
    pub fn with_detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            ErrorKind::Unavailable | ErrorKind::Conflict => true,
            ErrorKind::Invalid
            | ErrorKind::Denied
            | ErrorKind::NotFound
            | ErrorKind::Refused
            | ErrorKind::Failed
            | ErrorKind::Unsupported => false,
        }
    }
}
