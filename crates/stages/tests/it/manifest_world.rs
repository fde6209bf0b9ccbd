//! Whole pipelines on an engine, against a cluster in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{
    Kubernetes, KubernetesInventory, KubernetesOptions, KubernetesProvider, ObjectId,
    StabilityOptions,
};
use spindrift_cloud_driver::{Accounts, Provider};
use spindrift_engine::Store;
use spindrift_model::{Execution, ExecutionId, Map, Millis, Pipeline, Stage};
use spindrift_runtime::{Clock, Engine, EngineOptions, Entropy, StartRequest};
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};
use spindrift_stages::{Services, registry};
use spindrift_store::MemoryStore;
use tokio::sync::Notify;

use crate::support::outbound;

/// A cluster, the account `test` of it, and an engine whose clock is the cluster's.
pub struct World {
    pub sandbox: Sandbox,
    pub kubernetes: Kubernetes,
    pub engine: Engine,
    pub store: Arc<MemoryStore>,
    _controllers: Controllers,
}

pub fn world() -> World {
    world_with(SandboxOptions::default())
}

pub fn world_with(options: SandboxOptions) -> World {
    let sandbox = Sandbox::new(options);
    let controllers = sandbox.start(&tokio::runtime::Handle::current());
    let client = Client::new(sandbox.router(), "default");
    let kubernetes = Kubernetes::new("test", client, KubernetesOptions::default());
    let store = Arc::new(MemoryStore::new());
    let engine = engine(&store, &kubernetes);
    World {
        sandbox,
        kubernetes,
        engine,
        store,
        _controllers: controllers,
    }
}

/// An engine on that store, as a process that has just started has it.
pub fn engine(store: &Arc<MemoryStore>, kubernetes: &Kubernetes) -> Engine {
    let inventory = KubernetesInventory::new(kubernetes.clone(), Arc::new(Notify::new()));
    let provider = KubernetesProvider::new(kubernetes.clone(), Arc::new(inventory), Arc::new(|| 0));
    let services = Services {
        accounts: Arc::new(One(Arc::new(provider))),
        ..Services::new(outbound())
    };
    Engine::start(
        Arc::clone(store) as Arc<dyn Store>,
        registry(services),
        EngineOptions {
            shards: 1,
            time_zone: "UTC".to_owned(),
            fetcher: None,
            lookup: None,
        },
        Arc::new(Ticks(tokio::time::Instant::now())),
        Arc::new(Counting(AtomicU64::new(1))),
    )
}

/// One account.
struct One(Arc<dyn Provider>);

impl Accounts for One {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        (name == self.0.account()).then(|| Arc::clone(&self.0))
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.account().to_owned()]
    }
}

struct Ticks(tokio::time::Instant);

impl Clock for Ticks {
    fn now(&self) -> Millis {
        1_767_225_600_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn bits(&self) -> u64 {
        self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst)
    }
}

impl World {
    /// Creates an object in `default`, past the product.
    pub async fn make(&self, object: Value) -> Value {
        let api_version = object["apiVersion"].as_str().unwrap();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
        let api: Api<DynamicObject> = Api::namespaced_with(
            self.kubernetes.client().clone(),
            "default",
            &ApiResource::from_gvk(&gvk),
        );
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        serde_json::to_value(api.create(&PostParams::default(), &object).await.unwrap()).unwrap()
    }

    /// An object of `default`, such as `deployment web`.
    pub async fn get(&self, name: &str) -> Option<Value> {
        self.kubernetes
            .get(&ObjectId::parse(name, "default").unwrap())
            .await
            .unwrap()
    }

    /// Waits until an object of `default` is stable.
    pub async fn stable(&self, name: &str) {
        let id = ObjectId::parse(name, "default").unwrap();
        self.kubernetes
            .await_stable(&id, &StabilityOptions::default(), &|_| {})
            .await
            .unwrap();
    }

    /// Starts a pipeline of these stages, one after the other; account and location need not be written.
    pub async fn start(&self, stages: &[Value]) -> ExecutionId {
        let stages: Vec<Value> = (1..)
            .zip(stages)
            .map(|(number, stage)| complete(number, stage))
            .collect();
        let document =
            json!({"id": "release", "name": "release", "application": "shop", "stages": stages});
        let (pipeline, _) = Pipeline::parse(document).unwrap();
        let started = self
            .engine
            .submit(StartRequest::manual(pipeline, Map::new(), "ann"))
            .await
            .unwrap();
        started.execution.id.clone()
    }

    /// Waits for the end of a run.
    pub async fn ended(&self, id: &ExecutionId) -> Execution {
        ended(&self.engine, id).await
    }

    /// Runs these stages to their end.
    pub async fn run(&self, stages: &[Value]) -> Execution {
        let id = self.start(stages).await;
        self.ended(&id).await
    }

    /// Runs one stage to its end.
    pub async fn stage(&self, stage: Value) -> Stage {
        self.run(&[stage]).await.stages.remove(0)
    }
}

pub async fn ended(engine: &Engine, id: &ExecutionId) -> Execution {
    until(engine, id, |execution| execution.status.is_complete()).await
}

/// Waits until a run is as wanted.
pub async fn until(
    engine: &Engine,
    id: &ExecutionId,
    wanted: impl Fn(&Execution) -> bool,
) -> Execution {
    let mut notices = engine.watch();
    loop {
        let execution = engine.execution(id).unwrap();
        if wanted(&execution) {
            return execution;
        }
        assert!(
            !execution.status.is_complete(),
            "it has ended: {:#}",
            json!(execution)
        );
        let patience = tokio::time::Duration::from_secs(6 * 3600);
        if tokio::time::timeout(patience, notices.recv())
            .await
            .is_err()
        {
            panic!("nothing has happened for long: {:#}", json!(execution));
        }
    }
}

fn complete(number: usize, stage: &Value) -> Value {
    let mut stage = stage.clone();
    let members = stage.as_object_mut().unwrap();
    let before: Vec<String> = (number > 1)
        .then(|| (number - 1).to_string())
        .into_iter()
        .collect();
    let usual = [
        ("refId", json!(number.to_string())),
        ("requisiteStageRefIds", json!(before)),
        ("account", json!("test")),
        ("cloudProvider", json!("kubernetes")),
        ("location", json!("default")),
    ];
    for (key, value) in usual {
        members.entry(key).or_insert(value);
    }
    stage
}

/// What a stage has failed with.
pub fn errors(stage: &Stage) -> Vec<String> {
    let errors = stage
        .context
        .get("exception")
        .and_then(|exception| exception.pointer("/details/errors"));
    let errors = errors
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    errors
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The tasks of a stage and how they ended.
pub fn tasks(stage: &Stage) -> Vec<String> {
    stage
        .tasks
        .iter()
        .map(|task| format!("{} {}", task.name, json!(task.status).as_str().unwrap()))
        .collect()
}

/// A workload whose pods carry `app: <name>`.
pub fn workload(kind: &str, name: &str, image: &str, replicas: u32) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image, "ports": [{"containerPort": 80}]}]}}},
    });
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!(name);
    }
    object
}

/// A version of the ReplicaSet cluster `web` of the application `shop`.
pub fn version(number: u32, replicas: u32) -> Value {
    let mut set = workload(
        "ReplicaSet",
        &format!("web-v{number:03}"),
        "nginx:1",
        replicas,
    );
    set["metadata"]["annotations"] = json!({
        "moniker.spinnaker.io/application": "shop", "moniker.spinnaker.io/cluster": "replicaSet web",
        "traffic.spinnaker.io/load-balancers": "[\"service web\"]"});
    set["spec"]["template"]["metadata"]["labels"]["load-balancer/x"] = json!("true");
    set
}

/// The Service in front of the versions.
pub fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"load-balancer/x": "true"}, "ports": [{"port": 80}]}})
}

/// A Job that runs a script once.
pub fn job(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "default"},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": "busybox", "command": ["sh", "-c", script]}]}}},
    })
}
