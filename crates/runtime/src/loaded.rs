//! A run while it is in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use spindrift_engine::{
    Change, Effect, IndexRow, Registry, Replayed, RowChange, Run, RunState, Store, StoreError,
    Trail, Write, next_wake,
};
use spindrift_model::{Execution, ExecutionId, Serial, Status};
use tokio_util::sync::CancellationToken;

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
    trail: Trail,
}

impl Loaded {
    /// Reads a run from the store.
    pub(crate) fn read(
        store: &dyn Store,
        id: &ExecutionId,
        stages: &Registry,
    ) -> Result<Option<Self>, StoreError> {
        let replayed = store.replay(id)?;
        Ok(replayed.map(|Replayed { run, trail }| Self::of(run, trail, stages)))
    }

    /// Takes a run whose rows are all written, or about to be.
    pub(crate) fn new(state: RunState, stages: &Registry) -> Self {
        Self::of(Run::load(state), Trail::default(), stages)
    }

    fn of(run: Run, trail: Trail, stages: &Registry) -> Self {
        let index = index_row(&run, stages);
        Self {
            run,
            index,
            uncommitted: 0,
            performing: HashMap::new(),
            keeping: HashSet::new(),
            trail,
        }
    }

    /// Counts changes as one more version, and answers with the write that makes it durable; `None` when nothing has
    /// changed.
    pub(crate) fn advance(&mut self, changes: &Arc<[Change]>, stages: &Registry) -> Option<Write> {
        let row = self.next_row(stages);
        if changes.is_empty() && row.is_none() {
            return None;
        }
        let row = row.map(|after| {
            let before = std::mem::replace(&mut self.index, after.clone());
            Box::new(RowChange { before, after })
        });
        let from = self.run.execution().version;
        self.run.advance_version();
        let superseded = self.trail.note(from + 1, changes);
        Some(Write::Advance {
            id: self.run.execution().id.clone(),
            from,
            changes: Arc::clone(changes),
            row,
            superseded,
            rows: self.trail.rows(),
        })
    }

    /// The row of the run in the lists, when it is another one now. Most of it never changes.
    fn next_row(&self, stages: &Registry) -> Option<IndexRow> {
        let (run, row) = (&self.run, &self.index);
        let same = row.status == run.execution().status
            && row.busy == is_busy(run)
            && row.queued == run.ledger().waiting
            && row.correlation.as_deref() == correlation(run.execution())
            && row.wake == next_wake(run, stages);
        (!same).then(|| index_row(run, stages))
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
    IndexRow {
        kind: execution.kind,
        application: execution.application.clone(),
        pipeline: execution.pipeline_config_id.clone(),
        build_time: execution.build_time.unwrap_or(0),
        status: execution.status,
        busy: is_busy(run),
        wake: next_wake(run, stages),
        correlation: correlation(execution).map(str::to_owned),
        queued: run.ledger().waiting,
    }
}

/// Whether something is under way outside.
fn is_busy(run: &Run) -> bool {
    let active = run.active().iter().filter_map(|serial| run.stage(*serial));
    let mut tasks = active.flat_map(|stage| &stage.tasks);
    !run.ledger().promises.is_empty()
        || tasks.any(|task| task.status == Status::Running && task.wait.is_none())
}

fn correlation(execution: &Execution) -> Option<&str> {
    let correlation = execution.trigger.correlation_id();
    correlation.filter(|_| !execution.status.is_complete())
}
