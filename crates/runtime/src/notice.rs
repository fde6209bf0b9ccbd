//! News of runs, for whoever watches.

use std::sync::Arc;

use spindrift_engine::{Change, IndexRow};
use spindrift_model::{ExecutionId, PipelineId, Status};

/// What has changed in a run; it is on disk.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The run.
    pub execution: ExecutionId,
    /// Its application.
    pub application: String,
    /// Its pipeline.
    pub pipeline: Option<PipelineId>,
    /// Its state now.
    pub status: Status,
    /// Its state before; `None` when it is new.
    pub before: Option<Status>,
    /// Its version now.
    pub version: u64,
    /// The changes; empty for a new run.
    pub changes: Arc<[Change]>,
}

impl Notice {
    pub(crate) fn new(
        execution: ExecutionId,
        version: u64,
        before: Option<Status>,
        after: &IndexRow,
        changes: Arc<[Change]>,
    ) -> Self {
        Self {
            execution,
            application: after.application.clone(),
            pipeline: after.pipeline.clone(),
            status: after.status,
            before,
            version,
            changes,
        }
    }

    /// Whether the run has just ended.
    pub fn has_ended(&self) -> bool {
        self.status.is_complete() && self.before.is_none_or(|status| !status.is_complete())
    }
}
