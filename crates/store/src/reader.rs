//! What is asked of the rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sled::IVec;
use spindrift_engine::{ExecutionQuery, Listed, PipelineRevision, Scope, StoreError};
use spindrift_model::{ExecutionId, ExecutionKind, Millis, PipelineId, Status};

use crate::codec::{self, corrupt};
use crate::committer::{Condition, panic_text};
use crate::key::{self, KINDS, Key, Span, behind, list, mark, pipeline, record, successor};
use crate::staging::Head;
use crate::view::{Order, Row, View};

/// Answers questions from the rows.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) view: View,
    condition: Arc<Condition>,
}

impl Reader {
    pub(crate) fn new(view: View, condition: Arc<Condition>) -> Self {
        Self { view, condition }
    }

    /// Answers a question. A panic in it can only come from sled, whose caches are not to be trusted after that: the
    /// store stops.
    pub(crate) fn guarded<T>(
        &self,
        ask: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        catch_unwind(AssertUnwindSafe(|| ask(self))).unwrap_or_else(|panic| {
            let reason = format!("reading panicked: {}", panic_text(&*panic));
            tracing::error!(%reason, "the store has stopped");
            self.condition.stop(&reason);
            Err(StoreError::Corrupt(reason))
        })
    }

    /// Each kind and status that is asked for is a range of its own; what they hold is merged.
    pub(crate) fn executions(&self, query: &ExecutionQuery) -> Result<Vec<Listed>, StoreError> {
        let prefix = list::prefix(&query.scope);
        let kinds: &[ExecutionKind] = match (&query.kind, &query.scope) {
            (Some(kind), _) => std::slice::from_ref(kind),
            (None, Scope::All | Scope::Application(_) | Scope::Pipeline(_)) => &KINDS,
        };
        let statuses: &[Status] = match query.statuses.as_slice() {
            [] => &Status::ALL,
            statuses => statuses,
        };
        let mut spans = Vec::with_capacity(kinds.len() * statuses.len());
        for kind in kinds {
            for (position, status) in statuses.iter().enumerate() {
                if !statuses[..position].contains(status) {
                    spans.push(span_of(query, &prefix, *kind, *status));
                }
            }
        }
        let order = if query.oldest_first {
            Order::Forward
        } else {
            Order::Backward
        };
        let found = self.view.spans(&spans, query.limit, order)?;
        let mut listed = Vec::new();
        for (key, _) in found.iter().flatten() {
            let line = list::read(key, prefix.len())
                .ok_or_else(|| corrupt("a list", key, "the key is not one of a list"))?;
            listed.push(line);
        }
        listed.sort_by(|a, b| (a.build_time, &a.id).cmp(&(b.build_time, &b.id)));
        if !query.oldest_first {
            listed.reverse();
        }
        listed.truncate(query.limit);
        Ok(listed)
    }

    pub(crate) fn busy(
        &self,
        after: Option<&ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let mut span = Span::prefix(&[key::BUSY]);
        if let Some(after) = after {
            span.from = behind(mark::busy(after));
        }
        self.read_keys(&span, limit, mark::read_busy)
    }

    pub(crate) fn due(
        &self,
        now: Millis,
        limit: usize,
    ) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.timers(mark::behind_timers(now), limit)
    }

    pub(crate) fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        let first = self.timers(Span::prefix(&[key::TIMER]).to, 1)?;
        Ok(first.first().map(|(at, _)| *at))
    }

    fn timers(&self, to: Key, limit: usize) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.view.layers.timers.seek(|floor| {
            let mut span = Span::prefix(&[key::TIMER]);
            span.from = span.from.max(floor.clone());
            span.to = to;
            // One at least, to know where they begin.
            let rows = self.view.span(&span, limit.max(1), Order::Forward)?;
            let first = rows
                .first()
                .map_or(span.from.max(span.to), |(key, _)| key.clone());
            let timers = rows
                .iter()
                .take(limit)
                .map(|(key, _)| mark::read_timer(key).ok_or_else(|| bad_index(key)))
                .collect::<Result<_, _>>()?;
            Ok((timers, first))
        })
    }

    pub(crate) fn queue(
        &self,
        pipeline: &PipelineId,
    ) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        let span = Span::prefix(&mark::queue(pipeline));
        self.read_keys(&span, usize::MAX, |key| {
            mark::read_queued(key).map(|(_, at, id)| (at, id))
        })
    }

    pub(crate) fn queues(&self) -> Result<Vec<PipelineId>, StoreError> {
        let mut pipelines = Vec::new();
        let mut span = Span::prefix(&[key::QUEUE]);
        while let Some((pipeline, _, _)) = self.read_keys(&span, 1, mark::read_queued)?.pop() {
            span.from = successor(&mark::queue(&pipeline));
            pipelines.push(pipeline);
        }
        Ok(pipelines)
    }

    pub(crate) fn correlated(&self, correlation: &str) -> Result<Option<ExecutionId>, StoreError> {
        let span = Span::prefix(&mark::correlation(correlation));
        let first = self.read_keys(&span, 1, mark::read_correlated)?.pop();
        Ok(first.map(|(_, id)| id))
    }

    pub(crate) fn pipeline(&self, id: &PipelineId) -> Result<Option<PipelineRevision>, StoreError> {
        let head = self.head(id)?.filter(|head| head.deleted.is_none());
        match head {
            Some(head) => self.revision(id, head.revision),
            None => Ok(None),
        }
    }

    pub(crate) fn head(&self, id: &PipelineId) -> Result<Option<Head>, StoreError> {
        let key = pipeline::head(id);
        let value = self.view.get(&key)?;
        value
            .map(|value| read("a pipeline", &key, &value))
            .transpose()
    }

    fn revision(
        &self,
        id: &PipelineId,
        number: u64,
    ) -> Result<Option<PipelineRevision>, StoreError> {
        let key = pipeline::revision(id, number);
        let value = self.view.get(&key)?;
        value
            .map(|value| read("a revision", &key, &value))
            .transpose()
    }

    pub(crate) fn pipeline_named(
        &self,
        application: &str,
        name: &str,
    ) -> Result<Option<PipelineRevision>, StoreError> {
        let span = Span::prefix(&pipeline::names(application, name));
        match self.view.span(&span, 1, Order::Forward)?.pop() {
            Some(row) => self.named(&row),
            None => Ok(None),
        }
    }

    pub(crate) fn pipelines(
        &self,
        application: Option<&str>,
    ) -> Result<Vec<PipelineRevision>, StoreError> {
        let mut revisions = Vec::new();
        for row in self
            .view
            .pages(Span::prefix(&pipeline::names_of(application)))
        {
            revisions.extend(self.named(&row?)?);
        }
        Ok(revisions)
    }

    fn named(&self, (key, value): &Row) -> Result<Option<PipelineRevision>, StoreError> {
        let (_, _, id) = pipeline::read_named(key)
            .ok_or_else(|| corrupt("a pipeline's name", key, "the key is not one of a name"))?;
        let number = value[..]
            .try_into()
            .map_err(|_| corrupt("a pipeline's name", key, "the revision is not a number"))?;
        self.revision(&id, u64::from_be_bytes(number))
    }

    pub(crate) fn revisions(
        &self,
        id: &PipelineId,
        limit: usize,
    ) -> Result<Vec<PipelineRevision>, StoreError> {
        let rows = self
            .view
            .span(&pipeline::revisions(id), limit, Order::Backward)?;
        rows.iter()
            .map(|(key, value)| read("a revision", key, value))
            .collect()
    }

    /// One look per application, at the first of its executions and at the first of its pipelines.
    pub(crate) fn applications(&self) -> Result<Vec<String>, StoreError> {
        let mut found = std::collections::BTreeMap::new();
        let mut span = list::applications();
        while let Some((key, value)) = self.view.span(&span, 1, Order::Forward)?.pop() {
            let (folded, behind) = list::read_application(&key)
                .ok_or_else(|| corrupt("a list", &key, "the key is not one of a list"))?;
            let written = String::from_utf8_lossy(&value).into_owned();
            let name = if written.is_empty() {
                folded.clone()
            } else {
                written
            };
            found.insert(folded, name);
            span.from = behind;
        }
        let mut span = Span::prefix(&pipeline::names_of(None));
        while let Some(row) = self.view.span(&span, 1, Order::Forward)?.pop() {
            let (folded, _, id) = pipeline::read_named(&row.0).ok_or_else(|| {
                corrupt("a pipeline's name", &row.0, "the key is not one of a name")
            })?;
            let written = self.head(&id)?.map(|head| head.application);
            found.insert(folded.clone(), written.unwrap_or(folded));
            span.from = pipeline::behind_application(&row.0).unwrap_or_else(|| span.to.clone());
        }
        Ok(found.into_values().collect())
    }

    pub(crate) fn record(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.view.get(&record::prefix(space, key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    pub(crate) fn records(
        &self,
        space: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut span = Span::prefix(&record::prefix(space, prefix));
        if let Some(after) = after {
            span.from = span.from.max(behind(record::prefix(space, after)));
        }
        let rows = self.view.span(&span, limit, Order::Forward)?;
        rows.into_iter()
            .map(|(key, value)| {
                let (_, name) = record::read(&key)
                    .ok_or_else(|| corrupt("a record", &key, "the key is not one of a record"))?;
                Ok((name, value.to_vec()))
            })
            .collect()
    }

    fn read_keys<T>(
        &self,
        span: &Span,
        limit: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.view.span(span, limit, Order::Forward)?;
        rows.iter()
            .map(|(key, _)| read(key).ok_or_else(|| bad_index(key)))
            .collect()
    }
}

fn bad_index(key: &[u8]) -> StoreError {
    corrupt("an index", key, "the key is not one of an index")
}

/// Reads a value, or says which one is unreadable.
pub(crate) fn read<T: DeserializeOwned>(
    what: &str,
    key: &[u8],
    value: &IVec,
) -> Result<T, StoreError> {
    codec::decode(value).map_err(|error| corrupt(what, key, error))
}

/// The part of a list of one kind and status that is asked for.
fn span_of(query: &ExecutionQuery, prefix: &[u8], kind: ExecutionKind, status: Status) -> Span {
    let mut span = Span {
        from: list::place(prefix, kind, status, query.from, ""),
        to: successor(&list::place(prefix, kind, status, query.to, "")),
    };
    if let Some((at, id)) = &query.after {
        let place = list::place(prefix, kind, status, *at, id.as_str());
        if query.oldest_first {
            span.from = span.from.max(behind(place));
        } else {
            span.to = span.to.min(place);
        }
    }
    span
}
