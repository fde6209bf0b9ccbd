//! Stages that run a Job, as whole pipelines.

use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::Kind;
use spindrift_model::Status;
use spindrift_sandbox::{Fault, Requests};

use crate::manifest_world::{World, ended, engine, errors, job, tasks, until, world};

fn stage(manifest: Value, more: Value) -> Value {
    let mut stage = json!({"type": "runJobManifest", "alias": "runJob", "name": "Run", "source": "text", "application": "shop", "manifest": manifest});
    stage
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    stage
}

async fn jobs(world: &World) -> Vec<Value> {
    world
        .kubernetes
        .list(&Kind::of("Job", "batch/v1"), "default", "")
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_log_of_a_job_becomes_outputs() {
    let world = world();
    let script = "echo SPINNAKER_PROPERTY_FOO=a=b==; echo 'SPINNAKER_CONFIG_JSON={\"size\": 3}'; echo x SPINNAKER_CONFIG_JSON={}";
    let run = world.run(&[
        stage(job("once", script), json!({"propertyFile": "main"})),
        json!({"type": "evaluateVariables", "variables": [{"key": "seen", "value": "${#stage('Run').outputs.foo}"}]}),
    ]).await;
    assert_eq!(
        run.status,
        Status::Succeeded,
        "{:?}",
        errors(&run.stages[0])
    );
    let done = &run.stages[0];
    assert_eq!(
        tasks(done),
        [
            "runJob SUCCEEDED",
            "monitorDeploy SUCCEEDED",
            "promoteOutputs SUCCEEDED",
            "waitOnJobCompletion SUCCEEDED"
        ]
    );
    assert_eq!(
        (&done.outputs["foo"], &done.outputs["size"]),
        (&json!("a=b=="), &json!(3))
    );
    assert_eq!(
        done.outputs["propertyFileContents"],
        json!({"foo": "a=b==", "size": 3})
    );
    assert_eq!(done.outputs["jobStatus"]["jobState"], "Succeeded");
    assert_eq!(
        done.context["deploy.jobs"],
        json!({"default": ["job once"]})
    );
    assert_eq!(run.stages[1].outputs["seen"], "a=b==");
    let again = world.stage(stage(job("once", script), json!({}))).await;
    assert_eq!(
        again.status,
        Status::Succeeded,
        "a Job of the same name is made anew"
    );

    let none = world
        .stage(stage(
            job("none", "echo nothing"),
            json!({"propertyFile": "main"}),
        ))
        .await;
    assert_eq!(
        errors(&none),
        [
            "Expected properties file: main but it was either missing, empty or contained invalid syntax"
        ]
    );
    let elsewhere = world
        .stage(stage(
            job("none", "echo nothing"),
            json!({"propertyFile": "side"}),
        ))
        .await;
    assert!(
        errors(&elsewhere)[0].starts_with("Expected properties file: side but"),
        "{:?}",
        errors(&elsewhere)
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_ends_the_stage_with_its_reason_and_its_properties() {
    let world = world();
    let failed = world
        .stage(stage(
            job("bad", "echo SPINNAKER_PROPERTY_WHY=disk; exit 3"),
            json!({"propertyFile": "main"}),
        ))
        .await;
    assert_eq!(failed.status, Status::Terminal);
    let said = &errors(&failed)[0];
    assert!(
        said.starts_with("Job: 'bad' failed. Reason: BackoffLimitExceeded."),
        "{said}"
    );
    assert!(
        said.contains("Container: 'main' exited with code: 3."),
        "{said}"
    );
    assert_eq!(failed.outputs["why"], "disk");
    assert_eq!(failed.outputs["jobStatus"]["jobState"], "Failed");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_pods_cannot_start_is_given_up_and_deleted() {
    let world = world();
    let mut stuck = job("stuck", "true");
    stuck["spec"]["template"]["spec"]["containers"][0]["image"] = json!("does-not-exist:1");
    let failed = world.stage(stage(stuck, json!({}))).await;
    assert!(
        errors(&failed)[0].contains("cannot have the image does-not-exist:1"),
        "{:?}",
        errors(&failed)
    );
    assert_eq!(jobs(&world).await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn a_canceled_stage_leaves_no_job_and_a_late_one_neither() {
    let world = world();
    let run = world
        .start(&[stage(job("long", "sleep 3600"), json!({}))])
        .await;
    until(&world.engine, &run, |run| {
        run.stages[0].context.contains_key("messages")
    })
    .await;
    assert_eq!(jobs(&world).await.len(), 1);
    world.engine.cancel(&run, "ann", None).await.unwrap();
    world.ended(&run).await;
    let gone = async {
        while !jobs(&world).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone)
        .await
        .unwrap();

    let late = world
        .stage(stage(
            job("late", "sleep 36000"),
            json!({"stageTimeoutMs": 60_000}),
        ))
        .await;
    assert_eq!(late.status, Status::Terminal);
    let gone = async {
        while !jobs(&world).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_job_is_made_once_though_answers_are_lost_and_the_process_dies() {
    let world = world();
    for (manifest, count) in [
        (job("once", "sleep 5"), 1),
        (
            {
                let mut generated = job("", "sleep 5");
                generated["metadata"] = json!({"generateName": "batch-", "namespace": "default"});
                generated
            },
            2,
        ),
    ] {
        world.sandbox.faults().next(
            1,
            Requests::on("jobs.batch").verbs(["create", "patch"]),
            Fault::CutAnswer,
        );
        let run = world.stage(stage(manifest, json!({}))).await;
        assert_eq!(run.status, Status::Succeeded, "{:?}", errors(&run));
        assert_eq!(jobs(&world).await.len(), count);
    }
    let run = world
        .start(&[stage(job("survivor", "sleep 600"), json!({}))])
        .await;
    until(&world.engine, &run, |run| {
        run.stages[0].context.contains_key("messages")
    })
    .await;
    let uid = world.get("job survivor").await.unwrap()["metadata"]["uid"].clone();
    world.engine.stop().await;
    let next = engine(&world.store, &world.kubernetes);
    let run = ended(&next, &run).await;
    assert_eq!(run.status, Status::Succeeded);
    assert_eq!(
        world.get("job survivor").await.unwrap()["metadata"]["uid"],
        uid
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_single_job_is_refused_and_nothing_is_sent() {
    let world = world();
    let table = [
        (
            stage(json!({"apiVersion": "v1", "kind": "Pod"}), json!({})),
            "manifest: Only kind of Job is accepted for the Run Job operation.",
        ),
        (
            stage(
                json!(null),
                json!({"manifests": [job("a", "true"), job("b", "true")]}),
            ),
            "Run Job only supports manifests with a single Job.",
        ),
        (
            stage(json!(null), json!({})),
            "manifest: it is missing; write the manifest of a Job",
        ),
    ];
    for (stage, expected) in table {
        let failed = world.stage(stage).await;
        assert_eq!(errors(&failed), [expected]);
    }
    assert!(
        !world
            .sandbox
            .requests()
            .iter()
            .any(|request| request.is_write())
    );
    let mut there = stage(
        job("quick", "sleep 3600"),
        json!({"waitForCompletion": false}),
    );
    there["namespace"] = json!("default");
    let done = world.stage(there).await;
    assert_eq!(
        tasks(&done),
        [
            "runJob SUCCEEDED",
            "monitorDeploy SUCCEEDED",
            "promoteOutputs SUCCEEDED"
        ]
    );
}
