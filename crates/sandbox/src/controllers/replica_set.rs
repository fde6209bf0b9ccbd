//! Keeps as many pods as a ReplicaSet asks for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Desk;
use super::common::{self, RETRY, available_in, is_active, is_available, is_ready, sooner};
use crate::json::Json;
use crate::selector::LabelSelector;
use crate::status::Status;

pub(super) fn reconcile(desk: &mut Desk<'_>, set: &Value) -> Option<Duration> {
    let mut active: Vec<_> = common::claim(desk, "pods", set)
        .into_iter()
        .filter(|pod| is_active(pod))
        .collect();
    let mut refusal = None;
    if !set.is_deleting() {
        let wanted = usize::try_from(set.int(&["spec", "replicas"]).unwrap_or(1)).unwrap_or(0);
        if active.len() < wanted {
            refusal = grow(desk, set, wanted - active.len(), &mut active);
        } else if active.len() > wanted {
            shrink(desk, set, wanted, &mut active);
        }
    }
    let now = desk.cluster.clock.now();
    let seconds = set.int(&["spec", "minReadySeconds"]).unwrap_or(0);
    let status = status(desk, set, &active, seconds, refusal.as_ref());
    common::write_status(desk, "replicasets.apps", set, status);
    let retry = refusal.is_some().then_some(RETRY);
    sooner(retry, available_in(active.iter(), seconds, now))
}

fn grow(
    desk: &mut Desk<'_>,
    set: &Value,
    missing: usize,
    active: &mut Vec<Arc<Value>>,
) -> Option<Status> {
    for _ in 0..missing {
        let mut pod = common::pod_from(&set["spec"]["template"], set);
        pod.put(&["metadata", "generateName"], format!("{}-", set.name()));
        match common::create_pod(desk, set, pod) {
            Ok(pod) => active.push(pod),
            Err(status) => return Some(status),
        }
    }
    None
}

/// The pods that are missed least go first: not on a node, not running, not ready, youngest.
fn shrink(desk: &mut Desk<'_>, set: &Value, wanted: usize, active: &mut Vec<Arc<Value>>) {
    active.sort_by_key(|pod| {
        let unassigned = pod.text(&["spec", "nodeName"]).is_empty();
        let pending = pod.text(&["status", "phase"]) == "Pending";
        let cost: i64 = pod
            .annotation("controller.kubernetes.io/pod-deletion-cost")
            .and_then(|cost| cost.parse().ok())
            .unwrap_or(0);
        let version: u64 = pod
            .text(&["metadata", "resourceVersion"])
            .parse()
            .unwrap_or(0);
        (
            !unassigned,
            !pending,
            is_ready(pod),
            cost,
            std::cmp::Reverse(pod.text(&["metadata", "creationTimestamp"]).to_owned()),
            std::cmp::Reverse(version),
        )
    });
    for pod in active.drain(..active.len() - wanted) {
        common::delete_pod(desk, set, &pod);
    }
}

fn status(
    desk: &Desk<'_>,
    set: &Value,
    active: &[Arc<Value>],
    seconds: i64,
    refusal: Option<&Status>,
) -> Value {
    let now = desk.cluster.clock.now();
    let labels = LabelSelector::from_map(set.at(&["spec", "template", "metadata", "labels"]))
        .unwrap_or_default();
    let mut status = set.get("status").cloned().unwrap_or_else(|| json!({}));
    status.put(&["replicas"], active.len());
    common::count(
        &mut status,
        "fullyLabeledReplicas",
        active.iter().filter(|pod| labels.matches(pod)).count(),
    );
    common::count(
        &mut status,
        "readyReplicas",
        active.iter().filter(|pod| is_ready(pod)).count(),
    );
    common::count(
        &mut status,
        "availableReplicas",
        active
            .iter()
            .filter(|pod| is_available(pod, seconds, now))
            .count(),
    );
    status.put(&["observedGeneration"], set.generation());
    match refusal {
        // Its message names a generated pod, another each time: the first one stays.
        Some(_) if common::condition(set, "ReplicaFailure").is_some() => {}
        Some(refusal) => {
            let now = desk.cluster.clock.stamp();
            common::set_condition(
                &mut status,
                "ReplicaFailure",
                "True",
                "FailedCreate",
                &refusal.message,
                &now,
            );
        }
        None => common::drop_condition(&mut status, "ReplicaFailure"),
    }
    if status.items(&["conditions"]).is_empty() {
        status.cut(&["conditions"]);
    }
    status
}
