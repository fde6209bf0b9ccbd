//! The store on sled.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures::channel::oneshot;
use spindrift_engine::{
    ExecutionQuery, Listed, PipelineRevision, Replayed, RunState, Store, StoreError, StoreHealth,
    Ticket, Write,
};
use spindrift_model::{Execution, ExecutionId, Millis, PipelineId};

use crate::committer::{Committer, Condition, Request, Statistics};
use crate::disk::{Disk, SledDisk};
use crate::error::OpenError;
use crate::journal;
use crate::open;
use crate::options::StoreOptions;
use crate::prepared::prepare;
use crate::reader::Reader;
use crate::table::Table;
use crate::view::{Layers, View};

/// The store on sled: one directory, one process, one thread that writes.
///
/// Dropping it waits until everything that was committed is on disk.
#[derive(Debug)]
pub struct SledStore {
    reader: Reader,
    queue: Sender<Request>,
    condition: Arc<Condition>,
    thread: Mutex<Option<JoinHandle<()>>>,
    dir: PathBuf,
    /// Released when the store is dropped, after the thread has ended.
    _lock: open::Lock,
}

impl SledStore {
    /// Opens the store in `dir`; a directory that is empty or does not exist becomes an empty store.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        Self::open_with(dir, options, |disk| disk)
    }

    /// Opens the store with something between it and the disk, such as a [`FaultyDisk`](crate::FaultyDisk).
    pub fn open_with(
        dir: &Path,
        options: StoreOptions,
        wrap: impl FnOnce(Box<dyn Disk>) -> Box<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io {
            dir: dir.to_owned(),
            source,
        };
        let open::Opened { db, lock } = open::open(dir, &options)?;
        let table = Table::new((*db).clone());
        let (journal, rows) = journal::replay(&table).map_err(|error| OpenError::Corrupt {
            dir: dir.to_owned(),
            reason: error.to_string(),
        })?;
        let view = View {
            table,
            layers: Arc::new(Layers::new(rows)),
        };
        let condition = Arc::new(Condition::default());
        let disk = wrap(Box::new(SledDisk::new(db, dir).map_err(io)?));
        let committer = Committer::new(view.clone(), disk, condition.clone(), options, journal);
        let (queue, requests) = channel();
        let thread = std::thread::Builder::new()
            .name("spindrift-store".into())
            .spawn(move || committer.run(&requests))
            .map_err(io)?;
        Ok(Self {
            reader: Reader::new(view, condition.clone()),
            queue,
            condition,
            thread: Mutex::new(Some(thread)),
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    /// Finishes what was committed so far, tidies up for a quick start, and ends the thread. Later commits are refused.
    pub fn close(&self) -> Result<(), StoreError> {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(thread) = thread else {
            return Ok(());
        };
        let result = self.ask(Request::Close);
        // The thread catches its panics; should it have died anyway, the answer above says so.
        let _ = thread.join();
        result
    }

    /// Moves everything from the journal to its place, as happens by itself after two seconds without a write.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.ask(Request::Settle)
    }

    /// What the store has done since it was opened.
    pub fn statistics(&self) -> Statistics {
        self.condition.statistics()
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    fn ask(
        &self,
        request: impl FnOnce(crate::committer::Answer) -> Request,
    ) -> Result<(), StoreError> {
        let (answer, reply) = oneshot::channel();
        if self.queue.send(request(answer)).is_err() {
            return Err(self.gone());
        }
        futures::executor::block_on(reply).unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> StoreError {
        gone(&self.condition)
    }
}

/// Why a request has no answer: the thread has ended.
fn gone(condition: &Condition) -> StoreError {
    let reason = condition.stopped();
    StoreError::Stopped(reason.unwrap_or_else(|| "its thread has ended".into()))
}

impl Drop for SledStore {
    fn drop(&mut self) {
        if let Err(error) = self.close()
            && self.condition.stopped().is_none()
        {
            tracing::error!(%error, "the store could not be closed in order; its journal has everything");
        }
    }
}

impl Store for SledStore {
    fn commit(&self, writes: Vec<Write>) -> Ticket {
        if let Some(reason) = self.condition.stopped() {
            return Box::pin(std::future::ready(Err(StoreError::Stopped(reason))));
        }
        let writes = writes.into_iter().map(prepare).collect();
        let (answer, reply) = oneshot::channel();
        if self.queue.send(Request::Commit { writes, answer }).is_err() {
            return Box::pin(std::future::ready(Err(self.gone())));
        }
        let condition = self.condition.clone();
        Box::pin(async move { reply.await.unwrap_or_else(|_| Err(gone(&condition))) })
    }

    fn run(&self, id: &ExecutionId) -> Result<Option<RunState>, StoreError> {
        self.reader.guarded(|reader| reader.run(id))
    }

    fn replay(&self, id: &ExecutionId) -> Result<Option<Replayed>, StoreError> {
        self.reader.guarded(|reader| reader.replay(id))
    }

    fn outline(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        self.reader.guarded(|reader| reader.outline(id))
    }

    fn executions(&self, query: &ExecutionQuery) -> Result<Vec<Listed>, StoreError> {
        self.reader.guarded(|reader| reader.executions(query))
    }

    fn busy(
        &self,
        after: Option<&ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        self.reader.guarded(|reader| reader.busy(after, limit))
    }

    fn due(&self, now: Millis, limit: usize) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.reader.guarded(|reader| reader.due(now, limit))
    }

    fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        self.reader.guarded(Reader::next_due)
    }

    fn queue(&self, pipeline: &PipelineId) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.reader.guarded(|reader| reader.queue(pipeline))
    }

    fn queues(&self) -> Result<Vec<PipelineId>, StoreError> {
        self.reader.guarded(Reader::queues)
    }

    fn correlated(&self, correlation: &str) -> Result<Option<ExecutionId>, StoreError> {
        self.reader.guarded(|reader| reader.correlated(correlation))
    }

    fn pipeline(&self, id: &PipelineId) -> Result<Option<PipelineRevision>, StoreError> {
        self.reader.guarded(|reader| reader.pipeline(id))
    }

    fn pipeline_named(
        &self,
        application: &str,
        name: &str,
    ) -> Result<Option<PipelineRevision>, StoreError> {
        self.reader
            .guarded(|reader| reader.pipeline_named(application, name))
    }

    fn pipelines(&self, application: Option<&str>) -> Result<Vec<PipelineRevision>, StoreError> {
        self.reader.guarded(|reader| reader.pipelines(application))
    }

    fn revisions(
        &self,
        id: &PipelineId,
        limit: usize,
    ) -> Result<Vec<PipelineRevision>, StoreError> {
        self.reader.guarded(|reader| reader.revisions(id, limit))
    }

    fn applications(&self) -> Result<Vec<String>, StoreError> {
        self.reader.guarded(Reader::applications)
    }

    fn record(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.reader.guarded(|reader| reader.record(space, key))
    }

    fn records(
        &self,
        space: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.reader
            .guarded(|reader| reader.records(space, prefix, after, limit))
    }

    fn health(&self) -> StoreHealth {
        StoreHealth {
            stopped: self.condition.stopped(),
            // The size is for information; a file that cannot be looked at is no reason to call the store ill.
            bytes: std::fs::metadata(self.dir.join("db")).map_or(0, |file| file.len()),
        }
    }
}
