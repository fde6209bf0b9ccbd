//! Propagation, finalizers, preconditions, collections and namespaces.

use kube::api::{
    DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
};
use serde_json::json;

use crate::support::{
    World, config_map, name, object, refusal, value, workload, world, world_with,
};
use spindrift_sandbox::SandboxOptions;

async fn running(world: &World) {
    world.make(workload("Deployment", "web", "nginx", 2)).await;
    world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["availableReplicas"] == 2
        })
        .await;
}

fn propagation(policy: PropagationPolicy) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(policy),
        ..DeleteParams::default()
    }
}

#[tokio::test]
async fn in_the_background_dependents_follow() {
    let world = world();
    running(&world).await;
    let set = name(&world.list("apps/v1", "ReplicaSet", "app=web").await[0]).to_owned();
    world
        .api("apps/v1", "Deployment")
        .delete("web", &DeleteParams::default())
        .await
        .unwrap()
        .right()
        .unwrap();
    world.until_gone("apps/v1", "ReplicaSet", &set).await;
    for pod in world.list("v1", "Pod", "app=web").await {
        world.until_gone("v1", "Pod", name(&pod)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_waits() {
    let world = world_with(SandboxOptions::default());
    running(&world).await;
    let left = world
        .api("apps/v1", "Deployment")
        .delete("web", &propagation(PropagationPolicy::Foreground))
        .await
        .unwrap()
        .left()
        .unwrap();
    assert_eq!(
        left.metadata.finalizers.as_deref(),
        Some(&["foregroundDeletion".to_owned()][..])
    );
    assert!(left.metadata.deletion_timestamp.is_some());
    assert_eq!(
        world.list("v1", "Pod", "app=web").await.len(),
        2,
        "pods have their grace"
    );
    world.until_gone("apps/v1", "Deployment", "web").await;
    assert!(world.list("v1", "Pod", "app=web").await.is_empty());
}

#[tokio::test]
async fn orphans_stay_and_can_be_adopted() {
    let world = world();
    running(&world).await;
    world
        .api("apps/v1", "Deployment")
        .delete("web", &propagation(PropagationPolicy::Orphan))
        .await
        .unwrap();
    let sets = world.list("apps/v1", "ReplicaSet", "app=web").await;
    assert_eq!(sets[0]["metadata"].get("ownerReferences"), None);
    assert_eq!(world.list("v1", "Pod", "app=web").await.len(), 2);
    running(&world).await;
    let adopted = world.list("apps/v1", "ReplicaSet", "app=web").await;
    assert_eq!(
        (adopted.len(), &adopted[0]["metadata"]["uid"]),
        (1, &sets[0]["metadata"]["uid"])
    );
    assert_eq!(adopted[0]["metadata"]["ownerReferences"][0]["name"], "web");
}

#[tokio::test]
async fn a_finalizer_holds_an_object_until_it_is_taken_off() {
    let world = world();
    let mut map = config_map("c", json!({}));
    map["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.make(map).await;
    let api = world.api("v1", "ConfigMap");
    let held = api
        .delete("c", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .expect("it lingers");
    assert!(held.metadata.deletion_timestamp.is_some());
    let more = api
        .patch(
            "c",
            &PatchParams::default(),
            &Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold", "x/y"]}})),
        )
        .await;
    assert_eq!(refusal(more).code, 422);
    api.patch(
        "c",
        &PatchParams::default(),
        &Patch::Merge(json!({"metadata": {"finalizers": null}})),
    )
    .await
    .unwrap();
    assert!(api.get_opt("c").await.unwrap().is_none());
}

#[tokio::test]
async fn preconditions_guard_a_deletion() {
    let world = world();
    let uid = world
        .make(config_map("c", json!({})))
        .await
        .metadata
        .uid
        .unwrap();
    let api = world.api("v1", "ConfigMap");
    let guarded = |uid: &str| DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.into()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    let refused = refusal(api.delete("c", &guarded("other")).await);
    assert_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"));
    api.delete("c", &guarded(&uid)).await.unwrap();
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let world = world();
    for one in ["a", "b"] {
        let mut map = config_map(one, json!({}));
        map["metadata"]["labels"] = json!({"name": one});
        world.make(map).await;
    }
    world
        .api("v1", "ConfigMap")
        .delete_collection(
            &DeleteParams::default(),
            &ListParams::default().labels("name=a"),
        )
        .await
        .unwrap();
    let left: Vec<_> = world
        .list("v1", "ConfigMap", "name")
        .await
        .iter()
        .map(|map| name(map).to_owned())
        .collect();
    assert_eq!(left, ["b"]);
}

#[tokio::test]
async fn a_namespace_takes_its_contents_with_it_and_nothing_new() {
    let world = world();
    let namespaces = world.all("v1", "Namespace");
    namespaces
        .create(
            &PostParams::default(),
            &object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})),
        )
        .await
        .unwrap();
    let maps = world.api_in("team", "v1", "ConfigMap");
    let mut held = config_map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["x/y"]);
    maps.create(&PostParams::default(), &object(held))
        .await
        .unwrap();
    let deployments = world.api_in("team", "apps/v1", "Deployment");
    deployments
        .create(
            &PostParams::default(),
            &object(workload("Deployment", "web", "nginx", 1)),
        )
        .await
        .unwrap();
    let going = namespaces
        .delete("team", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert_eq!(value(&going)["status"]["phase"], "Terminating");
    let refused = refusal(
        maps.create(
            &PostParams::default(),
            &object(config_map("late", json!({}))),
        )
        .await,
    );
    assert_eq!(
        (
            refused.code,
            refused.details.unwrap().causes[0].reason.as_str()
        ),
        (403, "NamespaceTerminating")
    );
    maps.patch(
        "held",
        &PatchParams::default(),
        &Patch::Merge(json!({"metadata": {"finalizers": []}})),
    )
    .await
    .unwrap();
    let gone = kube::runtime::wait::await_condition(
        namespaces.clone(),
        "team",
        |object: Option<&kube::api::DynamicObject>| object.is_none(),
    );
    gone.await.unwrap();
    assert!(
        deployments
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(
        refusal(
            maps.create(&PostParams::default(), &object(config_map("x", json!({}))))
                .await
        )
        .message,
        "namespaces \"team\" not found"
    );
}

#[tokio::test]
async fn a_dependent_of_nobody_is_collected() {
    let world = world();
    let mut map = config_map("c", json!({}));
    map["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "never", "uid": "no-such-uid"}]);
    world.make(map).await;
    world.until_gone("v1", "ConfigMap", "c").await;
}
