//! JSON, merge and strategic merge patches, and the subresources.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::{config_map, object, refusal, value, workload, world};

#[tokio::test]
async fn each_patch_type_merges_in_its_own_way() {
    let world = world();
    world.make(workload("Deployment", "d", "nginx:1", 1)).await;
    let api = world.api("apps/v1", "Deployment");
    let sidecar =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s:1"}]}}}});
    let containers = |object: &kube::api::DynamicObject| {
        let value = value(object);
        value["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let strategic = api
        .patch(
            "d",
            &PatchParams::default(),
            &Patch::Strategic(sidecar.clone()),
        )
        .await
        .unwrap();
    assert_eq!(containers(&strategic), ["main", "side"]);
    assert_eq!(strategic.metadata.generation, Some(2));
    let merged = api
        .patch("d", &PatchParams::default(), &Patch::Merge(sidecar))
        .await
        .unwrap();
    assert_eq!(containers(&merged), ["side"]);
    let patch: json_patch::Patch = serde_json::from_value(json!([
        {"op": "test", "path": "/spec/template/spec/containers/0/name", "value": "side"},
        {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "c"}},
        {"op": "add", "path": "/metadata/annotations/d~1e", "value": "f"},
    ]))
    .unwrap();
    let patched = api
        .patch("d", &PatchParams::default(), &Patch::Json::<()>(patch))
        .await
        .unwrap();
    assert_eq!(patched.metadata.annotations.as_ref().unwrap()["d/e"], "f");
    assert_eq!(
        patched.metadata.generation,
        Some(3),
        "an annotation is no change of the spec"
    );
    let failing: json_patch::Patch =
        serde_json::from_value(json!([{"op": "test", "path": "/spec/replicas", "value": 9}]))
            .unwrap();
    assert_eq!(
        refusal(
            api.patch("d", &PatchParams::default(), &Patch::Json::<()>(failing))
                .await
        )
        .code,
        422
    );
}

#[tokio::test]
async fn a_patch_with_a_version_is_a_precondition() {
    let world = world();
    world.make(config_map("c", json!({"a": "1"}))).await;
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"a": "2"}});
    let refused = refusal(
        world
            .api("v1", "ConfigMap")
            .patch("c", &PatchParams::default(), &Patch::Merge(stale))
            .await,
    );
    assert_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"));
    let missing = refusal(
        world
            .api("v1", "ConfigMap")
            .patch("none", &PatchParams::default(), &Patch::Merge(json!({})))
            .await,
    );
    assert_eq!(missing.code, 404);
}

#[tokio::test]
async fn status_and_scale_are_apart_from_the_rest() {
    // The controllers stand still here, so that nothing else writes.
    let sandbox = spindrift_sandbox::Sandbox::new(spindrift_sandbox::SandboxOptions::immediate());
    let api: Api<Deployment> =
        Api::default_namespaced(kube::Client::new(sandbox.router(), "default"));
    api.create(
        &PostParams::default(),
        &object(workload("Deployment", "d", "nginx", 2)),
    )
    .await
    .unwrap();
    let ignored = api
        .patch(
            "d",
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {"replicas": 7}})),
        )
        .await
        .unwrap();
    assert_eq!(ignored.status.unwrap().replicas, None);
    let written = api
        .patch_status(
            "d",
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {"replicas": 7}, "spec": {"replicas": 9}})),
        )
        .await
        .unwrap();
    assert_eq!(
        (
            written.status.unwrap().replicas,
            written.spec.unwrap().replicas,
            written.metadata.generation
        ),
        (Some(7), Some(2), Some(1))
    );

    let scale = api.get_scale("d").await.unwrap();
    assert_eq!(
        (
            scale.spec.unwrap().replicas,
            scale.status.as_ref().unwrap().replicas
        ),
        (Some(2), 7)
    );
    assert_eq!(scale.status.unwrap().selector.as_deref(), Some("app=d"));
    let scaled = api
        .patch_scale(
            "d",
            &PatchParams::default(),
            &Patch::Merge(json!({"spec": {"replicas": 5}})),
        )
        .await
        .unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(5));
    let after = api.get("d").await.unwrap();
    assert_eq!(
        (after.spec.unwrap().replicas, after.metadata.generation),
        (Some(5), Some(2))
    );
    let refused = refusal(
        api.patch_scale(
            "d",
            &PatchParams::default(),
            &Patch::Merge(json!({"spec": {"replicas": -1}})),
        )
        .await,
    );
    assert_eq!(refused.code, 422);
}
