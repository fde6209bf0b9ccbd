//! A cluster in this process, and an account of it.

use std::sync::Mutex;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use spindrift_cloud_driver::CloudError;
use spindrift_cloud_driver::kubernetes::{
    Kubernetes, KubernetesOptions, ObjectId, StabilityOptions, Status,
};
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};

/// Longer than anything takes: on a paused clock it passes in no time.
const PATIENCE: Duration = Duration::from_secs(7200);

pub struct World {
    pub sandbox: Sandbox,
    pub kubernetes: Kubernetes,
    _controllers: Controllers,
}

/// A cluster in which containers take two seconds to be ready.
pub fn world() -> World {
    world_with(SandboxOptions::default())
}

pub fn world_with(options: SandboxOptions) -> World {
    let sandbox = Sandbox::new(options);
    let controllers = sandbox.start(&tokio::runtime::Handle::current());
    let client = Client::new(sandbox.router(), "default");
    World {
        sandbox,
        kubernetes: Kubernetes::new("test", client, KubernetesOptions::default()),
        _controllers: controllers,
    }
}

impl World {
    /// Requests for objects of a kind in the namespace `default`, past the provider.
    pub fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.kubernetes.client().clone(), "default", &resource)
    }

    /// Creates an object in `default`, past the provider.
    pub async fn make(&self, object: Value) -> Value {
        let api = self.api(
            object["apiVersion"].as_str().unwrap(),
            object["kind"].as_str().unwrap(),
        );
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let made = api.create(&PostParams::default(), &object).await.unwrap();
        serde_json::to_value(made).unwrap()
    }

    /// Waits for an object to be stable; what was said meanwhile, and how it ended.
    pub async fn await_stable(
        &self,
        name: &str,
        options: StabilityOptions,
    ) -> (Vec<String>, Result<Value, CloudError>) {
        let said = Mutex::new(Vec::new());
        let progress = |status: &Status| said.lock().unwrap().push(status.waiting_for());
        let id = id(name);
        let waiting = self.kubernetes.await_stable(&id, &options, &progress);
        let answer = tokio::time::timeout(PATIENCE, waiting).await;
        let said = said.lock().unwrap().clone();
        match answer {
            Ok(answer) => (said, answer),
            Err(_) => panic!("nothing has ended the wait for {name}: {said:#?}"),
        }
    }
}

/// An object of the namespace `default`, such as `deployment web`.
pub fn id(name: &str) -> ObjectId {
    ObjectId::parse(name, "default").unwrap()
}

/// A workload whose pods carry `app: <name>`.
pub fn workload(kind: &str, name: &str, image: &str, replicas: u32) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image, "ports": [{"containerPort": 80}]}]}}},
    });
    if kind == "DaemonSet" {
        object["spec"].as_object_mut().unwrap().remove("replicas");
    }
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!(name);
    }
    object
}

/// A Job that runs a script once.
pub fn job(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": "busybox", "command": ["sh", "-c", script]}]}}},
    })
}
