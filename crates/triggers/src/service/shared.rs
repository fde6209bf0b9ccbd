//! The service as its users hold it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use spindrift_engine::{PipelineRevision, StoreError};
use spindrift_model::{Map, Millis, PipelineId};
use spindrift_outbound::Outbound;
use spindrift_runtime::{Engine, EngineError, Entropy};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::forgetting::Surplus;
use super::record::EventRecord;
use super::rights::ExecuteRights;
use super::sealing::{SecretSealer, unsealed};
use super::{forgetting, polling, run_ends, scheduler, storage};
use crate::artifacts::Templates;
use crate::cron::DEFAULT_ZONE;
use crate::matching::{TriggerId, TriggerIndex, TriggerKind, parse_triggers_in};
use crate::polling::{Registry, RegistryAccount};
use crate::signature::{Secrets, SignaturePolicy};

/// How triggers are set up.
#[derive(Debug, Clone)]
pub struct TriggerOptions {
    /// Which signatures are accepted.
    pub signatures: SignaturePolicy,
    /// The secret of Git triggers that have none of their own, and the one before it.
    pub shared_secrets: Secrets,
    /// Templates that find artifacts in payloads.
    pub templates: Templates,
    /// Seals the secrets of triggers before they reach the disk; without it they lie there as they are.
    pub sealer: Option<Arc<dyn SecretSealer>>,
    /// The IANA zone of schedules that name none.
    pub time_zone: String,
    /// Who may start what; without it everybody may start everything.
    pub rights: Option<Arc<dyn ExecuteRights>>,
    /// The registries that are asked for new images.
    pub registries: Vec<RegistryAccount>,
    /// The client that asks them; without it none is asked.
    pub outbound: Option<Outbound>,
    /// Whether schedules run.
    pub schedules: bool,
    /// How long events are kept, in milliseconds.
    pub keep_events: Millis,
    /// How many hooks that started nothing are kept about; of more, the oldest are forgotten. Strangers can send hooks.
    pub max_idle_events: usize,
}

impl Default for TriggerOptions {
    fn default() -> Self {
        Self {
            signatures: SignaturePolicy::default(),
            shared_secrets: Secrets::default(),
            templates: Templates::default(),
            sealer: None,
            rights: None,
            registries: Vec::new(),
            outbound: None,
            time_zone: DEFAULT_ZONE.to_owned(),
            schedules: true,
            keep_events: 14 * 24 * 3_600_000,
            max_idle_events: 100_000,
        }
    }
}

/// Runs that are started at the same time for triggers; more wait, so that a storm of events does not take all memory.
const STARTS: usize = 64;

pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) options: TriggerOptions,
    pub(super) entropy: Arc<dyn Entropy>,
    index: RwLock<TriggerIndex>,
    /// Held while a pipeline is saved: what a save keeps of the stored document is what is stored.
    pub(super) saving: tokio::sync::Mutex<()>,
    /// Held from reading a pipeline to taking its triggers: of two saves the later one counts.
    following: Mutex<()>,
    /// When each pipeline that has schedules was saved: times before that are not its.
    pub(super) saved_at: RwLock<HashMap<PipelineId, Millis>>,
    /// The pipelines that the keeper of the schedules has to look at again.
    changed: Mutex<HashSet<PipelineId>>,
    pub(super) schedules_changed: Notify,
    /// Tells those that ask registries that other repositories may be of interest.
    pub(super) saves: watch::Sender<()>,
    pub(super) starts: Semaphore,
    pub(super) surplus: Surplus,
    pub(super) stopping: CancellationToken,
    pub(super) tracker: TaskTracker,
}

impl Shared {
    /// Nothing panics while it holds the lock.
    pub(super) fn index(&self) -> RwLockReadGuard<'_, TriggerIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, TriggerIndex> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sealer(&self) -> Option<&dyn SecretSealer> {
        self.options.sealer.as_deref()
    }

    /// A text of 256 random bits.
    fn unguessable(&self) -> String {
        let parts = (0..4).map(|_| format!("{:016x}", self.entropy.bits()));
        parts.collect()
    }

    pub(super) fn now(&self) -> Millis {
        self.engine.clock().now()
    }

    /// Takes the triggers of a pipeline as it is in the store now.
    pub(super) fn follow(&self, pipeline: &PipelineId) -> Result<(), StoreError> {
        let _one_at_a_time = self
            .following
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match self.engine.store().pipeline(pipeline)? {
            Some(revision) => self.take(&revision),
            None => self.drop_pipeline(pipeline),
        }
        Ok(())
    }

    fn take(&self, revision: &PipelineRevision) {
        let runs = self.runs(revision);
        let document = unsealed(&runs, self.sealer(), || self.unguessable());
        let (triggers, _) = parse_triggers_in(&document, &revision.id, &self.options.time_zone);
        let scheduled = triggers
            .iter()
            .any(|trigger| matches!(trigger.kind, TriggerKind::Cron(_)));
        self.note_schedules(&revision.id, scheduled.then_some(revision.saved_at));
        self.index_mut().replace(&revision.id, triggers);
        self.tell_keeper(&revision.id);
        self.saves.send_replace(());
    }

    /// The pipeline that runs: one that is made of a template has its template's triggers, too.
    fn runs<'r>(&self, revision: &'r PipelineRevision) -> Cow<'r, Map> {
        match self.engine.expand(&revision.document) {
            Ok(None) => Cow::Borrowed(&revision.document),
            Ok(Some(expanded)) => Cow::Owned(expanded.document),
            Err(error) => {
                tracing::warn!(pipeline = %revision.id, %error, "the triggers of its template cannot be read");
                Cow::Borrowed(&revision.document)
            }
        }
    }

    fn drop_pipeline(&self, pipeline: &PipelineId) {
        self.index_mut().remove(pipeline);
        self.note_schedules(pipeline, None);
        self.tell_keeper(pipeline);
    }

    pub(super) fn tell_keeper(&self, pipeline: &PipelineId) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.insert(pipeline.clone());
        drop(changed);
        self.schedules_changed.notify_one();
    }

    /// The pipelines that have changed since this was last asked.
    pub(super) fn take_changed(&self) -> HashSet<PipelineId> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_schedules(&self, pipeline: &PipelineId, saved_at: Option<Millis>) {
        let mut all = self
            .saved_at
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match saved_at {
            Some(time) => all.insert(pipeline.clone(), time),
            None => all.remove(pipeline),
        };
    }
}

/// Triggers at work. Cloning is cheap: all clones are the same service.
#[derive(Clone)]
pub struct Triggers {
    pub(super) shared: Arc<Shared>,
}

impl Triggers {
    /// Reads the triggers of all pipelines, goes on with what was not done, keeps the schedules, and watches for the ends of
    /// runs. Must be called within a tokio runtime. Errors: the store cannot be read.
    pub fn start(
        engine: Engine,
        options: TriggerOptions,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, EngineError> {
        let shared = Arc::new(Shared {
            index: RwLock::default(),
            saving: tokio::sync::Mutex::default(),
            following: Mutex::default(),
            saved_at: RwLock::default(),
            changed: Mutex::default(),
            schedules_changed: Notify::new(),
            saves: watch::Sender::new(()),
            starts: Semaphore::new(STARTS),
            surplus: Surplus::default(),
            stopping: CancellationToken::new(),
            tracker: TaskTracker::new(),
            engine,
            options,
            entropy,
        });
        // Before anything is read: what ends from here on is heard.
        let notices = shared.engine.watch();
        for revision in shared.engine.store().pipelines(None)? {
            shared.take(&revision);
        }
        let triggers = Self { shared };
        triggers.recover()?;
        let tracker = &triggers.shared.tracker;
        tracker.spawn(run_ends::watch(Arc::clone(&triggers.shared), notices));
        tracker.spawn(forgetting::prune(Arc::clone(&triggers.shared)));
        if triggers.shared.options.schedules {
            tracker.spawn(scheduler::keep(Arc::clone(&triggers.shared)));
        }
        let options = &triggers.shared.options;
        for account in options.registries.iter().cloned() {
            if let Some(outbound) = options.outbound.clone() {
                let registry = Registry::new(account, outbound);
                tracker.spawn(polling::poll(Arc::clone(&triggers.shared), registry));
            }
        }
        Ok(triggers)
    }

    /// Stops taking work, and returns when what was begun is on disk. Stop this before the engine.
    pub async fn stop(&self) {
        self.shared.stopping.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// The engine whose pipelines these triggers start.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// How many triggers there are.
    pub fn count(&self) -> usize {
        self.shared.index().len()
    }

    /// An event with its verdicts.
    pub fn event(&self, id: &str) -> Result<Option<EventRecord>, StoreError> {
        storage::event(self.shared.engine.store(), id)
    }

    /// The newest events that came before the one called `after`, at most `limit`.
    pub fn events(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        storage::events(self.shared.engine.store(), after, limit)
    }

    /// The next `count` times of the schedules of a pipeline that are on.
    pub fn next_runs(&self, pipeline: &PipelineId, count: usize) -> Vec<(TriggerId, Vec<Millis>)> {
        let now = self.shared.now();
        let index = self.shared.index();
        let times = |trigger: &Arc<crate::matching::Trigger>| match &trigger.kind {
            TriggerKind::Cron(cron) if trigger.enabled && !trigger.pipeline_disabled => {
                Some((trigger.id.clone(), cron.schedule.next_runs(now, count)))
            }
            _ => None,
        };
        index
            .of_pipeline(pipeline)
            .iter()
            .filter_map(times)
            .collect()
    }
}
