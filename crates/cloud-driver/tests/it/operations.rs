//! What can be done to objects that are there.

use std::sync::Mutex;

use futures::StreamExt;
use serde_json::{Value, json};
use spindrift_cloud_driver::ErrorKind;
use spindrift_cloud_driver::kubernetes::{
    Cascade, Criteria, DeleteOptions, DeployRequest, Deployed, Kind, LogOptions, ManifestCluster,
    MergeStrategy, StabilityOptions, Traffic, Undo, read_properties,
};
use spindrift_cloud_driver::model::Moniker;
use spindrift_sandbox::{Fault, Requests};

use crate::support::{World, id, job, workload, world};

async fn stable(world: &World, name: &str) -> Value {
    world
        .await_stable(name, StabilityOptions::default())
        .await
        .1
        .unwrap()
}

async fn get(world: &World, name: &str) -> Option<Value> {
    world.kubernetes.get(&id(name)).await.unwrap()
}

async fn pods(world: &World, labels: &str) -> Vec<Value> {
    world
        .kubernetes
        .list(&Kind::of("Pod", "v1"), "default", labels)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn deleting_takes_along_what_is_owned_or_leaves_it() {
    let world = world();
    for (cascade, left) in [
        (Cascade::Background, 0),
        (Cascade::Foreground, 0),
        (Cascade::Orphan, 2),
    ] {
        world
            .make(workload("ReplicaSet", "web", "nginx:1", 2))
            .await;
        stable(&world, "replicaSet web").await;
        let options = DeleteOptions {
            cascade,
            grace_period_seconds: Some(1),
        };
        let old = world
            .kubernetes
            .delete(&id("replicaSet web"), &options)
            .await
            .unwrap()
            .unwrap();
        world.kubernetes.await_gone(&old, &|_| {}).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        assert_eq!(pods(&world, "app=web").await.len(), left, "{cascade:?}");
    }
    let again = world
        .kubernetes
        .delete(&id("replicaSet web"), &DeleteOptions::default())
        .await;
    assert_eq!(again, Ok(None), "what is not there is deleted already");
}

#[tokio::test(start_paused = true)]
async fn deleting_waits_for_finalizers_and_names_them() {
    let world = world();
    let made = world.make(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/hold"]}})).await;
    let id = id("configMap held");
    world
        .kubernetes
        .delete(&id, &DeleteOptions::default())
        .await
        .unwrap();
    let said = Mutex::new(Vec::new());
    let release = async {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        let none = json!({"metadata": {"finalizers": null}});
        world
            .kubernetes
            .patch(&id, MergeStrategy::Merge, &none, None)
            .await
            .unwrap();
    };
    let tell = |text: String| said.lock().unwrap().push(text);
    let (gone, ()) = tokio::join!(world.kubernetes.await_gone(&made, &tell), release);
    gone.unwrap();
    assert_eq!(
        said.lock().unwrap()[0],
        "configMap held is being deleted, and held by example.com/hold"
    );
}

#[tokio::test(start_paused = true)]
async fn labels_say_what_is_deleted() {
    let world = world();
    for (name, tier) in [("a", "x"), ("b", "x"), ("c", "y")] {
        world.make(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"tier": tier}}})).await;
    }
    let kind = Kind::of("ConfigMap", "v1");
    let options = DeleteOptions::default();
    let deleted = world
        .kubernetes
        .delete_by_labels(&kind, "default", "tier=x", &options)
        .await
        .unwrap();
    assert_eq!(deleted.len(), 2);
    assert!(get(&world, "configMap c").await.is_some());
    let error = world
        .kubernetes
        .delete_by_labels(&kind, "default", "", &options)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Invalid,
        "everything is never meant: {error}"
    );
}

#[tokio::test(start_paused = true)]
async fn scaling_is_for_what_can_be_scaled() {
    let world = world();
    for kind in ["Deployment", "ReplicaSet", "StatefulSet"] {
        let name = kind.to_lowercase();
        world.make(workload(kind, &name, "nginx:1", 1)).await;
        let id = id(&format!("{kind} {name}"));
        world.kubernetes.scale(&id, 3).await.unwrap();
        assert_eq!(
            world.kubernetes.get(&id).await.unwrap().unwrap()["spec"]["replicas"],
            3
        );
    }
    world.make(workload("DaemonSet", "all", "nginx:1", 1)).await;
    let table = [
        (
            "daemonSet all",
            ErrorKind::Unsupported,
            "Failed to scale daemonSet/all from default: Resource with kind daemonSet does not support scale",
        ),
        (
            "deployment nope",
            ErrorKind::NotFound,
            "Failed to scale deployment/nope from default: deployments.apps \"nope\" not found",
        ),
    ];
    for (name, kind, message) in table {
        let error = world.kubernetes.scale(&id(name), 3).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_mend_are_repeated_and_others_are_told_as_they_are() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    let mends = [
        Fault::TooManyRequests { retry_after: 2 },
        Fault::Unavailable,
        Fault::InternalError,
        Fault::Timeout,
        Fault::Conflict,
        Fault::Reset,
        Fault::CutAnswer,
    ];
    for (number, fault) in (2..).zip(mends) {
        world.sandbox.faults().next(
            2,
            Requests::on("deployments.apps").verbs(["patch"]),
            fault.clone(),
        );
        let scaled = world.kubernetes.scale(&id("deployment web"), number).await;
        assert_eq!(scaled, Ok(()), "{fault:?}");
        assert_eq!(
            get(&world, "deployment web").await.unwrap()["spec"]["replicas"],
            number
        );
    }
    world.sandbox.faults().clear();
    world.sandbox.faults().next(
        1,
        Requests::on("deployments.apps").verbs(["patch"]),
        Fault::Denied {
            webhook: "w".to_owned(),
            message: "no".to_owned(),
        },
    );
    let error = world
        .kubernetes
        .scale(&id("deployment web"), 1)
        .await
        .unwrap_err();
    assert_eq!(
        error.message,
        "Failed to scale deployment/web from default: admission webhook \"w\" denied the request: no"
    );
}

#[tokio::test(start_paused = true)]
async fn patches_of_three_kinds() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    let web = id("deployment web");
    let patch = async |strategy, body: Value, cause| {
        world.kubernetes.patch(&web, strategy, &body, cause).await
    };
    let body =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s:1"}]}}}});
    let patched = patch(MergeStrategy::Strategic, body.clone(), Some("release 7"))
        .await
        .unwrap();
    assert_eq!(
        patched
            .pointer("/spec/template/spec/containers")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        patched["metadata"]["annotations"]["kubernetes.io/change-cause"],
        "release 7"
    );
    let patched = patch(MergeStrategy::Merge, body, None).await.unwrap();
    assert_eq!(
        patched
            .pointer("/spec/template/spec/containers")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let removed = patch(
        MergeStrategy::Merge,
        json!({"metadata": {"annotations": {"kubernetes.io/change-cause": null}}}),
        None,
    )
    .await
    .unwrap();
    assert_eq!(
        removed.pointer("/metadata/annotations/kubernetes.io~1change-cause"),
        None,
        "null removes"
    );
    let patched = patch(
        MergeStrategy::Json,
        json!([{"op": "replace", "path": "/spec/replicas", "value": 4}]),
        Some("more"),
    )
    .await
    .unwrap();
    assert_eq!(patched["spec"]["replicas"], 4);
    assert_eq!(
        patched["metadata"]["annotations"]["kubernetes.io/change-cause"],
        "more"
    );
    let error = patch(MergeStrategy::Json, json!({"spec": {}}), None)
        .await
        .unwrap_err();
    assert!(
        error.message.starts_with(
            "Patch failed for: web in namespace: default: this is no list of JSON patch operations"
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollout_goes_back_to_the_revision_that_was_meant() {
    let world = world();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        let name = kind.to_lowercase();
        let web = id(&format!("{kind} {name}"));
        let full_name = format!("{kind} {name}");
        world.make(workload(kind, &name, "nginx:1", 1)).await;
        stable(&world, &full_name).await;
        for image in ["nginx:2", "nginx:3"] {
            let body = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}});
            world
                .kubernetes
                .patch(&web, MergeStrategy::Strategic, &body, None)
                .await
                .unwrap();
            stable(&world, &full_name).await;
        }
        let image = async || {
            let object = world.kubernetes.get(&web).await.unwrap().unwrap();
            object
                .pointer("/spec/template/spec/containers/0/image")
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let back = world
            .kubernetes
            .find_revision(&web, Undo::Back(1))
            .await
            .unwrap();
        assert_eq!(back.number, 2);
        world.kubernetes.undo_rollout(&web, &back).await.unwrap();
        stable(&world, &full_name).await;
        assert_eq!(image().await, "nginx:2", "{kind}");
        world.kubernetes.undo_rollout(&web, &back).await.unwrap();
        assert_eq!(
            image().await,
            "nginx:2",
            "{kind}: the same undo again changes nothing"
        );
        let first = world
            .kubernetes
            .find_revision(&web, Undo::To(1))
            .await
            .unwrap();
        world.kubernetes.undo_rollout(&web, &first).await.unwrap();
        assert_eq!(image().await, "nginx:1", "{kind}");
        let error = world
            .kubernetes
            .find_revision(&web, Undo::Back(9))
            .await
            .unwrap_err();
        assert!(
            error
                .message
                .ends_with("There are 3 revision(s) in total, cannot rollback 9"),
            "{error}"
        );
        let error = world
            .kubernetes
            .find_revision(&web, Undo::To(77))
            .await
            .unwrap_err();
        assert!(
            error
                .message
                .contains("unable to find specified revision 77 in history"),
            "{error}"
        );
    }
    world.make(workload("ReplicaSet", "rs", "nginx:1", 1)).await;
    let error = world
        .kubernetes
        .find_revision(&id("replicaSet rs"), Undo::Back(1))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn rollouts_are_held_resumed_and_restarted() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 1))
        .await;
    let web = id("deployment web");
    stable(&world, "deployment web").await;
    world.kubernetes.pause_rollout(&web).await.unwrap();
    let error = world
        .kubernetes
        .restart_rollout(&web, "2026-01-01T00:00:00Z")
        .await
        .unwrap_err();
    assert_eq!(
        error.message,
        "Failed to restart rollout deployment/web from default: a paused deployment cannot be restarted; resume it first"
    );
    world.kubernetes.resume_rollout(&web).await.unwrap();
    let before = pods(&world, "app=web").await[0]["metadata"]["uid"].clone();
    world
        .kubernetes
        .restart_rollout(&web, "2026-01-01T00:00:00Z")
        .await
        .unwrap();
    stable(&world, "deployment web").await;
    let after = get(&world, "deployment web").await.unwrap();
    assert_eq!(
        after
            .pointer("/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt")
            .unwrap(),
        "2026-01-01T00:00:00Z"
    );
    world
        .kubernetes
        .restart_rollout(&web, "2026-01-01T00:00:00Z")
        .await
        .unwrap();
    assert_eq!(
        get(&world, "deployment web").await.unwrap()["metadata"]["generation"],
        after["metadata"]["generation"],
        "the same restart again is none"
    );
    let now = pods(&world, "app=web").await;
    assert!(now.iter().any(|pod| pod["metadata"]["uid"] != before));
    world
        .make(workload("StatefulSet", "set", "nginx:1", 1))
        .await;
    let error = world
        .kubernetes
        .pause_rollout(&id("statefulSet set"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

/// A Service, and a ReplicaSet behind it by the label `lb`.
async fn behind_a_service(world: &World, name: &str) {
    let mut set = workload("ReplicaSet", name, "nginx:1", 2);
    set["metadata"]["annotations"] =
        json!({"traffic.spinnaker.io/load-balancers": "[\"service web\"]"});
    set["spec"]["template"]["metadata"]["labels"]["load-balancer/x"] = json!("true");
    world.make(set).await;
}

fn addresses(slice: &Value) -> usize {
    slice["endpoints"].as_array().map_or(0, |list| {
        list.iter()
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .count()
    })
}

#[tokio::test(start_paused = true)]
async fn traffic_is_turned_off_and_on_again() {
    let world = world();
    world.make(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"load-balancer/x": "true"}, "ports": [{"port": 80}]}})).await;
    for name in ["old", "new"] {
        behind_a_service(&world, name).await;
        stable(&world, &format!("replicaSet {name}")).await;
    }
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
        slices.iter().map(addresses).sum::<usize>()
    };
    let old = id("replicaSet old");
    let services = world.kubernetes.disable_traffic(&old, &[]).await.unwrap();
    assert_eq!(services, ["service web"]);
    world
        .kubernetes
        .await_traffic(&old, &services, Traffic::Off, &|_| {})
        .await
        .unwrap();
    assert_eq!(ready().await, 2, "the other one is still served");
    let set = world.kubernetes.get(&old).await.unwrap().unwrap();
    assert_eq!(
        set.pointer("/spec/template/metadata/labels").unwrap(),
        &json!({"app": "old"})
    );
    for pod in pods(&world, "app=old").await {
        assert_eq!(pod["metadata"]["labels"].get("load-balancer/x"), None);
    }
    assert_eq!(
        world.kubernetes.disable_traffic(&old, &[]).await.unwrap(),
        services,
        "again is harmless"
    );
    world.sandbox.faults().next(
        2,
        Requests::on("pods").verbs(["patch"]),
        Fault::TooManyRequests { retry_after: 1 },
    );
    world.kubernetes.enable_traffic(&old, &[]).await.unwrap();
    world
        .kubernetes
        .await_traffic(&old, &services, Traffic::On, &|_| {})
        .await
        .unwrap();
    assert_eq!(ready().await, 4);

    let table = [
        (
            vec!["web".to_owned()],
            "Load balancers must be specified in the form '{kind} {name}', e.g. 'service my-service'. \"web\" is not.",
        ),
        (
            vec!["ingress web".to_owned()],
            "No support for load balancing via ingress exists; name a service",
        ),
        (
            vec!["service nope".to_owned()],
            "Load balancer service nope does not exist",
        ),
    ];
    for (services, message) in table {
        let error = world
            .kubernetes
            .disable_traffic(&old, &services)
            .await
            .unwrap_err();
        assert_eq!(error.message, message);
    }
    world
        .make(workload("ReplicaSet", "plain", "nginx:1", 1))
        .await;
    assert_eq!(
        world
            .kubernetes
            .disable_traffic(&id("replicaSet plain"), &[])
            .await,
        Ok(Vec::new())
    );
    world.sandbox.faults().always(
        Requests::on("endpointslices.discovery.k8s.io"),
        Fault::Forbidden,
    );
    world
        .kubernetes
        .await_traffic(&old, &services, Traffic::On, &|_| {})
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_object_of_a_cluster_is_chosen() {
    let world = world();
    for (number, replicas) in [(0, 3), (1, 1), (2, 2)] {
        let mut set = workload(
            "ReplicaSet",
            &format!("web-v00{number}"),
            "nginx:1",
            replicas,
        );
        set["metadata"]["annotations"] = json!({"moniker.spinnaker.io/application": "shop", "moniker.spinnaker.io/cluster": "\"replicaSet web\""});
        world.make(set).await;
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    }
    world
        .make(workload("ReplicaSet", "stranger", "nginx:1", 9))
        .await;
    let cluster = ManifestCluster {
        kind: Kind::of("ReplicaSet", "apps/v1"),
        namespace: "default".to_owned(),
        application: "shop".to_owned(),
        name: "replicaSet web".to_owned(),
    };
    let table = [
        (Criteria::Newest, "web-v002"),
        (Criteria::SecondNewest, "web-v001"),
        (Criteria::Oldest, "web-v000"),
        (Criteria::Largest, "web-v000"),
        (Criteria::Smallest, "web-v001"),
    ];
    for (criteria, name) in table {
        assert_eq!(
            world
                .kubernetes
                .resolve_target(&cluster, criteria)
                .await
                .unwrap()
                .name,
            name,
            "{criteria:?}"
        );
    }
    let other = ManifestCluster {
        name: "replicaSet nope".to_owned(),
        ..cluster
    };
    let error = world
        .kubernetes
        .resolve_target(&other, Criteria::Newest)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

fn request(manifest: &Value, key: &str) -> DeployRequest {
    DeployRequest {
        manifests: vec![manifest.clone()],
        moniker: Moniker {
            app: Some("shop".to_owned()),
            ..Moniker::default()
        },
        key: key.to_owned(),
        ..DeployRequest::default()
    }
}

fn uid(deployed: &Deployed) -> &str {
    deployed.manifests[0]["metadata"]["uid"].as_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_once_for_each_request() {
    let world = world();
    let manifest = job("once", "echo SPINNAKER_PROPERTY_FOO=a=b==; echo done");
    let made = world
        .kubernetes
        .run_job(&request(&manifest, "k1"))
        .await
        .unwrap();
    let again = world
        .kubernetes
        .run_job(&request(&manifest, "k1"))
        .await
        .unwrap();
    assert_eq!(uid(&made), uid(&again));
    let options = StabilityOptions::default();
    let end = world
        .kubernetes
        .await_job("default", "once", &options, &|_| {})
        .await
        .unwrap();
    assert!(end.succeeded);
    let log = world.kubernetes.job_log(&end, "main").await.unwrap();
    assert_eq!(
        Value::Object(read_properties(&log).unwrap()),
        json!({"foo": "a=b=="})
    );
    let next = world
        .kubernetes
        .run_job(&request(&manifest, "k2"))
        .await
        .unwrap();
    assert_ne!(uid(&made), uid(&next), "another request runs it anew");

    let mut generated = job("", "true");
    generated["metadata"] = json!({"generateName": "batch-"});
    world.sandbox.faults().next(
        1,
        Requests::on("jobs.batch").verbs(["create"]),
        Fault::CutAnswer,
    );
    world
        .kubernetes
        .run_job(&request(&generated, "k3"))
        .await
        .unwrap();
    let jobs = world
        .kubernetes
        .list(&Kind::of("Job", "batch/v1"), "default", "")
        .await
        .unwrap();
    let batch = jobs.iter().filter(|job| {
        job["metadata"]["name"]
            .as_str()
            .unwrap()
            .starts_with("batch-")
    });
    assert_eq!(
        batch.count(),
        1,
        "an answer that was lost makes no second Job"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_says_why_and_one_that_is_not_wanted_any_more_goes() {
    let world = world();
    let mut failing = job("bad", "echo working; exit 3");
    failing["spec"]["template"]["metadata"] =
        json!({"annotations": {"sandbox.spindrift.io/termination-message": "no disk"}});
    world
        .kubernetes
        .run_job(&request(&failing, "k"))
        .await
        .unwrap();
    let options = StabilityOptions::default();
    let end = world
        .kubernetes
        .await_job("default", "bad", &options, &|_| {})
        .await
        .unwrap();
    assert!(!end.succeeded && end.trouble.is_none());
    let said = end.failure();
    assert!(
        said.starts_with("Job: 'bad' failed. Reason: BackoffLimitExceeded. Details: "),
        "{said}"
    );
    assert!(
        said.contains("Container: 'main' exited with code: 3.\n Status: Error.\n Logs: no disk"),
        "{said}"
    );
    assert_eq!(
        world.kubernetes.job_log(&end, "main").await.unwrap(),
        "working\n"
    );

    let mut stuck = job("stuck", "true");
    stuck["spec"]["template"]["spec"]["containers"][0]["image"] = json!("does-not-exist:1");
    world
        .kubernetes
        .run_job(&request(&stuck, "k"))
        .await
        .unwrap();
    let end = world
        .kubernetes
        .await_job("default", "stuck", &options, &|_| {})
        .await
        .unwrap();
    assert!(
        end.failure()
            .contains("cannot have the image does-not-exist:1"),
        "{}",
        end.failure()
    );

    world
        .kubernetes
        .cancel_job("default", "another")
        .await
        .unwrap();
    assert!(
        get(&world, "job stuck").await.is_some(),
        "the Job of another request is left alone"
    );
    world.kubernetes.cancel_job("default", "k").await.unwrap();
    world
        .kubernetes
        .await_gone(&end.job, &|_| {})
        .await
        .unwrap();
    world.kubernetes.cancel_job("default", "k").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_line_by_line() {
    let world = world();
    world
        .make(workload("ReplicaSet", "web", "nginx:1", 1))
        .await;
    stable(&world, "replicaSet web").await;
    let pod = pods(&world, "app=web").await[0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut lines = world
        .kubernetes
        .follow_logs("default", &pod, &LogOptions::default())
        .await
        .unwrap();
    assert_eq!(
        lines.next().await.unwrap().unwrap(),
        "main: started nginx:1"
    );
    for text in ["one", "two"] {
        assert!(world.sandbox.append_log("default", &pod, "main", text));
        assert_eq!(lines.next().await.unwrap().unwrap(), text);
    }
    world
        .kubernetes
        .delete(&id("replicaSet web"), &DeleteOptions::default())
        .await
        .unwrap();
    assert!(
        lines.next().await.is_none(),
        "the log ends with the container"
    );
    let error = world
        .kubernetes
        .logs("default", "nope", &LogOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}
