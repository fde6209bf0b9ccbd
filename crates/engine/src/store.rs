//! What the engine asks of whoever keeps its data.
//!
//! A store holds pipelines with their revisions, executions, the timer and queue rows that belong to them, and small
//! records of other crates. [`Store::commit`] takes writes that stand or fall together; the ticket it answers with
//! resolves when they are on disk. Commits take effect in the order in which `commit` was called.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spindrift_model::{
    Execution, ExecutionId, ExecutionKind, Map, Millis, PipelineId, Serial, Status,
};

use crate::change::{Answer, Change, Restart};
use crate::effect::Promise;
use crate::replay::Replayed;

/// A run as it is kept: the execution, and what the engine must remember besides.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunState {
    /// The execution; `version` is its guard.
    pub execution: Execution,
    /// The rest.
    #[serde(default)]
    pub ledger: Ledger,
}

/// What the engine remembers of a run besides the execution that people see.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// What must still be done outside, by number.
    pub promises: Vec<Promise>,
    /// The number of the next promise.
    pub next_promise: u32,
    /// The position of the next stage.
    pub next_serial: u32,
    /// Since when it waits for a free slot of its pipeline.
    pub waiting: Option<Millis>,
    /// What expressions of stages that run have been answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<(Serial, Answer)>,
    /// What it does when it gets one, when that is not its first start.
    pub restart: Option<Box<Restart>>,
    /// How often the tasks of a restarted stage had been performed: the count goes on, so that the late result of a
    /// performance before the restart is not taken for that of one after it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub performed: BTreeMap<Serial, u32>,
}

/// What lists and the recovery know of an execution without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRow {
    /// Pipeline run or ad-hoc task.
    pub kind: ExecutionKind,
    /// Its application.
    pub application: String,
    /// Its pipeline.
    pub pipeline: Option<PipelineId>,
    /// When it was created: lists are sorted by it, newest first.
    pub build_time: Millis,
    /// Its state.
    pub status: Status,
    /// Whether something is under way outside that must be repeated after a crash.
    pub busy: bool,
    /// The next time at which something may be due.
    pub wake: Option<Millis>,
    /// The correlation id by which a repeated start finds it; only while it is not complete.
    pub correlation: Option<String>,
    /// Whether it waits in its pipeline's queue, and since when.
    pub queued: Option<Millis>,
}

/// A row in the lists that is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// What it was.
    pub before: IndexRow,
    /// What it is.
    pub after: IndexRow,
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A new execution. Conflict: there is one of that id.
    Create {
        /// The run.
        state: Box<RunState>,
        /// Its row in the lists.
        index: IndexRow,
    },
    /// An execution has gone from version `from` to `from + 1`. Conflict: it is at another version.
    Advance {
        /// Which.
        id: ExecutionId,
        /// The version it had.
        from: u64,
        /// What has changed.
        changes: Arc<[Change]>,
        /// Its row in the lists, when that has changed.
        row: Option<Box<RowChange>>,
        /// The versions whose changes no longer say anything; see [`Trail`](crate::Trail).
        superseded: Vec<u64>,
        /// How many versions the log has now: a store that has lost one can tell.
        rows: u32,
    },
    /// The execution is forgotten. Conflict: it is at another version.
    Forget {
        /// Which.
        id: ExecutionId,
        /// The version it has.
        version: u64,
        /// Its row in the lists.
        index: IndexRow,
    },
    /// A pipeline has a new revision. Conflict: its newest revision is not `replaces`, when that is given.
    SavePipeline {
        /// The revision.
        revision: PipelineRevision,
        /// The number of the revision it replaces; 0: there is none. Absent: whichever there is.
        replaces: Option<u64>,
    },
    /// A pipeline is deleted; its revisions stay readable. Conflict: there is none.
    DeletePipeline {
        /// Which.
        id: PipelineId,
        /// Who, when.
        by: String,
        /// When.
        at: Millis,
    },
    /// A record of another crate has a new value. Conflict: its version is not `expected`, when that is given.
    PutRecord {
        /// What kind of record, such as `application`.
        space: &'static str,
        /// Its key within the space.
        key: String,
        /// Its value.
        value: Vec<u8>,
        /// The value it replaces; `Some(None)`: there is none. Absent: whichever there is.
        expected: Option<Option<Vec<u8>>>,
    },
    /// A record is forgotten; forgetting one that does not exist is no conflict.
    DeleteRecord {
        /// What kind of record.
        space: &'static str,
        /// Its key within the space.
        key: String,
    },
}

/// One saved version of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineRevision {
    /// The pipeline.
    pub id: PipelineId,
    /// Its number, from 1.
    pub revision: u64,
    /// When it was saved.
    pub saved_at: Millis,
    /// Who saved it.
    pub saved_by: String,
    /// The application it belongs to.
    pub application: String,
    /// Its name.
    pub name: String,
    /// The document, with the server's own members.
    pub document: Map,
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A precondition of a write does not hold; nothing of its commit was written.
    #[error("{0}")]
    Conflict(String),
    /// The disk does not take any more, or has failed: nothing of the commit counts, and no later one will.
    #[error("the store has stopped: {0}")]
    Stopped(String),
    /// What is on disk cannot be read.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

/// Resolves when a commit is on disk, or has been refused.
pub type Ticket = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Which executions a list is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every execution.
    All,
    /// Those of an application.
    Application(String),
    /// Those of a pipeline.
    Pipeline(PipelineId),
}

/// A question for a list of executions, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionQuery {
    /// Which executions.
    pub scope: Scope,
    /// Only pipeline runs, or only ad-hoc tasks.
    pub kind: Option<ExecutionKind>,
    /// Only those in one of these states; empty: any state.
    pub statuses: Vec<Status>,
    /// Created at that time or later.
    pub from: Millis,
    /// Created at that time or earlier.
    pub to: Millis,
    /// Only those that come after this one in the list.
    pub after: Option<(Millis, ExecutionId)>,
    /// Oldest first instead.
    pub oldest_first: bool,
    /// At most that many.
    pub limit: usize,
}

impl ExecutionQuery {
    /// The newest `limit` executions of a scope.
    pub fn newest(scope: Scope, limit: usize) -> Self {
        Self {
            scope,
            kind: None,
            statuses: Vec::new(),
            from: Millis::MIN,
            to: Millis::MAX,
            after: None,
            oldest_first: false,
            limit,
        }
    }
}

/// A line of a list of executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: ExecutionId,
    /// When it was created.
    pub build_time: Millis,
    /// Its state.
    pub status: Status,
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// Why it has stopped taking writes; `None` while it takes them.
    pub stopped: Option<String>,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Keeps the engine's data.
pub trait Store: Send + Sync + 'static {
    /// Takes writes that stand or fall together. They take effect in the order of the calls.
    fn commit(&self, writes: Vec<Write>) -> Ticket;

    /// A run as it is on disk, or as it will be once everything committed so far is.
    fn run(&self, id: &ExecutionId) -> Result<Option<RunState>, StoreError>;

    /// The same run, ready to go on.
    fn replay(&self, id: &ExecutionId) -> Result<Option<Replayed>, StoreError>;

    /// An execution without the contexts, outputs and tasks of its stages (only `group` of the contexts is kept).
    fn outline(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        let run = self.run(id)?;
        Ok(run.map(|state| outline(state.execution)))
    }

    /// A list of executions, from an index.
    fn executions(&self, query: &ExecutionQuery) -> Result<Vec<Listed>, StoreError>;

    /// The executions that have something under way outside, after `after`, at most `limit`.
    fn busy(
        &self,
        after: Option<&ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionId>, StoreError>;

    /// The executions whose time has come up to `now`, earliest first, at most `limit`.
    fn due(&self, now: Millis, limit: usize) -> Result<Vec<(Millis, ExecutionId)>, StoreError>;

    /// The earliest time at which something is due.
    fn next_due(&self) -> Result<Option<Millis>, StoreError>;

    /// The executions that wait for a slot of that pipeline, in the order in which they came.
    fn queue(&self, pipeline: &PipelineId) -> Result<Vec<(Millis, ExecutionId)>, StoreError>;

    /// The pipelines for which executions wait.
    fn queues(&self) -> Result<Vec<PipelineId>, StoreError>;

    /// The execution that is not complete and was started with that correlation id.
    fn correlated(&self, correlation: &str) -> Result<Option<ExecutionId>, StoreError>;

    /// The newest revision of a pipeline that has not been deleted.
    fn pipeline(&self, id: &PipelineId) -> Result<Option<PipelineRevision>, StoreError>;

    /// The pipeline of that name; names are compared trimmed and without regard to case.
    fn pipeline_named(
        &self,
        application: &str,
        name: &str,
    ) -> Result<Option<PipelineRevision>, StoreError>;

    /// The newest revisions of all pipelines of an application, or of all applications.
    fn pipelines(&self, application: Option<&str>) -> Result<Vec<PipelineRevision>, StoreError>;

    /// The revisions of a pipeline, newest first, also when it has been deleted.
    fn revisions(&self, id: &PipelineId, limit: usize)
    -> Result<Vec<PipelineRevision>, StoreError>;

    /// The names of all applications that have a pipeline or an execution, sorted.
    fn applications(&self) -> Result<Vec<String>, StoreError>;

    /// A record of another crate.
    fn record(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The records of a space whose key begins with `prefix`, sorted by key, after `after`, at most `limit`.
    fn records(
        &self,
        space: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// How the store is.
    fn health(&self) -> StoreHealth;
}

/// The execution without the contexts, outputs and tasks of its stages (only `group` of the contexts is kept), as
/// Gate's `expand=false` answers.
pub fn outline(mut execution: Execution) -> Execution {
    for stage in &mut execution.stages {
        stage.context.retain(|key, _| key == "group");
        stage.outputs.clear();
        stage.tasks.clear();
    }
    execution
}
