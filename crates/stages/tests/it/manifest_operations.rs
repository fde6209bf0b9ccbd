//! The stages that change objects, as whole pipelines.

use std::time::Duration;

use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::Kind;
use spindrift_model::{Pointer, RefId, StageConfig, Status};
use spindrift_sandbox::{Fault, Requests};
use spindrift_stages::{check, registry};

use crate::manifest_world::{World, errors, service, tasks, until, version, workload, world};
use crate::support::{map, services};

/// Three versions of a cluster, made one after the other.
async fn versions(world: &World) {
    world.make(service()).await;
    for (number, replicas) in [(0, 3), (1, 1), (2, 2)] {
        world.make(version(number, replicas)).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

fn dynamic(kind: &str, criteria: &str, more: Value) -> Value {
    let mut stage = json!({"type": kind, "mode": "dynamic", "kind": "replicaSet", "app": "shop", "cluster": "replicaSet web",
        "criteria": criteria, "manifestName": " "});
    stage.as_object_mut().unwrap().extend(map(more));
    stage
}

#[tokio::test(start_paused = true)]
async fn criteria_choose_what_is_deleted() {
    let table = [
        ("newest", "web-v002"),
        ("second_newest", "web-v001"),
        ("oldest", "web-v000"),
        ("largest", "web-v000"),
        ("smallest", "web-v001"),
    ];
    for (criteria, name) in table {
        let world = world();
        versions(&world).await;
        let stage = world
            .stage(dynamic("deleteManifest", criteria, json!({})))
            .await;
        assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
        assert_eq!(stage.outputs["manifestName"], format!("replicaSet {name}"));
        assert_eq!(
            tasks(&stage),
            [
                "resolveTargetManifest SUCCEEDED",
                "deleteManifest SUCCEEDED",
                "monitorDelete SUCCEEDED",
                "promoteOutputs SUCCEEDED"
            ]
        );
        for other in ["web-v000", "web-v001", "web-v002"] {
            assert_eq!(
                world.get(&format!("replicaSet {other}")).await.is_none(),
                other == name,
                "{criteria}: {other}"
            );
        }
    }
    let world = world();
    world.make(version(0, 1)).await;
    let stage = world
        .stage(dynamic("deleteManifest", "second_newest", json!({})))
        .await;
    assert_eq!(stage.status, Status::Terminal);
    assert!(
        errors(&stage)[0].starts_with("there is no second newest replicaSet in the cluster"),
        "{:?}",
        errors(&stage)
    );
}

#[tokio::test(start_paused = true)]
async fn a_delete_says_what_becomes_of_the_rest_and_waits() {
    let world = world();
    let delete = |name: &str, options: Value| json!({"type": "deleteManifest", "mode": "static", "manifestName": name, "options": options});
    let pods = async || {
        world
            .kubernetes
            .list(&Kind::of("Pod", "v1"), "default", "app=web")
            .await
            .unwrap()
            .len()
    };
    for options in [
        json!({"cascading": false}),
        json!({"cascading": true, "orphanDependents": true}),
    ] {
        world
            .make(workload("ReplicaSet", "web", "nginx:1", 2))
            .await;
        world.stable("replicaSet web").await;
        let stage = world.stage(delete("replicaSet web", options)).await;
        assert_eq!(stage.status, Status::Succeeded);
        assert!(world.get("replicaSet web").await.is_none());
        assert_eq!(pods().await, 2);
    }
    world
        .make(workload("ReplicaSet", "web", "nginx:1", 2))
        .await;
    let stage = world
        .stage(delete("replicaSet web", json!({"cascading": "bogus"})))
        .await;
    assert_eq!(
        (stage.status, world.get("replicaSet web").await.is_some()),
        (Status::Terminal, true)
    );
    assert!(errors(&stage)[0].contains("invalid cascade value (bogus)"));

    let stage = world.stage(delete("deployment nope", json!({}))).await;
    assert_eq!(
        stage.status,
        Status::Succeeded,
        "what is not there is deleted already"
    );
    assert_eq!(stage.outputs["manifests"], json!([]));
    assert_eq!(stage.context["outputs.manifestNamesByNamespace"], json!({}));

    world.make(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/hold"]}})).await;
    let run = world.start(&[delete("configMap held", json!({}))]).await;
    let held = |messages: Option<&Value>| {
        messages.is_some_and(|messages| messages.to_string().contains("held by example.com/hold"))
    };
    until(&world.engine, &run, |run| {
        held(run.stages[0].context.get("messages"))
    })
    .await;
    let release = world.stage(json!({"type": "patchManifest", "mode": "static", "manifestName": "configMap held",
        "options": {"mergeStrategy": "merge", "record": false}, "patchBody": {"metadata": {"finalizers": null}}}));
    assert_eq!(release.await.status, Status::Succeeded);
    assert_eq!(world.ended(&run).await.status, Status::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn labels_pick_what_is_deleted_custom_resources_too() {
    let world = world();
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let deploy = json!({"type": "deployManifest", "source": "text", "manifests": [definition], "moniker": {"app": "shop"}});
    assert_eq!(world.stage(deploy).await.status, Status::Succeeded);
    for (name, tier) in [("a", "x"), ("b", "y")] {
        world.make(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name, "labels": {"tier": tier}}})).await;
        world.make(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"tier": tier}}})).await;
    }
    let stage = world.stage(json!({"type": "deleteManifest", "mode": "label", "kinds": ["configMap", "Widget.example.com"],
        "labelSelectors": {"selectors": [{"kind": "EQUALS", "key": "tier", "values": ["x"]}]}})).await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    for kind in ["configMap", "Widget.example.com"] {
        assert!(world.get(&format!("{kind} a")).await.is_none(), "{kind}");
        assert!(world.get(&format!("{kind} b")).await.is_some(), "{kind}");
    }
    assert_eq!(
        stage.context["outputs.manifestNamesByNamespace"],
        json!({"default": ["configMap a", "Widget.example.com a"]})
    );
}

#[tokio::test(start_paused = true)]
async fn scaling_waits_until_there_are_as_many() {
    let world = world();
    versions(&world).await;
    let stage = world
        .stage(dynamic(
            "scaleManifest",
            "second_newest",
            json!({"replicas": "4"}),
        ))
        .await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    assert_eq!(
        world.get("replicaSet web-v001").await.unwrap()["status"]["availableReplicas"],
        4
    );
    assert_eq!(
        stage.context["stableManifests"],
        json!([{"manifestName": "replicaSet web-v001", "location": "default"}])
    );
    assert_eq!(
        stage.tasks.last().unwrap().name,
        "waitForManifestToStabilize"
    );

    for (replicas, why) in [
        (json!(null), "replicas: it is missing"),
        (json!("many"), "replicas: it must be a whole number"),
        (json!(-1), "replicas: it must be"),
    ] {
        let stage = world
            .stage(dynamic(
                "scaleManifest",
                "newest",
                json!({"replicas": replicas}),
            ))
            .await;
        assert!(errors(&stage)[0].starts_with(why), "{:?}", errors(&stage));
        assert_eq!(
            world.get("replicaSet web-v002").await.unwrap()["spec"]["replicas"],
            2,
            "nothing was sent"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn patches_are_merged_as_the_stage_says() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    let patch = |options: Value, body: Value| json!({"type": "patchManifest", "mode": "static", "manifestName": "deployment web", "options": options, "patchBody": body});
    let stage = world
        .stage(patch(
            json!({"mergeStrategy": "json", "record": false}),
            json!([{"op": "replace", "path": "/spec/replicas", "value": 2}]),
        ))
        .await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    let web = world.get("deployment web").await.unwrap();
    assert_eq!(
        (
            &web["spec"]["replicas"],
            web.pointer("/metadata/annotations/kubernetes.io~1change-cause")
        ),
        (&json!(2), None)
    );

    let labels = json!({"metadata": {"labels": {"team": "a"}}});
    let stage = world
        .stage(patch(
            json!({"mergeStrategy": "strategic", "record": true}),
            json!([labels, labels]),
        ))
        .await;
    assert_eq!(
        errors(&stage),
        [
            "patchBody: Only one patch object is valid when patching with `strategic` and `merge` patch strategies."
        ]
    );
    let stage = world.stage(patch(json!({}), json!([]))).await;
    assert_eq!(
        errors(&stage),
        ["patchBody: the stage requires a valid patch body"]
    );

    let image = json!([{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx"}]}}}}]);
    let mut bound = patch(json!({"mergeStrategy": "strategic", "record": true}), image);
    bound["requiredArtifacts"] =
        json!([{"artifact": {"type": "docker/image", "name": "nginx", "reference": "nginx:9"}}]);
    let stage = world.stage(bound).await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    let web = world.get("deployment web").await.unwrap();
    assert_eq!(
        web.pointer("/spec/template/spec/containers/0/image")
            .unwrap(),
        "nginx:9"
    );
    assert!(
        web["metadata"]["annotations"]["kubernetes.io/change-cause"]
            .as_str()
            .unwrap()
            .starts_with("release of shop (execution ")
    );
    assert_eq!(
        stage.outputs["outputs.boundArtifacts"][0]["reference"],
        "nginx:9"
    );

    let stage = world
        .stage(patch(
            json!({"mergeStrategy": "json"}),
            json!([{"op": "test", "path": "/spec/replicas", "value": 77}]),
        ))
        .await;
    assert!(
        errors(&stage)[0].starts_with("Patch failed for: web in namespace: default: "),
        "{:?}",
        errors(&stage)
    );
}

#[tokio::test(start_paused = true)]
async fn traffic_moves_between_versions() {
    let world = world();
    versions(&world).await;
    let ready = async || {
        let slices = world
            .kubernetes
            .list(
                &Kind::of("EndpointSlice", "discovery.k8s.io/v1"),
                "default",
                "kubernetes.io/service-name=web",
            )
            .await
            .unwrap();
        let endpoints = slices
            .iter()
            .flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
        endpoints
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .count()
    };
    assert_eq!(ready().await, 6);
    let stage = world
        .stage(dynamic("disableManifest", "oldest", json!({})))
        .await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    assert_eq!(
        ready().await,
        3,
        "its addresses are gone when the stage has ended"
    );
    assert_eq!(tasks(&stage)[2], "monitorDisable SUCCEEDED");
    let stage = world
        .stage(dynamic("enableManifest", "oldest", json!({})))
        .await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    assert_eq!(ready().await, 6);
    let stage = world
        .stage(dynamic(
            "disableManifest",
            "newest",
            json!({"loadBalancers": ["ingress web"]}),
        ))
        .await;
    assert_eq!(
        errors(&stage),
        ["No support for load balancing via ingress exists; name a service"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollout_is_undone_once_also_when_the_process_dies() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    world.stable("deployment web").await;
    for image in ["nginx:2", "nginx:3"] {
        let body = json!([{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}]);
        let stage = json!({"type": "patchManifest", "mode": "static", "manifestName": "deployment web", "patchBody": body});
        assert_eq!(world.stage(stage).await.status, Status::Succeeded);
    }
    let undo = |more: Value| {
        let mut stage = json!({"type": "undoRolloutManifest", "mode": "static", "manifestName": "deployment web"});
        stage.as_object_mut().unwrap().extend(map(more));
        stage
    };
    // The answer to the patch is lost, so the task cannot know that it has worked.
    world.sandbox.faults().next(
        1,
        Requests::on("deployments.apps").verbs(["patch"]),
        Fault::CutAnswer,
    );
    let stage = world.stage(undo(json!({"numRevisionsBack": 1}))).await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    let image = async || {
        world
            .get("deployment web")
            .await
            .unwrap()
            .pointer("/spec/template/spec/containers/0/image")
            .unwrap()
            .clone()
    };
    assert_eq!(image().await, "nginx:2");
    let stage = world.stage(undo(json!({"revision": "1"}))).await;
    assert_eq!(stage.status, Status::Succeeded, "{:?}", errors(&stage));
    assert_eq!(image().await, "nginx:1");
    let stage = world.stage(undo(json!({"numRevisionsBack": 5}))).await;
    assert_eq!(
        errors(&stage),
        [
            "Failed to undo rollout deployment/web from default: There are 3 revision(s) in total, cannot rollback 5"
        ]
    );
    let stage = world.stage(undo(json!({}))).await;
    assert_eq!(
        errors(&stage),
        ["numRevisionsBack: it is missing; write it, or a revision"]
    );
}

#[tokio::test(start_paused = true)]
async fn rollouts_are_held_resumed_and_restarted() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    world.stable("deployment web").await;
    let stage =
        |kind: &str| json!({"type": kind, "mode": "static", "manifestName": "deployment web"});
    let held = world.stage(stage("pauseRolloutManifest")).await;
    assert_eq!(
        tasks(&held),
        [
            "pauseRolloutManifest SUCCEEDED",
            "monitorPauseRollout SUCCEEDED"
        ]
    );
    assert_eq!(
        world.get("deployment web").await.unwrap()["spec"]["paused"],
        true
    );
    let refused = world.stage(stage("rollingRestartManifest")).await;
    assert!(
        errors(&refused)[0].contains("a paused deployment cannot be restarted"),
        "{:?}",
        errors(&refused)
    );
    let resumed = world.stage(stage("resumeRolloutManifest")).await;
    assert_eq!(resumed.status, Status::Succeeded, "{:?}", errors(&resumed));
    let restarted = world.stage(stage("rollingRestartManifest")).await;
    assert_eq!(
        tasks(&restarted),
        [
            "rollingRestartManifest SUCCEEDED",
            "monitorRollingRestart SUCCEEDED"
        ]
    );
    let web = world.get("deployment web").await.unwrap();
    let at = web
        .pointer("/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt")
        .unwrap()
        .as_str()
        .unwrap();
    assert!(at.starts_with("2026-01-01T00:0"), "{at}");
}

#[tokio::test(start_paused = true)]
async fn artifacts_are_found_in_what_runs() {
    let world = world();
    let mut web = workload("Deployment", "web", "registry.example/web:1.2", 1);
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "settings"}}]);
    web["spec"]["template"]["spec"]["containers"][0]["command"] =
        json!(["sh", "-c", "echo ${HOME}"]);
    world.make(web).await;
    for kind in ["findArtifactsFromResource", "findArtifactFromResource"] {
        let run = world.run(&[
            json!({"type": kind, "name": "Find", "mode": "static", "manifestName": "deployment web"}),
            json!({"type": "evaluateVariables", "variables": [{"key": "image", "value": "${#stage('Find').outputs.artifacts[0].reference}"}]}),
        ]).await;
        assert_eq!(run.status, Status::Succeeded);
        let found = &run.stages[0].outputs["artifacts"];
        assert_eq!(
            found[0],
            json!({"type": "docker/image", "name": "registry.example/web", "reference": "registry.example/web:1.2"})
        );
        assert_eq!(found[1]["name"], "settings");
        assert_eq!(
            run.stages[0].outputs["manifest"]["spec"]["template"]["spec"]["containers"][0]["command"]
                [2],
            "echo ${HOME}"
        );
        assert_eq!(run.stages[1].outputs["image"], "registry.example/web:1.2");
    }
    let stage = world
        .stage(json!({"type": "findArtifactsFromResource", "manifestName": "deployment nope"}))
        .await;
    assert_eq!(
        errors(&stage),
        ["there is no deployment nope in \"default\""]
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_become_stable_fails_with_its_cause_and_shows_it_before() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    let body = json!([{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "does-not-exist:1"}]}}}}]);
    let run = world.start(&[json!({"type": "patchManifest", "mode": "static", "manifestName": "deployment web", "patchBody": body})]).await;
    let shown = |context: &serde_json::Map<String, Value>| {
        json!(context)
            .to_string()
            .contains("cannot have the image does-not-exist:1")
    };
    until(&world.engine, &run, |run| {
        !run.status.is_complete() && shown(&run.stages[0].context)
    })
    .await;
    let run = world.ended(&run).await;
    assert_eq!(run.status, Status::Terminal);
    let errors = errors(&run.stages[0]);
    assert!(
        errors[0].starts_with("'deployment web' in 'default' for account test: pod web-"),
        "{errors:?}"
    );
    assert_eq!(
        run.stages[0].context["failedManifests"],
        json!([{"manifestName": "deployment web", "location": "default"}])
    );
    assert!(
        !run.stages[0].context["events"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_api_server_do_not_end_a_wait_and_a_deleted_object_does() {
    for fault in [
        Fault::DropWatch { after: 1 },
        Fault::ExpireWatch { after: 0 },
        Fault::Unavailable,
        Fault::TooManyRequests { retry_after: 2 },
    ] {
        let world = world();
        world.make(version(0, 1)).await;
        world.sandbox.faults().next(
            4,
            Requests::on("replicasets.apps").verbs(["list", "watch"]),
            fault.clone(),
        );
        let stage = world.stage(json!({"type": "scaleManifest", "mode": "static", "manifestName": "replicaSet web-v000", "replicas": 3})).await;
        assert_eq!(
            stage.status,
            Status::Succeeded,
            "{fault:?}: {:?}",
            errors(&stage)
        );
    }
    let world = world();
    world
        .make(workload("ReplicaSet", "web", "never-ready:1", 1))
        .await;
    let run = world.start(&[json!({"type": "scaleManifest", "mode": "static", "manifestName": "replicaSet web", "replicas": 2})]).await;
    until(&world.engine, &run, |run| {
        run.stages[0].context.contains_key("unstableManifests")
    })
    .await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    world
        .kubernetes
        .delete(
            &spindrift_cloud_driver::kubernetes::ObjectId::parse("replicaSet web", "default")
                .unwrap(),
            &Default::default(),
        )
        .await
        .unwrap();
    let run = world.ended(&run).await;
    assert_eq!(
        errors(&run.stages[0]),
        [
            "'replicaSet web' in 'default' for account test: replicaSet web in \"default\" was deleted while it was waited for"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_there_is_named() {
    let world = world();
    let stage = world.stage(json!({"type": "scaleManifest", "account": "nope", "mode": "static", "manifestName": "deployment web", "replicas": 1})).await;
    assert_eq!(
        errors(&stage),
        ["account: there is no account \"nope\"; there are test"]
    );
}

#[test]
fn what_cannot_work_is_noticed_while_it_is_saved() {
    let registry = registry(services());
    let problems = |context: Value| -> Vec<String> {
        let mut context = map(context);
        let kind = context.remove("type").unwrap().as_str().unwrap().to_owned();
        let stage = StageConfig {
            ref_id: RefId::from("1"),
            kind,
            name: None,
            requisites: Vec::new(),
            start_time_expiry: None,
            context,
        };
        let found = check(&registry, &stage, &Pointer::root().key("stages").index(0));
        found
            .iter()
            .map(|problem| problem.pointer.to_string())
            .collect()
    };
    let web = |kind: &str, more: Value| {
        let mut stage = json!({"type": kind, "account": "test", "mode": "static", "manifestName": "deployment web", "location": "n"});
        stage.as_object_mut().unwrap().extend(map(more));
        stage
    };
    let label = json!({"mode": "label", "kinds": ["pod"], "labelSelectors": {"selectors": [{"kind": "EXISTS", "key": "app"}]}});
    let job = json!({"kind": "Job"});
    let table: [(Value, &[&str]); 21] = [
        (web("deleteManifest", json!({})), &[]),
        (web("deleteManifest", label.clone()), &[]),
        (
            web("deleteManifest", json!({"options": {"cascading": "bogus"}})),
            &["options"],
        ),
        (
            web(
                "deleteManifest",
                json!({"account": "", "manifestName": "web"}),
            ),
            &["account", "manifestName"],
        ),
        (
            web("deleteManifest", json!({"manifestName": "${trigger.name}"})),
            &[],
        ),
        (web("scaleManifest", json!({"replicas": "3"})), &[]),
        (web("scaleManifest", json!({})), &["replicas"]),
        (
            web("scaleManifest", json!({"replicas": "${parameters.n}"})),
            &[],
        ),
        (web("scaleManifest", label), &["mode", "replicas"]),
        (
            web(
                "enableManifest",
                json!({"mode": "dynamic", "criteria": "best", "kind": "rs"}),
            ),
            &["criteria"],
        ),
        (
            web("patchManifest", json!({"patchBody": {"spec": {}}})),
            &[],
        ),
        (
            web("patchManifest", json!({"patchBody": [{}, {}]})),
            &["patchBody"],
        ),
        (
            web(
                "patchManifest",
                json!({"patchBody": "${patch}", "options": {"mergeStrategy": "best"}}),
            ),
            &["options"],
        ),
        (web("patchManifest", json!({"source": "artifact"})), &[]),
        (
            web("undoRolloutManifest", json!({"numRevisionsBack": 1})),
            &[],
        ),
        (web("undoRolloutManifest", json!({})), &["numRevisionsBack"]),
        (
            web(
                "pauseRolloutManifest",
                json!({"mode": "dynamic", "criteria": "newest", "kind": "deployment", "cluster": "c"}),
            ),
            &["mode"],
        ),
        (
            json!({"type": "runJobManifest", "account": "test", "manifest": job}),
            &[],
        ),
        (
            json!({"type": "runJob", "credentials": "test", "manifest": {"kind": "Pod"}}),
            &["manifest"],
        ),
        (
            json!({"type": "runJob", "account": "test", "container": {}}),
            &["manifest"],
        ),
        (
            json!({"type": "runJobManifest", "account": "test", "source": "artifact"}),
            &[],
        ),
    ];
    for (stage, keys) in table {
        let expected: Vec<String> = keys.iter().map(|key| format!("/stages/0/{key}")).collect();
        assert_eq!(problems(stage.clone()), expected, "{stage}");
    }
}
