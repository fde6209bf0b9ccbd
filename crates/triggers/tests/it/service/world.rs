//! One life of the process after another, on the same store and the same clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde_json::{Value, json};
use spindrift_engine::{ExecutionQuery, Scope};
use spindrift_model::{Execution, ExecutionId, Map, Millis, Pipeline};
use spindrift_outbound::{Outbound, Policy};
use spindrift_runtime::{Clock, Engine, EngineOptions, Entropy, SaveRequest, StartRequest};
use spindrift_stages::{Services, registry};
use spindrift_store::MemoryStore;
use spindrift_triggers::{TriggerOptions, Triggers};

/// 2026-11-20T10:00:00Z.
pub const MORNING: Millis = 1_795_168_800_000;

struct VirtualClock {
    base: Millis,
    begin: tokio::time::Instant,
}

impl Clock for VirtualClock {
    fn now(&self) -> Millis {
        self.base + i64::try_from(self.begin.elapsed().as_millis()).unwrap()
    }
}

struct Counted(AtomicU64);

impl Entropy for Counted {
    fn bits(&self) -> u64 {
        // SplitMix64, Steele et al. 2014.
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// One life of the process.
pub struct Life {
    pub store: Arc<MemoryStore>,
    pub engine: Engine,
    pub triggers: Triggers,
    clock: Arc<VirtualClock>,
}

static LIVES: AtomicI64 = AtomicI64::new(1);

impl Life {
    pub fn new() -> Self {
        Self::on(MemoryStore::new(), MORNING)
    }

    pub fn on(store: MemoryStore, now: Millis) -> Self {
        Self::with(store, now, TriggerOptions::default())
    }

    pub fn with(store: MemoryStore, now: Millis, options: TriggerOptions) -> Self {
        let store = Arc::new(store);
        let clock = Arc::new(VirtualClock {
            base: now,
            begin: tokio::time::Instant::now(),
        });
        let seed = LIVES.fetch_add(1, Ordering::SeqCst).unsigned_abs();
        let entropy = Arc::new(Counted(AtomicU64::new(seed)));
        let stages = registry(Services::new(Outbound::new(Policy::default()).unwrap()));
        let engine_options = EngineOptions {
            shards: 2,
            time_zone: "UTC".to_owned(),
            ..EngineOptions::default()
        };
        let engine = Engine::start(
            Arc::clone(&store) as _,
            stages,
            engine_options,
            Arc::clone(&clock) as _,
            Arc::clone(&entropy) as _,
        );
        let triggers = Triggers::start(engine.clone(), options, entropy).unwrap();
        Self {
            store,
            engine,
            triggers,
            clock,
        }
    }

    /// Ends this life in order, and begins the next one after a pause.
    pub async fn restart(self, pause: Millis) -> Self {
        self.triggers.stop().await;
        self.engine.stop().await;
        Self::on(self.store.reopen(), self.clock.now() + pause)
    }

    /// This life has ended without notice; the next one finds what is on disk.
    pub async fn after_crash(self, pause: Millis) -> Self {
        self.store.crash();
        self.restart(pause).await
    }

    pub async fn save(&self, id: &str, extra: Value) {
        self.triggers
            .save_pipeline(request(id, extra))
            .await
            .unwrap();
    }

    pub async fn start(&self, id: &str) -> ExecutionId {
        let revision = self.engine.pipeline("app", id).unwrap();
        let (pipeline, _) = Pipeline::parse(Value::Object(revision.document)).unwrap();
        let submitted = self
            .engine
            .submit(StartRequest::manual(pipeline, Map::new(), "tester"))
            .await;
        submitted.unwrap().execution.id.clone()
    }

    pub async fn ended(&self, id: &ExecutionId) -> Execution {
        let mut notices = self.engine.watch();
        loop {
            let execution = self.engine.execution(id).unwrap();
            if execution.status.is_complete() {
                return execution;
            }
            notices.recv().await.unwrap();
        }
    }

    /// The runs of a pipeline, oldest first.
    pub fn runs(&self, pipeline: &str) -> Vec<Execution> {
        let query = ExecutionQuery::newest(Scope::Pipeline(pipeline.into()), 1_000);
        let mut listed = self.engine.store().executions(&query).unwrap();
        listed.reverse();
        listed
            .iter()
            .map(|one| self.engine.execution(&one.id).unwrap())
            .collect()
    }

    /// Waits until a pipeline has had that many runs.
    pub async fn until_runs(&self, pipeline: &str, count: usize) -> Vec<Execution> {
        let mut notices = self.engine.watch();
        loop {
            let runs = self.runs(pipeline);
            if runs.len() >= count {
                return runs;
            }
            notices.recv().await.unwrap();
        }
    }
}

pub fn request(id: &str, extra: Value) -> SaveRequest {
    let mut document = json!({
        "id": id, "name": id, "application": "app", "stages": [{"refId": "1", "type": "wait", "waitTime": 1}]
    });
    for (key, value) in extra.as_object().unwrap() {
        document[key] = value.clone();
    }
    SaveRequest {
        document,
        by: "tester".to_owned(),
        stale_check: false,
    }
}
