//! Jobs: pods that run to an end, again if they fail, until enough succeeded or too many failed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Desk;
use super::common::{self, RETRY, condition, is_active, is_ready, set_condition, sooner};
use crate::clock::parse_stamp;
use crate::ids;
use crate::json::Json;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Why a Job failed.
struct Failure {
    reason: &'static str,
    message: &'static str,
}

const BACKOFF: Failure = Failure {
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
};
const DEADLINE: Failure = Failure {
    reason: "DeadlineExceeded",
    message: "Job was active longer than specified deadline",
};

pub(super) fn reconcile(desk: &mut Desk<'_>, job: &Value) -> Option<Duration> {
    if is_done(job) {
        return expire(desk, job);
    }
    if job.is_deleting() {
        return None;
    }
    let pods = common::claim(desk, "pods", job);
    let counts = Counts::of(job, &pods);
    let mut status = job.get("status").cloned().unwrap_or_else(|| json!({}));
    let now = desk.cluster.clock.stamp();
    let suspended = job.flag(&["spec", "suspend"]);
    if suspended {
        return suspend(desk, job, &pods, status, &now);
    }
    if condition(job, "Suspended").is_some_and(|condition| condition.text(&["status"]) == "True") {
        set_condition(
            &mut status,
            "Suspended",
            "False",
            "JobResumed",
            "Job resumed",
            &now,
        );
        common::event(desk, job, "Normal", "Resumed", "Job resumed");
        status.cut(&["startTime"]);
    }
    status.default_to(&["startTime"], now.clone());
    let (deadline, left) = time_left(desk, job, &status);
    let limit = job.int(&["spec", "backoffLimit"]).unwrap_or(6);
    let failure = if counts.failures > limit {
        Some(BACKOFF)
    } else if deadline {
        Some(DEADLINE)
    } else {
        None
    };
    if let Some(failure) = failure {
        return fail(desk, job, &pods, status, &counts, &failure, &now);
    }
    if counts.is_complete(job) {
        return complete(desk, job, &pods, status, &counts, &now);
    }
    let refused = grow(desk, job, &pods, &counts);
    let pods: Vec<_> = common::controlled(desk.state, "pods", job);
    write(desk, job, status, &Counts::of(job, &pods));
    sooner(left, refused.then_some(RETRY))
}

fn is_done(job: &Value) -> bool {
    ["Complete", "Failed"].iter().any(|kind| {
        condition(job, kind).is_some_and(|condition| condition.text(&["status"]) == "True")
    })
}

/// What a Job's pods have come to.
struct Counts {
    active: usize,
    ready: usize,
    succeeded: usize,
    failed: usize,
    /// Failed pods and restarts of failed containers.
    failures: i64,
    done_indexes: BTreeSet<i64>,
    active_indexes: BTreeSet<i64>,
}

fn index(pod: &Value) -> Option<i64> {
    pod.annotation(INDEX)?.parse().ok()
}

impl Counts {
    fn of(job: &Value, pods: &[Arc<Value>]) -> Self {
        let phase = |pod: &Value, wanted: &str| pod.text(&["status", "phase"]) == wanted;
        let succeeded: Vec<_> = pods.iter().filter(|pod| phase(pod, "Succeeded")).collect();
        let done_indexes: BTreeSet<i64> = succeeded.iter().filter_map(|pod| index(pod)).collect();
        let failed = pods.iter().filter(|pod| phase(pod, "Failed")).count();
        let restarts: i64 = pods
            .iter()
            .flat_map(|pod| pod.items(&["status", "containerStatuses"]))
            .filter_map(|status| status.int(&["restartCount"]))
            .sum();
        let indexed = job.text(&["spec", "completionMode"]) == "Indexed";
        Self {
            active: pods.iter().filter(|pod| is_active(pod)).count(),
            ready: pods
                .iter()
                .filter(|pod| is_active(pod) && is_ready(pod))
                .count(),
            succeeded: if indexed {
                done_indexes.len()
            } else {
                succeeded.len()
            },
            failed,
            failures: i64::try_from(failed).unwrap_or(i64::MAX) + restarts,
            active_indexes: pods
                .iter()
                .filter(|pod| is_active(pod))
                .filter_map(|pod| index(pod))
                .collect(),
            done_indexes,
        }
    }

    fn is_complete(&self, job: &Value) -> bool {
        match job
            .int(&["spec", "completions"])
            .and_then(|wanted| usize::try_from(wanted).ok())
        {
            Some(wanted) => self.succeeded >= wanted,
            // A work queue is done when one worker found it empty and the rest stopped.
            None => self.succeeded > 0 && self.active == 0,
        }
    }
}

/// Whether the deadline has passed, and how long it is off.
fn time_left(desk: &Desk<'_>, job: &Value, status: &Value) -> (bool, Option<Duration>) {
    let limit = job
        .int(&["spec", "activeDeadlineSeconds"])
        .and_then(TimeDelta::try_seconds);
    let (Some(limit), Some(start)) = (limit, parse_stamp(status.text(&["startTime"]))) else {
        return (false, None);
    };
    let left = start + limit - desk.cluster.clock.now();
    (left <= TimeDelta::zero(), left.to_std().ok())
}

/// Starts the pods that are missing; returns whether one was refused.
fn grow(desk: &mut Desk<'_>, job: &Value, pods: &[Arc<Value>], counts: &Counts) -> bool {
    let parallel = usize::try_from(job.int(&["spec", "parallelism"]).unwrap_or(1)).unwrap_or(0);
    let completions = job.int(&["spec", "completions"]);
    let open = match completions.and_then(|wanted| usize::try_from(wanted).ok()) {
        Some(wanted) => parallel.min(wanted.saturating_sub(counts.succeeded)),
        None if counts.succeeded > 0 => counts.active,
        None => parallel,
    };
    if counts.active > open {
        for pod in pods
            .iter()
            .filter(|pod| is_active(pod))
            .take(counts.active - open)
        {
            common::delete_pod(desk, job, pod);
        }
        return false;
    }
    let indexed = job.text(&["spec", "completionMode"]) == "Indexed";
    let mut free = (0..completions.unwrap_or(0)).filter(|index| {
        !counts.done_indexes.contains(index) && !counts.active_indexes.contains(index)
    });
    for _ in counts.active..open {
        let mut pod = common::pod_from(&job["spec"]["template"], job);
        if indexed {
            let Some(index) = free.next() else {
                return false;
            };
            pod.put(&["metadata", "annotations", INDEX], index.to_string());
            pod.put(&["metadata", "labels", INDEX], index.to_string());
            pod.put(
                &["metadata", "name"],
                format!("{}-{index}-{}", job.name(), ids::suffix()),
            );
        } else {
            pod.put(&["metadata", "generateName"], format!("{}-", job.name()));
        }
        if common::create_pod(desk, job, pod).is_err() {
            return true;
        }
    }
    false
}

fn write(desk: &mut Desk<'_>, job: &Value, mut status: Value, counts: &Counts) {
    common::count(&mut status, "active", counts.active);
    common::count(&mut status, "succeeded", counts.succeeded);
    common::count(&mut status, "failed", counts.failed);
    status.put(&["ready"], counts.ready);
    status.put(&["terminating"], 0);
    status.put(&["uncountedTerminatedPods"], json!({}));
    if !counts.done_indexes.is_empty() {
        let indexes: Vec<_> = counts.done_indexes.iter().map(i64::to_string).collect();
        status.put(&["completedIndexes"], indexes.join(","));
    }
    common::write_status(desk, "jobs.batch", job, status);
}

fn stop(desk: &mut Desk<'_>, job: &Value, pods: &[Arc<Value>]) {
    for pod in pods.iter().filter(|pod| is_active(pod)) {
        common::delete_pod(desk, job, pod);
    }
}

fn fail(
    desk: &mut Desk<'_>,
    job: &Value,
    pods: &[Arc<Value>],
    mut status: Value,
    counts: &Counts,
    failure: &Failure,
    now: &str,
) -> Option<Duration> {
    let stopped = counts.active;
    stop(desk, job, pods);
    for kind in ["FailureTarget", "Failed"] {
        set_condition(
            &mut status,
            kind,
            "True",
            failure.reason,
            failure.message,
            now,
        );
    }
    common::event(desk, job, "Warning", failure.reason, failure.message);
    let counts = Counts {
        active: 0,
        ready: 0,
        failed: counts.failed + stopped,
        done_indexes: counts.done_indexes.clone(),
        active_indexes: BTreeSet::new(),
        ..*counts
    };
    write(desk, job, status, &counts);
    None
}

fn complete(
    desk: &mut Desk<'_>,
    job: &Value,
    pods: &[Arc<Value>],
    mut status: Value,
    counts: &Counts,
    now: &str,
) -> Option<Duration> {
    stop(desk, job, pods);
    for kind in ["SuccessCriteriaMet", "Complete"] {
        set_condition(
            &mut status,
            kind,
            "True",
            "CompletionsReached",
            "Reached expected number of succeeded pods",
            now,
        );
    }
    status.put(&["completionTime"], now);
    common::event(desk, job, "Normal", "Completed", "Job completed");
    let counts = Counts {
        active: 0,
        ready: 0,
        done_indexes: counts.done_indexes.clone(),
        active_indexes: BTreeSet::new(),
        ..*counts
    };
    write(desk, job, status, &counts);
    None
}

fn suspend(
    desk: &mut Desk<'_>,
    job: &Value,
    pods: &[Arc<Value>],
    mut status: Value,
    now: &str,
) -> Option<Duration> {
    stop(desk, job, pods);
    if set_condition(
        &mut status,
        "Suspended",
        "True",
        "JobSuspended",
        "Job suspended",
        now,
    ) {
        common::event(desk, job, "Normal", "Suspended", "Job suspended");
    }
    status.cut(&["startTime"]);
    status.cut(&["active"]);
    common::write_status(desk, "jobs.batch", job, status);
    None
}

/// A finished Job goes when its time to live is over.
fn expire(desk: &mut Desk<'_>, job: &Value) -> Option<Duration> {
    let limit = TimeDelta::try_seconds(job.int(&["spec", "ttlSecondsAfterFinished"])?)?;
    let ended = ["Complete", "Failed"]
        .iter()
        .find_map(|kind| parse_stamp(condition(job, kind)?.text(&["lastTransitionTime"])))?;
    let left = ended + limit - desk.cluster.clock.now();
    if left > TimeDelta::zero() {
        return Some(left.to_std().unwrap_or_default());
    }
    common::delete(desk, "jobs.batch", job);
    None
}
