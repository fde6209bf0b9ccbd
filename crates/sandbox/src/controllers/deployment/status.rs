//! The status of a Deployment: counters, conditions and the progress deadline.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;

use super::super::Desk;
use super::super::common;
use super::{View, observed, replicas, rollout};
use crate::clock::parse_stamp;
use crate::json::Json;

/// Sets the Progressing condition at once, for what happens outside the counters.
pub(super) fn progress(
    desk: &mut Desk<'_>,
    view: &mut View,
    word: &str,
    reason: &str,
    message: &str,
) {
    let now = desk.cluster.clock.stamp();
    let mut status = view.deployment["status"].clone();
    set(
        &mut status,
        "Progressing",
        word,
        reason,
        message,
        &now,
        true,
    );
    write(desk, view, status);
}

fn write(desk: &mut Desk<'_>, view: &mut View, status: Value) {
    if common::write_status(desk, "deployments.apps", &view.deployment.clone(), status)
        && let Some(fresh) = desk.state.get(
            "deployments.apps",
            view.deployment.namespace(),
            view.deployment.name(),
        )
    {
        view.deployment = fresh.clone();
    }
}

/// A condition of a Deployment also says when it was last touched, which the deadline counts from.
fn set(
    status: &mut Value,
    kind: &str,
    word: &str,
    reason: &str,
    message: &str,
    now: &str,
    touch: bool,
) {
    let changed = common::set_condition(status, kind, word, reason, message, now);
    let conditions = status
        .get_mut("conditions")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    for condition in conditions.filter(|condition| condition.text(&["type"]) == kind) {
        if changed || touch || condition.get("lastUpdateTime").is_none() {
            condition.put(&["lastUpdateTime"], now);
        }
    }
}

/// Tells of pause and resumption, so that paused time does not count as standstill.
pub(super) fn note_pause(desk: &mut Desk<'_>, view: &mut View) {
    if view
        .deployment
        .int(&["spec", "progressDeadlineSeconds"])
        .is_none()
    {
        return;
    }
    let reason = common::condition(&view.deployment, "Progressing")
        .map(|condition| condition.text(&["reason"]).to_owned())
        .unwrap_or_default();
    if reason == "ProgressDeadlineExceeded" {
        return;
    }
    let paused = view.deployment.flag(&["spec", "paused"]);
    if paused && reason != "DeploymentPaused" {
        progress(
            desk,
            view,
            "Unknown",
            "DeploymentPaused",
            "Deployment is paused",
        );
    } else if !paused && reason == "DeploymentPaused" {
        progress(
            desk,
            view,
            "Unknown",
            "DeploymentResumed",
            "Deployment is resumed",
        );
    }
}

/// Writes the status; returns when the progress deadline is to be checked.
pub(super) fn sync(desk: &mut Desk<'_>, view: &View) -> Option<Duration> {
    let now = desk.cluster.clock.stamp();
    let deployment = &view.deployment;
    let sum = |field: &str| view.all().map(|set| observed(set, field)).sum::<i64>();
    let (total, available, ready) = (
        sum("replicas"),
        sum("availableReplicas"),
        sum("readyReplicas"),
    );
    let updated = view.new.as_ref().map_or(0, |set| observed(set, "replicas"));
    let old = deployment["status"].clone();
    let mut status = old.clone();
    status.put(&["observedGeneration"], deployment.generation());
    for (field, number) in [
        ("replicas", total),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        (
            "unavailableReplicas",
            (view.all().map(|set| replicas(set)).sum::<i64>() - available).max(0),
        ),
    ] {
        common::count(&mut status, field, usize::try_from(number).unwrap_or(0));
    }
    let (_, unavailable) = view.bounds();
    if available >= view.replicas() - unavailable {
        set(
            &mut status,
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
            &now,
            false,
        );
    } else {
        set(
            &mut status,
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
            &now,
            false,
        );
    }
    let failure = view
        .all()
        .filter_map(|set| common::condition(set, "ReplicaFailure"))
        .next()
        .cloned();
    match failure {
        Some(failure) => set(
            &mut status,
            "ReplicaFailure",
            "True",
            failure.text(&["reason"]),
            failure.text(&["message"]),
            &now,
            false,
        ),
        None => common::drop_condition(&mut status, "ReplicaFailure"),
    }
    let wait = judge_progress(desk, view, &old, &mut status, &now);
    common::write_status(desk, "deployments.apps", deployment, status);
    wait
}

fn judge_progress(
    desk: &Desk<'_>,
    view: &View,
    old: &Value,
    status: &mut Value,
    now: &str,
) -> Option<Duration> {
    let deadline = view.deployment.int(&["spec", "progressDeadlineSeconds"])?;
    let current = common::condition(&view.deployment, "Progressing")
        .cloned()
        .unwrap_or(Value::Null);
    let reason = current.text(&["reason"]).to_owned();
    if view.deployment.flag(&["spec", "paused"]) {
        return None;
    }
    let number = |status: &Value, field: &str| status.int(&[field]).unwrap_or(0);
    let settled = number(status, "replicas") == number(status, "updatedReplicas")
        && reason == "NewReplicaSetAvailable";
    if settled && rollout::is_complete(view) {
        return None;
    }
    let subject = view.new.as_ref().map_or_else(
        || format!("Deployment \"{}\"", view.deployment.name()),
        |set| format!("ReplicaSet \"{}\"", set.name()),
    );
    if rollout::is_complete(view) {
        set(
            status,
            "Progressing",
            "True",
            "NewReplicaSetAvailable",
            &format!("{subject} has successfully progressed."),
            now,
            false,
        );
        return None;
    }
    if settled {
        return None;
    }
    let surplus = |status: &Value| number(status, "replicas") - number(status, "updatedReplicas");
    let moved = ["updatedReplicas", "readyReplicas", "availableReplicas"]
        .iter()
        .any(|field| number(status, field) > number(old, field))
        || surplus(status) < surplus(old);
    if moved {
        set(
            status,
            "Progressing",
            "True",
            "ReplicaSetUpdated",
            &format!("{subject} is progressing."),
            now,
            true,
        );
        return Some(Duration::from_secs(
            u64::try_from(deadline + 1).unwrap_or(1),
        ));
    }
    if current.is_null()
        || reason == "NewReplicaSetAvailable"
        || reason == "ProgressDeadlineExceeded"
    {
        return None;
    }
    let since = parse_stamp(current.text(&["lastUpdateTime"]))?;
    let left = since + TimeDelta::try_seconds(deadline)? - desk.cluster.clock.now();
    if left < TimeDelta::zero() {
        set(
            status,
            "Progressing",
            "False",
            "ProgressDeadlineExceeded",
            &format!("{subject} has timed out progressing."),
            now,
            true,
        );
        return None;
    }
    Some(left.to_std().unwrap_or_default() + Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_touched_condition_moves_its_update_time_only() {
        let mut status = json!({});
        set(&mut status, "Progressing", "True", "A", "", "t1", false);
        set(&mut status, "Progressing", "True", "A", "", "t2", true);
        let condition = &status["conditions"][0];
        assert_eq!(
            (
                condition.text(&["lastTransitionTime"]),
                condition.text(&["lastUpdateTime"])
            ),
            ("t1", "t2")
        );
        set(&mut status, "Progressing", "True", "A", "", "t3", false);
        assert_eq!(status["conditions"][0]["lastUpdateTime"], "t2");
    }
}
