//! The changes of an execution as they happen, as server-sent events.
//!
//! The first event is a `snapshot`: the whole execution. Every later one is a `change`: the execution's state and, whole,
//! the stages that have changed. Its id is the version it reaches, and whoever comes back with the last id they saw
//! either goes on from there or gets a snapshot. When the run has ended, an `end` says so and the stream ends.
//!
//! Invariant: a stage that changed after the snapshot is in a later event. The notices are subscribed to before the snapshot
//! is read, and an event carries what the store holds when it is sent, which is never older than its notice.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use spindrift_model::{Execution, ExecutionId, Millis, Paused, Serial, Stage, Status};
use spindrift_runtime::{Engine, Notice};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::path::{Segments, execution_id};
use crate::problem::HttpProblem;
use crate::state::ApiState;

/// A comment is sent after so much silence, so that nobody in between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// The changes of an execution as they happen.
///
/// Server-sent events: a `snapshot` with the whole execution, then a `change` for each change with its state and the stages
/// that changed, then an `end`. Ids are versions; `Last-Event-ID` goes on from there.
#[utoipa::path(get, path = "/executions/{id}/events", tag = "executions",
    params(("id" = String, Path), ("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = 204, description = "The run has ended, and the caller has seen its end.")))]
async fn events(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    let id = execution_id(&id)?;
    let notices = state.engine().watch();
    let execution = state.engine().execution(&id)?;
    let has_seen_it = last_event_id(&headers) == Some(execution.version);
    if has_seen_it && execution.status.is_complete() {
        // An EventSource would connect again and again after anything else.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watch = Watch {
        engine: state.engine().clone(),
        id,
        notices,
        seen: execution.version,
        next: match has_seen_it {
            true => Next::Change,
            false => Next::Snapshot(Box::new(execution)),
        },
        closing: state.closing().clone(),
    };
    let stream = futures::stream::unfold(watch, |mut watch| async move {
        let event = watch.event().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers
        .get("last-event-id")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

struct Watch {
    engine: Engine,
    id: ExecutionId,
    notices: broadcast::Receiver<Arc<Notice>>,
    /// The version up to which the caller knows everything.
    seen: u64,
    next: Next,
    closing: CancellationToken,
}

enum Next {
    Snapshot(Box<Execution>),
    Change,
    End(Status),
    Nothing,
}

/// What has changed since the last event.
struct News {
    version: u64,
    status: Status,
    touched: BTreeSet<Serial>,
    removed: BTreeSet<Serial>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed<'e> {
    id: &'e ExecutionId,
    version: u64,
    status: Status,
    canceled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    canceled_by: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_reason: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<&'e Paused>,
    stages: Vec<&'e Stage>,
    /// The serials of stages that exist no more.
    removed_stages: &'e BTreeSet<Serial>,
}

#[derive(Serialize)]
struct Ended<'e> {
    id: &'e ExecutionId,
    version: u64,
    status: Status,
}

impl Watch {
    /// The next event; `None` when there will be none.
    async fn event(&mut self) -> Option<Event> {
        loop {
            match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Snapshot(execution) => {
                    self.seen = execution.version;
                    self.next = self.follow(execution.status);
                    return json("snapshot", self.seen, &*execution);
                }
                Next::Change => match self.news().await? {
                    Some(news) => {
                        let execution = self.engine.execution(&self.id).ok()?;
                        self.seen = news.version;
                        self.next = self.follow(news.status);
                        return change(&execution, &news);
                    }
                    // Some notices were missed: what they said is in the store.
                    None => {
                        let execution = self.engine.execution(&self.id).ok()?;
                        self.next = Next::Snapshot(Box::new(execution));
                    }
                },
                Next::End(status) => {
                    let ended = Ended {
                        id: &self.id,
                        version: self.seen,
                        status,
                    };
                    return json("end", self.seen, &ended);
                }
                Next::Nothing => return None,
            }
        }
    }

    fn follow(&self, status: Status) -> Next {
        match status.is_complete() {
            true => Next::End(status),
            false => Next::Change,
        }
    }

    /// Waits for news of this run and takes all that has come meanwhile; inside, `None` when some was missed. `None` when
    /// the server or the engine ends.
    async fn news(&mut self) -> Option<Option<News>> {
        let first = loop {
            let notice = tokio::select! {
                notice = self.notices.recv() => notice,
                () = self.closing.cancelled() => return None,
            };
            match notice {
                Ok(notice) if self.concerns(&notice) => break notice,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Some(None),
                Err(RecvError::Closed) => return None,
            }
        };
        let mut news = News {
            version: first.version,
            status: first.status,
            touched: BTreeSet::new(),
            removed: BTreeSet::new(),
        };
        news.add(&first);
        while !news.status.is_complete() {
            match self.notices.try_recv() {
                Ok(notice) if self.concerns(&notice) => news.add(&notice),
                Ok(_) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::Lagged(_)) => return Some(None),
            }
        }
        Some(Some(news))
    }

    fn concerns(&self, notice: &Notice) -> bool {
        notice.execution == self.id && notice.version > self.seen
    }
}

impl News {
    fn add(&mut self, notice: &Notice) {
        self.version = notice.version;
        self.status = notice.status;
        for change in notice.changes.iter() {
            self.touched.extend(change.touched());
            self.removed.extend(change.removed());
        }
    }
}

fn change(execution: &Execution, news: &News) -> Option<Event> {
    let stages = news
        .touched
        .iter()
        .filter_map(|serial| execution.stage(*serial));
    let changed = Changed {
        id: &execution.id,
        version: news.version,
        status: execution.status,
        canceled: execution.canceled,
        canceled_by: execution.canceled_by.as_deref(),
        cancellation_reason: execution.cancellation_reason.as_deref(),
        start_time: execution.start_time,
        end_time: execution.end_time,
        paused: execution.paused.as_ref(),
        stages: stages.collect(),
        removed_stages: &news.removed,
    };
    json("change", news.version, &changed)
}

fn json(name: &str, version: u64, data: &impl Serialize) -> Option<Event> {
    let event = Event::default().event(name).id(version.to_string());
    match event.json_data(data) {
        Ok(event) => Some(event),
        Err(error) => {
            tracing::error!(%error, "an event could not be written");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use spindrift_engine::Registry;
    use spindrift_model::Pipeline;
    use spindrift_runtime::{EngineOptions, StartRequest, SystemClock, SystemEntropy};
    use spindrift_store::MemoryStore;

    #[tokio::test]
    async fn who_falls_behind_gets_a_snapshot() {
        let engine = Engine::start(
            Arc::new(MemoryStore::new()),
            Registry::new(),
            EngineOptions::default(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let document = json!({"name": "p", "application": "a", "stages": [{"type": "none"}]});
        let (pipeline, _) = Pipeline::parse(document).unwrap();
        let start = StartRequest::manual(pipeline, spindrift_model::Map::new(), "ann");
        let execution = engine.submit(start).await.unwrap().execution;
        let (sender, notices) = broadcast::channel(1);
        let mut watch = Watch {
            engine,
            id: execution.id.clone(),
            notices,
            seen: 0,
            next: Next::Change,
            closing: CancellationToken::new(),
        };
        for version in 1..=3 {
            let notice = Notice {
                execution: execution.id.clone(),
                application: "a".to_owned(),
                pipeline: None,
                status: Status::Running,
                before: Some(Status::Running),
                version,
                changes: Arc::new([]),
            };
            sender.send(Arc::new(notice)).unwrap();
        }
        let event = format!("{:?}", watch.event().await.unwrap());
        assert!(event.contains("snapshot"), "{event}");
        assert_eq!(watch.seen, execution.version);
    }
}
