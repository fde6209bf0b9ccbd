//! Stores that do something else when they are written to, and are read as the store behind them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use spindrift_engine::{
    ExecutionQuery, Listed, PipelineRevision, Replayed, RunState, Store, StoreError, StoreHealth,
    Ticket, Write,
};
use spindrift_model::{ExecutionId, Millis, PipelineId};
use spindrift_store::{MemoryStore, SledStore};
use tokio::sync::{mpsc, oneshot};

type Commit = Box<dyn Fn(Vec<Write>) -> Ticket + Send + Sync>;

/// See the module.
pub struct Through {
    store: Arc<dyn Store>,
    commit: Commit,
}

/// How long one write to a slow disk takes.
pub const WRITE: Duration = Duration::from_millis(5);

type Waiting = (Vec<Write>, oneshot::Sender<Result<(), StoreError>>);

/// A store whose writes take their time: what was committed is readable, and answered, a while later and in order.
pub fn slow(disk: &Arc<MemoryStore>) -> Through {
    let (queue, mut waiting) = mpsc::unbounded_channel::<Waiting>();
    let writer = Arc::clone(disk);
    tokio::spawn(async move {
        while let Some((writes, answer)) = waiting.recv().await {
            tokio::time::sleep(WRITE).await;
            // Whoever asked may have gone away.
            let _ = answer.send(writer.commit(writes).await);
        }
    });
    let commit = move |writes| -> Ticket {
        let (answer, reply) = oneshot::channel();
        let sent = queue.send((writes, answer));
        Box::pin(async move {
            let gone = || StoreError::Stopped("the simulated process has ended".to_owned());
            sent.map_err(|_| gone())?;
            reply.await.unwrap_or_else(|_| Err(gone()))
        })
    };
    Through {
        store: Arc::clone(disk) as _,
        commit: Box::new(commit),
    }
}

/// What each transition of a run took of the journal, in bytes.
pub type Meter = Arc<Mutex<Vec<u64>>>;

/// The store on sled, for one run at a time, and what its transitions write.
pub fn metered(sled: SledStore) -> (Through, Meter) {
    let (sled, meter) = (Arc::new(sled), Meter::default());
    let (disk, noted) = (Arc::clone(&sled), Arc::clone(&meter));
    let commit = move |writes: Vec<Write>| -> Ticket {
        let is_transition = matches!(writes[..], [Write::Advance { .. }]);
        let (disk, noted) = (Arc::clone(&disk), Arc::clone(&noted));
        let before = disk.statistics().journal_bytes;
        let ticket = disk.commit(writes);
        Box::pin(async move {
            let result = ticket.await;
            if is_transition {
                let bytes = disk.statistics().journal_bytes - before;
                noted.lock().unwrap().push(bytes);
            }
            result
        })
    };
    let through = Through {
        store: sled,
        commit: Box::new(commit),
    };
    (through, meter)
}

impl Store for Through {
    fn commit(&self, writes: Vec<Write>) -> Ticket {
        (self.commit)(writes)
    }

    fn run(&self, id: &ExecutionId) -> Result<Option<RunState>, StoreError> {
        self.store.run(id)
    }

    fn replay(&self, id: &ExecutionId) -> Result<Option<Replayed>, StoreError> {
        self.store.replay(id)
    }

    fn executions(&self, query: &ExecutionQuery) -> Result<Vec<Listed>, StoreError> {
        self.store.executions(query)
    }

    fn busy(
        &self,
        after: Option<&ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        self.store.busy(after, limit)
    }

    fn due(&self, now: Millis, limit: usize) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.store.due(now, limit)
    }

    fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        self.store.next_due()
    }

    fn queue(&self, pipeline: &PipelineId) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.store.queue(pipeline)
    }

    fn queues(&self) -> Result<Vec<PipelineId>, StoreError> {
        self.store.queues()
    }

    fn correlated(&self, correlation: &str) -> Result<Option<ExecutionId>, StoreError> {
        self.store.correlated(correlation)
    }

    fn pipeline(&self, id: &PipelineId) -> Result<Option<PipelineRevision>, StoreError> {
        self.store.pipeline(id)
    }

    fn pipeline_named(
        &self,
        application: &str,
        name: &str,
    ) -> Result<Option<PipelineRevision>, StoreError> {
        self.store.pipeline_named(application, name)
    }

    fn pipelines(&self, application: Option<&str>) -> Result<Vec<PipelineRevision>, StoreError> {
        self.store.pipelines(application)
    }

    fn revisions(
        &self,
        id: &PipelineId,
        limit: usize,
    ) -> Result<Vec<PipelineRevision>, StoreError> {
        self.store.revisions(id, limit)
    }

    fn applications(&self) -> Result<Vec<String>, StoreError> {
        self.store.applications()
    }

    fn record(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.record(space, key)
    }

    fn records(
        &self,
        space: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.records(space, prefix, after, limit)
    }

    fn health(&self) -> StoreHealth {
        self.store.health()
    }
}
