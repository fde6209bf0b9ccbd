//! What becomes of the versions before, and what a failure brings back.

use serde_json::{Value, json};
use spindrift_model::{Execution, Status};

use super::world::{World, named, service, workload, world};

fn traffic(strategy: &str, more: Value) -> Value {
    let mut options =
        json!({"enableTraffic": true, "services": ["service web"], "strategy": strategy});
    options
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"trafficManagement": {"enabled": true, "options": options}})
}

/// The stages behind a deploy, in order.
fn behind(execution: &Execution) -> Vec<&str> {
    let deploy = named(execution, "Deploy").serial;
    execution
        .stages
        .iter()
        .filter(|stage| stage.parent == Some(deploy) && stage.is_after())
        .map(|stage| stage.display_name())
        .collect()
}

async fn with_service() -> World {
    let world = world();
    let execution = world.deploy(json!({}), json!([service("web")])).await;
    assert_eq!(execution.status, Status::Succeeded);
    world
}

/// Deploys a ReplicaSet and lets its second of creation pass.
async fn deploy(world: &World, image: &str, more: Value) -> Execution {
    let execution = world
        .deploy(more, json!([workload("ReplicaSet", "web", image, 4)]))
        .await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    execution
}

#[tokio::test(start_paused = true)]
async fn with_red_black_the_versions_before_are_disabled_or_deleted() {
    let world = with_service().await;
    let red_black = || traffic("redblack", json!({}));
    let first = deploy(&world, "nginx:1", red_black()).await;
    assert_eq!(first.status, Status::Succeeded);
    assert_eq!(
        behind(&first),
        Vec::<&str>::new(),
        "nothing was there before"
    );
    let second = deploy(&world, "nginx:2", red_black()).await;
    assert_eq!(behind(&second), ["Disable replicaSet web-v000"]);
    let labels = async |name: &str| {
        let object = world.object(name).await.unwrap();
        object["spec"]["template"]["metadata"]["labels"].clone()
    };
    assert_eq!(labels("replicaSet web-v000").await.get("lb"), None);
    assert_eq!(labels("replicaSet web-v001").await["lb"], json!("web"));
    // One that never becomes ready stays behind, and is deleted by the next.
    let broken = json!({"stableManifestTimeoutMinutes": 1});
    let mut more = red_black();
    more.as_object_mut()
        .unwrap()
        .extend(broken.as_object().unwrap().clone());
    let third = deploy(&world, "never-ready", more).await;
    assert_eq!(third.status, Status::Terminal);
    assert_eq!(behind(&third), Vec::<&str>::new());
    let fourth = deploy(&world, "nginx:4", red_black()).await;
    assert_eq!(
        behind(&fourth),
        [
            "Disable replicaSet web-v000",
            "Disable replicaSet web-v001",
            "Delete replicaSet web-v002"
        ]
    );
    let context = &named(&fourth, "Disable replicaSet web-v001").context;
    assert_eq!(
        (
            context["manifestName"].as_str(),
            context["location"].as_str(),
            context["account"].as_str()
        ),
        (
            Some("replicaSet web-v001"),
            Some("default"),
            Some("sandbox")
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_highlander_disables_all_and_then_deletes_all() {
    let world = with_service().await;
    for image in ["nginx:1", "nginx:2"] {
        deploy(&world, image, traffic("none", json!({}))).await;
    }
    let third = deploy(&world, "nginx:3", traffic("highlander", json!({}))).await;
    assert_eq!(
        behind(&third),
        [
            "Disable replicaSet web-v000",
            "Disable replicaSet web-v001",
            "Delete replicaSet web-v000",
            "Delete replicaSet web-v001",
        ]
    );
    for (name, stays) in [("web-v000", false), ("web-v001", false), ("web-v002", true)] {
        let found = world.object(&format!("replicaSet {name}")).await;
        assert_eq!(found.is_some(), stays, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rolling_red_black_goes_in_steps() {
    let world = with_service().await;
    let rolling = || {
        traffic(
            "rollingredblack",
            json!({"targetPercentages": [25, 50], "delayBeforeDisableSec": 30}),
        )
    };
    let first = deploy(&world, "nginx:1", rolling()).await;
    assert_eq!(first.status, Status::Succeeded);
    let live = world.object("replicaSet web-v000").await.unwrap();
    assert_eq!(
        live["spec"]["replicas"],
        json!(4),
        "there is nothing to roll from"
    );
    let second = deploy(&world, "nginx:2", rolling()).await;
    assert_eq!(second.status, Status::Succeeded);
    assert_eq!(
        behind(&second),
        [
            "Wait at 25 %",
            "Shrink replicaSet web-v000 to 75 %",
            "Grow replicaSet web-v001 to 50 %",
            "Wait at 50 %",
            "Shrink replicaSet web-v000 to 50 %",
            "Grow replicaSet web-v001 to 100 %",
            "Wait at 100 %",
            "Disable replicaSet web-v000",
            "Scale replicaSet web-v000 to nothing",
        ]
    );
    let sizes = |name: &str| named(&second, name).context["replicas"].clone();
    assert_eq!(sizes("Shrink replicaSet web-v000 to 75 %"), json!(3));
    assert_eq!(sizes("Grow replicaSet web-v001 to 50 %"), json!(2));
    assert_eq!(sizes("Grow replicaSet web-v001 to 100 %"), json!(4));
    let replicas = async |name: &str| world.object(name).await.unwrap()["spec"]["replicas"].clone();
    assert_eq!(replicas("replicaSet web-v000").await, json!(0));
    assert_eq!(replicas("replicaSet web-v001").await, json!(4));
    let started = &named(&second, "Deploy").context["outputs.manifests"][0]["spec"]["replicas"];
    assert_eq!(started, &json!(1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_brings_back_what_the_deploy_has_changed() {
    let world = with_service().await;
    let more = |mut members: Value| {
        let both = json!({"rollback": true, "earlyFailure": "atOnce"});
        members
            .as_object_mut()
            .unwrap()
            .extend(both.as_object().unwrap().clone());
        members
    };
    let plain = |image: &str, value: &str| {
        json!([
            workload("Deployment", "api", image, 1),
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "annotations": {"strategy.spinnaker.io/versioned": "false"}}, "data": {"k": value}},
        ])
    };
    let first = world.deploy(more(json!({})), plain("nginx:1", "1")).await;
    assert_eq!(first.status, Status::Succeeded);
    let second = world
        .deploy(more(json!({})), plain("does-not-exist", "2"))
        .await;
    assert_eq!(second.status, Status::Terminal);
    assert_eq!(
        behind(&second),
        ["Undo deployment api", "Restore what was there before"]
    );
    let config = world.object("configMap c").await.unwrap();
    assert_eq!(config["data"]["k"], json!("1"));
    let api = world.object("deployment api").await.unwrap();
    assert_eq!(
        api["spec"]["template"]["spec"]["containers"][0]["image"],
        json!("nginx:1")
    );

    deploy(&world, "nginx:1", more(traffic("redblack", json!({})))).await;
    let failed = deploy(
        &world,
        "does-not-exist",
        more(traffic("redblack", json!({}))),
    )
    .await;
    assert_eq!(failed.status, Status::Terminal);
    assert_eq!(
        behind(&failed),
        ["Enable replicaSet web-v000", "Disable replicaSet web-v001"]
    );

    let without = world
        .deploy(
            json!({"earlyFailure": "atOnce"}),
            plain("does-not-exist", "3"),
        )
        .await;
    assert_eq!(behind(&without), Vec::<&str>::new());
}
