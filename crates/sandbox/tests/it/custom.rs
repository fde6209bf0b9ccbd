//! Custom resource definitions and the kinds they bring.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Discovery};
use serde_json::{Value, json};

use crate::support::{World, condition, object, refusal, value, world};

fn definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"}, "spec": {
    "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
    "versions": [
        {"name": "v1", "served": true, "storage": true, "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}},
         "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "spec": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "minimum": 1}, "color": {"type": "string", "default": "red"},
                "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object", "properties": {"name": {"type": "string"}, "port": {"type": "integer"}}}}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
        {"name": "v1beta1", "served": true, "storage": false, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}},
    ]}})
}

async fn defined(world: &World) -> Api<kube::api::DynamicObject> {
    let made = world
        .all("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        .create(&PostParams::default(), &object(definition()))
        .await
        .unwrap();
    assert_eq!(condition(&value(&made), "Established"), "True");
    Api::default_namespaced_with(
        world.client.clone(),
        &ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Widget")),
    )
}

fn widget(spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

#[tokio::test]
async fn a_defined_kind_is_served_checked_defaulted_and_pruned() {
    let world = world();
    let api = defined(&world).await;
    let discovery = Discovery::new(world.client.clone()).run().await.unwrap();
    let (found, _) = discovery
        .resolve_gvk(&GroupVersionKind::gvk("example.com", "v1", "Widget"))
        .unwrap();
    assert_eq!(found.plural, "widgets");
    let refused = refusal(
        api.create(&PostParams::default(), &object(widget(json!({"size": 0}))))
            .await,
    );
    assert_eq!(
        (
            refused.code,
            refused.details.unwrap().causes[0].field.as_str()
        ),
        (422, "spec.size")
    );
    let made = value(
        &api.create(
            &PostParams::default(),
            &object(widget(json!({"size": 2, "other": 1}))),
        )
        .await
        .unwrap(),
    );
    assert_eq!(made["spec"], json!({"size": 2, "color": "red"}));
    let old = world
        .api("example.com/v1beta1", "Widget")
        .get("w")
        .await
        .unwrap();
    assert_eq!(value(&old)["apiVersion"], "example.com/v1beta1");
}

#[tokio::test]
async fn its_subresources_and_generation_work_and_strategic_merge_does_not() {
    let world = world();
    let api = defined(&world).await;
    api.create(&PostParams::default(), &object(widget(json!({"size": 2}))))
        .await
        .unwrap();
    let status = api
        .patch_status(
            "w",
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {"size": 2, "phase": "Healthy"}, "spec": {"size": 9}})),
        )
        .await
        .unwrap();
    assert_eq!(
        (&value(&status)["spec"]["size"], status.metadata.generation),
        (&json!(2), Some(1))
    );
    api.patch_scale(
        "w",
        &PatchParams::default(),
        &Patch::Merge(json!({"spec": {"replicas": 4}})),
    )
    .await
    .unwrap();
    let scaled = api.get("w").await.unwrap();
    assert_eq!(
        (&value(&scaled)["spec"]["size"], scaled.metadata.generation),
        (&json!(4), Some(2))
    );
    let refused = refusal(
        api.patch(
            "w",
            &PatchParams::default(),
            &Patch::Strategic(json!({"spec": {"size": 1}})),
        )
        .await,
    );
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (415, "UnsupportedMediaType")
    );
}

#[tokio::test]
async fn apply_merges_its_lists_by_the_keys_of_its_schema() {
    let world = world();
    let api = defined(&world).await;
    let ports = |list: Value| Patch::Apply(widget(json!({"size": 1, "ports": list})));
    api.patch(
        "w",
        &PatchParams::apply("one"),
        &ports(json!([{"name": "a", "port": 1}])),
    )
    .await
    .unwrap();
    let both = api
        .patch(
            "w",
            &PatchParams::apply("two"),
            &ports(json!([{"name": "b", "port": 2}])),
        )
        .await
        .unwrap();
    assert_eq!(value(&both)["spec"]["ports"].as_array().unwrap().len(), 2);
    let left = api
        .patch(
            "w",
            &PatchParams::apply("one"),
            &Patch::Apply(widget(json!({"size": 1}))),
        )
        .await
        .unwrap();
    assert_eq!(
        value(&left)["spec"]["ports"],
        json!([{"name": "b", "port": 2}])
    );
}

#[tokio::test]
async fn objects_go_with_their_definition() {
    let world = world();
    let api = defined(&world).await;
    api.create(&PostParams::default(), &object(widget(json!({"size": 1}))))
        .await
        .unwrap();
    world
        .all("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        .delete("widgets.example.com", &DeleteParams::default())
        .await
        .unwrap();
    let refused = refusal(api.list(&ListParams::default()).await);
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (404, "the server could not find the requested resource")
    );
    assert!(
        defined(&world)
            .await
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}
