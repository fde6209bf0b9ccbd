//! How a task starts, reads and ends other executions.

use spindrift_model::{ExecutionId, Map, PipelineId, Status, Value};

use crate::effect::IdempotencyKey;
use crate::task::{BoxFuture, Failure};

/// A request of the `pipeline` stage to start another pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildRequest {
    /// The application the pipeline belongs to, when the stage names one.
    pub application: Option<String>,
    /// The pipeline to start: its id, else its name within the application.
    pub pipeline: PipelineId,
    /// The parameters given to it.
    pub parameters: Map,
    /// The artifacts given to it.
    pub artifacts: Vec<Value>,
    /// The execution that asks.
    pub parent: ExecutionId,
    /// The stage of it that asks.
    pub parent_stage: spindrift_model::StageId,
    /// The performance that asks. Nothing is started for one that has been given up.
    pub key: IdempotencyKey,
    /// As whom the child runs.
    pub user: Option<String>,
    /// The same for every repetition of this request: at most one child is started for it.
    pub correlation_id: String,
    /// Whether the child only pretends.
    pub dry_run: bool,
    /// Whether the child is a deployment strategy.
    pub strategy: bool,
}

/// How a child stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildState {
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: Status,
    /// What its stages have put out, merged in order, later ones winning.
    pub outputs: Map,
    /// Its failed stages: id, name, position and error texts.
    pub failures: Vec<ChildFailure>,
}

/// A failed stage of a child.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildFailure {
    /// The stage's id.
    pub stage_id: String,
    /// The stage's name.
    pub stage_name: String,
    /// Its position among the child's stages.
    pub stage_index: usize,
    /// What went wrong.
    pub errors: Vec<String>,
}

/// How a task starts, reads and ends other executions.
pub trait Launcher: Send + Sync {
    /// Starts a child, or finds the one that an earlier identical request started.
    fn start(&self, request: ChildRequest) -> BoxFuture<Result<ExecutionId, Failure>>;

    /// Ends what [`Launcher::start`] with that correlation id has started. The stage that asked for it must have been ended
    /// on disk: then nothing is started for it afterwards either. Having nothing to end is no failure.
    fn withdraw(
        &self,
        correlation_id: String,
        by: String,
        reason: String,
    ) -> BoxFuture<Result<(), Failure>>;

    /// How an execution stands; `None` when there is no such execution.
    fn state(&self, execution: ExecutionId) -> BoxFuture<Result<Option<ChildState>, Failure>>;

    /// Ends an execution; ending one that has ended already is no failure.
    fn cancel(
        &self,
        execution: ExecutionId,
        by: String,
        reason: Option<String>,
    ) -> BoxFuture<Result<(), Failure>>;
}
