//! A run while it is in memory.

use std::collections::{BTreeSet, HashMap, HashSet};

use spindrift_engine::{
    Change, Decision, Effect, IndexRow, Registry, Run, RunState, Snapshot, Store, StoreError,
    Write, next_wake,
};
use spindrift_model::{ExecutionId, Serial, Status};
use tokio_util::sync::CancellationToken;

/// So many versions may lie in a run's log before it is folded into a snapshot.
const LOG_LENGTH: usize = 64;

/// A run whose log is at least this long is folded when it ends.
const LOG_LENGTH_AT_END: usize = 8;

/// A run while it is in memory, with what the shard knows of it.
pub(crate) struct Loaded {
    pub(crate) run: Run,
    pub(crate) index: IndexRow,
    /// Commits whose tickets have not resolved.
    pub(crate) uncommitted: usize,
    /// The performances under way, by task: which attempt, and how to end it.
    pub(crate) performing: HashMap<(Serial, u16), (u32, CancellationToken)>,
    /// The promises being kept, by number.
    pub(crate) keeping: HashSet<u32>,
    logged: usize,
    dirty: BTreeSet<Serial>,
    removed: BTreeSet<Serial>,
}

impl Loaded {
    /// Reads a run from the store.
    pub(crate) fn read(
        store: &dyn Store,
        id: &ExecutionId,
        stages: &Registry,
    ) -> Result<Option<Self>, StoreError> {
        let Some(state) = store.run(id)? else {
            return Ok(None);
        };
        let log = store.log(id)?;
        let mut loaded = Self::new(state, stages);
        match log {
            Some(log) => {
                loaded.logged = log.len();
                log.iter().flatten().for_each(|change| loaded.note(change));
            }
            None => {
                let stages = &loaded.run.execution().stages;
                loaded.dirty = stages.iter().map(|stage| stage.serial).collect();
            }
        }
        Ok(Some(loaded))
    }

    /// Takes a run whose rows are all written, or about to be.
    pub(crate) fn new(state: RunState, stages: &Registry) -> Self {
        let run = Run::load(state);
        let index = index_row(&run, stages);
        Self {
            run,
            index,
            uncommitted: 0,
            performing: HashMap::new(),
            keeping: HashSet::new(),
            logged: 0,
            dirty: BTreeSet::new(),
            removed: BTreeSet::new(),
        }
    }

    fn note(&mut self, change: &Change) {
        self.dirty.extend(change.touched());
        if let Some(stage) = change.removed() {
            self.dirty.remove(&stage);
            self.removed.insert(stage);
        }
    }

    /// Counts a decision as one more version, and answers with the write that makes it durable; `None` when nothing has
    /// changed.
    pub(crate) fn advance(&mut self, decision: &Decision, stages: &Registry) -> Option<Write> {
        let after = index_row(&self.run, stages);
        if decision.changes.is_empty() && after == self.index {
            return None;
        }
        decision.changes.iter().for_each(|change| self.note(change));
        self.logged += 1;
        Some(self.write(decision.changes.clone(), after, false))
    }

    /// The write that folds the log into a snapshot, when it has grown long enough.
    pub(crate) fn fold(&mut self) -> Option<Write> {
        let ended = self.index.status.is_complete() && !self.index.busy;
        let limit = if ended { LOG_LENGTH_AT_END } else { LOG_LENGTH };
        if self.logged < limit {
            return None;
        }
        let after = self.index.clone();
        Some(self.write(Vec::new(), after, true))
    }

    fn write(&mut self, changes: Vec<Change>, after: IndexRow, fold: bool) -> Write {
        let from = self.run.execution().version;
        self.run.advance_version();
        let before = std::mem::replace(&mut self.index, after.clone());
        let snapshot = fold.then(|| {
            self.logged = 0;
            let dirty = std::mem::take(&mut self.dirty);
            Box::new(Snapshot {
                header: self.run.to_header(),
                stages: dirty
                    .iter()
                    .filter_map(|serial| self.run.stage(*serial))
                    .cloned()
                    .collect(),
                removed: std::mem::take(&mut self.removed).into_iter().collect(),
            })
        });
        let id = self.run.execution().id.clone();
        Write::Advance {
            id,
            from,
            changes,
            before,
            after,
            snapshot,
        }
    }

    /// Whether nothing keeps the run in memory.
    pub(crate) fn is_idle(&self) -> bool {
        self.uncommitted == 0 && self.performing.is_empty() && !self.index.busy
    }

    /// Whether an effect is still wanted, now that it may be performed.
    pub(crate) fn wants(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Perform { stage, task } if self.performing.contains_key(&(*stage, *task)) => {
                false
            }
            Effect::Perform { stage, task } => self
                .run
                .stage(*stage)
                .and_then(|stage| stage.tasks.get(usize::from(*task)))
                .is_some_and(|task| task.status == Status::Running && task.wait.is_none()),
            Effect::Abandon { .. } => true,
            Effect::Keep(promise) if self.keeping.contains(&promise.number) => false,
            Effect::Keep(promise) => self
                .run
                .ledger()
                .promises
                .iter()
                .any(|open| open.number == promise.number),
        }
    }
}

/// The row of a run in the lists.
pub(crate) fn index_row(run: &Run, stages: &Registry) -> IndexRow {
    let execution = run.execution();
    let in_flight = run
        .active()
        .iter()
        .filter_map(|serial| run.stage(*serial))
        .any(|stage| {
            stage
                .tasks
                .iter()
                .any(|task| task.status == Status::Running && task.wait.is_none())
        });
    IndexRow {
        kind: execution.kind,
        application: execution.application.clone(),
        pipeline: execution.pipeline_config_id.clone(),
        build_time: execution.build_time.unwrap_or(0),
        status: execution.status,
        busy: in_flight || !run.ledger().promises.is_empty(),
        wake: next_wake(run, stages),
        correlation: execution
            .trigger
            .correlation_id()
            .filter(|_| !execution.status.is_complete())
            .map(str::to_owned),
        queued: run.ledger().waiting,
    }
}
