//! The rules for Job, CronJob, Pod and HorizontalPodAutoscaler.

use serde_json::Value;

use super::status::Status;
use super::{condition, number, text};

pub(super) fn job(object: &Value) -> Status {
    if object.get("status").is_none() {
        return Status::unreported();
    }
    let completions = object
        .pointer("/spec/completions")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    if number(object, "/status/succeeded") >= completions {
        return Status::default();
    }
    // A failed Job stays stable: nothing of it will change any more.
    match condition(object, "Failed").filter(|condition| text(condition, "/status") == "True") {
        Some(failed) => Status::default().failed(text(failed, "/message")),
        None => Status::default().unstable("Waiting for jobs to finish"),
    }
}

pub(super) fn cron_job(object: &Value) -> Status {
    match object.get("status") {
        Some(_) => Status::default(),
        None => Status::unreported(),
    }
}

pub(super) fn pod(object: &Value) -> Status {
    if object.get("status").is_none() {
        return Status::unreported();
    }
    let message = match text(object, "/status/phase") {
        "Running" | "Succeeded" => return Status::default(),
        "Pending" => "Pod is pending",
        "Failed" => "Pod has failed",
        _ => "Pod phase is unknown",
    };
    Status::default().unstable(message).unavailable(message)
}

pub(super) fn autoscaler(object: &Value) -> Status {
    if object.get("status").is_none() {
        return Status::unreported();
    }
    let current = number(object, "/status/currentReplicas");
    let desired = number(object, "/status/desiredReplicas");
    let direction = match desired.cmp(&current) {
        std::cmp::Ordering::Equal => return Status::default(),
        std::cmp::Ordering::Greater => "up",
        std::cmp::Ordering::Less => "down",
    };
    Status::default().unstable(format!(
        "Waiting for HPA to complete a scale {direction}, current: {current} desired: {desired}"
    ))
}
