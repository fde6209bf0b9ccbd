//! The most recent requests, so that a test can say "nothing was written".

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// One request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// get, list, watch, create, update, patch, delete or deletecollection.
    pub verb: String,
    /// Path without the query.
    pub path: String,
    /// Query text.
    pub query: String,
    /// Whether it asked for a dry run.
    pub dry_run: bool,
    /// HTTP status code of the answer.
    pub code: u16,
}

impl RecordedRequest {
    /// Whether the request asked for a lasting change of the cluster (access reviews and dry runs do not).
    #[must_use]
    pub fn is_write(&self) -> bool {
        let asks = self.path.starts_with("/apis/authorization.k8s.io/")
            || self.path.starts_with("/apis/authentication.k8s.io/");
        !asks && !self.dry_run && !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// A bounded queue of requests, oldest first.
#[derive(Debug)]
pub(crate) struct Recorder {
    limit: usize,
    requests: Mutex<VecDeque<RecordedRequest>>,
}

impl Recorder {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            requests: Mutex::default(),
        }
    }

    pub fn record(&self, request: RecordedRequest) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push_back(request);
        while requests.len() > self.limit {
            requests.pop_front();
        }
    }

    pub fn all(&self) -> Vec<RecordedRequest> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    pub fn clear(&self) {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
