//! A store whose writes take their time: what was committed is readable, and answered, a while later and in order.

use std::sync::Arc;
use std::time::Duration;

use spindrift_engine::{
    Change, ExecutionQuery, Listed, PipelineRevision, RunState, Store, StoreError, StoreHealth,
    Ticket, Write,
};
use spindrift_model::{ExecutionId, Millis, PipelineId};
use spindrift_store::MemoryStore;
use tokio::sync::{mpsc, oneshot};

/// How long one write to the disk takes.
pub const WRITE: Duration = Duration::from_millis(5);

type Waiting = (Vec<Write>, oneshot::Sender<Result<(), StoreError>>);

/// See the module.
pub struct SlowStore {
    disk: Arc<MemoryStore>,
    queue: mpsc::UnboundedSender<Waiting>,
}

impl SlowStore {
    /// A slow way to that store.
    pub fn to(disk: &Arc<MemoryStore>) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel::<Waiting>();
        let writer = Arc::clone(disk);
        tokio::spawn(async move {
            while let Some((writes, answer)) = waiting.recv().await {
                tokio::time::sleep(WRITE).await;
                // Whoever asked may have gone away.
                let _ = answer.send(writer.commit(writes).await);
            }
        });
        Self {
            disk: Arc::clone(disk),
            queue,
        }
    }
}

impl Store for SlowStore {
    fn commit(&self, writes: Vec<Write>) -> Ticket {
        let (answer, reply) = oneshot::channel();
        let sent = self.queue.send((writes, answer));
        Box::pin(async move {
            let gone = || StoreError::Stopped("the simulated process has ended".to_owned());
            sent.map_err(|_| gone())?;
            reply.await.unwrap_or_else(|_| Err(gone()))
        })
    }

    fn run(&self, id: &ExecutionId) -> Result<Option<RunState>, StoreError> {
        self.disk.run(id)
    }

    fn log(&self, id: &ExecutionId) -> Result<Option<Vec<Vec<Change>>>, StoreError> {
        self.disk.log(id)
    }

    fn executions(&self, query: &ExecutionQuery) -> Result<Vec<Listed>, StoreError> {
        self.disk.executions(query)
    }

    fn busy(
        &self,
        after: Option<&ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        self.disk.busy(after, limit)
    }

    fn due(&self, now: Millis, limit: usize) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.disk.due(now, limit)
    }

    fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        self.disk.next_due()
    }

    fn queue(&self, pipeline: &PipelineId) -> Result<Vec<(Millis, ExecutionId)>, StoreError> {
        self.disk.queue(pipeline)
    }

    fn queues(&self) -> Result<Vec<PipelineId>, StoreError> {
        self.disk.queues()
    }

    fn correlated(&self, correlation: &str) -> Result<Option<ExecutionId>, StoreError> {
        self.disk.correlated(correlation)
    }

    fn pipeline(&self, id: &PipelineId) -> Result<Option<PipelineRevision>, StoreError> {
        self.disk.pipeline(id)
    }

    fn pipeline_named(
        &self,
        application: &str,
        name: &str,
    ) -> Result<Option<PipelineRevision>, StoreError> {
        self.disk.pipeline_named(application, name)
    }

    fn pipelines(&self, application: Option<&str>) -> Result<Vec<PipelineRevision>, StoreError> {
        self.disk.pipelines(application)
    }

    fn revisions(
        &self,
        id: &PipelineId,
        limit: usize,
    ) -> Result<Vec<PipelineRevision>, StoreError> {
        self.disk.revisions(id, limit)
    }

    fn applications(&self) -> Result<Vec<String>, StoreError> {
        self.disk.applications()
    }

    fn record(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.record(space, key)
    }

    fn records(
        &self,
        space: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.disk.records(space, prefix, after, limit)
    }

    fn health(&self) -> StoreHealth {
        self.disk.health()
    }
}
