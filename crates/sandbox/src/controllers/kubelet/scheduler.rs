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
    let suits = |node: &Value| takes(node, pod);
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

/// Whether a node is open, has the labels the pod asks for, and no taint it does not tolerate.
fn takes(node: &Value, pod: &Value) -> bool {
    let wanted =
        pairs(pod, &["spec", "nodeSelector"]).all(|(key, value)| node.label(key) == Some(value));
    let mut taints = node
        .items(&["spec", "taints"])
        .iter()
        .filter(|taint| taint.text(&["effect"]) != "PreferNoSchedule");
    let tolerated = |taint: &Value| {
        pod.items(&["spec", "tolerations"])
            .iter()
            .any(|toleration| tolerates(toleration, taint))
    };
    wanted && !node.flag(&["spec", "unschedulable"]) && taints.all(tolerated)
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let same = |field: &str| {
        toleration.text(&[field]).is_empty() || toleration.text(&[field]) == taint.text(&[field])
    };
    let value = toleration.text(&["operator"]) == "Exists"
        || toleration.text(&["value"]) == taint.text(&["value"]);
    same("key") && same("effect") && value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_takes_pods_that_fit_its_labels_and_taints() {
        let node = json!({"metadata": {"labels": {"disk": "ssd"}}, "spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}});
        let tolerant = |toleration: Value| json!({"spec": {"tolerations": [toleration]}});
        for (pod, expected) in [
            (json!({}), false),
            (tolerant(json!({"operator": "Exists"})), true),
            (tolerant(json!({"key": "gpu", "value": "yes"})), true),
            (tolerant(json!({"key": "gpu", "value": "no"})), false),
            (
                tolerant(json!({"key": "gpu", "operator": "Exists", "effect": "NoExecute"})),
                false,
            ),
            (
                json!({"spec": {"nodeSelector": {"disk": "hdd"}, "tolerations": [{"operator": "Exists"}]}}),
                false,
            ),
        ] {
            assert_eq!(takes(&node, &pod), expected, "{pod}");
        }
    }
}
