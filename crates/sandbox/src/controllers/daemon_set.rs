//! DaemonSets: one pod on each node.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Desk;
use super::common::{self, RETRY, available_in, is_available, is_ready, sooner};
use super::revisions::{self, HASH};
use crate::json::{Json, pairs};

pub(super) fn reconcile(desk: &mut Desk<'_>, set: &Value) -> Option<Duration> {
    // What is made now would only keep its owner from going.
    if set.is_deleting() {
        return None;
    }
    common::claim(desk, "pods", set);
    let (revision, all) = revisions::current(desk, set)?;
    let nodes: Vec<String> = desk
        .state
        .list("nodes", None)
        .filter(|node| suits(set, node))
        .map(|node| node.name().to_owned())
        .collect();
    let refused = place(desk, set, &nodes, &revision) || roll(desk, set, &nodes, &revision);
    let pods = pods(desk, set);
    write_status(desk, set, &pods, &nodes, &revision);
    let mut in_use: Vec<&str> = vec![revision.name()];
    in_use.extend(pods.iter().filter_map(|pod| pod.label(HASH)));
    revisions::clean(desk, set, &all, &in_use);
    let seconds = set.int(&["spec", "minReadySeconds"]).unwrap_or(0);
    sooner(
        refused.then_some(RETRY),
        available_in(pods.iter(), seconds, desk.cluster.clock.now()),
    )
}

fn suits(set: &Value, node: &Value) -> bool {
    pairs(set, &["spec", "template", "spec", "nodeSelector"])
        .all(|(key, value)| node.label(key) == Some(value))
}

fn pods(desk: &Desk<'_>, set: &Value) -> Vec<Arc<Value>> {
    common::controlled(desk.state, "pods", set)
}

/// Pods for nodes without one, and none for nodes that are not wanted; returns whether one was refused.
fn place(desk: &mut Desk<'_>, set: &Value, nodes: &[String], revision: &Value) -> bool {
    let pods = pods(desk, set);
    for pod in &pods {
        let stray = !nodes
            .iter()
            .any(|node| node == pod.text(&["spec", "nodeName"]));
        if !pod.is_deleting() && (stray || common::is_finished(pod)) {
            common::delete_pod(desk, set, pod);
        }
    }
    for node in nodes {
        if pods
            .iter()
            .any(|pod| pod.text(&["spec", "nodeName"]) == node)
        {
            continue;
        }
        let mut pod = common::pod_from(&set["spec"]["template"], set);
        pod.put(&["metadata", "generateName"], format!("{}-", set.name()));
        pod.put(
            &["metadata", "labels", HASH],
            revision.label(HASH).unwrap_or_default(),
        );
        pod.put(
            &["metadata", "labels", "pod-template-generation"],
            set.generation().to_string(),
        );
        pod.put(&["spec", "nodeName"], node.clone());
        if common::create_pod(desk, set, pod).is_err() {
            return true;
        }
    }
    false
}

/// Replaces pods of old templates, as many at once as may be unavailable.
fn roll(desk: &mut Desk<'_>, set: &Value, nodes: &[String], revision: &Value) -> bool {
    if set.text(&["spec", "updateStrategy", "type"]) != "RollingUpdate" {
        return false;
    }
    let total = i64::try_from(nodes.len()).unwrap_or(0);
    let most = common::scaled(
        set.at(&["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"]),
        total,
        true,
    )
    .max(1);
    let pods = pods(desk, set);
    let (stale, fresh): (Vec<_>, Vec<_>) = pods
        .iter()
        .partition(|pod| pod.label(HASH) != revision.label(HASH));
    let broken = |pod: &&&Arc<Value>| !is_ready(pod) || pod.is_deleting();
    let mut room = most
        - i64::try_from(fresh.iter().filter(broken).count() + stale.iter().filter(broken).count())
            .unwrap_or(0);
    for pod in stale.iter().filter(|pod| !pod.is_deleting()) {
        // One that does not work anyway costs nothing.
        let works = is_ready(pod);
        if works && room <= 0 {
            continue;
        }
        room -= i64::from(works);
        common::delete_pod(desk, set, pod);
    }
    false
}

fn write_status(
    desk: &mut Desk<'_>,
    set: &Value,
    pods: &[Arc<Value>],
    nodes: &[String],
    revision: &Value,
) {
    let seconds = set.int(&["spec", "minReadySeconds"]).unwrap_or(0);
    let now = desk.cluster.clock.now();
    let live: Vec<_> = pods.iter().filter(|pod| !pod.is_deleting()).collect();
    let available = live
        .iter()
        .filter(|pod| is_available(pod, seconds, now))
        .count();
    let mut status = set.get("status").cloned().unwrap_or_else(|| json!({}));
    status.put(&["desiredNumberScheduled"], nodes.len());
    status.put(&["currentNumberScheduled"], live.len());
    status.put(&["numberMisscheduled"], 0);
    status.put(
        &["numberReady"],
        live.iter().filter(|pod| is_ready(pod)).count(),
    );
    status.put(&["observedGeneration"], set.generation());
    common::count(
        &mut status,
        "updatedNumberScheduled",
        live.iter()
            .filter(|pod| pod.label(HASH) == revision.label(HASH))
            .count(),
    );
    common::count(&mut status, "numberAvailable", available);
    common::count(
        &mut status,
        "numberUnavailable",
        nodes.len().saturating_sub(available),
    );
    common::write_status(desk, "daemonsets.apps", set, status);
}
