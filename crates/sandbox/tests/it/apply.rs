//! Server-side apply over HTTP: creation, ownership, conflicts, force, removal.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{refusal, value, world};

fn deployment(spec: Value) -> Value {
    let mut base = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "m", "image": "i:1"}]}}}});
    json_patch::merge(&mut base, &json!({"spec": spec}));
    base
}

#[tokio::test]
async fn apply_creates_then_merges_then_removes() {
    let world = world();
    let api = world.api("apps/v1", "Deployment");
    let by = |manager: &str| PatchParams::apply(manager);
    let first = api
        .patch(
            "d",
            &by("one"),
            &Patch::Apply(deployment(json!({"replicas": 2, "minReadySeconds": 1}))),
        )
        .await
        .unwrap();
    let managed = first.metadata.managed_fields.clone().unwrap();
    assert_eq!(
        (
            managed.len(),
            managed[0].manager.as_deref(),
            managed[0].operation.as_deref()
        ),
        (1, Some("one"), Some("Apply"))
    );
    let fields = managed[0].fields_v1.as_ref().unwrap().0.clone();
    assert_eq!(
        fields["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"m\"}"]["f:image"],
        json!({})
    );

    let other = refusal(
        api.patch(
            "d",
            &by("two"),
            &Patch::Apply(deployment(json!({"replicas": 3}))),
        )
        .await,
    );
    assert_eq!((other.code, other.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        other.message,
        "Apply failed with 1 conflict: conflict with \"one\" using apps/v1: .spec.replicas"
    );
    let cause = &other.details.unwrap().causes[0];
    assert_eq!(
        (cause.reason.as_str(), cause.field.as_str()),
        ("FieldManagerConflict", ".spec.replicas")
    );

    let forced = api
        .patch(
            "d",
            &by("two").force(),
            &Patch::Apply(deployment(json!({"replicas": 3}))),
        )
        .await
        .unwrap();
    assert_eq!(value(&forced)["spec"]["replicas"], 3);
    let dropped = value(
        &api.patch("d", &by("one"), &Patch::Apply(deployment(json!({}))))
            .await
            .unwrap(),
    );
    assert_eq!(
        dropped["spec"].get("minReadySeconds"),
        None,
        "its only owner dropped it"
    );
    assert_eq!(
        dropped["spec"]["replicas"], 3,
        "the first manager lost it to the second"
    );
    let back = value(
        &api.patch("d", &by("two"), &Patch::Apply(deployment(json!({}))))
            .await
            .unwrap(),
    );
    assert_eq!(
        back["spec"]["replicas"], 1,
        "what nobody sets has its default"
    );
}

#[tokio::test]
async fn an_apply_that_changes_nothing_makes_no_version_and_a_dry_run_no_object() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}});
    api.patch(
        "c",
        &PatchParams::apply("m").dry_run(),
        &Patch::Apply(config.clone()),
    )
    .await
    .unwrap();
    assert!(api.get_opt("c").await.unwrap().is_none());
    let one = api
        .patch("c", &PatchParams::apply("m"), &Patch::Apply(config.clone()))
        .await
        .unwrap();
    let two = api
        .patch("c", &PatchParams::apply("m"), &Patch::Apply(config))
        .await
        .unwrap();
    assert_eq!(one.metadata.resource_version, two.metadata.resource_version);
}

#[tokio::test]
async fn an_update_takes_ownership_of_what_it_changes() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}});
    api.patch("c", &PatchParams::apply("m"), &Patch::Apply(config.clone()))
        .await
        .unwrap();
    let params = PatchParams {
        field_manager: Some("editor".into()),
        ..PatchParams::default()
    };
    api.patch("c", &params, &Patch::Merge(json!({"data": {"a": "2"}})))
        .await
        .unwrap();
    let refused = refusal(
        api.patch("c", &PatchParams::apply("m"), &Patch::Apply(config))
            .await,
    );
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.a"
    );
}
