//! CronJobs: a Job at each time of the schedule.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Desk;
use super::common::{self, condition};
use super::cron::Schedule;
use crate::clock::{parse_stamp, stamp};
use crate::json::Json;
use std::sync::Arc;

pub(super) fn reconcile(desk: &mut Desk<'_>, cron: &Value) -> Option<Duration> {
    if cron.is_deleting() {
        return None;
    }
    let jobs: Vec<_> = common::controlled(desk.state, "jobs.batch", cron);
    trim(desk, cron, &jobs);
    let schedule = Schedule::parse(cron.text(&["spec", "schedule"])).ok()?;
    let now = desk.cluster.clock.now();
    let last = parse_stamp(cron.text(&["status", "lastScheduleTime"]))
        .or_else(|| parse_stamp(cron.text(&["metadata", "creationTimestamp"])))?;
    let mut started = None;
    if !cron.flag(&["spec", "suspend"]) {
        // Only the latest of missed times counts.
        let due = latest_due(&schedule, last, now);
        let in_time = |due: &DateTime<Utc>| {
            cron.int(&["spec", "startingDeadlineSeconds"])
                .and_then(TimeDelta::try_seconds)
                .is_none_or(|limit| now - *due <= limit)
        };
        started = due
            .filter(in_time)
            .filter(|due| start(desk, cron, &jobs, *due));
    }
    write_status(desk, cron, started);
    let next = schedule.next_after(now)?;
    Some((next - now).to_std().unwrap_or_default() + Duration::from_millis(10))
}

fn latest_due(
    schedule: &Schedule,
    last: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let (mut due, mut from) = (None, last.max(now - TimeDelta::hours(1)));
    while let Some(next) = schedule.next_after(from).filter(|next| *next <= now) {
        due = Some(next);
        from = next;
    }
    due
}

fn is_done(job: &Value, kind: &str) -> bool {
    condition(job, kind).is_some_and(|condition| condition.text(&["status"]) == "True")
}

fn start(desk: &mut Desk<'_>, cron: &Value, jobs: &[Arc<Value>], due: DateTime<Utc>) -> bool {
    let running: Vec<_> = jobs
        .iter()
        .filter(|job| !is_done(job, "Complete") && !is_done(job, "Failed"))
        .collect();
    match cron.text(&["spec", "concurrencyPolicy"]) {
        "Forbid" if !running.is_empty() => {
            common::event(
                desk,
                cron,
                "Normal",
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid",
            );
            return false;
        }
        "Replace" => running
            .iter()
            .for_each(|job| common::delete(desk, "jobs.batch", job)),
        _ => {}
    }
    let template = &cron["spec"]["jobTemplate"];
    // The name says the minute, so a repeated look cannot start a second Job.
    let name = format!("{}-{}", cron.name(), due.timestamp() / 60);
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "ownerReferences": [common::owner_reference(cron)]}, "spec": template["spec"]});
    for field in ["labels", "annotations"] {
        if let Some(value) = template.at(&["metadata", field]) {
            job.put(&["metadata", field], value.clone());
        }
    }
    job.put(
        &[
            "metadata",
            "annotations",
            "batch.kubernetes.io/cronjob-scheduled-timestamp",
        ],
        stamp(due),
    );
    match common::create(desk, "jobs.batch", cron.namespace(), job) {
        Ok(job) => common::event(
            desk,
            cron,
            "Normal",
            "SuccessfulCreate",
            &format!("Created job {}", job.name()),
        ),
        Err(status) => common::event(
            desk,
            cron,
            "Warning",
            "FailedCreate",
            &format!("Error creating job: {}", status.message),
        ),
    }
    true
}

fn write_status(desk: &mut Desk<'_>, cron: &Value, started: Option<DateTime<Utc>>) {
    let jobs = desk
        .state
        .list("jobs.batch", Some(cron.namespace()))
        .filter(|job| common::is_controlled_by(job, cron));
    let active: Vec<Value> = jobs
        .filter(|job| !is_done(job, "Complete") && !is_done(job, "Failed"))
        .map(|job| json!({"apiVersion": "batch/v1", "kind": "Job", "name": job.name(), "namespace": job.namespace(), "uid": job.uid()}))
        .collect();
    let mut status = cron.get("status").cloned().unwrap_or_else(|| json!({}));
    if active.is_empty() {
        status.cut(&["active"]);
    } else {
        status.put(&["active"], active);
    }
    if let Some(started) = started {
        status.put(&["lastScheduleTime"], stamp(started));
    }
    common::write_status(desk, "cronjobs.batch", cron, status);
}

/// Keeps only so many finished Jobs of each kind.
fn trim(desk: &mut Desk<'_>, cron: &Value, jobs: &[Arc<Value>]) {
    for (kind, field) in [
        ("Complete", "successfulJobsHistoryLimit"),
        ("Failed", "failedJobsHistoryLimit"),
    ] {
        let limit = usize::try_from(cron.int(&["spec", field]).unwrap_or(1)).unwrap_or(0);
        let mut done: Vec<_> = jobs.iter().filter(|job| is_done(job, kind)).collect();
        done.sort_by_key(|job| job.text(&["metadata", "creationTimestamp"]).to_owned());
        for job in done.iter().take(done.len().saturating_sub(limit)) {
            common::delete(desk, "jobs.batch", job);
        }
    }
}
