//! The store in memory: commits at once, on the thread that asks, and obviously right where it can be slow.
//!
//! It is the model that the store on sled is compared with, and the disk of the simulator: what was committed before a
//! crash is what a reopened store has. Like the one on sled it keeps what a run was made of and the changes since, so a run
//! of which too much is dropped reads wrong here too.

mod data;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use spindrift_engine::{
    ExecutionQuery, IndexRow, Listed, PipelineRevision, Replayed, RunState, Scope, Store,
    StoreError, StoreHealth, Ticket, Write,
};
use spindrift_model::{ExecutionId, Millis, PipelineId};

use crate::key::folded;

use data::{Data, Kept, Pipeline};

/// The store in memory. Clones share nothing; see [`MemoryStore::reopen`].
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    data: Data,
    commits: u64,
    crash_after: Option<u64>,
    stopped: Option<String>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The process dies after `n` more commits have become durable: all later ones are refused.
    pub fn crash_after(&self, n: u64) {
        let mut state = self.lock();
        state.crash_after = Some(state.commits + n);
    }

    /// The process dies now: all later commits are refused.
    pub fn crash(&self) {
        self.crash_after(0);
    }

    /// Nothing is taken any more, for this reason, as after a full disk or a failed sync.
    pub fn stop(&self, reason: &str) {
        let mut state = self.lock();
        state.stopped.get_or_insert_with(|| reason.to_owned());
    }

    /// How many commits have become durable.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// What a new process finds: a store with what is durable.
    pub fn reopen(&self) -> Self {
        Self {
            state: Mutex::new(State {
                data: self.lock().data.clone(),
                ..State::default()
            }),
        }
    }

    /// Commits undo what they began before they fail, and a panic in one is a defect that the test shows anyway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_now(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.crash_after == Some(state.commits) {
            state.stop("the process has crashed");
        }
        if let Some(reason) = &state.stopped {
            return Err(StoreError::Stopped(reason.clone()));
        }
        let mut undo = Vec::new();
        for write in writes {
            if let Err(error) = state.data.write(write, &mut undo) {
                while let Some(undo) = undo.pop() {
                    state.data.undo(undo);
                }
                return Err(error);
            }
        }
        state.commits += 1;
        Ok(())
    }
}

impl State {
    fn stop(&mut self, reason: &str) {
        self.stopped.get_or_insert_with(|| reason.to_owned());
    }
}

fn is_in_scope(scope: &Scope, index: &IndexRow) -> bool {
    match scope {
        Scope::All => true,
        Scope::Application(application) => folded(application) == folded(&index.application),
        Scope::Pipeline(pipeline) => index.pipeline.as_ref() == Some(pipeline),
    }
}

impl Store for MemoryStore {
    fn commit(&self, writes: Vec<Write>) -> Ticket {
        Box::pin(std::future::ready(self.commit_now(writes)))
    }

    fn run(&self, id: &ExecutionId) -> Result<Option<RunState>, StoreError> {
        Ok(self.lock().data.runs.get(id).map(Kept::state))
    }

    fn replay(&self, id: &ExecutionId) -> Result<Option<Replayed>, StoreError> {
        Ok(self.lock().data.runs.get(id).map(Kept::replay))
    }

    fn executions(&self, query: &ExecutionQuery) -> Result<Vec<Listed>, StoreError> {
        let state = self.lock();
        let mut listed: Vec<Listed> = state
            .data
            .runs
            .iter()
            .filter(|(_, kept)| {
                let index = &kept.index;
                is_in_scope(&query.scope, index)
                    && query.kind.is_none_or(|kind| kind == index.kind)
                    && (query.statuses.is_empty() || query.statuses.contains(&index.status))
                    && (query.from..=query.to).contains(&index.build_time)
            })
            .map(|(id, kept)| Listed {
                id: id.clone(),
                build_time: kept.index.build_time,
                status: kept.index.status,
            })
            .collect();
        listed.sort_by(|a, b| (a.build_time, &a.id).cmp(&(b.build_time, &b.id)));
        if let Some((at, id)) = &query.after {
            let after = (*at, id);
            listed.retain(|line| {
                let place = (line.build_time, &line.id);
                if query.oldest_first {
                    place > after
                } else {
                    place < after
                }
            });
        }
        if !query.oldest_first {
            listed.reverse();
        }
        listed.truncate(query.limit);
        Ok(listed)
    }

    fn busy(
        &self,
        after: Option<&ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let state = self.lock();
        let busy = state.data.busy.iter();
        Ok(busy
            .filter(|id| after.is_none_or(|after| *id > after))
            .take(limit)
            .cloned()
            .collect())
    }

    fn due(&self, now: Millis, limit: usize) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        let state = self.lock();
        let timers = state.data.timers.iter();
        Ok(timers
            .take_while(|(at, _)| *at <= now)
            .take(limit)
            .cloned()
            .collect())
    }

    fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        Ok(self.lock().data.timers.first().map(|(at, _)| *at))
    }

    fn queue(&self, pipeline: &PipelineId) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        let state = self.lock();
        let queue = state.data.queues.get(pipeline);
        Ok(queue.map_or_else(Vec::new, |queue| queue.iter().cloned().collect()))
    }

    fn queues(&self) -> Result<Vec<PipelineId>, StoreError> {
        Ok(self.lock().data.queues.keys().cloned().collect())
    }

    fn correlated(&self, correlation: &str) -> Result<Option<ExecutionId>, StoreError> {
        let state = self.lock();
        let mut correlations = state.data.correlations.iter();
        let found = correlations.find(|(text, _)| text == correlation);
        Ok(found.map(|(_, id)| id.clone()))
    }

    fn pipeline(&self, id: &PipelineId) -> Result<Option<PipelineRevision>, StoreError> {
        let state = self.lock();
        let pipeline = state.data.pipelines.get(id);
        Ok(pipeline.and_then(Pipeline::current).cloned())
    }

    fn pipeline_named(
        &self,
        application: &str,
        name: &str,
    ) -> Result<Option<PipelineRevision>, StoreError> {
        let place = (folded(application), folded(name));
        let state = self.lock();
        let found = state
            .data
            .current()
            .into_iter()
            .find(|revision| (folded(&revision.application), folded(&revision.name)) == place);
        Ok(found.cloned())
    }

    fn pipelines(&self, application: Option<&str>) -> Result<Vec<PipelineRevision>, StoreError> {
        let application = application.map(folded);
        let state = self.lock();
        let current = state.data.current().into_iter();
        Ok(current
            .filter(|revision| {
                let application = application.as_ref();
                application.is_none_or(|application| *application == folded(&revision.application))
            })
            .cloned()
            .collect())
    }

    fn revisions(
        &self,
        id: &PipelineId,
        limit: usize,
    ) -> Result<Vec<PipelineRevision>, StoreError> {
        let state = self.lock();
        let revisions = state.data.pipelines.get(id);
        let revisions = revisions
            .into_iter()
            .flat_map(|pipeline| pipeline.revisions.iter().rev());
        Ok(revisions
            .take(limit)
            .map(|revision| (**revision).clone())
            .collect())
    }

    fn applications(&self) -> Result<Vec<String>, StoreError> {
        let state = self.lock();
        let mut found = BTreeMap::new();
        // Where spellings differ, a pipeline's counts, and among executions that of the first in the list.
        let mut runs: Vec<_> = state.data.runs.iter().collect();
        runs.sort_by_key(|(id, kept)| crate::key::list::keys(id, &kept.index).swap_remove(1));
        for (_, kept) in runs {
            let name = &kept.index.application;
            found.entry(folded(name)).or_insert_with(|| name.clone());
        }
        let mut named = BTreeSet::new();
        for revision in state.data.current() {
            if named.insert(folded(&revision.application)) {
                found.insert(folded(&revision.application), revision.application.clone());
            }
        }
        Ok(found.into_values().collect())
    }

    fn record(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let place = (space.to_owned(), key.to_owned());
        Ok(self.lock().data.records.get(&place).cloned())
    }

    fn records(
        &self,
        space: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let state = self.lock();
        let records = state.data.records.iter();
        Ok(records
            .filter(|((found, key), _)| {
                found == space
                    && key.starts_with(prefix)
                    && after.is_none_or(|after| key.as_str() > after)
            })
            .take(limit)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn health(&self) -> StoreHealth {
        StoreHealth {
            stopped: self.lock().stopped.clone(),
            bytes: 0,
        }
    }
}
