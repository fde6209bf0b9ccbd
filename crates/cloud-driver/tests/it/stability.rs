//! Waiting until an object is stable.

use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use spindrift_cloud_driver::ErrorKind;
use spindrift_cloud_driver::kubernetes::{EarlyFailure, StabilityOptions};
use spindrift_sandbox::{Fault, Requests, SandboxOptions};
use tokio::time::{Instant, sleep};

use crate::support::{id, job, workload, world, world_with};

fn early(early_failure: EarlyFailure) -> StabilityOptions {
    StabilityOptions {
        early_failure,
        ..StabilityOptions::default()
    }
}

fn usual() -> StabilityOptions {
    StabilityOptions::default()
}

#[tokio::test(start_paused = true)]
async fn every_workload_becomes_stable_and_says_what_is_missing() {
    let world = world();
    for kind in ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"] {
        let name = kind.to_lowercase();
        world.make(workload(kind, &name, "nginx:1", 2)).await;
        let (said, answer) = world.await_stable(&format!("{kind} {name}"), usual()).await;
        assert!(answer.is_ok(), "{kind}: {answer:?}");
        assert!(
            said.last()
                .is_some_and(|said| said.starts_with("Waiting for")),
            "{kind}: {said:?}"
        );
    }
    world.make(job("once", "echo hello")).await;
    let (said, answer) = world.await_stable("job once", usual()).await;
    assert_eq!(answer.unwrap()["status"]["succeeded"], 1);
    assert_eq!(said, ["Waiting for jobs to finish"]);
    assert!(
        world
            .await_stable("configMap kube-root-ca.crt", usual())
            .await
            .1
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_asks_once_and_is_told_the_rest() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 3))
        .await;
    world.kubernetes.resources().await.unwrap();
    world.sandbox.forget_requests();
    world
        .await_stable("deployment web", usual())
        .await
        .1
        .unwrap();
    let about: Vec<String> = world
        .sandbox
        .requests()
        .iter()
        .filter(|request| request.path.contains("/deployments"))
        .map(|request| request.verb.clone())
        .collect();
    assert_eq!(about, ["list", "watch"]);
}

#[tokio::test(start_paused = true)]
async fn what_will_not_become_stable_fails_with_its_cause() {
    let world = world();
    let denied = |mut object: Value| {
        object["spec"]["template"]["metadata"]["annotations"] =
            json!({"sandbox.spindrift.io/deny": "no pods today"});
        object
    };
    // The object, the trouble, the seconds a patient wait takes at least, words of the message.
    let table = [
        (
            workload("Deployment", "pull", "does-not-exist:1", 1),
            "imagePull",
            60,
            "does-not-exist:1",
        ),
        (
            workload("Deployment", "crash", "crash:1", 1),
            "crashLoop",
            120,
            "crashes again and again; it last exited with code 1",
        ),
        (
            workload("StatefulSet", "node", "unschedulable:1", 1),
            "unschedulable",
            300,
            "no node takes it",
        ),
        (
            workload("DaemonSet", "pull-all", "does-not-exist:1", 1),
            "imagePull",
            60,
            "pod pull-all-",
        ),
        (
            denied(workload("ReplicaSet", "denied", "nginx:1", 1)),
            "admission",
            60,
            "no pods today",
        ),
        (
            denied(workload("StatefulSet", "denied-too", "nginx:1", 1)),
            "admission",
            60,
            "no pods today",
        ),
    ];
    for (object, trouble, seconds, words) in table {
        let name = format!(
            "{} {}",
            object["kind"].as_str().unwrap(),
            object["metadata"]["name"].as_str().unwrap()
        );
        world.make(object).await;
        let start = Instant::now();
        let (said, answer) = world.await_stable(&name, usual()).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Failed, "{name}: {error}");
        assert!(error.message.contains(words), "{name}: {error}");
        assert_eq!(error.details["trouble"]["type"], trouble, "{name}");
        assert!(
            !error.details["events"].as_array().unwrap().is_empty(),
            "{name}"
        );
        assert!(
            said.iter().any(|said| said.contains(words)),
            "it is named before it fails: {said:#?}"
        );
        let taken = start.elapsed().as_secs();
        assert!(
            (seconds..seconds + 60).contains(&taken),
            "{name} took {taken} s"
        );

        let start = Instant::now();
        let (_, answer) = world.await_stable(&name, early(EarlyFailure::AtOnce)).await;
        assert!(answer.unwrap_err().message.contains(words), "{name}");
        assert!(
            start.elapsed() < Duration::from_secs(50),
            "{name} took {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_may_take_its_time_fails_at_its_own_deadline() {
    let world = world();
    let mut object = workload("Deployment", "web", "never-ready:1", 1);
    object["spec"]["progressDeadlineSeconds"] = json!(90);
    world.make(object).await;
    let error = world
        .await_stable("deployment web", early(EarlyFailure::Never))
        .await
        .1
        .unwrap_err();
    assert_eq!(error.message, "Deployment exceeded its progress deadline");
}

#[tokio::test(start_paused = true)]
async fn the_pods_of_an_older_template_trouble_nobody() {
    let world = world();
    world
        .make(workload("Deployment", "web", "crash:1", 1))
        .await;
    let (_, answer) = world
        .await_stable("deployment web", early(EarlyFailure::AtOnce))
        .await;
    assert!(answer.is_err());
    let slow = json!({"spec": {"template": {"metadata": {"annotations": {"sandbox.spindrift.io/ready-after": "150s"}},
        "spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}});
    let api = world.api("apps/v1", "Deployment");
    api.patch("web", &PatchParams::default(), &Patch::Strategic(slow))
        .await
        .unwrap();
    let (said, answer) = world.await_stable("deployment web", usual()).await;
    assert!(answer.is_ok(), "{answer:?} {said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_trouble_that_mends_itself_in_time_is_forgiven() {
    let world = world();
    world
        .make(workload("Deployment", "web", "does-not-exist:1", 1))
        .await;
    let mend = async {
        sleep(Duration::from_secs(45)).await;
        let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}});
        world
            .api("apps/v1", "Deployment")
            .patch("web", &PatchParams::default(), &Patch::Strategic(image))
            .await
            .unwrap();
    };
    let ((said, answer), ()) = tokio::join!(world.await_stable("deployment web", usual()), mend);
    assert!(answer.is_ok(), "{answer:?} {said:?}");
}

#[tokio::test(start_paused = true)]
async fn an_absent_object_and_one_that_is_deleted_end_the_wait() {
    let world = world();
    let error = world
        .await_stable("deployment web", usual())
        .await
        .1
        .unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (
            ErrorKind::NotFound,
            "there is no deployment web in \"default\" to wait for"
        )
    );

    world
        .make(workload("Deployment", "web", "never-ready:1", 1))
        .await;
    let delete = async {
        sleep(Duration::from_secs(10)).await;
        world
            .api("apps/v1", "Deployment")
            .delete("web", &DeleteParams::background())
            .await
            .unwrap();
    };
    let ((_, answer), ()) = tokio::join!(world.await_stable("deployment web", usual()), delete);
    assert_eq!(
        answer.unwrap_err().message,
        "deployment web in \"default\" was deleted while it was waited for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_is_taken_up_again() {
    let deployments = || Requests::on("deployments.apps");
    let faults = [
        (
            deployments().verbs(["watch"]),
            Fault::DropWatch { after: 1 },
        ),
        (
            deployments().verbs(["watch"]),
            Fault::ExpireWatch { after: 0 },
        ),
        (
            deployments().verbs(["watch"]),
            Fault::Status {
                code: 410,
                reason: "Expired".to_owned(),
                message: "too old".to_owned(),
            },
        ),
        (deployments(), Fault::TooManyRequests { retry_after: 3 }),
        (deployments(), Fault::Unavailable),
        (deployments(), Fault::InternalError),
        (deployments(), Fault::Reset),
        (deployments().verbs(["list"]), Fault::CutAnswer),
        (Requests::on("pods"), Fault::Forbidden),
    ];
    for (number, (requests, fault)) in faults.into_iter().enumerate() {
        let world = world();
        let name = format!("web-{number}");
        world
            .make(workload("Deployment", &name, "nginx:1", 2))
            .await;
        world.sandbox.faults().next(3, requests, fault.clone());
        let (said, answer) = world
            .await_stable(&format!("deployment {name}"), usual())
            .await;
        assert!(answer.is_ok(), "{fault:?}: {answer:?} {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_says_no_or_stays_away_ends_the_wait() {
    let world = world();
    world
        .make(workload("Deployment", "web", "never-ready:1", 1))
        .await;
    world.kubernetes.resources().await.unwrap();
    let rule = world.sandbox.faults().always(
        Requests::on("deployments.apps").verbs(["list", "watch"]),
        Fault::Forbidden,
    );
    let error = world
        .await_stable("deployment web", usual())
        .await
        .1
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(
        error.message.starts_with(
            "cannot watch deployment web in \"default\": deployments.apps is forbidden"
        ),
        "{error}"
    );
    world.sandbox.faults().remove(rule);

    world
        .sandbox
        .faults()
        .always(Requests::on("deployments.apps"), Fault::Unavailable);
    let start = Instant::now();
    let error = world
        .await_stable("deployment web", usual())
        .await
        .1
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(
        error
            .message
            .contains("the API server has failed for 300 seconds"),
        "{error}"
    );
    assert!((300..360).contains(&start.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_is_waited_for_and_says_so() {
    let world = world();
    let mut object = workload("Deployment", "web", "nginx:1", 1);
    object["spec"]["paused"] = json!(true);
    world.make(object).await;
    let resume = async {
        sleep(Duration::from_secs(10)).await;
        let resume = json!({"spec": {"paused": false}});
        world
            .api("apps/v1", "Deployment")
            .patch("web", &PatchParams::default(), &Patch::Merge(resume))
            .await
            .unwrap();
    };
    let ((said, answer), ()) = tokio::join!(world.await_stable("deployment web", usual()), resume);
    assert!(answer.is_ok(), "{answer:?}");
    assert!(
        said.iter()
            .any(|said| said.contains("it is paused, and goes on when it is resumed")),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn readiness_is_waited_for_only_when_asked_for() {
    let world = world_with(SandboxOptions::default());
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    world.make(service).await;
    let (said, answer) = world.await_stable("service web", usual()).await;
    assert!(answer.is_ok() && said.is_empty());
    let strict = StabilityOptions {
        readiness: true,
        ..usual()
    };
    let (said, answer) = world.await_stable("service web", strict).await;
    assert_eq!(said, ["Waiting for the load balancer to have an address"]);
    assert!(answer.unwrap()["status"]["loadBalancer"]["ingress"][0].is_object());
    assert_eq!(id("service web").kind.to_string(), "service");
}
