//! The rules for Deployment, ReplicaSet, StatefulSet and DaemonSet.

use serde_json::Value;

use super::status::Status;
use super::{condition, conditions, is_behind, number, text};

const GENERATION: &str = "Waiting for status generation to match updated object generation";
const UPDATED: &str = "Waiting for all replicas to be updated";
const OLD: &str = "Waiting for old replicas to finish termination";
const AVAILABLE: &str = "Waiting for all replicas to be available";
const READY: &str = "Waiting for all replicas to be ready";
const LABELED: &str = "Waiting for all replicas to be fully-labeled";

/// All that is wrong is looked at; the last message stays.
pub(super) fn deployment(object: &Value) -> Status {
    if object.get("status").is_none() {
        return Status::unreported();
    }
    let mut status = Status::default();
    if is_behind(object) {
        return status.unstable(GENERATION);
    }
    let is = |condition: &Value, pointer, word: &str| {
        text(condition, pointer).eq_ignore_ascii_case(word)
    };
    if let Some(paused) = conditions(object)
        .iter()
        .find(|condition| is(condition, "/reason", "DeploymentPaused"))
    {
        status = status.paused(text(paused, "/message"));
    }
    if let Some(available) =
        condition(object, "Available").filter(|condition| is(condition, "/status", "False"))
    {
        let message = text(available, "/message");
        status = status.unstable(message).unavailable(message);
    }
    if condition(object, "Progressing")
        .is_some_and(|condition| is(condition, "/reason", "ProgressDeadlineExceeded"))
    {
        status = status.failed("Deployment exceeded its progress deadline");
    }
    let desired = number(object, "/spec/replicas");
    let updated = number(object, "/status/updatedReplicas");
    let missing = [
        (updated < desired, UPDATED),
        (updated < number(object, "/status/replicas"), OLD),
        (
            number(object, "/status/availableReplicas") < desired,
            AVAILABLE,
        ),
        (number(object, "/status/readyReplicas") < desired, READY),
    ];
    for (_, message) in missing.into_iter().filter(|(is_missing, _)| *is_missing) {
        status = status.unstable(message);
    }
    status
}

pub(super) fn replica_set(object: &Value) -> Status {
    if object.get("status").is_none() {
        return Status::unreported();
    }
    let desired = number(object, "/spec/replicas");
    let counts = [
        (
            "/status/fullyLabeledReplicas",
            LABELED,
            "Not all replicas have become labeled yet",
        ),
        (
            "/status/readyReplicas",
            READY,
            "Not all replicas have become ready yet",
        ),
        (
            "/status/availableReplicas",
            AVAILABLE,
            "Not all replicas have become available yet",
        ),
    ];
    for (pointer, unstable, unavailable) in counts {
        if number(object, pointer) < desired {
            return Status::default()
                .unstable(unstable)
                .unavailable(unavailable);
        }
    }
    if is_behind(object) {
        return Status::default().unstable(GENERATION);
    }
    Status::default()
}

pub(super) fn stateful_set(object: &Value) -> Status {
    let strategy = text(object, "/spec/updateStrategy/type");
    if strategy.eq_ignore_ascii_case("OnDelete") {
        return Status::default();
    }
    if object.get("status").is_none() {
        return Status::unreported();
    }
    let status = Status::default();
    let desired = number(object, "/spec/replicas");
    if is_behind(object) {
        return status.unstable(GENERATION);
    }
    if number(object, "/status/replicas") < desired {
        return status.unstable("Waiting for at least the desired replica count to be met");
    }
    if number(object, "/status/readyReplicas") < desired {
        return status.unstable("Waiting for all updated replicas to be ready");
    }
    let rolling = object.pointer("/spec/updateStrategy/rollingUpdate");
    let updated = object
        .pointer("/status/updatedReplicas")
        .and_then(Value::as_i64);
    if let (true, Some(rolling), Some(updated)) = (
        strategy.eq_ignore_ascii_case("RollingUpdate"),
        rolling,
        updated,
    ) {
        if updated < desired - number(rolling, "/partition") {
            return status.unstable("Waiting for partitioned roll out to finish");
        }
        return status.stable("Partitioned roll out complete");
    }
    if number(object, "/status/currentReplicas") < desired {
        return status.unstable("Waiting for all updated replicas to be scheduled");
    }
    if text(object, "/status/currentRevision") != text(object, "/status/updateRevision") {
        return status.unstable("Waiting for the updated revision to match the current revision");
    }
    status
}

pub(super) fn daemon_set(object: &Value) -> Status {
    if object.get("status").is_none() {
        return Status::unreported();
    }
    let status = Status::default();
    if is_behind(object) {
        return status.unstable(GENERATION);
    }
    if !text(object, "/spec/updateStrategy/type").eq_ignore_ascii_case("RollingUpdate") {
        return status;
    }
    let desired = number(object, "/status/desiredNumberScheduled");
    let counts = [
        (
            "/status/currentNumberScheduled",
            "Waiting for all replicas to be scheduled",
        ),
        (
            "/status/updatedNumberScheduled",
            "Waiting for all updated replicas to be scheduled",
        ),
        ("/status/numberAvailable", AVAILABLE),
        ("/status/numberReady", READY),
    ];
    let missing = counts
        .into_iter()
        .find(|(pointer, _)| number(object, pointer) < desired);
    match missing {
        Some((_, message)) => status.unstable(message),
        None => status,
    }
}
