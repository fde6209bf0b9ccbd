//! Whole pipelines that deploy: the engine, a cluster in this process, one virtual clock.

mod real;
mod strategies;
mod world;

use serde_json::{Value, json};
use spindrift_model::Status;
use spindrift_sandbox::{Fault, Requests};
use world::{failures, named, shown, stage, with, workload, world};

#[tokio::test(start_paused = true)]
async fn a_deployment_is_deployed_and_waited_for() {
    let world = world();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "a-${1 + 1}"}});
    let execution = world
        .deploy(
            json!({}),
            json!([workload("Deployment", "web", "nginx", 3), [config]]),
        )
        .await;
    assert_eq!(shown(&execution), ["Deploy SUCCEEDED", "= SUCCEEDED"]);
    let stage = named(&execution, "Deploy");
    let tasks: Vec<&str> = stage.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(
        tasks,
        [
            "resolveDeploySourceManifest",
            "deployManifest",
            "monitorDeploy",
            "promoteOutputs",
            "waitForManifestToStabilize",
            "cleanupArtifacts",
            "monitorCleanup",
            "promoteOutputs",
            "bindProducedArtifacts",
        ]
    );
    let outputs = &stage.outputs;
    assert_eq!(
        outputs["outputs.manifestNamesByNamespace"],
        json!({"default": ["configMap c-v000", "deployment web"]})
    );
    assert_eq!(
        outputs["outputs.manifests"][1]["spec"]["replicas"],
        json!(3)
    );
    assert_eq!(outputs["outputs.manifests"][0]["data"]["k"], json!("a-2"));
    assert_eq!(outputs["artifacts"][0]["reference"], json!("c-v000"));
    assert_eq!(
        stage.context["stableManifests"].as_array().unwrap().len(),
        2
    );
    let live = world.object("deployment web").await.unwrap();
    assert_eq!(live["status"]["readyReplicas"], json!(3));
}

#[tokio::test(start_paused = true)]
async fn expressions_are_left_alone_where_the_stage_says_so() {
    let world = world();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "a-${#stage('Deploy').type}"}});
    let more = json!({"skipExpressionEvaluation": true, "noOutput": true});
    let execution = world.deploy(more, json!([config])).await;
    let stage = named(&execution, "Deploy");
    assert_eq!(shown(&execution), ["Deploy SUCCEEDED", "= SUCCEEDED"]);
    assert_eq!(
        stage.context["outputs.manifests"][0]["data"]["k"],
        json!("a-${#stage('Deploy').type}")
    );
    assert!(!stage.outputs.contains_key("outputs.manifests"));
}

#[tokio::test(start_paused = true)]
async fn manifests_come_from_artifacts_and_are_evaluated() {
    // apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {k: "a-${1 + 1}"}; and a trailing separator
    let text = "YXBpVmVyc2lvbjogdjEKa2luZDogQ29uZmlnTWFwCm1ldGFkYXRhOiB7bmFtZTogY30KZGF0YToge2s6ICJhLSR7MSArIDF9In0KLS0tCg==";
    let artifact = json!({"type": "embedded/base64", "name": "m", "reference": text});
    let table = [
        (json!({"manifestArtifact": artifact}), Ok("a-2")),
        (
            json!({"manifestArtifact": artifact, "skipExpressionEvaluation": true}),
            Ok("a-${1 + 1}"),
        ),
        (json!({}), Err("No manifest artifact was specified.")),
        (
            json!({"manifestArtifactId": "x"}),
            Err("No artifact with id x could be found in the pipeline context."),
        ),
    ];
    for (more, expected) in table {
        let world = world();
        let mut members = json!({"source": "artifact"});
        members
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let execution = world.deploy(members, Value::Null).await;
        match expected {
            Ok(value) => {
                assert_eq!(
                    shown(&execution),
                    ["Deploy SUCCEEDED", "= SUCCEEDED"],
                    "{more}"
                );
                let live = world.object("configMap c-v000").await.unwrap();
                assert_eq!(live["data"]["k"], json!(value));
            }
            Err(message) => assert_eq!(failures(&execution), [message]),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn images_are_bound_from_the_trigger_and_from_stages_before() {
    let world = world();
    let image = |tag: &str| json!({"type": "docker/image", "name": "nginx", "version": tag, "reference": format!("nginx:{tag}")});
    let mut document = with(json!([stage(
        json!({"requiredArtifactIds": ["image"]}),
        json!([workload("Deployment", "web", "nginx:old", 1)])
    )]));
    document["expectedArtifacts"] = json!([{
        "id": "image", "matchArtifact": {"type": "docker/image", "name": "nginx"}, "useDefaultArtifact": true, "defaultArtifact": image("1.2"),
    }]);
    document["trigger"] = json!({"type": "manual"});
    let (pipeline, _) = spindrift_model::Pipeline::parse(document).unwrap();
    let mut request = spindrift_runtime::StartRequest::manual(pipeline, Default::default(), "ann");
    request
        .trigger
        .insert("artifacts".to_owned(), json!([image("1.2")]));
    request.trigger.insert(
        "resolvedExpectedArtifacts".to_owned(),
        json!([{"id": "image", "boundArtifact": image("1.2")}]),
    );
    let id = world
        .engine
        .submit(request)
        .await
        .unwrap()
        .execution
        .id
        .clone();
    let execution = world
        .until(&id, |execution| execution.status.is_complete())
        .await;
    assert_eq!(shown(&execution), ["Deploy SUCCEEDED", "= SUCCEEDED"]);
    let live = world.object("deployment web").await.unwrap();
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"][0]["image"],
        json!("nginx:1.2")
    );
    let outputs = &named(&execution, "Deploy").outputs;
    assert_eq!(
        outputs["outputs.boundArtifacts"][0]["reference"],
        json!("nginx:1.2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_its_cause_and_progress_is_noted_meanwhile() {
    let world = world();
    let id = world
        .submit(with(json!([stage(
            json!({}),
            json!([workload("Deployment", "web", "x/does-not-exist:1", 1)])
        )])))
        .await;
    let waits = world
        .until(&id, |execution| {
            execution.stages[0]
                .context
                .contains_key("unstableManifests")
        })
        .await;
    let noted = &waits.stages[0].context["unstableManifests"][0];
    assert_eq!(noted["manifestName"], json!("deployment web"));
    assert!(!noted["message"].as_str().unwrap().is_empty());
    let execution = world
        .until(&id, |execution| execution.status.is_complete())
        .await;
    assert_eq!(execution.status, Status::Terminal);
    let failures = failures(&execution);
    assert!(
        failures[0].starts_with("'deployment web' in 'default' for account sandbox: "),
        "{failures:?}"
    );
    assert!(failures[0].contains("does-not-exist"), "{failures:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_after_its_time() {
    let world = world();
    let more = json!({"stableManifestTimeoutMinutes": "2", "earlyFailure": "never"});
    let execution = world
        .deploy(
            more,
            json!([workload("Deployment", "web", "never-ready", 1)]),
        )
        .await;
    let failures = failures(&execution);
    assert_eq!(execution.status, Status::Terminal);
    assert!(
        failures[0].starts_with(
            "'deployment web' in 'default' for account sandbox: not stable after 2 minutes: "
        ),
        "{failures:?}"
    );
    let task = &named(&execution, "Deploy").tasks[4];
    let took = task.end_time.unwrap() - task.start_time.unwrap();
    assert!((120_000..125_000).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn what_was_applied_before_a_failure_is_told() {
    let world = world();
    world.sandbox.faults().always(
        Requests::on("deployments.apps").verbs(["create"]),
        Fault::Denied {
            webhook: "policy.example.com".to_owned(),
            message: "no".to_owned(),
        },
    );
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    let execution = world
        .deploy(
            json!({}),
            json!([workload("Deployment", "web", "nginx", 1), config]),
        )
        .await;
    assert_eq!(
        failures(&execution),
        [
            "Deploy failed for manifest: deployment web. Error: admission webhook \"policy.example.com\" denied the request: no \
          (1 of 2 manifests were applied before it and stay: configMap c-v000)"
        ]
    );
    let context = &named(&execution, "Deploy").context;
    assert_eq!(
        context["outputs.manifestNamesByNamespace"],
        json!({"default": ["configMap c-v000"]})
    );
    assert_eq!(
        context["outputs.createdArtifacts"][0]["reference"],
        json!("c-v000")
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_between_apply_and_record_applies_nothing_twice() {
    let mut world = world();
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "once-"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}}}});
    let manifests = json!([workload("ReplicaSet", "web", "nginx", 1), job]);
    // The last answer of the deploy comes so late that the process has died before.
    world.sandbox.faults().next(
        1,
        Requests::on("jobs.batch").verbs(["create"]),
        Fault::Delay(std::time::Duration::from_secs(5)),
    );
    let id = world
        .submit(with(json!([stage(json!({}), manifests)])))
        .await;
    let replica_sets = async {
        let mut revisions = world.sandbox.revisions();
        while world.object("replicaSet web-v000").await.is_none() {
            revisions.changed().await.unwrap();
        }
    };
    replica_sets.await;
    world.die_and_live_again();
    let execution = world
        .until(&id, |execution| execution.status.is_complete())
        .await;
    assert_eq!(shown(&execution), ["Deploy SUCCEEDED", "= SUCCEEDED"]);
    let kind = |text: &str| spindrift_cloud_driver::kubernetes::Kind::parse(text).unwrap();
    let sets = world
        .kubernetes
        .list(&kind("replicaSet"), "default", "")
        .await
        .unwrap();
    assert_eq!(sets.len(), 1, "no second version is used");
    let jobs = world
        .kubernetes
        .list(&kind("job"), "default", "")
        .await
        .unwrap();
    assert_eq!(jobs.len(), 1, "the job is made once");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_a_while_fails_nothing() {
    let world = world();
    world
        .sandbox
        .faults()
        .next(20, Requests::writes(), Fault::Unavailable);
    let execution = world
        .deploy(
            json!({}),
            json!([workload("Deployment", "web", "nginx", 1)]),
        )
        .await;
    assert_eq!(shown(&execution), ["Deploy SUCCEEDED", "= SUCCEEDED"]);
}

#[tokio::test(start_paused = true)]
async fn old_versions_beyond_the_history_are_deleted() {
    let world = world();
    let config = |value: u32| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "c", "annotations": {"strategy.spinnaker.io/max-version-history": "2"}}, "data": {"k": value.to_string()}})
    };
    for value in 0..4 {
        let execution = world.deploy(json!({}), json!([config(value)])).await;
        assert_eq!(execution.status, Status::Succeeded);
    }
    for (name, stays) in [
        ("c-v000", false),
        ("c-v001", false),
        ("c-v002", true),
        ("c-v003", true),
    ] {
        let found = world.object(&format!("configMap {name}")).await;
        assert_eq!(found.is_some(), stays, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn stages_that_make_no_sense_fail_before_anything_is_sent() {
    let web = workload("Deployment", "web", "nginx", 1);
    let table = [
        (
            json!({"account": "nowhere"}),
            json!([web]),
            "account: there is no account \"nowhere\"; there are sandbox",
        ),
        (
            json!({"account": ""}),
            json!([web]),
            "account: it is missing; name a Kubernetes account",
        ),
        (
            json!({"source": "git"}),
            json!([web]),
            "source: \"git\" is unknown; write text or artifact",
        ),
        (
            json!({}),
            json!([]),
            "manifests: there are none; write them in the stage, or set source to artifact",
        ),
        (
            json!({"requiredArtifactIds": ["x"]}),
            json!([web]),
            "No artifact with id x could be found in the pipeline context.",
        ),
        (
            json!({"trafficManagement": {"enabled": true, "options": {"strategy": "canary"}}}),
            json!([web]),
            "trafficManagement.options.strategy: \"canary\" is unknown; there are none, redblack, bluegreen, highlander and rollingredblack",
        ),
        (
            json!({"failOnFailedExpressions": true}),
            json!([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "${#nope()}"}}]),
            "expressions in the manifests failed, and failOnFailedExpressions is set",
        ),
    ];
    for (more, manifests, expected) in table {
        let world = world();
        let execution = world.deploy(more.clone(), manifests).await;
        assert_eq!(execution.status, Status::Terminal, "{more}");
        let failures = failures(&execution);
        assert!(
            failures.iter().any(|text| text.contains(expected)),
            "{failures:?}"
        );
        let writes = world
            .sandbox
            .requests()
            .iter()
            .filter(|request| request.is_write())
            .count();
        assert_eq!(writes, 0, "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_judged_before_anything_is_sent() {
    let world = world();
    let deploy = |image: &str| {
        stage(
            json!({"plan": true}),
            json!([workload("Deployment", "web", image, 1)]),
        )
    };
    let id = world.submit(with(json!([deploy("nginx:1")]))).await;
    let judgment = "Judge: Plan Deploy";
    let waits = |execution: &spindrift_model::Execution| {
        let found = execution
            .stages
            .iter()
            .find(|stage| stage.display_name() == judgment);
        found.is_some_and(|stage| stage.status == Status::Running)
    };
    let execution = world.until(&id, waits).await;
    assert!(world.object("deployment web").await.is_none());
    let asked = named(&execution, judgment);
    assert_eq!(asked.kind, "manualJudgment");
    assert_eq!(
        asked.context["plan"]["objects"][0]["action"],
        json!("create")
    );
    let text = asked.context["instructions"].as_str().unwrap();
    assert!(
        text.starts_with("Shall this be deployed?\n\n+ create deployment web in default"),
        "{text}"
    );
    world.judge(&id, asked, "continue").await;
    let execution = world
        .until(&id, |execution| execution.status.is_complete())
        .await;
    assert_eq!(
        shown(&execution),
        [
            "Deploy SUCCEEDED",
            "Plan Deploy SUCCEEDED",
            "Judge: Plan Deploy SUCCEEDED",
            "= SUCCEEDED"
        ]
    );

    // What would change nothing is not asked about.
    let execution = world.run(json!([deploy("nginx:1")])).await;
    assert_eq!(
        shown(&execution),
        ["Deploy SUCCEEDED", "Plan Deploy SUCCEEDED", "= SUCCEEDED"]
    );

    // What somebody stops is not deployed.
    let id = world.submit(with(json!([deploy("nginx:2")]))).await;
    let execution = world.until(&id, waits).await;
    let asked = named(&execution, judgment);
    let differences = asked.context["plan"]["objects"][0]["differences"].to_string();
    assert!(
        differences.contains("spec.template.spec.containers[main].image"),
        "{differences}"
    );
    world.judge(&id, asked, "stop").await;
    let execution = world
        .until(&id, |execution| execution.status.is_complete())
        .await;
    assert_eq!(execution.status, Status::Terminal);
    let live = world.object("deployment web").await.unwrap();
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"][0]["image"],
        json!("nginx:1")
    );
}
