//! What a deploy costs besides the cluster's own time: to a stable Deployment, and of a thousand objects at once.
//!
//! The cluster is the sandbox with all its delays at zero, so that what remains is requests, merges and watches. Its own time is that of a client which
//! only creates the object and watches it.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{
    DeployRequest, Kubernetes, KubernetesOptions, StabilityOptions, status,
};
use spindrift_sandbox::{Sandbox, SandboxOptions};

const ROUNDS: usize = 50;
const OBJECTS: usize = 1_000;

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}},
    })
}

fn request(manifests: Vec<Value>) -> DeployRequest {
    DeployRequest {
        manifests,
        ..DeployRequest::default()
    }
}

/// Creates a Deployment and watches it until it is stable, with nothing in between.
async fn plainly(client: &Client, name: &str) -> Duration {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    let object = serde_json::from_value(deployment(name)).expect("an object");
    let start = Instant::now();
    let made = api
        .create(&PostParams::default(), &object)
        .await
        .expect("it is made");
    let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
    let version = made.metadata.resource_version.expect("it has a version");
    let events = api.watch(&parameters, &version).await.expect("a watch");
    let mut events = std::pin::pin!(events);
    loop {
        if let Some(Ok(WatchEvent::Modified(object))) = events.next().await {
            let object = serde_json::to_value(object).expect("JSON");
            if status(&object).stable.state {
                return start.elapsed();
            }
        }
    }
}

/// Deploys a Deployment and waits until it is stable, as the stage does.
async fn deployed(account: &Kubernetes, name: &str) -> Duration {
    let start = Instant::now();
    let deployed = account
        .deploy(&request(vec![deployment(name)]))
        .await
        .expect("a deploy");
    account
        .await_stable(
            &deployed.objects[0].id,
            &StabilityOptions::default(),
            &|_| {},
        )
        .await
        .expect("it becomes stable");
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::main]
async fn main() {
    let sandbox = Sandbox::new(SandboxOptions::immediate());
    let _controllers = sandbox.start(&tokio::runtime::Handle::current());
    let client = Client::new(sandbox.router(), "default");
    let account = Kubernetes::new("bench", client.clone(), KubernetesOptions::default());
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    deployed(&account, "warm").await;
    for round in 0..ROUNDS {
        plain.push(plainly(&client, &format!("plain-{round}")).await);
        ours.push(deployed(&account, &format!("ours-{round}")).await);
    }
    let (plain, ours) = (median(plain), median(ours));
    println!(
        "deploy to stable: {ours:.1?}, of which the cluster needs {plain:.1?}; overhead {:.1?} (median of {ROUNDS})",
        ours.saturating_sub(plain)
    );

    let manifests: Vec<Value> = (0..OBJECTS)
        .map(|number| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{number}")}, "data": {"k": "v"}})
        })
        .collect();
    for what in ["new", "unchanged"] {
        let start = Instant::now();
        let deployed = account
            .deploy(&request(manifests.clone()))
            .await
            .expect("a deploy");
        assert_eq!(deployed.objects.len(), OBJECTS, "all are deployed");
        println!(
            "{OBJECTS} versioned ConfigMaps, {what}: {:.1?}",
            start.elapsed()
        );
    }
}
