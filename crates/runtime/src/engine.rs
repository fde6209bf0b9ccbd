//! The engine as its users hold it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spindrift_engine::{
    BoxFuture, Caller, Event, PipelineRevision, Registry, Store, StoreError, StoreHealth,
};
use spindrift_expressions::TemplateCache;
use spindrift_model::{Execution, ExecutionId, Map, Millis, PipelineId, StageId};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::AdmissionTable;
use crate::clock::{Clock, Entropy};
use crate::environment::{DecisionEnvironment, TEMPLATES};
use crate::error::EngineError;
use crate::lookup::Lookup;
use crate::notice::Notice;
use crate::recovery::recover;
use crate::shard::{Message, Shard};
use crate::stats::Stats;
use crate::timers::{Timers, keep_time};

/// Fetches what expressions ask for.
pub trait Fetcher: std::fmt::Debug + Send + Sync + 'static {
    /// The body of the answer to a `GET`, or a reason for people why there is none.
    fn fetch(&self, url: String) -> BoxFuture<Result<String, String>>;
}

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How many tasks share the runs among them.
    pub shards: usize,
    /// The IANA zone of time windows for pipelines that name none; Spinnaker's default is `America/Los_Angeles`.
    pub time_zone: String,
    /// Fetches what expressions ask for; without it they get nothing.
    pub fetcher: Option<Arc<dyn Fetcher>>,
    /// Finds templates and applications; without it there are none.
    pub lookup: Option<Arc<dyn Lookup>>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            shards: 4,
            time_zone: "America/Los_Angeles".to_owned(),
            fetcher: None,
            lookup: None,
        }
    }
}

/// A full inbox makes senders wait; this many messages are enough to keep a shard busy through one write to the disk.
const INBOX: usize = 4_096;

/// Watchers that fall further behind than this read the store instead.
const NOTICES: usize = 8_192;

/// Starts with the same correlation id are made one after the other; this many different ones at a time.
const CORRELATION_LOCKS: usize = 64;

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) stages: Registry,
    pub(crate) options: EngineOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) templates: TemplateCache,
    pub(crate) admission: AdmissionTable,
    pub(crate) timers: Timers,
    pub(crate) notices: broadcast::Sender<Arc<Notice>>,
    pub(crate) stats: Stats,
    pub(crate) stopping: CancellationToken,
    pub(crate) tracker: TaskTracker,
    pub(crate) saving: Mutex<()>,
    pub(crate) correlating: [Mutex<()>; CORRELATION_LOCKS],
    /// The children started on behalf of topmost executions, by their correlation ids.
    pub(crate) families: std::sync::Mutex<HashMap<ExecutionId, HashSet<String>>>,
    recovering: AtomicUsize,
    // Always the same, so that a simulation can be replayed; an uneven spread costs speed only.
    hasher: BuildHasherDefault<DefaultHasher>,
    shards: Vec<mpsc::Sender<Message>>,
}

impl Shared {
    /// The world as a decision at that time sees it.
    pub(crate) fn environment(&self, now: Millis) -> DecisionEnvironment<'_> {
        DecisionEnvironment {
            now,
            entropy: &*self.entropy,
            store: &self.store,
            templates: &self.templates,
            lookup: self.options.lookup.as_deref(),
        }
    }

    pub(crate) async fn send(&self, message: Message) {
        let shard = self.hasher.hash_one(message.id()) as usize % self.shards.len();
        // A closed inbox means that the engine stops; whoever waits for an answer sees the end of their channel.
        let _ = self.shards[shard].send(message).await;
    }

    pub(crate) async fn ask(
        &self,
        message: impl FnOnce(crate::shard::Reply) -> Message,
    ) -> Result<Arc<Execution>, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.send(message(reply)).await;
        answer
            .await
            .unwrap_or_else(|_| Err(EngineError::stopping()))
    }

    pub(crate) fn correlation_lock(&self, correlation: &str) -> &Mutex<()> {
        &self.correlating[self.hasher.hash_one(correlation) as usize % CORRELATION_LOCKS]
    }

    pub(crate) fn report(&self, error: &StoreError) {
        match error {
            StoreError::Conflict(message) => tracing::warn!(message, "a stale write was refused"),
            StoreError::Stopped(message) => tracing::error!(message, "the store has stopped"),
            StoreError::Corrupt(message) => tracing::error!(message, "the store cannot be read"),
        }
    }

    /// Gives the slots of a pipeline that are free to the runs whose turn it is.
    pub(crate) fn turn(self: &Arc<Self>, pipeline: PipelineId, ended: Option<ExecutionId>) {
        if let Some(ended) = ended
            && !self.admission.leave(&pipeline, &ended)
        {
            return;
        }
        let shared = Arc::clone(self);
        self.tracker.spawn(async move {
            loop {
                let turn = match shared.admission.next(&pipeline) {
                    Ok(Some(turn)) => turn,
                    Ok(None) => return,
                    Err(error) => return shared.report(&error),
                };
                let event = Box::new(Event::Admitted);
                shared
                    .send(Message::Event {
                        id: turn.start,
                        event,
                        reply: None,
                    })
                    .await;
                for id in turn.superseded {
                    let reason = spindrift_engine::SUPERSEDED.to_owned();
                    let event = Box::new(Event::Superseded { reason });
                    shared
                        .send(Message::Event {
                            id,
                            event,
                            reply: None,
                        })
                        .await;
                }
            }
        });
    }
}

/// The engine. Cloning is cheap: all clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

impl Engine {
    /// Starts an engine on a store. What was under way when the store was last used goes on.
    pub fn start(
        store: Arc<dyn Store>,
        stages: Registry,
        options: EngineOptions,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (senders, inboxes): (Vec<_>, Vec<_>) = (0..options.shards.max(1))
            .map(|_| mpsc::channel(INBOX))
            .unzip();
        let shared = Arc::new(Shared {
            admission: AdmissionTable::new(Arc::clone(&store)),
            store,
            stages,
            options,
            clock,
            entropy,
            templates: TemplateCache::new(TEMPLATES),
            timers: Timers::default(),
            notices: broadcast::channel(NOTICES).0,
            stats: Stats::new(),
            stopping: CancellationToken::new(),
            tracker: TaskTracker::new(),
            saving: Mutex::default(),
            correlating: std::array::from_fn(|_| Mutex::default()),
            families: std::sync::Mutex::default(),
            recovering: AtomicUsize::new(1),
            hasher: BuildHasherDefault::default(),
            shards: senders,
        });
        for inbox in inboxes {
            shared
                .tracker
                .spawn(Shard::new(Arc::clone(&shared)).work(inbox));
        }
        let recovering = Arc::clone(&shared);
        shared.tracker.spawn(async move {
            recover(Arc::clone(&recovering)).await;
            recovering.recovering.store(0, Ordering::Release);
        });
        shared.tracker.spawn(keep_time(Arc::clone(&shared)));
        Self { shared }
    }

    /// Stops taking work, and returns when everything decided is on disk. Tasks under way are left; they are performed
    /// again at the next start.
    pub async fn stop(&self) {
        self.shared.stopping.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// Whether everything that was under way at the last end of the process goes on again.
    pub fn has_recovered(&self) -> bool {
        self.shared.recovering.load(Ordering::Acquire) == 0
    }

    /// The store, for questions.
    pub fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    /// The stage types.
    pub fn stages(&self) -> &Registry {
        &self.shared.stages
    }

    /// The engine's clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    /// How the store is.
    pub fn health(&self) -> StoreHealth {
        self.shared.store.health()
    }

    /// News of all runs from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.shared.notices.subscribe()
    }

    /// The execution of that id. Errors: there is none.
    pub fn execution(&self, id: &ExecutionId) -> Result<Execution, EngineError> {
        let run = self.shared.store.run(id)?;
        run.map(|run| run.execution)
            .ok_or_else(|| EngineError::UnknownExecution(id.clone()))
    }

    /// The newest revision of the pipeline with that name or id in an application. Names win over ids.
    pub fn pipeline(
        &self,
        application: &str,
        name_or_id: &str,
    ) -> Result<PipelineRevision, EngineError> {
        let store = &self.shared.store;
        if let Some(pipeline) = store.pipeline_named(application, name_or_id)? {
            return Ok(pipeline);
        }
        let by_id = store.pipeline(&name_or_id.into())?;
        by_id.filter(|pipeline| pipeline.application.eq_ignore_ascii_case(application)).ok_or_else(|| {
            EngineError::UnknownPipeline(format!(
                "Pipeline configuration not found (nameOrId: {name_or_id} in application {application})"
            ))
        })
    }

    /// Ends an execution. Ending one that was canceled before changes nothing.
    pub async fn cancel(
        &self,
        id: &ExecutionId,
        by: &str,
        reason: Option<String>,
    ) -> Result<Arc<Execution>, EngineError> {
        self.event(
            id,
            Event::Cancel {
                by: by.to_owned(),
                reason,
            },
        )
        .await
    }

    /// Holds an execution.
    pub async fn pause(&self, id: &ExecutionId, by: &str) -> Result<Arc<Execution>, EngineError> {
        self.event(id, Event::Pause { by: by.to_owned() }).await
    }

    /// Lets an execution go on.
    pub async fn resume(&self, id: &ExecutionId, by: &str) -> Result<Arc<Execution>, EngineError> {
        self.event(id, Event::Resume { by: by.to_owned() }).await
    }

    /// Changes a stage: decides a judgment, skips a wait.
    pub async fn patch_stage(
        &self,
        id: &ExecutionId,
        stage: &StageId,
        patch: Map,
        caller: Caller,
    ) -> Result<Arc<Execution>, EngineError> {
        self.event(
            id,
            Event::PatchStage {
                stage: stage.clone(),
                patch,
                caller,
            },
        )
        .await
    }

    /// Runs an execution again from one of its stages.
    pub async fn restart_stage(
        &self,
        id: &ExecutionId,
        stage: &StageId,
        by: &str,
    ) -> Result<Arc<Execution>, EngineError> {
        let current = self.execution(id)?;
        let pipeline = match &current.pipeline_config_id {
            Some(pipeline) => self.shared.store.pipeline(pipeline)?,
            None => None,
        };
        let event = Event::RestartStage {
            stage: stage.clone(),
            by: by.to_owned(),
            pipeline: pipeline.map(|pipeline| Box::new(pipeline.document)),
            admitted: true,
            look_again: false,
        };
        self.event(id, event).await
    }

    /// Lets a stage look again at what it waits for.
    pub async fn signal(&self, id: &ExecutionId, stage: &StageId) -> Result<(), EngineError> {
        self.event(
            id,
            Event::Signal {
                stage: stage.clone(),
            },
        )
        .await
        .map(drop)
    }

    /// Forgets an execution that has ended.
    pub async fn forget(&self, id: &ExecutionId) -> Result<(), EngineError> {
        self.shared
            .ask(|reply| Message::Forget {
                id: id.clone(),
                reply,
            })
            .await
            .map(drop)
    }

    async fn event(&self, id: &ExecutionId, event: Event) -> Result<Arc<Execution>, EngineError> {
        let event = Box::new(event);
        self.shared
            .ask(|reply| Message::Event {
                id: id.clone(),
                event,
                reply: Some(reply),
            })
            .await
    }
}
