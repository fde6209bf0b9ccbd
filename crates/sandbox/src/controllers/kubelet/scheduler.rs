//! Chooses a node for a pod, or says why none will do.

use std::time::Duration;

use serde_json::Value;

use super::super::Desk;
use super::super::common::{set_condition, write_status};
use crate::json::{Json, pairs};
use crate::scripts;

pub(super) fn schedule(desk: &mut Desk<'_>, pod: &Value) -> Option<Duration> {
    let now = desk.cluster.clock.stamp();
    if !pod.items(&["spec", "schedulingGates"]).is_empty() {
        let mut status = pod["status"].clone();
        set_condition(
            &mut status,
            "PodScheduled",
            "False",
            "SchedulingGated",
            "Scheduling is blocked due to non-empty scheduling gates",
            &now,
        );
        write_status(desk, "pods", pod, status);
        return None;
    }
    let nodes: Vec<_> = desk.state.list("nodes", None).cloned().collect();
    let suits = |node: &Value| {
        let wanted = pairs(pod, &["spec", "nodeSelector"])
            .all(|(key, value)| node.label(key) == Some(value));
        wanted && !node.flag(&["spec", "unschedulable"])
    };
    let count = |name: &str| {
        desk.state
            .list("pods", None)
            .filter(|pod| pod.text(&["spec", "nodeName"]) == name)
            .count()
    };
    let chosen = nodes
        .iter()
        .filter(|node| suits(node) && !scripts::is_unschedulable(pod))
        .min_by_key(|node| count(node.name()));
    let Some(node) = chosen else {
        let why = if scripts::is_unschedulable(pod) {
            "Insufficient cpu"
        } else {
            "node(s) didn't match Pod's node affinity/selector"
        };
        let message = format!(
            "0/{total} nodes are available: {total} {why}. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling.",
            total = nodes.len()
        );
        let mut status = pod["status"].clone();
        if set_condition(
            &mut status,
            "PodScheduled",
            "False",
            "Unschedulable",
            &message,
            &now,
        ) {
            write_status(desk, "pods", pod, status);
            let cluster = desk.cluster.clone();
            cluster.event(
                desk.state,
                pod,
                "Warning",
                "FailedScheduling",
                &message,
                "default-scheduler",
            );
        }
        return None;
    };
    let (name, kind) = (
        node.name().to_owned(),
        desk.state.kinds.by_resource("pods").cloned()?,
    );
    let mut bound = pod.clone();
    bound.put(&["spec", "nodeName"], name.clone());
    let mut status = pod["status"].clone();
    set_condition(&mut status, "PodScheduled", "True", "", "", &now);
    bound.put(&["status"], status);
    desk.state.put(&kind, bound);
    let message = format!(
        "Successfully assigned {}/{} to {name}",
        pod.namespace(),
        pod.name()
    );
    let cluster = desk.cluster.clone();
    cluster.event(
        desk.state,
        pod,
        "Normal",
        "Scheduled",
        &message,
        "default-scheduler",
    );
    None
}
