//! Refusals: what a real API server says to bad objects and bad changes.

use axum::body::Body;
use axum::http::Request;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{World, config_map, object, refusal, workload, world};

async fn refused(world: &World, wanted: Value) -> kube::core::Status {
    let api = world.api(
        wanted["apiVersion"].as_str().unwrap(),
        wanted["kind"].as_str().unwrap(),
    );
    refusal(api.create(&PostParams::default(), &object(wanted)).await)
}

#[tokio::test]
async fn bad_objects_are_refused_with_causes() {
    let world = world();
    let mut mismatched = workload("Deployment", "d", "nginx", 1);
    mismatched["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    let status = refused(&world, mismatched).await;
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    assert!(
        status.message.starts_with(
            "Deployment.apps \"d\" is invalid: spec.template.metadata.labels: Invalid value: "
        ),
        "{}",
        status.message
    );
    let details = status.details.unwrap();
    assert_eq!(
        (
            details.name.as_str(),
            details.group.as_str(),
            details.kind.as_str()
        ),
        ("d", "apps", "Deployment")
    );
    assert_eq!(
        (
            details.causes[0].reason.as_str(),
            details.causes[0].field.as_str()
        ),
        ("FieldValueInvalid", "spec.template.metadata.labels")
    );

    for (wanted, field) in [
        (config_map("Bad_Name", json!({})), "metadata.name"),
        (config_map("c", json!({"bad key": "x"})), "data[bad key]"),
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}),
            "spec.ports",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "***"}}),
            "data[k]",
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}}),
            "spec.template.spec.restartPolicy",
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "j"}, "spec": {"schedule": "often", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}),
            "spec.schedule",
        ),
        (
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}, "spec": {}}),
            "spec",
        ),
    ] {
        let status = refused(&world, wanted).await;
        assert_eq!(
            (
                status.code,
                status.details.unwrap().causes[0].field.as_str()
            ),
            (422, field),
            "{}",
            status.message
        );
    }
    let status = refused(
        &world,
        config_map("big", json!({"a": "x".repeat(1024 * 1024 + 1)})),
    )
    .await;
    assert_eq!(
        status.details.unwrap().causes[0].reason,
        "FieldValueTooLong"
    );
    let mut noted = config_map("c", json!({}));
    noted["metadata"]["annotations"] = json!({"a": "x".repeat(262_145)});
    assert_eq!(
        refused(&world, noted).await.details.unwrap().causes[0].field,
        "metadata.annotations"
    );
}

#[tokio::test]
async fn what_is_immutable_stays() {
    let world = world();
    let cases = [
        (
            workload("Deployment", "d", "nginx", 1),
            json!({"spec": {"selector": {"matchLabels": {"x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}}),
            "spec.selector",
        ),
        (
            workload("StatefulSet", "s", "nginx", 1),
            json!({"spec": {"serviceName": "other"}}),
            "spec",
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}),
            json!({"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}),
            "spec.template",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "immutable": true, "data": {"a": "1"}}),
            json!({"data": {"a": "2"}}),
            "data",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}),
            json!({"spec": {"clusterIP": "10.96.9.9"}}),
            "spec.clusterIPs[0]",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}),
            json!({"spec": {"restartPolicy": "Never"}}),
            "spec",
        ),
    ];
    for (wanted, change, field) in cases {
        let api = world.api(
            wanted["apiVersion"].as_str().unwrap(),
            wanted["kind"].as_str().unwrap(),
        );
        let name = wanted["metadata"]["name"].as_str().unwrap().to_owned();
        api.create(&PostParams::default(), &object(wanted))
            .await
            .unwrap();
        let status = refusal(
            api.patch(&name, &PatchParams::default(), &Patch::Merge(change))
                .await,
        );
        assert_eq!(
            (
                status.code,
                status.details.unwrap().causes[0].field.as_str()
            ),
            (422, field),
            "{}",
            status.message
        );
    }
}

#[tokio::test]
async fn unknown_fields_are_warned_of_or_refused() {
    let world = world();
    let send = async |query: &str| {
        let mut wanted = workload("Deployment", "d", "nginx", 1);
        wanted["spec"]["replicaz"] = json!(2);
        let request = Request::post(format!(
            "/apis/apps/v1/namespaces/default/deployments?dryRun=All{query}"
        ))
        .header("content-type", "application/json");
        world
            .sandbox
            .router()
            .oneshot(request.body(Body::from(wanted.to_string())).unwrap())
            .await
            .unwrap()
    };
    let warned = send("").await;
    assert_eq!(
        (
            warned.status().as_u16(),
            warned.headers()["warning"].to_str().unwrap()
        ),
        (201, "299 - \"unknown field \\\"spec.replicaz\\\"\"")
    );
    assert!(
        send("&fieldValidation=Ignore")
            .await
            .headers()
            .get("warning")
            .is_none()
    );
    assert_eq!(send("&fieldValidation=Strict").await.status(), 400);
}

#[tokio::test]
async fn bad_requests_are_told_apart() {
    let world = world();
    let send = async |path: &str, content_type: &str, body: &str| {
        let request = Request::post(path)
            .header("content-type", content_type)
            .body(Body::from(body.to_owned()))
            .unwrap();
        world
            .sandbox
            .router()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let maps = "/api/v1/namespaces/default/configmaps";
    for (path, content_type, body, code) in [
        (maps, "application/json", "{", 400),
        (
            maps,
            "application/json",
            r#"{"kind": "Secret", "metadata": {"name": "x"}}"#,
            400,
        ),
        (
            maps,
            "application/json",
            r#"{"metadata": {"name": "x", "namespace": "other"}}"#,
            400,
        ),
        (maps, "application/cbor", "", 415),
        (
            maps,
            "application/yaml",
            "metadata:\n  name: from-yaml\n",
            201,
        ),
        (
            "/api/v1/namespaces/none/configmaps",
            "application/json",
            r#"{"metadata": {"name": "x"}}"#,
            404,
        ),
        ("/apis/none/v1/things", "application/json", "{}", 404),
        ("/version", "application/json", "{}", 405),
    ] {
        assert_eq!(
            send(path, content_type, body).await,
            code,
            "{path} {content_type} {body}"
        );
    }
    let mut wrong = workload("Deployment", "d", "nginx", 1);
    wrong["spec"]["replicas"] = json!("two");
    let status = refused(&world, wrong).await;
    assert!(status.message.contains("cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"), "{}", status.message);
}
