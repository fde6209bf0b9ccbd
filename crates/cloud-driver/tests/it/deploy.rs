//! Deploys when things go wrong outside, and plans.

use std::time::Duration;

use serde_json::{Value, json};
use spindrift_cloud_driver::ErrorKind;
use spindrift_cloud_driver::kubernetes::{DeployRequest, PlannedAction};
use spindrift_cloud_driver::model::Moniker;
use spindrift_sandbox::{Fault, Requests};

use crate::support::{World, id, workload, world};

fn request(manifests: &[Value]) -> DeployRequest {
    DeployRequest {
        manifests: manifests.to_vec(),
        moniker: Moniker {
            app: Some("shop".to_owned()),
            ..Moniker::default()
        },
        key: "run-1".to_owned(),
        ..DeployRequest::default()
    }
}

fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

fn plain(name: &str, value: &str) -> Value {
    let mut config = config(name, value);
    config["metadata"]["annotations"] = json!({"strategy.spinnaker.io/versioned": "false"});
    config
}

async fn names(world: &World, kind: &str) -> Vec<String> {
    let kind = spindrift_cloud_driver::kubernetes::Kind::parse(kind).unwrap();
    let list = world.kubernetes.list(&kind, "default", "").await.unwrap();
    list.iter()
        .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
        .filter(|name| name != "kube-root-ca.crt")
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_may_mend_is_tried_again() {
    let table = [
        (Fault::TooManyRequests { retry_after: 7 }, 7, "create"),
        (Fault::Unavailable, 0, "create"),
        (Fault::InternalError, 0, "create"),
        (Fault::Timeout, 0, "create"),
        (Fault::Reset, 0, "create"),
        (Fault::CutAnswer, 0, "create"),
        (Fault::Unavailable, 0, "get"),
        (Fault::TooManyRequests { retry_after: 2 }, 2, "list"),
    ];
    for (fault, seconds, verb) in table {
        let world = world();
        world
            .sandbox
            .faults()
            .next(1, Requests::on("configmaps").verbs([verb]), fault.clone());
        let start = tokio::time::Instant::now();
        let manifests = [config("c", "1"), plain("d", "1")];
        let deployed = world.kubernetes.deploy(&request(&manifests)).await;
        let deployed = deployed.unwrap_or_else(|error| panic!("{fault:?} {verb}: {error}"));
        assert_eq!(
            deployed.names_by_namespace()["default"],
            ["configMap c-v000", "configMap d"],
            "{fault:?} {verb}"
        );
        assert_eq!(
            names(&world, "configMap").await,
            ["c-v000", "d"],
            "{fault:?} {verb}"
        );
        assert!(
            start.elapsed() >= Duration::from_secs(seconds),
            "{fault:?} {verb}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(seconds + 5),
            "{fault:?} {verb}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_merged_anew() {
    let world = world();
    world.make(plain("c", "0")).await;
    for (times, succeeds) in [(4, true), (5, false)] {
        world.sandbox.faults().next(
            times,
            Requests::on("configmaps").verbs(["patch"]),
            Fault::Conflict,
        );
        let outcome = world
            .kubernetes
            .deploy(&request(&[plain("c", &times.to_string())]))
            .await;
        assert_eq!(outcome.is_ok(), succeeds, "{times}: {outcome:?}");
        if let Err(error) = outcome {
            assert_eq!(error.kind, ErrorKind::Conflict);
            assert!(
                error
                    .message
                    .starts_with("Deploy failed for manifest: configMap c. Error: "),
                "{error}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_api_server_refuses_is_told_as_it_says_it() {
    let world = world();
    let denied = Fault::Denied {
        webhook: "policy.example.com".to_owned(),
        message: "images must be signed".to_owned(),
    };
    world.sandbox.faults().next(
        1,
        Requests::on("deployments.apps").verbs(["create"]),
        denied,
    );
    let manifests = [
        workload("Deployment", "web", "nginx", 1),
        config("c", "1"),
        plain("d", "1"),
    ];
    let error = world
        .kubernetes
        .deploy(&request(&manifests))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(
        error.message,
        "Deploy failed for manifest: deployment web. Error: admission webhook \"policy.example.com\" denied the request: images must be signed \
         (2 of 3 manifests were applied before it and stay: configMap c-v000, configMap d)"
    );
    assert_eq!(
        error.details["manifest"],
        json!("document 1 (deployment web)")
    );
    assert_eq!(
        error.details["applied"],
        json!([
            {"kind": "configMap", "namespace": "default", "name": "c-v000"},
            {"kind": "configMap", "namespace": "default", "name": "d"},
        ])
    );
    // Once the reason is gone, the same deploy goes on where it was.
    let deployed = world.kubernetes.deploy(&request(&manifests)).await.unwrap();
    assert_eq!(
        deployed.names_by_namespace()["default"],
        ["configMap c-v000", "configMap d", "deployment web"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_immutable_field_is_no_reason_to_try_again() {
    let world = world();
    world.make(workload("Deployment", "web", "nginx", 1)).await;
    let mut changed = workload("Deployment", "web", "nginx", 1);
    changed["spec"]["selector"]["matchLabels"] = json!({"app": "web", "tier": "front"});
    changed["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "front"});
    world.sandbox.forget_requests();
    let error = world
        .kubernetes
        .deploy(&request(&[changed]))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("field is immutable"), "{error}");
    assert_eq!(error.details["code"], json!(422));
    let writes = world
        .sandbox
        .requests()
        .iter()
        .filter(|request| request.is_write())
        .count();
    assert_eq!(writes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_too_large_for_its_copy_says_what_to_do() {
    let world = world();
    let big = |annotations: Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "big", "annotations": annotations}, "data": {"k": "x".repeat(300_000)}})
    };
    let error = world
        .kubernetes
        .deploy(&request(&[big(json!({}))]))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(
        error
            .message
            .contains("strategy.spinnaker.io/server-side-apply"),
        "{error}"
    );
    for strategy in ["server-side-apply", "replace"] {
        let annotations = json!({format!("strategy.spinnaker.io/{strategy}"): "true"});
        world
            .kubernetes
            .deploy(&request(&[big(annotations)]))
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_tells_what_a_deploy_would_do_and_does_nothing() {
    let world = world();
    let web = |image: &str| workload("Deployment", "web", image, 1);
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": value}});
    let before = [web("nginx:1"), plain("same", "1"), secret("hush")];
    world.kubernetes.deploy(&request(&before)).await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}});
    let mut within = plain("in-later", "1");
    within["metadata"]["namespace"] = json!("later");
    let denied = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "no", "annotations": {"sandbox.spindrift.io/deny": "not today", "strategy.spinnaker.io/versioned": "false"}}});
    let after = [
        web("nginx:2"),
        plain("same", "1"),
        secret("other"),
        denied,
        namespace,
        within,
    ];
    world.sandbox.forget_requests();
    let mut asked = request(&after);
    asked.key = "run-2".to_owned();
    let plan = world.kubernetes.plan(&asked).await.unwrap();
    let writes: Vec<_> = world
        .sandbox
        .requests()
        .into_iter()
        .filter(|request| request.is_write())
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    let order: Vec<String> = plan
        .objects
        .iter()
        .map(|object| object.id.to_string())
        .collect();
    assert_eq!(
        order,
        [
            "namespace later",
            "configMap same",
            "secret s-v001",
            "configMap no",
            "configMap in-later",
            "deployment web",
        ]
    );
    let of = |name: &str| {
        plan.objects
            .iter()
            .find(|object| object.id.to_string() == name)
            .unwrap()
    };
    assert_eq!(of("deployment web").action, PlannedAction::Change);
    let change = &of("deployment web").differences;
    assert_eq!(change.len(), 1, "{change:?}");
    assert_eq!(change[0].path, "spec.template.spec.containers[main].image");
    assert_eq!(
        (change[0].before.clone(), change[0].after.clone()),
        (Some(json!("nginx:1")), Some(json!("nginx:2")))
    );
    assert_eq!(of("configMap same").action, PlannedAction::Unchanged);
    assert_eq!(of("configMap same").differences, []);
    assert_eq!(
        of("secret s-v001").compared_with.as_deref(),
        Some("secret s-v000")
    );
    assert_eq!(of("configMap no").action, PlannedAction::Forbidden);
    assert!(
        of("configMap no")
            .message
            .as_deref()
            .unwrap()
            .contains("not today")
    );
    assert_eq!(of("configMap in-later").action, PlannedAction::Create);
    let all = serde_json::to_string(&plan).unwrap();
    assert!(!all.contains("hush") && !all.contains("b3RoZXI"), "{all}");
    assert!(plan.changes_anything() && plan.is_forbidden());
}

#[tokio::test(start_paused = true)]
async fn recreating_waits_until_the_old_object_is_gone() {
    let world = world();
    let mut old = plain("c", "0");
    old["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.make(old).await;
    let mut wanted = plain("c", "1");
    wanted["metadata"]["annotations"]["strategy.spinnaker.io/recreate"] = json!("true");
    let wanted = request(&[wanted]);
    let deploying = world.kubernetes.deploy(&wanted);
    let letting_go = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let held = world
            .kubernetes
            .get(&id("configMap c"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(held["data"]["k"], json!("0"));
        let patch = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        world
            .api("v1", "ConfigMap")
            .patch("c", &kube::api::PatchParams::default(), &patch)
            .await
            .unwrap();
    };
    let (deployed, ()) = tokio::join!(deploying, letting_go);
    deployed.unwrap();
    let made = world
        .kubernetes
        .get(&id("configMap c"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(made["data"]["k"], json!("1"));
}

#[tokio::test]
async fn a_thousand_objects_are_deployed_in_order() {
    let world = world();
    let manifests: Vec<Value> = (0..1_000)
        .map(|number| config(&format!("c{number}"), "1"))
        .collect();
    let deployed = world.kubernetes.deploy(&request(&manifests)).await.unwrap();
    assert_eq!(deployed.objects.len(), 1_000);
    // One list for the versions of all of them, and one request for each.
    let again = world.kubernetes.deploy(&request(&manifests)).await.unwrap();
    assert_eq!(again.names_by_namespace(), deployed.names_by_namespace());
}
