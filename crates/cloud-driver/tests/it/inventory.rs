//! The live model: relations, health, what may not be listed, and watches that break.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{Kubernetes, KubernetesInventory, KubernetesOptions};
use spindrift_cloud_driver::model::HealthState;
use spindrift_cloud_driver::{Inventory, Query};
use spindrift_sandbox::{Fault, Requests, SandboxOptions};
use tokio::sync::Notify;

use crate::support::{World, world_with};

fn model(world: &World, options: KubernetesOptions) -> KubernetesInventory {
    let client = Client::new(world.sandbox.router(), "default");
    KubernetesInventory::new(
        Kubernetes::new("test", client, options),
        Arc::new(Notify::new()),
    )
}

/// Waits until the model answers so.
async fn until<T>(
    inventory: &dyn Inventory,
    mut ask: impl FnMut(&dyn Inventory) -> Option<T>,
) -> T {
    let mut changes = inventory.changes();
    let wanted = async {
        loop {
            if let Some(answer) = ask(inventory) {
                return answer;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(600), wanted)
        .await
        .unwrap()
}

fn everything() -> Query {
    Query::default()
}

fn named(name: &str) -> Query {
    Query {
        name: Some(name.to_owned()),
        ..Query::default()
    }
}

fn workload(kind: &str, name: &str, replicas: u32, annotations: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "annotations": annotations},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name, "lb": "web"}},
            "spec": {"initContainers": [{"name": "i", "image": "init:1"}], "containers": [{"name": "c", "image": "nginx:1"}]}}}})
}

fn service(name: &str, selector: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": selector, "ports": [{"port": 80}]}})
}

#[tokio::test(start_paused = true)]
async fn a_deployment_with_its_pods_service_ingress_and_policy() {
    let world = world_with(SandboxOptions::immediate());
    world
        .make(workload("Deployment", "web", 2, json!({})))
        .await;
    world.make(service("web", json!({"lb": "web"}))).await;
    world.make(service("other", json!({"lb": "other"}))).await;
    world.make(json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": {"rules": [
        {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}})).await;
    world.make(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}, "spec": {
        "podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 80}, {"port": "metrics", "protocol": "UDP"}]}]}})).await;
    world.make(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 5}})).await;
    let inventory = model(&world, KubernetesOptions::default());
    inventory.ready().await.unwrap();
    let group = until(&inventory, |inventory| {
        let mut groups = inventory.server_groups(&everything());
        let group = groups.pop()?;
        (group.instance_counts.up == 2 && group.capacity.max == 5).then_some(group)
    })
    .await;
    assert_eq!(group.managers, ["deployment web"]);
    assert_eq!(group.load_balancers, ["service web"]);
    assert_eq!(group.security_groups, ["networkPolicy web"]);
    assert_eq!(group.images, ["init:1", "nginx:1"]);
    assert!(!group.disabled);
    assert_eq!((group.capacity.min, group.capacity.desired), (1, 2));
    assert_eq!(group.moniker.sequence, Some(1), "the Deployment's revision");
    let instance = &group.instances[0];
    assert_eq!(instance.health_state, HealthState::Up);
    let sources: Vec<&str> = instance
        .health
        .iter()
        .map(|health| health.source.as_str())
        .collect();
    assert_eq!(sources, ["Pod", "Container c"]);
    assert_eq!(instance.server_group.as_deref(), Some(group.name.as_str()));
    let managers = inventory.server_group_managers(&everything());
    assert_eq!(managers[0].server_groups, [group.id()]);
    let balancers = inventory.load_balancers(&everything());
    let behind = |name: &str| {
        let balancer = balancers
            .iter()
            .find(|balancer| balancer.name == name)
            .unwrap();
        balancer.server_groups.len()
    };
    assert_eq!(
        (
            behind("service web"),
            behind("ingress web"),
            behind("service other")
        ),
        (1, 1, 0)
    );
    let policies = inventory.security_groups(&everything());
    assert_eq!(
        json!(policies[0].inbound_rules),
        json!([{"protocol": "TCP", "portRanges": [{"startPort": 80, "endPort": 80}]},
            {"protocol": "UDP", "portRanges": [{"startPortName": "metrics", "endPortName": "metrics"}]}])
    );
    assert_eq!(
        inventory
            .instances(&named(&instance.human_readable_name))
            .len(),
        1
    );
    assert!(inventory.namespaces().contains(&"kube-system".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_server_group_without_the_traffic_it_is_meant_to_have_is_disabled() {
    let world = world_with(SandboxOptions::immediate());
    let annotations = json!({
        "moniker.spinnaker.io/application": "shop", "moniker.spinnaker.io/cluster": "replicaSet web",
        "traffic.spinnaker.io/load-balancers": "[\"service web\"]",
    });
    for (kind, name) in [
        ("ReplicaSet", "web-v000"),
        ("StatefulSet", "db"),
        ("ReplicaSet", "web-v001"),
    ] {
        world
            .make(workload(kind, name, 1, annotations.clone()))
            .await;
    }
    let inventory = model(&world, KubernetesOptions::default());
    inventory.ready().await.unwrap();
    let disabled = |inventory: &dyn Inventory| {
        let groups = inventory.server_groups(&Query {
            application: Some("Shop".to_owned()),
            ..Query::default()
        });
        let all: Vec<bool> = groups.iter().map(|group| group.disabled).collect();
        all
    };
    assert_eq!(disabled(&inventory), [true, true, true]);
    world.make(service("web", json!({"lb": "web"}))).await;
    until(&inventory, |inventory| {
        (disabled(inventory) == [false, false, false]).then_some(())
    })
    .await;
    let cluster = inventory.server_groups(&Query {
        cluster: Some("replicaSet web".to_owned()),
        location: Some("default".to_owned()),
        ..Query::default()
    });
    let names: Vec<&str> = cluster.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "statefulSet db",
            "replicaSet web-v000",
            "replicaSet web-v001"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_listed_is_missing_and_everything_else_is_there() {
    let world = world_with(SandboxOptions::immediate());
    let forbidden = Requests::on("services").verbs(["list", "watch"]);
    world.sandbox.faults().always(forbidden, Fault::Forbidden);
    world
        .make(workload("ReplicaSet", "web", 1, json!({})))
        .await;
    let inventory = model(&world, KubernetesOptions::default());
    inventory.ready().await.unwrap();
    assert_eq!(inventory.server_groups(&everything()).len(), 1);
    assert!(inventory.load_balancers(&everything()).is_empty());
    let problems = inventory.problems();
    assert!(
        problems[0].starts_with("service cannot be listed: "),
        "{problems:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn broken_and_expired_watches_go_on() {
    let world = world_with(SandboxOptions::immediate());
    let watches = Requests::on("replicasets.apps").verbs(["watch"]);
    for fault in [
        Fault::DropWatch { after: 1 },
        Fault::Unavailable,
        Fault::ExpireWatch { after: 0 },
        Fault::Reset,
    ] {
        world.sandbox.faults().next(1, watches.clone(), fault);
    }
    let inventory = model(&world, KubernetesOptions::default());
    inventory.ready().await.unwrap();
    let wait_for = async |names: &[&str]| {
        until(&inventory, |inventory| {
            let groups = inventory.server_groups(&everything());
            let found: Vec<&str> = groups.iter().map(|group| &*group.display_name).collect();
            (found == names).then_some(())
        })
        .await;
    };
    for name in ["a", "b", "c", "d", "e"] {
        world.make(workload("ReplicaSet", name, 0, json!({}))).await;
    }
    wait_for(&["a", "b", "c", "d", "e"]).await;
    let api = world.api("apps/v1", "ReplicaSet");
    api.delete("a", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    world.sandbox.compact();
    wait_for(&["b", "c", "d", "e"]).await;
}

#[tokio::test(start_paused = true)]
async fn options_narrow_the_model() {
    let world = world_with(SandboxOptions::immediate());
    let managed = json!({"moniker.spinnaker.io/application": "shop"});
    world.make(workload("ReplicaSet", "ours", 1, managed)).await;
    world
        .make(workload("ReplicaSet", "theirs", 1, json!({})))
        .await;
    world
        .make(workload(
            "ReplicaSet",
            "hidden",
            1,
            json!({"caching.spinnaker.io/ignore": "true"}),
        ))
        .await;
    let names = async |options: KubernetesOptions| {
        let inventory = model(&world, options);
        inventory.ready().await.unwrap();
        let groups = inventory.server_groups(&everything());
        let names: Vec<String> = groups.into_iter().map(|group| group.display_name).collect();
        names.join(" ")
    };
    let list = |name: &str| vec![name.to_owned()];
    assert_eq!(names(KubernetesOptions::default()).await, "ours theirs");
    let managed_only = KubernetesOptions {
        only_spinnaker_managed: true,
        ..KubernetesOptions::default()
    };
    assert_eq!(names(managed_only).await, "ours");
    let elsewhere = KubernetesOptions {
        namespaces: list("kube-system"),
        ..KubernetesOptions::default()
    };
    assert_eq!(names(elsewhere).await, "");
    let here = KubernetesOptions {
        namespaces: list("default"),
        ..KubernetesOptions::default()
    };
    assert_eq!(names(here).await, "ours theirs");
    let omitted = KubernetesOptions {
        omit_namespaces: list("default"),
        ..KubernetesOptions::default()
    };
    assert_eq!(names(omitted).await, "");
    let kinds = KubernetesOptions {
        kinds: list("pod"),
        ..KubernetesOptions::default()
    };
    assert_eq!(names(kinds).await, "");
    let but = KubernetesOptions {
        omit_kinds: list("rs"),
        ..KubernetesOptions::default()
    };
    assert_eq!(names(but).await, "");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_before_somebody_asks_nor_after_the_account_is_unbound() {
    let world = world_with(SandboxOptions::immediate());
    world.sandbox.forget_requests();
    let inventory = model(&world, KubernetesOptions::default());
    tokio::task::yield_now().await;
    assert!(world.sandbox.requests().is_empty());
    inventory.ready().await.unwrap();
    inventory.stop();
    let error = inventory.ready().await.unwrap_err();
    assert!(error.message.contains("unbound"), "{error}");
}
