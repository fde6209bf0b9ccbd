//! What surrounds a simulated engine: a virtual clock, seeded chance, tasks that touch a recorded world.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, Registry, StageType, StageView, Store, TaskInput, TaskResult,
    TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Millis, Pipeline, Stage};
use spindrift_outbound::{Outbound, Policy};
use spindrift_runtime::{Clock, Engine, EngineOptions, Entropy, Fetcher, StartRequest};
use spindrift_stages::{Services, registry};
use spindrift_store::MemoryStore;

/// Time that passes only while everybody sleeps, and goes on from one life of the process to the next.
pub struct VirtualClock {
    base: Arc<AtomicI64>,
    begin: tokio::time::Instant,
}

impl VirtualClock {
    pub fn new(base: &Arc<AtomicI64>) -> Self {
        Self {
            base: Arc::clone(base),
            begin: tokio::time::Instant::now(),
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Millis {
        let passed = i64::try_from(self.begin.elapsed().as_millis()).unwrap();
        self.base.load(Ordering::SeqCst) + passed
    }
}

/// The same bits for the same seed.
pub struct Seeded(AtomicU64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.bits() % bound
    }
}

impl Entropy for Seeded {
    fn bits(&self) -> u64 {
        // SplitMix64, Steele et al. 2014.
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// What tasks did outside; it survives every crash.
#[derive(Default)]
pub struct World {
    performed: Mutex<HashMap<String, usize>>,
    undone: Mutex<BTreeMap<String, usize>>,
}

impl World {
    /// How often each idempotency key was performed.
    pub fn performed(&self) -> HashMap<String, usize> {
        self.performed.lock().unwrap().clone()
    }

    /// How often the undoing of each idempotency key was begun.
    pub fn undone(&self) -> BTreeMap<String, usize> {
        self.undone.lock().unwrap().clone()
    }
}

/// `simulated`: takes `millis`, then ends as `outcome` says: `succeed`, `fail`, `panic`, or retries twice first. With
/// `undoMillis` it takes that long to undo, `puts` is the length of what it puts out, and with the outcome `look` it goes
/// on until it has been performed `rounds` times.
struct Simulated {
    world: Arc<World>,
}

impl EffectTask for Simulated {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            *self
                .world
                .performed
                .lock()
                .unwrap()
                .entry(input.key.to_string())
                .or_default() += 1;
            let millis = input
                .stage
                .context
                .get("millis")
                .and_then(Value::as_u64)
                .unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(millis)).await;
            let [rounds, puts] = ["rounds", "puts"].map(|key| {
                let number = input.stage.context.get(key).and_then(Value::as_u64);
                u32::try_from(number.unwrap_or(0)).unwrap()
            });
            match input.stage.text("outcome") {
                Some("fail") => TaskResult::terminal(Failure::new("Simulated", "it failed")),
                Some("panic") => panic!("it broke down"),
                Some("retry") if input.stage.tasks[0].attempt < 3 => {
                    TaskResult::terminal(Failure::new("Simulated", "try again").retryable())
                }
                Some("look") if input.stage.tasks[0].attempt < rounds => {
                    TaskResult::again_in(1).with_context("looked", input.stage.tasks[0].attempt)
                }
                _ => TaskResult::succeeded()
                    .with_output("ended", input.key.as_str())
                    .with_output("put", "y".repeat(usize::try_from(puts).unwrap())),
            }
        })
    }

    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        let millis = input.stage.context.get("undoMillis")?.as_u64()?;
        Some(Box::pin(async move {
            let key = input.key.to_string();
            *self.world.undone.lock().unwrap().entry(key).or_default() += 1;
            tokio::time::sleep(Duration::from_millis(millis)).await;
            TaskResult::succeeded()
        }))
    }

    fn has_cancel(&self, stage: &Stage) -> bool {
        stage.context.contains_key("undoMillis")
    }
}

struct SimulatedStage(Arc<Simulated>);

impl StageType for SimulatedStage {
    fn name(&self) -> &str {
        "simulated"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new("work")])
    }

    fn task(&self, _: &str) -> Option<TaskRunner> {
        Some(TaskRunner::Effect(
            Arc::clone(&self.0) as Arc<dyn EffectTask>
        ))
    }
}

/// The product's stage types and `simulated`.
pub fn stages(world: &Arc<World>) -> Registry {
    // One for all: setting up TLS is most of what a short life costs.
    static OUTBOUND: OnceLock<Outbound> = OnceLock::new();
    let outbound = OUTBOUND.get_or_init(|| Outbound::new(Policy::default()).unwrap());
    let mut stages = registry(Services::new(outbound.clone()));
    let task = Arc::new(Simulated {
        world: Arc::clone(world),
    });
    stages.add(Arc::new(SimulatedStage(task)));
    stages
}

/// An engine in virtual time.
pub fn engine(
    store: &Arc<impl Store>,
    world: &Arc<World>,
    base: &Arc<AtomicI64>,
    seed: u64,
) -> Engine {
    Engine::start(
        Arc::clone(store) as _,
        stages(world),
        EngineOptions {
            shards: 2,
            time_zone: "UTC".to_owned(),
            fetcher: Some(Arc::new(Pages)),
            ..EngineOptions::default()
        },
        Arc::new(VirtualClock::new(base)),
        Arc::new(Seeded::new(seed)),
    )
}

/// An engine on a new store.
pub fn fresh() -> (Engine, Arc<MemoryStore>, Arc<World>) {
    let (store, world) = (Arc::new(MemoryStore::new()), Arc::new(World::default()));
    let engine = engine(&store, &world, &Arc::new(AtomicI64::new(1_000_000)), 7);
    (engine, store, world)
}

pub fn pipeline(document: Value) -> Pipeline {
    Pipeline::parse(document).unwrap().0
}

/// A pipeline of one application with those stages.
pub fn with_stages(id: &str, stages: Value) -> Pipeline {
    pipeline(json!({"id": id, "name": id, "application": "sim", "stages": stages}))
}

pub fn manual(pipeline: &Pipeline) -> StartRequest {
    StartRequest::manual(pipeline.clone(), Map::new(), "tester")
}

/// Waits for the end of a run.
pub async fn ended(
    engine: &Engine,
    id: &spindrift_model::ExecutionId,
) -> spindrift_model::Execution {
    let mut notices = engine.watch();
    loop {
        let execution = engine.execution(id).unwrap();
        if execution.status.is_complete() {
            return execution;
        }
        notices.recv().await.unwrap();
    }
}

/// Answers `https://pages.example/<text>` with the text.
#[derive(Debug)]
struct Pages;

impl Fetcher for Pages {
    fn fetch(&self, url: String) -> BoxFuture<Result<String, String>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let text = url
                .strip_prefix("https://pages.example/")
                .map(str::to_owned);
            text.ok_or_else(|| format!("{url} is not there"))
        })
    }
}
