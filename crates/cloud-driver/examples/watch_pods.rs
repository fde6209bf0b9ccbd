//! Measures the live model: memory and time for a cluster of many pods.
//!
//! The cluster is another process, so that its memory does not count:
//!
//! ```sh
//! cargo run --release -p spindrift-cloud-driver --example watch_pods -- serve 10000 127.0.0.1:8765 &
//! cargo run --release -p spindrift-cloud-driver --example watch_pods -- watch 127.0.0.1:8765
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use kube::{Client, Config};
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{Kubernetes, KubernetesInventory, KubernetesOptions};
use spindrift_cloud_driver::{Inventory, Query};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", pods, address] => serve(pods.parse()?, address).await,
        ["watch", address] => watch(address).await,
        _ => Err("say `serve PODS ADDRESS` or `watch ADDRESS`".into()),
    }
}

async fn watch(address: &str) -> Result<(), Box<dyn Error>> {
    spindrift_outbound::install_crypto_provider();
    let client = Client::try_from(Config::new(format!("http://{address}").parse()?))?;
    let kubernetes = Kubernetes::new("bench", client, KubernetesOptions::default());
    let inventory = KubernetesInventory::new(kubernetes, Arc::new(Notify::new()));
    let before = resident()?;
    let began = Instant::now();
    inventory.ready().await?;
    let listed = began.elapsed();
    let pods = inventory.instances(&Query::default()).len();
    println!(
        "{pods} pods listed in {listed:?}; resident {before} KiB before, {} KiB after",
        resident()?
    );
    let began = Instant::now();
    let groups = inventory.server_groups(&Query::default());
    println!(
        "{} server groups with {pods} instances answered in {:?}",
        groups.len(),
        began.elapsed()
    );
    let named = Query {
        name: Some("replicaSet web-7".to_owned()),
        ..Query::default()
    };
    let began = Instant::now();
    let one = inventory.server_groups(&named);
    println!(
        "one server group of {} instances answered in {:?}",
        one.iter().map(|group| group.instances.len()).sum::<usize>(),
        began.elapsed()
    );
    println!("resident {} KiB, processor {}", resident()?, processor()?);
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    println!(
        "after 10 s: resident {} KiB, processor {}",
        resident()?,
        processor()?
    );
    Ok(())
}

/// Resident memory in KiB.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let digits = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(digits.ok_or("there is no VmRSS")?.parse()?)
}

/// Processor time so far, in ticks.
fn processor() -> Result<String, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let tick = |at: usize| fields.get(at).copied().unwrap_or_default();
    Ok(format!("{} + {} ticks", tick(11), tick(12)))
}

/// An API server that knows lists and quiet watches, of ReplicaSets with a hundred pods each.
async fn serve(pods: usize, address: &str) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let router = Router::new().fallback(answer).with_state(pods);
    Ok(axum::serve(listener, router).await?)
}

async fn answer(State(pods): State<usize>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    if query.contains("watch=true") {
        let quiet = futures::stream::pending::<Result<String, std::convert::Infallible>>();
        return Response::new(axum::body::Body::from_stream(quiet));
    }
    let resource = |name: &str, kind: &str| json!({"name": name, "kind": kind, "singularName": "", "namespaced": true, "verbs": ["list", "watch", "get"]});
    let body = match request.uri().path() {
        "/api" => {
            json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        }
        "/apis" => {
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]}]})
        }
        "/api/v1" => {
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [resource("pods", "Pod")]})
        }
        "/apis/apps/v1" => {
            json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [resource("replicasets", "ReplicaSet")]})
        }
        "/api/v1/pods" => page(&query, pods, pod),
        "/apis/apps/v1/replicasets" => page(&query, pods.div_ceil(100), replica_set),
        _ => {
            json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found"})
        }
    };
    Response::new(body.to_string().into())
}

fn page(query: &str, count: usize, make: fn(usize) -> Value) -> Value {
    let number = |name: &str, default: usize| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs
            .filter(|(key, _)| *key == name)
            .find_map(|(_, value)| value.parse().ok());
        found.unwrap_or(default)
    };
    let start = number("continue", 0);
    let end = count.min(start + number("limit", count).max(1));
    let next = if end < count {
        end.to_string()
    } else {
        String::new()
    };
    let items: Vec<Value> = (start..end).map(make).collect();
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1", "continue": next}, "items": items})
}

fn replica_set(number: usize) -> Value {
    json!({"metadata": {"name": format!("web-{number}"), "namespace": "prod", "uid": format!("rs-{number}"), "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"replicas": 100, "template": {"metadata": {"labels": {"app": format!("web-{number}")}}, "spec": {"containers": [{"name": "web", "image": "nginx:1"}]}}}})
}

/// A pod as large as pods are: about six kilobytes, most of which is managed fields and status.
fn pod(number: usize) -> Value {
    let set = number / 100;
    let filler = "x".repeat(1_500);
    json!({"metadata": {
            "name": format!("web-{set}-{number:05}"), "namespace": "prod", "uid": format!("00000000-0000-4000-8000-{number:012}"),
            "creationTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "1",
            "labels": {"app": format!("web-{set}"), "app.kubernetes.io/name": "shop", "app.kubernetes.io/managed-by": "spinnaker", "moniker.spinnaker.io/sequence": "7"},
            "annotations": {"moniker.spinnaker.io/application": "shop", "moniker.spinnaker.io/cluster": format!("replicaSet web-{set}"),
                "kubectl.kubernetes.io/last-applied-configuration": filler, "prometheus.io/scrape": "true"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("web-{set}"), "uid": format!("rs-{set}"), "controller": true}],
            "managedFields": [{"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:conditions": {"filler": filler}}}}]},
        "spec": {"nodeName": "node-1", "containers": [{"name": "web", "image": "nginx:1", "env": [{"name": "FILLER", "value": filler}]}, {"name": "sidecar", "image": "envoy:1"}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "startTime": "2026-01-01T00:00:05Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:09Z"}],
            "containerStatuses": [{"name": "web", "ready": true, "restartCount": 0, "image": "nginx:1", "imageID": "sha256:0", "state": {"running": {}}},
                {"name": "sidecar", "ready": true, "restartCount": 0, "image": "envoy:1", "imageID": "sha256:1", "state": {"running": {}}}]}})
}
