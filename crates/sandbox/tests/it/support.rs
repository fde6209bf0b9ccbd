//! Sandboxes and clients for tests.

use std::time::Duration;

use kube::api::{DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::{Value, json};
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};

/// A running sandbox with a client in process.
pub struct World {
    pub sandbox: Sandbox,
    pub client: Client,
    pub controllers: Controllers,
}

/// A sandbox whose delays are all zero.
pub fn world() -> World {
    world_with(SandboxOptions::immediate())
}

pub fn world_with(options: SandboxOptions) -> World {
    let sandbox = Sandbox::new(options);
    let controllers = sandbox.start(&tokio::runtime::Handle::current());
    let client = Client::new(sandbox.router(), "default");
    World {
        sandbox,
        client,
        controllers,
    }
}

impl World {
    /// Objects of a kind in the namespace `default`.
    pub fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        self.api_in("default", api_version, kind)
    }

    pub fn api_in(&self, namespace: &str, api_version: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(api_version, kind))
    }

    /// Objects of a cluster-scoped kind, or of all namespaces.
    pub fn all(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &resource(api_version, kind))
    }

    /// Creates an object in `default` from JSON.
    pub async fn make(&self, value: Value) -> DynamicObject {
        let api = self.api(
            value["apiVersion"].as_str().unwrap(),
            value["kind"].as_str().unwrap(),
        );
        api.create(&PostParams::default(), &object(value))
            .await
            .unwrap()
    }

    /// Waits, by a watch, until an object is as wanted, and returns it.
    pub async fn until(
        &self,
        api_version: &str,
        kind: &str,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let condition =
            |object: Option<&DynamicObject>| object.is_some_and(|object| wanted(&value(object)));
        let waiting = await_condition(self.api(api_version, kind), name, condition);
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => value(&found.unwrap().unwrap()),
            Err(_) => panic!(
                "{kind} {name} is {:#}",
                value(&self.api(api_version, kind).get(name).await.unwrap())
            ),
        }
    }

    /// Waits until an object is gone.
    pub async fn until_gone(&self, api_version: &str, kind: &str, name: &str) {
        let gone = |object: Option<&DynamicObject>| object.is_none();
        tokio::time::timeout(
            PATIENCE,
            await_condition(self.api(api_version, kind), name, gone),
        )
        .await
        .unwrap()
        .unwrap();
    }

    /// Objects of a kind in `default` with these labels, as JSON.
    pub async fn list(&self, api_version: &str, kind: &str, labels: &str) -> Vec<Value> {
        let list = self
            .api(api_version, kind)
            .list(&kube::api::ListParams::default().labels(labels))
            .await
            .unwrap();
        list.items.iter().map(value).collect()
    }
}

/// Longer than anything takes: on a paused clock it passes in no time.
const PATIENCE: Duration = Duration::from_secs(3000);

pub fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    match kind {
        "Endpoints" => ApiResource::from_gvk_with_plural(&gvk, "endpoints"),
        _ => ApiResource::from_gvk(&gvk),
    }
}

pub fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}

/// A client over TCP, made from the kubeconfig as a person would.
pub async fn over_tcp(sandbox: &Sandbox) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&serve(sandbox).await).unwrap();
    // The client is built with TLS whether it uses it or not; another test may have installed the provider.
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// Serves a sandbox on a port of its own; returns the kubeconfig.
pub async fn serve(sandbox: &Sandbox) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kubeconfig = sandbox.kubeconfig(listener.local_addr().unwrap());
    let router = sandbox.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    kubeconfig
}

/// A typed or dynamic object from JSON.
pub fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

pub fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// A workload whose pods carry `app: <name>`.
pub fn workload(kind: &str, name: &str, image: &str, replicas: u32) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]}}},
    });
    if kind == "DaemonSet" {
        object["spec"].as_object_mut().unwrap().remove("replicas");
    }
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!(name);
    }
    object
}

/// A condition's status word.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    condition_field(object, kind, "status")
}

pub fn condition_field<'a>(object: &'a Value, kind: &str, field: &str) -> &'a str {
    let conditions = object["status"]["conditions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .and_then(|condition| condition[field].as_str())
        .unwrap_or("")
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// The refusal of a request.
pub fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> kube::core::Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("not refused: {other:?}"),
    }
}
