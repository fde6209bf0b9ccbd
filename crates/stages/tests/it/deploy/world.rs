//! A cluster in this process, an engine beside it on one virtual clock, and pipelines that run to their end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::Client;
use serde_json::{Map, Value, json};
use spindrift_artifacts::{ArtifactOptions, Artifacts};
use spindrift_cloud_driver::kubernetes::{
    Kubernetes, KubernetesInventory, KubernetesOptions, KubernetesProvider, ObjectId,
};
use spindrift_cloud_driver::{Accounts, Provider};
use spindrift_engine::{Registry, Store};
use spindrift_model::{Execution, ExecutionId, Millis, Pipeline, Stage};
use spindrift_runtime::{Clock, Engine, EngineOptions, Entropy, StartRequest};
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};
use spindrift_stages::{Services, registry};
use spindrift_store::MemoryStore;
use tokio::sync::Notify;

use crate::support::outbound;

/// Longer than anything takes: on a paused clock it passes in no time.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

pub struct World {
    pub sandbox: Sandbox,
    pub kubernetes: Kubernetes,
    pub store: Arc<MemoryStore>,
    pub engine: Engine,
    registry: Registry,
    clock: Arc<Virtual>,
    _controllers: Controllers,
}

struct Virtual {
    base: AtomicI64,
    begin: tokio::time::Instant,
}

impl Clock for Virtual {
    fn now(&self) -> Millis {
        let passed = i64::try_from(self.begin.elapsed().as_millis()).unwrap();
        self.base.load(Ordering::SeqCst) + passed
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn bits(&self) -> u64 {
        // SplitMix64, Steele et al. 2014.
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Every name is the one account.
struct One {
    provider: Arc<dyn Provider>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Accounts for One {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        *self
            .asked
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_default() += 1;
        (name != "nowhere").then(|| Arc::clone(&self.provider))
    }

    fn names(&self) -> Vec<String> {
        vec!["sandbox".to_owned()]
    }
}

pub fn world() -> World {
    world_with(SandboxOptions::default())
}

pub fn world_with(options: SandboxOptions) -> World {
    let sandbox = Sandbox::new(options);
    let controllers = sandbox.start(&tokio::runtime::Handle::current());
    let client = Client::new(sandbox.router(), "default");
    let kubernetes = Kubernetes::new("sandbox", client, KubernetesOptions::default());
    let inventory = KubernetesInventory::new(kubernetes.clone(), Arc::new(Notify::new()));
    let provider = KubernetesProvider::new(
        kubernetes.clone(),
        Arc::new(inventory),
        Arc::new(|| 1_000_000),
    );
    let accounts = Arc::new(One {
        provider: Arc::new(provider),
        asked: Mutex::default(),
    });
    let artifacts = Artifacts::new(outbound(), ArtifactOptions::default()).unwrap();
    let stages = registry(Services {
        accounts,
        artifacts: Some(Arc::new(artifacts)),
        ..Services::new(outbound())
    });
    let clock = Arc::new(Virtual {
        base: AtomicI64::new(1_000_000),
        begin: tokio::time::Instant::now(),
    });
    let store = Arc::new(MemoryStore::new());
    let engine = engine(&store, &stages, &clock, 7);
    World {
        sandbox,
        kubernetes,
        store,
        engine,
        registry: stages,
        clock,
        _controllers: controllers,
    }
}

fn engine(store: &Arc<MemoryStore>, stages: &Registry, clock: &Arc<Virtual>, seed: u64) -> Engine {
    Engine::start(
        Arc::clone(store) as Arc<dyn Store>,
        stages.clone(),
        EngineOptions {
            shards: 1,
            time_zone: "UTC".to_owned(),
            ..EngineOptions::default()
        },
        Arc::clone(clock) as Arc<dyn Clock>,
        Arc::new(Counting(AtomicU64::new(seed))),
    )
}

impl World {
    pub async fn submit(&self, document: Value) -> ExecutionId {
        let (pipeline, _) = Pipeline::parse(document).unwrap();
        let request = StartRequest::manual(pipeline, Map::new(), "ann");
        self.engine
            .submit(request)
            .await
            .unwrap()
            .execution
            .id
            .clone()
    }

    /// Runs stages to their end.
    pub async fn run(&self, stages: Value) -> Execution {
        let id = self.submit(with(stages)).await;
        self.until(&id, |execution| execution.status.is_complete())
            .await
    }

    /// Runs one deploy to its end.
    pub async fn deploy(&self, more: Value, manifests: Value) -> Execution {
        self.run(json!([stage(more, manifests)])).await
    }

    /// Waits until a run is as wanted.
    pub async fn until(&self, id: &ExecutionId, wanted: impl Fn(&Execution) -> bool) -> Execution {
        let mut notices = self.engine.watch();
        let waiting = async {
            loop {
                let execution = self.engine.execution(id).unwrap();
                if wanted(&execution) {
                    return execution;
                }
                // Missed news are no harm: the run is looked at again.
                let _ = notices.recv().await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(execution) => execution,
            Err(_) => panic!("{:#?}", shown(&self.engine.execution(id).unwrap())),
        }
    }

    pub async fn judge(&self, id: &ExecutionId, stage: &Stage, status: &str) {
        let mut patch = Map::new();
        patch.insert("judgmentStatus".to_owned(), status.into());
        let caller = spindrift_engine::Caller::named("ann");
        self.engine
            .patch_stage(id, &stage.id, patch, caller)
            .await
            .unwrap();
    }

    /// The process dies, and another begins with what is on disk.
    pub fn die_and_live_again(&mut self) {
        self.store.crash();
        self.store = Arc::new(self.store.reopen());
        self.engine = engine(&self.store, &self.registry, &self.clock, 99);
    }

    pub async fn object(&self, name: &str) -> Option<Value> {
        let id = ObjectId::parse(name, "default").unwrap();
        self.kubernetes.get(&id).await.unwrap()
    }
}

pub fn with(stages: Value) -> Value {
    json!({"id": "release", "name": "release", "application": "shop", "stages": stages})
}

/// A stage `Deploy` that deploys manifests.
pub fn stage(more: Value, manifests: Value) -> Value {
    let mut stage = json!({
        "refId": "1", "type": "deployManifest", "name": "Deploy", "account": "sandbox", "cloudProvider": "kubernetes", "source": "text",
        "moniker": {"app": "shop"}, "manifests": manifests,
    });
    let members = more.as_object().unwrap().clone();
    stage.as_object_mut().unwrap().extend(members);
    stage
}

pub fn named<'a>(execution: &'a Execution, name: &str) -> &'a Stage {
    let found = execution
        .stages
        .iter()
        .find(|stage| stage.display_name() == name);
    found.unwrap_or_else(|| panic!("there is no stage {name} in {:#?}", shown(execution)))
}

/// Name and status of every stage, then the status of the run, then what failed.
pub fn shown(execution: &Execution) -> Vec<String> {
    let stages = execution.stages.iter();
    let mut lines: Vec<String> = stages
        .map(|stage| format!("{} {}", stage.display_name(), stage.status))
        .collect();
    lines.push(format!("= {}", execution.status));
    lines.extend(failures(execution));
    lines
}

pub fn failures(execution: &Execution) -> Vec<String> {
    execution
        .stages
        .iter()
        .filter_map(|stage| stage.context.get("exception")?.pointer("/details/errors"))
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

pub fn workload(kind: &str, name: &str, image: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}}},
    })
}

pub fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"lb": name}, "ports": [{"port": 80}]}})
}
