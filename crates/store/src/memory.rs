//! The store in memory: commits at once, on the thread that asks, and obviously right where it can be slow.
//!
//! It is the model that the store on sled is compared with, and the disk of the simulator: what was committed before a
//! crash is what a reopened store has. Like the one on sled it keeps the header, the stages and the changes since, so a
//! run whose snapshots miss something reads wrong here too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spindrift_engine::{
    Change, ExecutionQuery, IndexRow, Listed, PipelineRevision, Run, RunState, Scope, Snapshot,
    Store, StoreError, StoreHealth, Ticket, Write,
};
use spindrift_model::{ExecutionId, Millis, PipelineId, Serial, Stage};

use crate::key::folded;

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

#[derive(Debug, Default, Clone)]
struct Data {
    runs: BTreeMap<ExecutionId, Kept>,
    timers: BTreeSet<(Millis, ExecutionId)>,
    busy: BTreeSet<ExecutionId>,
    queues: BTreeMap<PipelineId, BTreeSet<(Millis, ExecutionId)>>,
    correlations: BTreeSet<(String, ExecutionId)>,
    pipelines: BTreeMap<PipelineId, Pipeline>,
    records: BTreeMap<(String, String), Vec<u8>>,
}

/// A run. Its parts are shared with older states of it, so that remembering one costs little.
#[derive(Debug, Clone)]
struct Kept {
    header: Arc<RunState>,
    stages: BTreeMap<Serial, Arc<Stage>>,
    log: Vec<Arc<Vec<Change>>>,
    version: u64,
    index: IndexRow,
}

#[derive(Debug, Clone, Default)]
struct Pipeline {
    revisions: Vec<Arc<PipelineRevision>>,
    deleted: bool,
}

impl Pipeline {
    fn current(&self) -> Option<&PipelineRevision> {
        self.revisions
            .last()
            .filter(|_| !self.deleted)
            .map(|revision| &**revision)
    }
}

/// What a part of the data was before a commit touched it.
enum Undo {
    Run(ExecutionId, Box<Option<Kept>>),
    Pipeline(PipelineId, Option<Pipeline>),
    Record((String, String), Option<Vec<u8>>),
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

impl Data {
    fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Run(id, kept) => {
                self.set_run(id, *kept);
            }
            Undo::Pipeline(id, Some(pipeline)) => {
                self.pipelines.insert(id, pipeline);
            }
            Undo::Pipeline(id, None) => {
                self.pipelines.remove(&id);
            }
            Undo::Record(key, Some(value)) => {
                self.records.insert(key, value);
            }
            Undo::Record(key, None) => {
                self.records.remove(&key);
            }
        }
    }

    /// The only place that touches runs, so that what is found by index is always what there is.
    fn set_run(&mut self, id: ExecutionId, kept: Option<Kept>) -> Option<Kept> {
        if let Some(index) = self.runs.get(&id).map(|kept| kept.index.clone()) {
            self.unlist(&id, &index);
        }
        match kept {
            Some(kept) => {
                self.list(&id, &kept.index);
                self.runs.insert(id, kept)
            }
            None => self.runs.remove(&id),
        }
    }

    fn list(&mut self, id: &ExecutionId, index: &IndexRow) {
        if index.busy {
            self.busy.insert(id.clone());
        }
        if let Some(at) = index.wake {
            self.timers.insert((at, id.clone()));
        }
        if let (Some(at), Some(pipeline)) = (index.queued, &index.pipeline) {
            let queue = self.queues.entry(pipeline.clone()).or_default();
            queue.insert((at, id.clone()));
        }
        if let Some(correlation) = &index.correlation {
            self.correlations.insert((correlation.clone(), id.clone()));
        }
    }

    fn unlist(&mut self, id: &ExecutionId, index: &IndexRow) {
        self.busy.remove(id);
        if let Some(at) = index.wake {
            self.timers.remove(&(at, id.clone()));
        }
        if let (Some(at), Some(pipeline)) = (index.queued, &index.pipeline)
            && let Some(queue) = self.queues.get_mut(pipeline)
        {
            queue.remove(&(at, id.clone()));
            if queue.is_empty() {
                self.queues.remove(pipeline);
            }
        }
        if let Some(correlation) = &index.correlation {
            self.correlations.remove(&(correlation.clone(), id.clone()));
        }
    }

    fn replace_run(&mut self, id: ExecutionId, kept: Option<Kept>, undo: &mut Vec<Undo>) {
        let before = self.set_run(id.clone(), kept);
        undo.push(Undo::Run(id, Box::new(before)));
    }

    fn write(&mut self, write: Write, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        match write {
            Write::Create { state, index } => self.create(*state, index, undo),
            Write::Advance {
                id,
                from,
                changes,
                before,
                after,
                snapshot,
            } => {
                let mut kept = self.at_version(&id, from)?.clone();
                expect_index(&id, &kept.index, &before)?;
                match snapshot {
                    Some(snapshot) => kept.fold(*snapshot),
                    None => kept.log.push(Arc::new(changes)),
                }
                kept.version = from + 1;
                kept.index = after;
                self.replace_run(id, Some(kept), undo);
                Ok(())
            }
            Write::Forget { id, version, index } => {
                expect_index(&id, &self.at_version(&id, version)?.index, &index)?;
                self.replace_run(id, None, undo);
                Ok(())
            }
            Write::SavePipeline { revision, replaces } => {
                self.save_pipeline(revision, replaces, undo)
            }
            Write::DeletePipeline { id, .. } => self.delete_pipeline(id, undo),
            Write::PutRecord {
                space,
                key,
                value,
                expected,
            } => {
                let place = (space.to_owned(), key);
                let found = self.records.get(&place);
                if let Some(expected) = expected
                    && expected.as_ref() != found
                {
                    return Err(conflict(format!("the {space} {:?} is another", place.1)));
                }
                let before = self.records.insert(place.clone(), value);
                undo.push(Undo::Record(place, before));
                Ok(())
            }
            Write::DeleteRecord { space, key } => {
                let place = (space.to_owned(), key);
                let before = self.records.remove(&place);
                undo.push(Undo::Record(place, before));
                Ok(())
            }
        }
    }

    fn create(
        &mut self,
        mut state: RunState,
        index: IndexRow,
        undo: &mut Vec<Undo>,
    ) -> Result<(), StoreError> {
        let id = state.execution.id.clone();
        if self.runs.contains_key(&id) {
            return Err(conflict(format!("the execution {id} exists already")));
        }
        let stages = std::mem::take(&mut state.execution.stages);
        let kept = Kept {
            stages: stages
                .into_iter()
                .map(|stage| (stage.serial, Arc::new(stage)))
                .collect(),
            log: Vec::new(),
            version: state.execution.version,
            header: Arc::new(state),
            index,
        };
        self.replace_run(id, Some(kept), undo);
        Ok(())
    }

    fn at_version(&self, id: &ExecutionId, version: u64) -> Result<&Kept, StoreError> {
        match self.runs.get(id) {
            Some(kept) if kept.version == version => Ok(kept),
            Some(kept) => Err(conflict(format!(
                "the execution {id} is at version {}, not {version}",
                kept.version
            ))),
            None => Err(conflict(format!("there is no execution {id}"))),
        }
    }

    fn save_pipeline(
        &mut self,
        revision: PipelineRevision,
        replaces: Option<u64>,
        undo: &mut Vec<Undo>,
    ) -> Result<(), StoreError> {
        let id = revision.id.clone();
        let before = self.pipelines.get(&id).cloned();
        let mut pipeline = before.clone().unwrap_or_default();
        let current = pipeline.current().map_or(0, |current| current.revision);
        if replaces.is_some_and(|replaces| replaces != current) {
            return Err(conflict(format!(
                "the pipeline {id} is at revision {current}"
            )));
        }
        let newest = pipeline.revisions.last().map_or(0, |last| last.revision);
        if revision.revision <= newest {
            return Err(conflict(format!(
                "the pipeline {id} has a revision {} already; the next is {}",
                revision.revision,
                newest + 1
            )));
        }
        pipeline.deleted = false;
        pipeline.revisions.push(Arc::new(revision));
        self.pipelines.insert(id.clone(), pipeline);
        undo.push(Undo::Pipeline(id, before));
        Ok(())
    }

    fn delete_pipeline(&mut self, id: PipelineId, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        let pipeline = self.pipelines.get_mut(&id);
        let Some(pipeline) = pipeline.filter(|pipeline| pipeline.current().is_some()) else {
            return Err(conflict(format!("there is no pipeline {id}")));
        };
        let before = pipeline.clone();
        pipeline.deleted = true;
        undo.push(Undo::Pipeline(id, Some(before)));
        Ok(())
    }

    /// The pipelines there are, by application and name.
    fn current(&self) -> Vec<&PipelineRevision> {
        let mut current: Vec<_> = self
            .pipelines
            .values()
            .filter_map(Pipeline::current)
            .collect();
        current.sort_by_key(|revision| {
            (
                folded(&revision.application),
                folded(&revision.name),
                revision.id.clone(),
            )
        });
        current
    }
}

impl Kept {
    fn fold(&mut self, snapshot: Snapshot) {
        self.header = Arc::new(snapshot.header);
        self.log.clear();
        for serial in snapshot.removed {
            self.stages.remove(&serial);
        }
        let stages = snapshot.stages.into_iter();
        self.stages
            .extend(stages.map(|stage| (stage.serial, Arc::new(stage))));
    }

    fn state(&self) -> RunState {
        let mut state = (*self.header).clone();
        state.execution.stages = self
            .stages
            .values()
            .map(|stage| (**stage).clone())
            .collect();
        state.execution.version = self.version - self.log.len() as u64;
        let mut run = Run::load(state);
        for changes in &self.log {
            for change in &**changes {
                run.apply(change.clone());
            }
            run.advance_version();
        }
        run.to_state()
    }
}

fn conflict(text: String) -> StoreError {
    StoreError::Conflict(text)
}

/// A caller that is wrong about the rows of a run would leave lines in the lists for ever; here it is told.
fn expect_index(id: &ExecutionId, found: &IndexRow, said: &IndexRow) -> Result<(), StoreError> {
    if found == said {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "the writer of {id} is wrong about its rows: it says {said:?}, and they are {found:?}"
    )))
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
