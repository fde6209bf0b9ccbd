//! The rules of section 2 of the behaviour reference, as a table.

use serde_json::{Value, json};

use super::{Status, status, strict_status};

/// What is not as it is by default, in one line.
fn shown(status: &Status) -> String {
    let said = |name: &str, message: &Option<String>| match message.as_deref() {
        Some(message) if !message.is_empty() => format!("{name}: {message}"),
        _ => name.to_owned(),
    };
    let mut parts = Vec::new();
    if !status.stable.state {
        parts.push(said("unstable", &status.stable.message));
    } else if status.stable.message.is_some() {
        parts.push(said("stable", &status.stable.message));
    }
    if !status.available.state {
        parts.push(said("unavailable", &status.available.message));
    }
    if status.paused.state {
        parts.push(said("paused", &status.paused.message));
    }
    if status.failed.state {
        parts.push(said("failed", &status.failed.message));
    }
    parts.join(" | ")
}

const UNREPORTED: &str = "unstable: No status reported yet | unavailable: No availability reported";
const GENERATION: &str =
    "unstable: Waiting for status generation to match updated object generation";

fn object(api_version: &str, kind: &str, spec: Value, status: Option<Value>) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "generation": 2}, "spec": spec});
    if let Some(mut status) = status {
        if let (Some(map), "apps/v1") = (status.as_object_mut(), api_version) {
            map.entry("observedGeneration").or_insert(json!(2));
        }
        object["status"] = status;
    }
    object
}

#[test]
fn deployments() {
    let done =
        json!({"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3});
    let with = |changes: Value| {
        let mut status = done.clone();
        status
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        Some(status)
    };
    let conditions = |conditions: Value| with(json!({"conditions": conditions}));
    let table = [
        (None, UNREPORTED),
        (with(json!({"observedGeneration": 1})), GENERATION),
        (with(json!({})), ""),
        (
            with(json!({"updatedReplicas": 2})),
            "unstable: Waiting for old replicas to finish termination",
        ),
        (
            with(json!({"updatedReplicas": 2, "replicas": 2})),
            "unstable: Waiting for all replicas to be updated",
        ),
        (
            with(json!({"replicas": 4})),
            "unstable: Waiting for old replicas to finish termination",
        ),
        (
            with(json!({"availableReplicas": 2})),
            "unstable: Waiting for all replicas to be available",
        ),
        (
            with(json!({"availableReplicas": 2, "readyReplicas": 2})),
            "unstable: Waiting for all replicas to be ready",
        ),
        (
            conditions(json!([{"type": "Available", "status": "False", "message": "too few"}])),
            "unstable: too few | unavailable: too few",
        ),
        (
            conditions(
                json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]),
            ),
            "failed: Deployment exceeded its progress deadline",
        ),
        (
            conditions(
                json!([{"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused", "message": "held"}]),
            ),
            "paused: held",
        ),
    ];
    for (reported, expected) in table {
        let object = object("apps/v1", "Deployment", json!({"replicas": 3}), reported);
        assert_eq!(shown(&status(&object)), expected, "{object}");
    }
    let stranger = object(
        "stable.example.com/v1",
        "Deployment",
        json!({"replicas": 3}),
        None,
    );
    assert_eq!(
        shown(&status(&stranger)),
        "",
        "a kind of another group has no rule"
    );
    let none = object("apps/v1", "Deployment", json!({}), Some(json!({})));
    assert_eq!(shown(&status(&none)), "", "no replicas are wanted");
}

#[test]
fn replica_sets() {
    let ready = "unstable: Waiting for all replicas to be ready | unavailable: Not all replicas have become ready yet";
    let table = [
        (None, UNREPORTED),
        (
            Some(json!({})),
            "unstable: Waiting for all replicas to be fully-labeled | unavailable: Not all replicas have become labeled yet",
        ),
        (Some(json!({"fullyLabeledReplicas": 2})), ready),
        (
            Some(json!({"fullyLabeledReplicas": 2, "observedGeneration": 1})),
            ready,
        ),
        (
            Some(json!({"fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 1})),
            "unstable: Waiting for all replicas to be available | unavailable: Not all replicas have become available yet",
        ),
        (
            Some(
                json!({"fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, "observedGeneration": 1}),
            ),
            GENERATION,
        ),
        (
            Some(json!({"fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2})),
            "",
        ),
    ];
    for (reported, expected) in table {
        let object = object("apps/v1", "ReplicaSet", json!({"replicas": 2}), reported);
        assert_eq!(shown(&status(&object)), expected, "{object}");
    }
}

#[test]
fn stateful_sets() {
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    let bare = json!({"type": "RollingUpdate"});
    let counts = json!({"replicas": 3, "readyReplicas": 3, "currentReplicas": 3, "currentRevision": "a", "updateRevision": "a"});
    let with = |changes: Value| {
        let mut status = counts.clone();
        status
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        Some(status)
    };
    let table = [
        (json!({"type": "OnDelete"}), None, ""),
        (rolling.clone(), None, UNREPORTED),
        (
            rolling.clone(),
            with(json!({"observedGeneration": 1})),
            GENERATION,
        ),
        (
            rolling.clone(),
            with(json!({"replicas": 2})),
            "unstable: Waiting for at least the desired replica count to be met",
        ),
        (
            rolling.clone(),
            with(json!({"readyReplicas": 2})),
            "unstable: Waiting for all updated replicas to be ready",
        ),
        (
            rolling.clone(),
            with(json!({"updatedReplicas": 1})),
            "unstable: Waiting for partitioned roll out to finish",
        ),
        (
            rolling.clone(),
            with(json!({"updatedReplicas": 2})),
            "stable: Partitioned roll out complete",
        ),
        (
            rolling,
            with(json!({"currentReplicas": 2})),
            "unstable: Waiting for all updated replicas to be scheduled",
        ),
        (
            bare.clone(),
            with(json!({"updatedReplicas": 0, "updateRevision": "b"})),
            "unstable: Waiting for the updated revision to match the current revision",
        ),
        (bare, with(json!({})), ""),
    ];
    for (strategy, reported, expected) in table {
        let object = object(
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 3, "updateStrategy": strategy}),
            reported,
        );
        assert_eq!(shown(&status(&object)), expected, "{object}");
    }
}

#[test]
fn daemon_sets() {
    let counts = |current: i64, updated: i64, available: i64, ready: i64| {
        Some(
            json!({"desiredNumberScheduled": 2, "currentNumberScheduled": current, "updatedNumberScheduled": updated,
            "numberAvailable": available, "numberReady": ready}),
        )
    };
    let table = [
        (None, UNREPORTED),
        (Some(json!({"observedGeneration": 1})), GENERATION),
        (
            counts(1, 0, 0, 0),
            "unstable: Waiting for all replicas to be scheduled",
        ),
        (
            counts(2, 1, 0, 0),
            "unstable: Waiting for all updated replicas to be scheduled",
        ),
        (
            counts(2, 2, 1, 0),
            "unstable: Waiting for all replicas to be available",
        ),
        (
            counts(2, 2, 2, 1),
            "unstable: Waiting for all replicas to be ready",
        ),
        (counts(2, 2, 2, 2), ""),
    ];
    for (reported, expected) in table {
        let object = object(
            "apps/v1",
            "DaemonSet",
            json!({"updateStrategy": {"type": "RollingUpdate"}}),
            reported,
        );
        assert_eq!(shown(&status(&object)), expected, "{object}");
    }
    let manual = object(
        "apps/v1",
        "DaemonSet",
        json!({"updateStrategy": {"type": "OnDelete"}}),
        counts(0, 0, 0, 0),
    );
    assert_eq!(shown(&status(&manual)), "");
}

#[test]
fn jobs_pods_and_autoscalers() {
    let failed = json!({"conditions": [{"type": "Failed", "status": "True", "message": "limit"}]});
    let table = [
        ("batch/v1", "Job", json!({}), None, UNREPORTED),
        (
            "batch/v1",
            "Job",
            json!({}),
            Some(json!({})),
            "unstable: Waiting for jobs to finish",
        ),
        (
            "batch/v1",
            "Job",
            json!({}),
            Some(json!({"succeeded": 1})),
            "",
        ),
        (
            "batch/v1",
            "Job",
            json!({"completions": 2}),
            Some(json!({"succeeded": 1})),
            "unstable: Waiting for jobs to finish",
        ),
        ("batch/v1", "Job", json!({}), Some(failed), "failed: limit"),
        ("batch/v1", "CronJob", json!({}), None, UNREPORTED),
        ("batch/v1", "CronJob", json!({}), Some(json!({})), ""),
        (
            "v1",
            "Pod",
            json!({}),
            Some(json!({"phase": "Running"})),
            "",
        ),
        (
            "v1",
            "Pod",
            json!({}),
            Some(json!({"phase": "Succeeded"})),
            "",
        ),
        (
            "v1",
            "Pod",
            json!({}),
            Some(json!({"phase": "Pending"})),
            "unstable: Pod is pending | unavailable: Pod is pending",
        ),
        (
            "v1",
            "Pod",
            json!({}),
            Some(json!({"phase": "Failed"})),
            "unstable: Pod has failed | unavailable: Pod has failed",
        ),
        (
            "v1",
            "Pod",
            json!({}),
            Some(json!({"phase": "?"})),
            "unstable: Pod phase is unknown | unavailable: Pod phase is unknown",
        ),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({}),
            Some(json!({"currentReplicas": 2, "desiredReplicas": 2})),
            "",
        ),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({}),
            Some(json!({"currentReplicas": 2, "desiredReplicas": 5})),
            "unstable: Waiting for HPA to complete a scale up, current: 2 desired: 5",
        ),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({}),
            Some(json!({"currentReplicas": 2, "desiredReplicas": 1})),
            "unstable: Waiting for HPA to complete a scale down, current: 2 desired: 1",
        ),
        ("v1", "Service", json!({"type": "LoadBalancer"}), None, ""),
        ("example.com/v1", "Widget", json!({}), None, ""),
    ];
    for (api_version, kind, spec, reported, expected) in table {
        let object = object(api_version, kind, spec, reported);
        assert_eq!(shown(&status(&object)), expected, "{object}");
    }
}

#[test]
fn readiness_for_those_who_ask() {
    let condition = |kind: &str, word: &str| {
        Some(json!({"conditions": [{"type": kind, "status": word, "message": "said"}]}))
    };
    let waits = |message: &str| format!("unstable: {message} | unavailable: {message}");
    let definition = "Waiting for the definition to be established";
    let behind = "Waiting for status generation to match updated object generation";
    let argo = "argoproj.io/v1alpha1";
    let table = [
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            None,
            waits(definition),
        ),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            condition("Established", "True"),
            String::new(),
        ),
        (
            "apiregistration.k8s.io/v1",
            "APIService",
            condition("Available", "True"),
            String::new(),
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            Some(json!({"phase": "Pending"})),
            waits("Waiting for the claim to be bound"),
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            Some(json!({"phase": "Bound"})),
            String::new(),
        ),
        ("v1", "Service", None, String::new()),
        (
            "networking.k8s.io/v1",
            "Ingress",
            None,
            waits("Waiting for the load balancer to have an address"),
        ),
        (
            "v1",
            "Pod",
            Some(json!({"phase": "Running"})),
            waits("Waiting for the pod to be ready"),
        ),
        ("v1", "ConfigMap", None, String::new()),
        ("apps/v1", "Deployment", None, UNREPORTED.to_owned()),
        ("example.com/v1", "Widget", None, String::new()),
        (
            "example.com/v1",
            "Widget",
            condition("Ready", "False"),
            waits("said"),
        ),
        (
            "example.com/v1",
            "Widget",
            condition("Ready", "True"),
            String::new(),
        ),
        (
            "example.com/v1",
            "Widget",
            condition("Reconciling", "True"),
            waits("said"),
        ),
        (
            "example.com/v1",
            "Widget",
            condition("Stalled", "True"),
            format!("{} | failed: said", waits("The object is stalled")),
        ),
        (
            "example.com/v1",
            "Widget",
            Some(json!({"observedGeneration": 1})),
            waits(behind),
        ),
        (
            argo,
            "Rollout",
            Some(json!({"phase": "Healthy", "observedGeneration": "2"})),
            String::new(),
        ),
        (
            argo,
            "Rollout",
            Some(json!({"phase": "Healthy", "observedGeneration": "1"})),
            waits(behind),
        ),
        (
            argo,
            "Rollout",
            Some(json!({"phase": "Degraded", "message": "deadline"})),
            format!(
                "{} | failed: The rollout is degraded: deadline",
                waits("The rollout is degraded")
            ),
        ),
    ];
    for (api_version, kind, reported, expected) in table {
        let object = object(api_version, kind, json!({}), reported);
        assert_eq!(shown(&strict_status(&object)), expected, "{object}");
    }
}
