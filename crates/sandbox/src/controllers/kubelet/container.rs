//! The life of one container: created, pulled, running, ended, started again.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::Desk;
use super::status::pull_error;
use super::{Run, Told};
use crate::json::Json;
use crate::scripts::{self, Script, Trouble};

/// The life of one container.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub phase: Phase,
    pub since: Instant,
    pub restarts: u32,
    /// The last ending, for `lastState`.
    pub last: Option<Value>,
    pub started_at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Created,
    /// An image that cannot be pulled, after this many tries.
    Pulling(u32),
    Running,
    Ended(i64),
    BackOff,
}

impl Phase {
    pub fn is_running(self) -> bool {
        self == Self::Running
    }
}

/// How long a crashing container runs.
const CRASH_AFTER: Duration = Duration::from_millis(200);

impl Run {
    /// Moves one container on; returns when it wants to be looked at again.
    pub(super) fn container(
        &mut self,
        desk: &Desk<'_>,
        pod: &Value,
        container: &Value,
        now: Instant,
        start: Instant,
        told: &mut Told,
    ) -> Option<Duration> {
        let (name, image) = (container.text(&["name"]), container.text(&["image"]));
        let script = scripts::script(pod, container, &desk.cluster.options);
        let always = pod.text(&["spec", "restartPolicy"]) == "Always";
        let uid = self.uid.clone();
        let entry = self
            .containers
            .entry(name.to_owned())
            .or_insert_with(|| Container::resumed(pod, name, now));
        loop {
            let passed = now.saturating_duration_since(entry.since);
            match entry.phase {
                Phase::Created if now < start => return Some(start - now),
                Phase::Created if script.trouble == Some(Trouble::ImagePull) => {
                    told.push(("Normal", "Pulling", format!("Pulling image \"{image}\"")));
                    told.push((
                        "Warning",
                        "Failed",
                        format!("Failed to pull image \"{image}\": {}", pull_error(image)),
                    ));
                    told.push(("Warning", "Failed", "Error: ErrImagePull".to_owned()));
                    entry.enter(Phase::Pulling(1), now);
                }
                Phase::Pulling(tries) => {
                    // The pull itself fails soon; then come the pauses.
                    let base = desk
                        .cluster
                        .options
                        .crash_backoff
                        .max(Duration::from_millis(100));
                    let backoff = if tries == 1 {
                        base / 10
                    } else {
                        base * tries.min(30)
                    };
                    if tries > 1 && script.trouble != Some(Trouble::ImagePull) {
                        entry.enter(Phase::Created, now);
                        continue;
                    }
                    if passed < backoff {
                        return Some(backoff - passed);
                    }
                    told.push((
                        "Normal",
                        "BackOff",
                        format!("Back-off pulling image \"{image}\""),
                    ));
                    told.push(("Warning", "Failed", "Error: ImagePullBackOff".to_owned()));
                    let next = if script.trouble == Some(Trouble::ImagePull) {
                        Phase::Pulling(tries + 1)
                    } else {
                        Phase::Created
                    };
                    entry.enter(next, now);
                }
                Phase::Created => {
                    entry.enter(Phase::Running, now);
                    entry.started_at = desk.cluster.clock.stamp();
                    told.push((
                        "Normal",
                        "Pulled",
                        format!("Container image \"{image}\" already present on machine"),
                    ));
                    told.push(("Normal", "Created", format!("Created container: {name}")));
                    told.push(("Normal", "Started", format!("Started container {name}")));
                    for line in &script.lines {
                        desk.cluster
                            .logs
                            .append(&uid, name, desk.cluster.clock.now(), line);
                    }
                    if script.lines.is_empty() {
                        desk.cluster.logs.append(
                            &uid,
                            name,
                            desk.cluster.clock.now(),
                            &format!("{name}: started {image}"),
                        );
                    }
                }
                Phase::Running => match ends_after(&script, always) {
                    Some(due) if passed >= due => entry.end(desk, &uid, name, &script, now),
                    Some(due) => return Some(due - passed),
                    None => {
                        return script
                            .ready_after
                            .filter(|due| passed < *due)
                            .map(|due| due - passed);
                    }
                },
                Phase::Ended(code) => {
                    let restart = always
                        || (pod.text(&["spec", "restartPolicy"]) == "OnFailure" && code != 0);
                    if !restart {
                        return None;
                    }
                    if entry.restarts == 0 {
                        // The first restart comes at once.
                        entry.restart(desk, &uid, name, now);
                        continue;
                    }
                    told.push((
                        "Warning",
                        "BackOff",
                        format!(
                            "Back-off restarting failed container {name} in pod {}_{}({uid})",
                            pod.name(),
                            pod.namespace()
                        ),
                    ));
                    entry.enter(Phase::BackOff, now);
                }
                Phase::BackOff => {
                    let exponent = entry.restarts.saturating_sub(1).min(5);
                    let backoff = (desk.cluster.options.crash_backoff * 2_u32.pow(exponent))
                        .min(desk.cluster.options.crash_backoff * 30);
                    if passed < backoff {
                        return Some(backoff - passed);
                    }
                    entry.restart(desk, &uid, name, now);
                }
            }
        }
    }
}

/// When a running container ends by itself.
pub(super) fn ends_after(script: &Script, always: bool) -> Option<Duration> {
    match script.trouble {
        Some(Trouble::Crash | Trouble::OutOfMemory) => {
            Some(CRASH_AFTER.min(script.run_for.max(Duration::from_millis(1))))
        }
        Some(Trouble::Fail) if always => Some(CRASH_AFTER),
        _ if always => None,
        _ => Some(script.run_for),
    }
}

impl Container {
    pub fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Created,
            since: now,
            restarts: 0,
            last: None,
            started_at: String::new(),
        }
    }

    /// A container whose pod was known before: it keeps its restarts, and one that was ready stays ready.
    fn resumed(pod: &Value, name: &str, now: Instant) -> Self {
        let mut container = Self::new(now);
        let status = pod
            .items(&["status", "containerStatuses"])
            .iter()
            .find(|status| status.text(&["name"]) == name);
        if let Some(status) = status {
            container.restarts =
                u32::try_from(status.int(&["restartCount"]).unwrap_or(0)).unwrap_or(0);
            if status.flag(&["ready"]) {
                container.phase = Phase::Running;
                // Long enough ago for any readiness delay.
                container.since = now.checked_sub(Duration::from_secs(86_400)).unwrap_or(now);
                status
                    .text(&["state", "running", "startedAt"])
                    .clone_into(&mut container.started_at);
            }
        }
        container
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        (self.phase, self.since) = (phase, now);
    }

    fn end(&mut self, desk: &Desk<'_>, uid: &str, name: &str, script: &Script, now: Instant) {
        let stamp = desk.cluster.clock.stamp();
        let code = script.exit_code;
        let reason = match code {
            0 => "Completed",
            137 => "OOMKilled",
            _ => "Error",
        };
        let mut ended = json!({"exitCode": code, "reason": reason, "startedAt": self.started_at, "finishedAt": stamp});
        if !script.termination_message.is_empty() {
            ended["message"] = json!(script.termination_message);
        }
        self.last = Some(json!({"terminated": ended}));
        desk.cluster.logs.end(uid, name);
        self.enter(Phase::Ended(code), now);
    }

    fn restart(&mut self, desk: &Desk<'_>, uid: &str, name: &str, now: Instant) {
        self.restarts += 1;
        desk.cluster.logs.restart(uid, name);
        self.enter(Phase::Created, now);
    }
}
