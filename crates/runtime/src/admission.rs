//! Which runs of a pipeline may run, and which wait.
//!
//! The table holds the running and waiting runs of the pipelines touched since the start. It is changed under one short
//! lock, so that two starts cannot both take the last slot; the store's rows say the same after a crash.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spindrift_engine::{
    ConcurrencyLimit, ExecutionQuery, MAX_WAITING, Scope, Store, StoreError, Turn,
};
use spindrift_model::{Execution, ExecutionId, Millis, PipelineId, Status};

/// What became of a run that asked for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has one.
    Admitted,
    /// It waits.
    Waits,
    /// Too many wait already.
    Full,
}

#[derive(Default)]
struct Slots {
    running: HashSet<ExecutionId>,
    waiting: BTreeSet<(Millis, ExecutionId)>,
}

pub(crate) struct AdmissionTable {
    store: Arc<dyn Store>,
    pipelines: Mutex<HashMap<PipelineId, Slots>>,
}

impl AdmissionTable {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            pipelines: Mutex::default(),
        }
    }

    // A panic while the lock was held cannot leave the sets half-changed: every change is one insertion or removal.
    fn lock(&self) -> MutexGuard<'_, HashMap<PipelineId, Slots>> {
        self.pipelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn slots<'t>(
        &self,
        table: &'t mut HashMap<PipelineId, Slots>,
        pipeline: &PipelineId,
    ) -> Result<&'t mut Slots, StoreError> {
        if !table.contains_key(pipeline) {
            let query = ExecutionQuery {
                statuses: vec![Status::Running, Status::Paused],
                ..ExecutionQuery::newest(Scope::Pipeline(pipeline.clone()), usize::MAX)
            };
            let running = self
                .store
                .executions(&query)?
                .into_iter()
                .map(|row| row.id)
                .collect();
            let waiting = self.store.queue(pipeline)?.into_iter().collect();
            table.insert(pipeline.clone(), Slots { running, waiting });
        }
        Ok(table.entry(pipeline.clone()).or_default())
    }

    /// Gives the run a slot, or a place in the queue.
    pub(crate) fn ask(&self, execution: &Execution, now: Millis) -> Result<Admission, StoreError> {
        let Some(pipeline) = &execution.pipeline_config_id else {
            return Ok(Admission::Admitted);
        };
        let limit = ConcurrencyLimit::of(execution);
        let mut table = self.lock();
        let slots = self.slots(&mut table, pipeline)?;
        let others = slots.running.len() - usize::from(slots.running.contains(&execution.id));
        if limit.admits(others) && (limit.slots.is_none() || slots.waiting.is_empty()) {
            slots.running.insert(execution.id.clone());
            return Ok(Admission::Admitted);
        }
        if slots.waiting.len() >= MAX_WAITING {
            return Ok(Admission::Full);
        }
        slots.waiting.insert((now, execution.id.clone()));
        Ok(Admission::Waits)
    }

    /// Takes back what [`AdmissionTable::ask`] gave: the run has ended, or was never stored. Whether others wait.
    pub(crate) fn leave(&self, pipeline: &PipelineId, execution: &ExecutionId) -> bool {
        let mut table = self.lock();
        let Some(slots) = table.get_mut(pipeline) else {
            return false;
        };
        slots.running.remove(execution);
        slots.waiting.retain(|(_, waiting)| waiting != execution);
        !slots.waiting.is_empty()
    }

    /// Whose turn it is now, if anybody's; they hold the slot from here on.
    pub(crate) fn next(&self, pipeline: &PipelineId) -> Result<Option<Turn>, StoreError> {
        let mut table = self.lock();
        let slots = self.slots(&mut table, pipeline)?;
        let Some((_, newest)) = slots.waiting.last() else {
            return Ok(None);
        };
        // The newest waiting run was started under the pipeline's latest settings.
        let Some(newest) = self.store.outline(newest)? else {
            return Ok(None);
        };
        let waiting: Vec<ExecutionId> = slots.waiting.iter().map(|(_, id)| id.clone()).collect();
        let turn = ConcurrencyLimit::of(&newest).next(slots.running.len(), &waiting);
        if let Some(turn) = &turn {
            slots.running.insert(turn.start.clone());
            slots
                .waiting
                .retain(|(_, id)| *id != turn.start && !turn.superseded.contains(id));
        }
        Ok(turn)
    }
}
