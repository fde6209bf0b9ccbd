//! Rollouts: revisions, surge, undo, pause, deadlines, history. The clock is paused, so time passes only when nothing else can happen.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use spindrift_sandbox::{Fault, Requests, SandboxOptions};

use crate::support::{World, condition, condition_field, name, value, workload, world_with};

async fn patch(world: &World, body: Value) -> Value {
    value(
        &world
            .api("apps/v1", "Deployment")
            .patch("web", &PatchParams::default(), &Patch::Strategic(body))
            .await
            .unwrap(),
    )
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}})
}

fn is_done(object: &Value) -> bool {
    let (wanted, status) = (&object["spec"]["replicas"], &object["status"]);
    status["observedGeneration"] == object["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|field| status[field] == *wanted)
        && condition_field(object, "Progressing", "reason") == "NewReplicaSetAvailable"
}

async fn done(world: &World) -> Value {
    world.until("apps/v1", "Deployment", "web", is_done).await
}

async fn revisions(world: &World) -> Vec<(String, String, i64)> {
    let sets = world.list("apps/v1", "ReplicaSet", "app=web").await;
    let mut rows: Vec<_> = sets
        .iter()
        .map(|set| {
            let revision = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                .as_str()
                .unwrap()
                .to_owned();
            let image = set["spec"]["template"]["spec"]["containers"][0]["image"]
                .as_str()
                .unwrap()
                .to_owned();
            (revision, image, set["spec"]["replicas"].as_i64().unwrap())
        })
        .collect();
    rows.sort();
    rows
}

fn row(revision: &str, image: &str, replicas: i64) -> (String, String, i64) {
    (revision.to_owned(), image.to_owned(), replicas)
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_keeps_its_bounds_and_undo_is_a_template_change() {
    let world = world_with(SandboxOptions::default());
    let mut wanted = workload("Deployment", "web", "nginx:1", 4);
    wanted["metadata"]["annotations"] =
        json!({"team": "a", "kubectl.kubernetes.io/last-applied-configuration": "{}"});
    world.make(wanted).await;
    let first = done(&world).await;
    assert_eq!(condition(&first, "Available"), "True");
    let set = &world.list("apps/v1", "ReplicaSet", "app=web").await[0];
    let hash = set["metadata"]["labels"]["pod-template-hash"]
        .as_str()
        .unwrap();
    assert_eq!(name(set), format!("web-{hash}"));
    let annotations = &set["metadata"]["annotations"];
    assert_eq!(
        (
            &annotations["team"],
            annotations.get("kubectl.kubernetes.io/last-applied-configuration")
        ),
        (&json!("a"), None)
    );

    patch(&world, image("nginx:2")).await;
    let mut stream = Box::pin(kube::runtime::watcher(
        world.api("apps/v1", "Deployment"),
        Default::default(),
    ));
    let (mut most, mut least) = (0, i64::MAX);
    while let Some(event) = futures::StreamExt::next(&mut stream).await {
        let (kube::runtime::watcher::Event::Apply(object)
        | kube::runtime::watcher::Event::InitApply(object)) = event.unwrap()
        else {
            continue;
        };
        let object = value(&object);
        most = most.max(object["status"]["replicas"].as_i64().unwrap_or(0));
        least = least.min(object["status"]["availableReplicas"].as_i64().unwrap_or(0));
        if is_done(&object) {
            break;
        }
    }
    assert!(most <= 5, "a quarter more at most, saw {most}");
    assert!(least >= 3, "a quarter less at most, saw {least}");
    assert_eq!(
        revisions(&world).await,
        [row("1", "nginx:1", 0), row("2", "nginx:2", 4)]
    );

    patch(&world, image("nginx:1")).await;
    let undone = done(&world).await;
    assert_eq!(
        undone["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "3"
    );
    assert_eq!(
        revisions(&world).await,
        [row("2", "nginx:2", 0), row("3", "nginx:1", 4)]
    );
}

#[tokio::test(start_paused = true)]
async fn recreate_has_no_old_pod_beside_a_new_one() {
    let world = world_with(SandboxOptions::default());
    let mut wanted = workload("Deployment", "web", "nginx:1", 2);
    wanted["spec"]["strategy"] = json!({"type": "Recreate"});
    world.make(wanted).await;
    done(&world).await;
    patch(&world, image("nginx:2")).await;
    let between = world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"].get("replicas").is_none()
        })
        .await;
    assert_eq!(condition(&between, "Available"), "False");
    done(&world).await;
    assert_eq!(
        revisions(&world).await,
        [row("1", "nginx:1", 0), row("2", "nginx:2", 2)]
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_exceeds_the_deadline_and_a_new_one_recovers() {
    let world = world_with(SandboxOptions::default());
    let mut wanted = workload("Deployment", "web", "nginx:1", 3);
    wanted["spec"]["progressDeadlineSeconds"] = json!(30);
    world.make(wanted).await;
    done(&world).await;
    patch(&world, image("registry.example/does-not-exist:2")).await;
    let stuck = world
        .until("apps/v1", "Deployment", "web", |object| {
            condition_field(object, "Progressing", "reason") == "ProgressDeadlineExceeded"
        })
        .await;
    assert_eq!(condition(&stuck, "Progressing"), "False");
    assert_eq!(
        stuck["status"]["availableReplicas"], 3,
        "the old pods still serve"
    );
    let pods = world.list("v1", "Pod", "app=web").await;
    let reasons: Vec<_> = pods
        .iter()
        .filter_map(|pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].as_str()
        })
        .collect();
    assert_eq!(reasons, ["ImagePullBackOff"]);
    let events = world.list("v1", "Event", "").await;
    assert!(events.iter().any(|event| {
        event["reason"] == "Failed"
            && event["message"]
                .as_str()
                .unwrap()
                .contains("does-not-exist")
    }));
    patch(&world, image("nginx:3")).await;
    done(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_stands_still_but_scales() {
    let world = world_with(SandboxOptions::default());
    world
        .make(workload("Deployment", "web", "nginx:1", 2))
        .await;
    done(&world).await;
    patch(&world, json!({"spec": {"paused": true}})).await;
    patch(&world, image("nginx:2")).await;
    patch(&world, json!({"spec": {"replicas": 3}})).await;
    let paused = world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["availableReplicas"] == 3
        })
        .await;
    assert_eq!(
        condition_field(&paused, "Progressing", "reason"),
        "DeploymentPaused"
    );
    assert_eq!(revisions(&world).await, [row("1", "nginx:1", 3)]);
    patch(&world, json!({"spec": {"paused": false}})).await;
    done(&world).await;
    assert_eq!(
        revisions(&world).await,
        [row("1", "nginx:1", 0), row("2", "nginx:2", 3)]
    );
}

#[tokio::test(start_paused = true)]
async fn history_is_limited_and_scaling_in_a_rollout_is_shared() {
    let world = world_with(SandboxOptions::default());
    let mut wanted = workload("Deployment", "web", "nginx:0", 1);
    wanted["spec"]["revisionHistoryLimit"] = json!(2);
    world.make(wanted).await;
    done(&world).await;
    for version in 1..5 {
        patch(&world, image(&format!("nginx:{version}"))).await;
        done(&world).await;
    }
    world.until("apps/v1", "Deployment", "web", is_done).await;
    let revisions: Vec<_> = revisions(&world)
        .await
        .into_iter()
        .map(|(revision, ..)| revision)
        .collect();
    assert_eq!(revisions, ["3", "4", "5"]);

    patch(&world, json!({"spec": {"replicas": 4}})).await;
    done(&world).await;
    patch(&world, image("nginx:never-ready")).await;
    world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["updatedReplicas"] == 2
        })
        .await;
    patch(&world, json!({"spec": {"replicas": 8}})).await;
    let scaled = world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["replicas"] == 10
                && object["status"]["observedGeneration"] == object["metadata"]["generation"]
        })
        .await;
    let updated = scaled["status"]["updatedReplicas"].as_i64().unwrap();
    assert!(
        (3..=5).contains(&updated),
        "the new set has its share of ten: {updated}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_quota_shows_in_the_conditions() {
    let world = world_with(SandboxOptions::default());
    world.make(json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "2"}}})).await;
    world
        .make(workload("Deployment", "web", "nginx:1", 3))
        .await;
    let short = world
        .until("apps/v1", "Deployment", "web", |object| {
            condition(object, "ReplicaFailure") == "True" && object["status"]["readyReplicas"] == 2
        })
        .await;
    let message = condition_field(&short, "ReplicaFailure", "message");
    assert!(
        message.contains("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"),
        "{message}"
    );
    let quota = world
        .until("v1", "ResourceQuota", "q", |object| {
            object["status"]["used"]["pods"] == "2"
        })
        .await;
    assert_eq!(quota["status"]["hard"]["pods"], "2");
    world
        .api("v1", "ResourceQuota")
        .delete("q", &Default::default())
        .await
        .unwrap();
    done(&world).await;
}

#[tokio::test(start_paused = true)]
async fn crashing_and_unschedulable_pods_say_so() {
    let world = world_with(SandboxOptions::default());
    world
        .make(workload("Deployment", "web", "nginx:crash", 1))
        .await;
    let pod = name(
        &world
            .until("apps/v1", "Deployment", "web", |object| {
                object["status"]["updatedReplicas"] == 1
            })
            .await,
    )
    .to_owned();
    assert_eq!(pod, "web");
    let pods = world.list("v1", "Pod", "app=web").await;
    let looping = world
        .until("v1", "Pod", name(&pods[0]), |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
                == "CrashLoopBackOff"
        })
        .await;
    let status = &looping["status"]["containerStatuses"][0];
    assert_eq!(
        (
            &status["lastState"]["terminated"]["exitCode"],
            looping["status"]["phase"].as_str()
        ),
        (&json!(1), Some("Running"))
    );
    assert!(status["restartCount"].as_i64().unwrap() >= 1);
    world
        .make(workload("Deployment", "big", "nginx:unschedulable", 1))
        .await;
    world
        .until("apps/v1", "Deployment", "big", |object| {
            object["status"]["updatedReplicas"] == 1
        })
        .await;
    let pods = world.list("v1", "Pod", "app=big").await;
    let waiting = world
        .until("v1", "Pod", name(&pods[0]), |pod| {
            condition(pod, "PodScheduled") == "False"
        })
        .await;
    assert_eq!(
        condition_field(&waiting, "PodScheduled", "reason"),
        "Unschedulable"
    );
}

#[tokio::test]
async fn faults_of_the_api_do_not_touch_the_controllers() {
    let world = world_with(SandboxOptions::immediate());
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    world
        .sandbox
        .faults()
        .always(Requests::on("pods").verbs(["create"]), Fault::Unavailable);
    done(&world).await;
}
