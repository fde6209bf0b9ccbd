//! Watches: what is there first, if asked for, then every change as it comes.
//!
//! A watch keeps only its position in the shared history. One that falls behind the history is told `410 Gone` and lists again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::path::Info;
use super::read::{Filter, Form, include_object, metadata_only};
use super::{Call, Reply, version};
use crate::api;
use crate::cluster::Cluster;
use crate::faults::Fault;
use crate::json::Json;
use crate::kinds::Kind;
use crate::status::Status;
use crate::store::{Change, ChangeKind, State};
use crate::table;

/// A watch without `timeoutSeconds` ends after this.
const LONGEST: Duration = Duration::from_secs(3600);

/// Events taken from the history at once.
const BATCH: usize = 128;

struct Watch {
    cluster: Arc<Cluster>,
    kind: Kind,
    filter: Filter,
    form: Form,
    include: table::Include,
    position: u64,
    pending: VecDeque<Vec<u8>>,
    revisions: tokio::sync::watch::Receiver<u64>,
    deadline: Instant,
    bookmark: Option<Instant>,
    /// Events that still get through, and whether the end is an error.
    cut: Option<(usize, bool)>,
    ended: bool,
}

pub(super) fn watch(call: &Call<'_>, kind: &Kind, info: &Info) -> Result<Reply, Status> {
    let cluster = call.cluster;
    let filter = Filter::of(call, kind, info)?;
    let from = version(call.params)?;
    let initial = call.params.flag("sendInitialEvents");
    if initial && call.params.get("resourceVersionMatch") != Some("NotOlderThan") {
        return Err(Status::bad_request(
            "sendInitialEvents requires resourceVersionMatch=NotOlderThan",
        ));
    }
    let bookmarks = call.params.flag("allowWatchBookmarks");
    let revisions = cluster.store.revisions();
    let cut = call.faults.iter().find_map(|fault| match fault {
        Fault::DropWatch { after } => Some((*after, false)),
        Fault::ExpireWatch { after } => Some((*after, true)),
        _ => None,
    });
    let mut watch = Watch {
        cluster: cluster.clone(),
        kind: kind.clone(),
        filter,
        form: Form::wanted(call.headers),
        include: include_object(call),
        position: 0,
        pending: VecDeque::new(),
        revisions,
        deadline: Instant::now()
            + call
                .params
                .seconds("timeoutSeconds")
                .filter(|limit| !limit.is_zero())
                .unwrap_or(LONGEST)
                .min(LONGEST * 24),
        bookmark: bookmarks.then(|| Instant::now() + cluster.options.bookmark_interval),
        cut,
        ended: false,
    };
    cluster
        .store
        .read(|state| watch.begin(state, from, initial, bookmarks));
    let stream = futures::stream::unfold(watch, async |mut watch| {
        let line = watch.next().await?;
        Some((Ok::<_, std::convert::Infallible>(line), watch))
    });
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(Reply::Stream(response))
}

impl Watch {
    fn begin(&mut self, state: &State, from: Option<u64>, initial: bool, bookmarks: bool) {
        match from {
            // Without a version, or at version 0, a watch starts with what is there.
            None | Some(0) => {
                self.send_present(state);
            }
            Some(_) if initial => self.send_present(state),
            Some(version) => self.position = version,
        }
        if initial && bookmarks {
            let mut mark = self.bookmark_object();
            mark.put(
                &["metadata", "annotations", "k8s.io/initial-events-end"],
                "true",
            );
            self.push("BOOKMARK", &mark);
        }
    }

    fn send_present(&mut self, state: &State) {
        for object in self.filter.select(state, &self.kind) {
            let shown = self.show(&object);
            self.push("ADDED", &shown);
        }
        self.position = state.revision();
    }

    fn push(&mut self, kind: &str, object: &Value) {
        let mut line = json!({"type": kind, "object": object})
            .to_string()
            .into_bytes();
        line.push(b'\n');
        self.pending.push_back(line);
    }

    fn show(&self, object: &Arc<Value>) -> Value {
        let object = api::present(&self.kind, object);
        match self.form {
            Form::Whole => Value::clone(&object),
            Form::Metadata => metadata_only(&object),
            Form::Table => {
                let metadata =
                    json!({"resourceVersion": object.text(&["metadata", "resourceVersion"])});
                table::render(
                    &self.kind,
                    &[object],
                    metadata,
                    self.include,
                    self.cluster.clock.now(),
                )
            }
        }
    }

    fn bookmark_object(&self) -> Value {
        let version = self.position.to_string();
        match self.form {
            Form::Table => table::render(
                &self.kind,
                &[],
                json!({"resourceVersion": version}),
                self.include,
                self.cluster.clock.now(),
            ),
            Form::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version}})
            }
            Form::Whole => {
                json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": {"resourceVersion": version}})
            }
        }
    }

    /// The next line, or the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((0, expires)) = self.cut {
                self.cut = None;
                self.pending.clear();
                if self.ended || !expires {
                    return None;
                }
                self.expire();
            }
            if let Some(line) = self.pending.pop_front() {
                self.cut = self
                    .cut
                    .map(|(left, expires)| (left.saturating_sub(1), expires));
                return Some(line);
            }
            if self.ended {
                return None;
            }
            self.revisions.borrow_and_update();
            self.take_changes();
            if self.pending.is_empty() && !self.wait().await {
                return None;
            }
        }
    }

    fn expire(&mut self) {
        let status = Status::expired(format!("too old resource version: {}", self.position));
        self.push("ERROR", &status.to_value());
        self.ended = true;
    }

    fn take_changes(&mut self) {
        let cluster = self.cluster.clone();
        cluster.store.read(|state| {
            let Some(changes) = state.changes_after(self.position) else {
                self.expire();
                return;
            };
            for change in changes.take(BATCH).cloned().collect::<Vec<_>>() {
                self.position = change.revision;
                if change.resource == self.kind.resource {
                    self.take_change(&change);
                }
            }
        });
    }

    /// An object that enters or leaves the selection is added or deleted as far as this watch can tell.
    fn take_change(&mut self, change: &Change) {
        let before = change
            .previous
            .as_ref()
            .is_some_and(|object| self.filter.matches(object));
        let now = change.kind != ChangeKind::Deleted && self.filter.matches(&change.object);
        let event = match (before, now) {
            (false, false) => return,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        let shown = self.show(&change.object);
        self.push(event, &shown);
    }

    /// Waits for something to happen; false when the watch is over.
    async fn wait(&mut self) -> bool {
        // Changes beyond this batch are waiting already.
        if self.cluster.store.read(State::revision) > self.position {
            return true;
        }
        let bookmark = self.bookmark.unwrap_or(self.deadline + LONGEST);
        tokio::select! {
            biased;
            () = self.cluster.closing.cancelled() => false,
            changed = self.revisions.changed() => changed.is_ok(),
            () = tokio::time::sleep_until(self.deadline) => false,
            () = tokio::time::sleep_until(bookmark) => {
                self.bookmark = Some(Instant::now() + self.cluster.options.bookmark_interval);
                let mark = self.bookmark_object();
                self.push("BOOKMARK", &mark);
                true
            }
        }
    }
}
