//! Saving a cluster and bringing it back.

use kube::api::{Patch, PatchParams, WatchParams};
use serde_json::json;
use spindrift_sandbox::{RestoreError, Sandbox, SandboxOptions};

use crate::support::{config_map, over_tcp, value, workload, world};

#[tokio::test]
async fn a_restored_cluster_goes_on_where_it_was() {
    let first = world();
    first.make(workload("Deployment", "web", "nginx", 2)).await;
    let before = first
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["availableReplicas"] == 2
        })
        .await;
    first.make(config_map("c", json!({"a": "1"}))).await;
    let snapshot = first.sandbox.snapshot();
    first.controllers.shutdown().await;

    let second = world();
    second.sandbox.restore(&snapshot).unwrap();
    let after = value(
        &second
            .api("apps/v1", "Deployment")
            .get("web")
            .await
            .unwrap(),
    );
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(
        second.list("v1", "Pod", "app=web").await.len(),
        2,
        "the pods are the same, not new ones"
    );
    second
        .api("apps/v1", "Deployment")
        .patch(
            "web",
            &PatchParams::default(),
            &Patch::Merge(json!({"spec": {"replicas": 3}})),
        )
        .await
        .unwrap();
    second
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["availableReplicas"] == 3
        })
        .await;

    let old = before["metadata"]["resourceVersion"].as_str().unwrap();
    let mut events = Box::pin(
        second
            .api("v1", "ConfigMap")
            .watch(&WatchParams::default(), old)
            .await
            .unwrap(),
    );
    let Some(Ok(kube::api::WatchEvent::Error(status))) =
        futures::StreamExt::next(&mut events).await
    else {
        panic!("no error")
    };
    assert_eq!(status.code, 410, "watches of the earlier life list again");
}

#[test]
fn what_is_no_snapshot_is_refused_and_changes_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let sandbox = Sandbox::new(SandboxOptions::default());
    let before = sandbox.snapshot();
    for (snapshot, expected) in [
        (json!({}), RestoreError::Malformed("format")),
        (
            json!({"format": 1, "revision": 5}),
            RestoreError::Malformed("objects"),
        ),
        (
            json!({"format": 9, "revision": 5, "objects": []}),
            RestoreError::UnknownFormat { found: 9, known: 1 },
        ),
        (
            json!({"format": 1, "revision": 5, "objects": [{"apiVersion": "x/v1", "kind": "Y"}]}),
            RestoreError::UnknownKind {
                api_version: "x/v1".into(),
                kind: "Y".into(),
            },
        ),
    ] {
        assert_eq!(sandbox.restore(&snapshot), Err(expected));
    }
    assert_eq!(sandbox.snapshot(), before);
}

#[tokio::test]
async fn changes_are_signalled_and_shutdown_ends_watches() {
    let world = world();
    let mut revisions = world.sandbox.revisions();
    revisions.borrow_and_update();
    world.make(config_map("c", json!({}))).await;
    revisions.changed().await.unwrap();
    let client = over_tcp(&world.sandbox).await;
    let api = kube::Api::<kube::api::DynamicObject>::default_namespaced_with(
        client,
        &crate::support::resource("v1", "ConfigMap"),
    );
    let watch = api.watch(&WatchParams::default(), "0").await.unwrap();
    world.controllers.shutdown().await;
    let events = futures::TryStreamExt::try_collect::<Vec<_>>(watch)
        .await
        .unwrap();
    assert_eq!(events.len(), 2);
}
