//! What the store in memory holds, and how writes change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spindrift_engine::{
    Change, IndexRow, PipelineRevision, Replayed, RunState, StoreError, Write, replay,
};
use spindrift_model::{ExecutionId, Millis, PipelineId, Stage};

use crate::key::folded;

#[derive(Debug, Default, Clone)]
pub(super) struct Data {
    pub(super) runs: BTreeMap<ExecutionId, Kept>,
    pub(super) timers: BTreeSet<(Millis, ExecutionId)>,
    pub(super) busy: BTreeSet<ExecutionId>,
    pub(super) queues: BTreeMap<PipelineId, BTreeSet<(Millis, ExecutionId)>>,
    pub(super) correlations: BTreeSet<(String, ExecutionId)>,
    pub(super) pipelines: BTreeMap<PipelineId, Pipeline>,
    pub(super) records: BTreeMap<(String, String), Vec<u8>>,
}

/// A run. Its parts are shared with older states of it, so that remembering one costs little.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) header: Arc<RunState>,
    pub(super) stages: Vec<Arc<Stage>>,
    pub(super) log: BTreeMap<u64, Arc<[Change]>>,
    pub(super) version: u64,
    pub(super) index: IndexRow,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Pipeline {
    pub(super) revisions: Vec<Arc<PipelineRevision>>,
    pub(super) deleted: bool,
}

impl Pipeline {
    pub(super) fn current(&self) -> Option<&PipelineRevision> {
        self.revisions
            .last()
            .filter(|_| !self.deleted)
            .map(|revision| &**revision)
    }
}

/// What a part of the data was before a commit touched it.
pub(super) enum Undo {
    Run(ExecutionId, Box<Option<Kept>>),
    Pipeline(PipelineId, Option<Pipeline>),
    Record((String, String), Option<Vec<u8>>),
}

impl Data {
    pub(super) fn undo(&mut self, undo: Undo) {
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

    pub(super) fn write(&mut self, write: Write, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        match write {
            Write::Create { state, index } => self.create(*state, index, undo),
            Write::Advance {
                id,
                from,
                changes,
                row,
                superseded,
                rows,
            } => {
                let mut kept = self.at_version(&id, from)?.clone();
                if let Some(row) = row {
                    expect_index(&id, &kept.index, &row.before)?;
                    kept.index = row.after;
                }
                kept.log.insert(from + 1, changes);
                for version in superseded {
                    kept.log.remove(&version);
                }
                expect_rows(&id, kept.log.len(), rows)?;
                kept.version = from + 1;
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
            stages: stages.into_iter().map(Arc::new).collect(),
            log: BTreeMap::new(),
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
    pub(super) fn current(&self) -> Vec<&PipelineRevision> {
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
    pub(super) fn replay(&self) -> Replayed {
        let mut state = (*self.header).clone();
        let stages = self.stages.iter().map(|stage| (**stage).clone());
        state.execution.stages = stages.collect();
        let log = self.log.iter();
        replay(
            state,
            log.map(|(version, changes)| (*version, changes.to_vec())),
        )
    }

    pub(super) fn state(&self) -> RunState {
        self.replay().run.into_state()
    }
}

fn conflict(text: String) -> StoreError {
    StoreError::Conflict(text)
}

fn expect_rows(id: &ExecutionId, found: usize, said: u32) -> Result<(), StoreError> {
    match usize::try_from(said) {
        Ok(said) if said == found => Ok(()),
        _ => Err(StoreError::Corrupt(format!(
            "the writer of {id} says that its log has {said} rows, and it has {found}"
        ))),
    }
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
