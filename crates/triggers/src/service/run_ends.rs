//! The task that watches for the ends of runs.
//!
//! The engine's notices are news, not a log: whoever falls behind or is not there misses some. So a cursor in the store says
//! up to when ends were dealt with, and what ended since then is looked for in the store.

use std::sync::Arc;
use std::time::Duration;

use spindrift_engine::{ExecutionQuery, Scope, StoreError};
use spindrift_model::{Execution, ExecutionId, Millis, PipelineId, Status};
use spindrift_runtime::{EngineError, Notice};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::record::{Cause, EventRecord};
use super::shared::Shared;
use super::storage;
use crate::matching::{TriggerKind, run_event_id};

/// While nothing ends, the cursor follows the clock at this distance in time.
const IDLE: Duration = Duration::from_secs(60);

/// Ends are heard in the order in which they reached the disk, which is not quite that of their times.
const SLACK: Millis = 60_000;

/// Runs of one pipeline that are looked at when ends may have been missed.
const LOOK_BACK: usize = 200;

/// Starts what waits for the ends of runs, until the service stops.
pub(super) async fn watch(shared: Arc<Shared>, mut notices: Receiver<Arc<Notice>>) {
    if let Err(error) = shared.catch_up().await {
        tracing::warn!(%error, "ends of runs may have been missed; they are looked for at the next start");
    }
    loop {
        let heard = tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            heard = notices.recv() => Some(heard),
            () = tokio::time::sleep(IDLE) => None,
        };
        let outcome = match heard {
            Some(Ok(notice)) if notice.has_ended() => shared.heard(&notice).await,
            Some(Ok(_)) => Ok(()),
            Some(Err(RecvError::Lagged(_))) => shared.catch_up().await,
            Some(Err(RecvError::Closed)) => return,
            None => shared.move_cursor(shared.now()).await,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the end of a run is left for the next start");
        }
    }
}

impl Shared {
    async fn heard(self: &Arc<Self>, notice: &Notice) -> Result<(), EngineError> {
        let Some(pipeline) = &notice.pipeline else {
            return Ok(());
        };
        if self.index().run_ended(pipeline, notice.status).is_empty() {
            return Ok(());
        }
        let Some(execution) = self.engine.store().outline(&notice.execution)? else {
            return Ok(());
        };
        self.ended(pipeline, &execution).await
    }

    /// Stores the end of a run as an event and goes on with it on its own.
    async fn ended(
        self: &Arc<Self>,
        pipeline: &PipelineId,
        execution: &Execution,
    ) -> Result<(), EngineError> {
        let Some(record) = self.record_of(pipeline, execution)? else {
            return Ok(());
        };
        let mut writes = storage::received(&record)?;
        writes.push(storage::move_cursor(record.received_at));
        self.engine.store().commit(writes).await?;
        let shared = Arc::clone(self);
        self.tracker.spawn(async move {
            let id = record.id.clone();
            if let Err(error) = shared.process(record).await {
                tracing::warn!(event = id, %error, "an event is left for the next start");
            }
        });
        Ok(())
    }

    /// The event that the end of a run is; `None` when it is there already.
    fn record_of(
        &self,
        pipeline: &PipelineId,
        execution: &Execution,
    ) -> Result<Option<EventRecord>, StoreError> {
        let ended_at = execution.end_time.unwrap_or_else(|| self.now());
        let id = event_id(&execution.id, execution.start_time, ended_at);
        if storage::event(self.engine.store(), &id)?.is_some() {
            return Ok(None);
        }
        let cause = Cause::RunEnded {
            pipeline: pipeline.clone(),
            execution: execution.id.clone(),
            status: execution.status,
        };
        Ok(Some(EventRecord::new(id, ended_at, cause)))
    }

    /// Looks in the store for ends that nobody told us.
    async fn catch_up(self: &Arc<Self>) -> Result<(), EngineError> {
        let now = self.now();
        let Some(cursor) = storage::cursor(self.engine.store())? else {
            return self.move_cursor(now).await;
        };
        for parent in self.parents() {
            let query = ExecutionQuery {
                statuses: COMPLETE.to_vec(),
                ..ExecutionQuery::newest(Scope::Pipeline(parent.clone()), LOOK_BACK)
            };
            for listed in self.engine.store().executions(&query)? {
                let Some(execution) = self.engine.store().outline(&listed.id)? else {
                    continue;
                };
                if execution.end_time.is_some_and(|end| end >= cursor - SLACK) {
                    self.ended(&parent, &execution).await?;
                }
            }
        }
        self.move_cursor(now).await
    }

    /// The pipelines whose ends somebody waits for.
    fn parents(&self) -> Vec<PipelineId> {
        let index = self.index();
        let mut parents: Vec<PipelineId> = index
            .all()
            .filter_map(|trigger| match &trigger.kind {
                TriggerKind::Pipeline { parent, .. } => Some(parent.clone()),
                _ => None,
            })
            .collect();
        parents.sort_unstable();
        parents.dedup();
        parents
    }

    async fn move_cursor(&self, time: Millis) -> Result<(), EngineError> {
        self.engine
            .store()
            .commit(vec![storage::move_cursor(time)])
            .await?;
        Ok(())
    }
}

/// The states in which a run has ended.
const COMPLETE: [Status; 6] = [
    Status::Succeeded,
    Status::FailedContinue,
    Status::Terminal,
    Status::Canceled,
    Status::Stopped,
    Status::Skipped,
];

fn event_id(execution: &ExecutionId, started: Option<Millis>, ended: Millis) -> String {
    storage::stable_id(ended, &run_event_id(execution, started))
}
