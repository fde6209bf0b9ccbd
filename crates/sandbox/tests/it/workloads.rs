//! StatefulSets, DaemonSets, Jobs, CronJobs, services, volumes, budgets and logs.

use futures::{AsyncBufReadExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{EvictParams, LogParams, Patch, PatchParams};
use serde_json::{Value, json};
use spindrift_sandbox::SandboxOptions;

use crate::support::{
    condition, condition_field, name, object, refusal, value, workload, world, world_with,
};

fn job(image: &str, command: &str, spec: Value) -> Value {
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": image, "command": ["sh", "-c", command]}]}}}});
    json_patch::merge(&mut job, &json!({"spec": spec}));
    job
}

#[tokio::test(start_paused = true)]
async fn a_stateful_set_goes_up_in_order_and_rolls_from_the_top() {
    let world = world_with(SandboxOptions::default());
    let mut wanted = workload("StatefulSet", "db", "pg:1", 3);
    wanted["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]);
    world.make(wanted).await;
    let one = world
        .until("apps/v1", "StatefulSet", "db", |set| {
            set["status"]["replicas"] == 1
        })
        .await;
    assert_eq!(
        one["status"].get("readyReplicas"),
        None,
        "the second waits for the first"
    );
    world
        .until("apps/v1", "StatefulSet", "db", |set| {
            set["status"]["readyReplicas"] == 3
        })
        .await;
    let claim = world
        .until("v1", "PersistentVolumeClaim", "data-db-2", |claim| {
            claim["status"]["phase"] == "Bound"
        })
        .await;
    assert_eq!(claim["spec"]["storageClassName"], "standard");

    let api = world.api("apps/v1", "StatefulSet");
    let next = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}, "template": {"spec": {"containers": [{"name": "main", "image": "pg:2"}]}}}});
    api.patch("db", &PatchParams::default(), &Patch::Strategic(next))
        .await
        .unwrap();
    let partitioned = world
        .until("apps/v1", "StatefulSet", "db", |set| {
            set["status"]["updatedReplicas"] == 1 && set["status"]["readyReplicas"] == 3
        })
        .await;
    assert_ne!(
        partitioned["status"]["currentRevision"],
        partitioned["status"]["updateRevision"]
    );
    let images: Vec<_> = world
        .list("v1", "Pod", "app=db")
        .await
        .iter()
        .map(|pod| {
            pod["spec"]["containers"][0]["image"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(images, ["pg:1", "pg:1", "pg:2"]);
    api.patch(
        "db",
        &PatchParams::default(),
        &Patch::Merge(json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})),
    )
    .await
    .unwrap();
    let done = world
        .until("apps/v1", "StatefulSet", "db", |set| {
            set["status"]["updatedReplicas"] == 3 && set["status"]["readyReplicas"] == 3
        })
        .await;
    assert_eq!(
        done["status"]["currentRevision"],
        done["status"]["updateRevision"]
    );
    api.patch(
        "db",
        &PatchParams::default(),
        &Patch::Merge(json!({"spec": {"replicas": 1}})),
    )
    .await
    .unwrap();
    world.until_gone("v1", "Pod", "db-1").await;
    assert!(
        world
            .api("v1", "Pod")
            .get_opt("db-2")
            .await
            .unwrap()
            .is_none(),
        "the last goes first"
    );
}

#[tokio::test(start_paused = true)]
async fn a_daemon_set_has_a_pod_on_every_node_and_rolls() {
    let mut options = SandboxOptions::default();
    options.nodes = vec!["n1".into(), "n2".into()];
    let world = world_with(options);
    world.make(workload("DaemonSet", "agent", "a:1", 0)).await;
    let ready = |image: &'static str| {
        move |set: &Value| {
            set["status"]["updatedNumberScheduled"] == 2
                && set["status"]["numberAvailable"] == 2
                && set["spec"]["template"]["spec"]["containers"][0]["image"] == image
        }
    };
    world
        .until("apps/v1", "DaemonSet", "agent", ready("a:1"))
        .await;
    let mut nodes: Vec<_> = world
        .list("v1", "Pod", "app=agent")
        .await
        .iter()
        .map(|pod| pod["spec"]["nodeName"].as_str().unwrap().to_owned())
        .collect();
    nodes.sort();
    assert_eq!(nodes, ["n1", "n2"]);
    let next =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "a:2"}]}}}});
    world
        .api("apps/v1", "DaemonSet")
        .patch("agent", &PatchParams::default(), &Patch::Strategic(next))
        .await
        .unwrap();
    world
        .until("apps/v1", "DaemonSet", "agent", ready("a:2"))
        .await;
    assert_eq!(
        world
            .list("apps/v1", "ControllerRevision", "app=agent")
            .await
            .len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_completes_and_its_log_can_be_read() {
    let world = world_with(SandboxOptions::default());
    world
        .make(job(
            "busybox",
            "echo SPINNAKER_PROPERTY_A=b; sleep 5; echo done",
            json!({"completions": 2, "ttlSecondsAfterFinished": 60}),
        ))
        .await;
    let done = world
        .until("batch/v1", "Job", "j", |job| {
            condition(job, "Complete") == "True"
        })
        .await;
    assert_eq!(
        (&done["status"]["succeeded"], done["status"].get("active")),
        (&json!(2), None)
    );
    let pods: Api<Pod> = Api::default_namespaced(world.client.clone());
    let names: Vec<_> = world
        .list("v1", "Pod", "job-name=j")
        .await
        .iter()
        .map(|pod| name(pod).to_owned())
        .collect();
    assert_eq!(
        pods.logs(&names[0], &LogParams::default()).await.unwrap(),
        "SPINNAKER_PROPERTY_A=b\ndone\n"
    );
    let tail = LogParams {
        tail_lines: Some(1),
        ..LogParams::default()
    };
    assert_eq!(pods.logs(&names[0], &tail).await.unwrap(), "done\n");
    world.until_gone("batch/v1", "Job", "j").await;
    assert!(world.list("v1", "Pod", "job-name=j").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_fails_after_its_retries_with_what_its_container_said() {
    let world = world_with(SandboxOptions::default());
    let mut wanted = job("busybox", "echo no; exit 3", json!({"backoffLimit": 1}));
    wanted["spec"]["template"]["metadata"] =
        json!({"annotations": {"sandbox.spindrift.io/termination-message": "out of luck"}});
    world.make(wanted).await;
    let failed = world
        .until("batch/v1", "Job", "j", |job| {
            condition(job, "Failed") == "True"
        })
        .await;
    assert_eq!(
        condition_field(&failed, "Failed", "reason"),
        "BackoffLimitExceeded"
    );
    assert_eq!(failed["status"]["failed"], 2);
    let pod = &world.list("v1", "Pod", "job-name=j").await[0];
    let terminated = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (
            &terminated["exitCode"],
            &terminated["message"],
            &pod["status"]["phase"]
        ),
        (&json!(3), &json!("out of luck"), &json!("Failed"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_has_a_deadline_and_can_be_suspended() {
    let world = world_with(SandboxOptions::default());
    world
        .make(job(
            "busybox",
            "sleep 1000",
            json!({"suspend": true, "activeDeadlineSeconds": 20}),
        ))
        .await;
    world
        .until("batch/v1", "Job", "j", |job| {
            condition(job, "Suspended") == "True"
        })
        .await;
    assert!(world.list("v1", "Pod", "job-name=j").await.is_empty());
    world
        .api("batch/v1", "Job")
        .patch(
            "j",
            &PatchParams::default(),
            &Patch::Merge(json!({"spec": {"suspend": false}})),
        )
        .await
        .unwrap();
    let failed = world
        .until("batch/v1", "Job", "j", |job| {
            condition(job, "Failed") == "True"
        })
        .await;
    assert_eq!(
        condition_field(&failed, "Failed", "reason"),
        "DeadlineExceeded"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cron_job_starts_jobs_on_time_and_keeps_a_few() {
    let world = world_with(SandboxOptions::default());
    let template = job("busybox", "true", json!({}))["spec"].clone();
    world.make(json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {"schedule": "*/5 * * * *", "successfulJobsHistoryLimit": 1, "jobTemplate": {"spec": template}}})).await;
    tokio::time::sleep(std::time::Duration::from_secs(1000)).await;
    let cron = value(&world.api("batch/v1", "CronJob").get("c").await.unwrap());
    assert!(cron["status"]["lastScheduleTime"].is_string(), "{cron:#}");
    let jobs = world.list("batch/v1", "Job", "").await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["metadata"]["ownerReferences"][0]["kind"], "CronJob");
}

#[tokio::test(start_paused = true)]
async fn a_service_has_its_ready_pods_and_an_address() {
    let world = world_with(SandboxOptions::default());
    world.make(workload("Deployment", "web", "nginx", 2)).await;
    world.make(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}})).await;
    let waiting = world
        .until("v1", "Endpoints", "web", |endpoints| {
            endpoints["subsets"][0]["notReadyAddresses"]
                .as_array()
                .is_some_and(|list| list.len() == 2)
        })
        .await;
    assert_eq!(waiting["subsets"][0].get("addresses"), None);
    let ready = world
        .until("v1", "Endpoints", "web", |endpoints| {
            endpoints["subsets"][0]["addresses"]
                .as_array()
                .is_some_and(|list| list.len() == 2)
        })
        .await;
    assert_eq!(ready["subsets"][0]["ports"][0]["port"], 8080);
    world
        .until("v1", "Service", "web", |service| {
            service["status"]["loadBalancer"]["ingress"][0]["ip"].is_string()
        })
        .await;
    let slices = world
        .list(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "kubernetes.io/service-name=web",
        )
        .await;
    assert_eq!(slices[0]["endpoints"].as_array().unwrap().len(), 2);

    // A pod that loses the label keeps its owner and leaves the service.
    let pod = name(&world.list("v1", "Pod", "app=web").await[0]).to_owned();
    world
        .api("v1", "Pod")
        .patch(
            &pod,
            &PatchParams::default(),
            &Patch::Merge(json!({"metadata": {"labels": {"app": "debug"}}})),
        )
        .await
        .unwrap();
    world
        .until("v1", "Pod", &pod, |pod| {
            pod["metadata"].get("ownerReferences").is_none()
        })
        .await;
    world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["availableReplicas"] == 2
        })
        .await;
    assert_eq!(
        world.list("v1", "Pod", "").await.len(),
        3,
        "released, and replaced"
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_to_its_end() {
    let world = world_with(SandboxOptions::default());
    world.make(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}})).await;
    let pods: Api<Pod> = Api::default_namespaced(world.client.clone());
    let early = refusal(pods.logs("p", &LogParams::default()).await);
    assert_eq!(
        (early.code, early.message.as_str()),
        (
            400,
            "container \"main\" in pod \"p\" is waiting to start: ContainerCreating"
        )
    );
    world
        .until("v1", "Pod", "p", |pod| condition(pod, "Ready") == "True")
        .await;
    let mut lines = pods
        .log_stream(
            "p",
            &LogParams {
                follow: true,
                ..LogParams::default()
            },
        )
        .await
        .unwrap()
        .lines();
    assert_eq!(
        lines.try_next().await.unwrap().as_deref(),
        Some("main: started nginx")
    );
    assert!(world.sandbox.append_log("default", "p", "main", "hello"));
    assert_eq!(lines.try_next().await.unwrap().as_deref(), Some("hello"));
    pods.delete("p", &Default::default()).await.unwrap();
    assert_eq!(lines.try_next().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_budget_refuses_evictions_beyond_it() {
    let world = world_with(SandboxOptions::default());
    world.make(workload("Deployment", "web", "nginx", 2)).await;
    world.make(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}})).await;
    world
        .until("policy/v1", "PodDisruptionBudget", "b", |budget| {
            budget["status"]["currentHealthy"] == 2
        })
        .await;
    let pods: Api<Pod> = Api::default_namespaced(world.client.clone());
    let pod = name(&world.list("v1", "Pod", "app=web").await[0]).to_owned();
    let request =
        axum::http::Request::post(format!("/api/v1/namespaces/default/pods/{pod}/eviction"))
            .body(b"{}".to_vec())
            .unwrap();
    // A client that honours Retry-After would ask again for ever.
    let answer =
        tower::ServiceExt::oneshot(world.sandbox.router(), request.map(axum::body::Body::from))
            .await
            .unwrap();
    assert_eq!(answer.status(), 429);
    world
        .api("policy/v1", "PodDisruptionBudget")
        .delete("b", &Default::default())
        .await
        .unwrap();
    pods.evict(&pod, &EvictParams::default()).await.unwrap();
    world.until_gone("v1", "Pod", &pod).await;
}

#[tokio::test]
async fn an_autoscaler_keeps_its_target_in_bounds() {
    let world = world();
    world.make(workload("Deployment", "web", "nginx", 1)).await;
    world.make(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": {"minReplicas": 3, "maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})).await;
    world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["availableReplicas"] == 3
        })
        .await;
    let wish = json!({"metadata": {"annotations": {"sandbox.spindrift.io/desired-replicas": "9"}}});
    world
        .api("autoscaling/v2", "HorizontalPodAutoscaler")
        .patch("h", &PatchParams::default(), &Patch::Merge(wish))
        .await
        .unwrap();
    world
        .until("autoscaling/v2", "HorizontalPodAutoscaler", "h", |scaler| {
            scaler["status"]["currentReplicas"] == 5
        })
        .await;
}

#[tokio::test]
async fn limits_of_the_namespace_reach_pods() {
    let world = world();
    world.make(json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "default": {"cpu": "500m"}, "max": {"cpu": "1"}}]}})).await;
    let pod = |cpu: Option<&str>| {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}});
        if let Some(cpu) = cpu {
            pod["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": cpu}});
        }
        object::<kube::api::DynamicObject>(pod)
    };
    let api = world.api("v1", "Pod");
    let made = value(&api.create(&Default::default(), &pod(None)).await.unwrap());
    assert_eq!(
        made["spec"]["containers"][0]["resources"]["limits"]["cpu"],
        "500m"
    );
    let refused = refusal(api.create(&Default::default(), &pod(Some("2"))).await);
    assert!(
        refused
            .message
            .ends_with("maximum cpu usage per Container is 1, but limit is 2"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn a_pod_waits_for_a_node_that_takes_it() {
    let world = world();
    let nodes = world.all("v1", "Node");
    let cordon = |closed: bool| Patch::Merge(json!({"spec": {"unschedulable": closed}}));
    nodes
        .patch("sandbox-1", &PatchParams::default(), &cordon(true))
        .await
        .unwrap();
    world.make(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}})).await;
    world
        .until("v1", "Pod", "p", |pod| {
            condition_field(pod, "PodScheduled", "reason") == "Unschedulable"
        })
        .await;
    nodes
        .patch("sandbox-1", &PatchParams::default(), &cordon(false))
        .await
        .unwrap();
    world
        .until("v1", "Pod", "p", |pod| condition(pod, "Ready") == "True")
        .await;
}
