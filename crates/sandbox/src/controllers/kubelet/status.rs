//! What the cluster is told of a pod: its phase, its conditions, the states of its containers.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::Desk;
use super::super::common::{set_condition, write_status};
use super::Run;
use super::container::{Phase, ends_after};
use crate::json::Json;
use crate::scripts;

impl Run {
    pub(super) fn status_of(
        &self,
        desk: &Desk<'_>,
        pod: &Value,
        container: &Value,
        now: Instant,
        initialised: bool,
    ) -> Value {
        let name = container.text(&["name"]);
        let Some(entry) = self.containers.get(name) else {
            return waiting(
                container,
                if initialised {
                    "ContainerCreating"
                } else {
                    "PodInitializing"
                },
                "",
                0,
            );
        };
        let script = scripts::script(pod, container, &desk.cluster.options);
        let image = container.text(&["image"]);
        let mut status = match entry.phase {
            Phase::Created => waiting(container, "ContainerCreating", "", entry.restarts),
            Phase::Pulling(1) => waiting(
                container,
                "ErrImagePull",
                &pull_error(image),
                entry.restarts,
            ),
            Phase::Pulling(_) => waiting(
                container,
                "ImagePullBackOff",
                &format!(
                    "Back-off pulling image \"{image}\": ErrImagePull: {}",
                    pull_error(image)
                ),
                entry.restarts,
            ),
            Phase::BackOff => {
                let exponent = entry.restarts.saturating_sub(1).min(5);
                let seconds = (desk.cluster.options.crash_backoff * 2_u32.pow(exponent))
                    .min(desk.cluster.options.crash_backoff * 30)
                    .as_secs();
                let message = format!(
                    "back-off {seconds}s restarting failed container={name} pod={}_{}({})",
                    pod.name(),
                    pod.namespace(),
                    self.uid
                );
                waiting(container, "CrashLoopBackOff", &message, entry.restarts)
            }
            Phase::Running => {
                let passed = now.saturating_duration_since(entry.since);
                let always = pod.text(&["spec", "restartPolicy"]) == "Always";
                let stays = ends_after(&script, always).is_none() || !always;
                let ready = stays
                    && script
                        .ready_after
                        .is_some_and(|due| passed >= due || ends_after(&script, always).is_some());
                let mut status = base_status(container, entry.restarts);
                status["ready"] = json!(ready);
                status["started"] = json!(true);
                status["state"] = json!({"running": {"startedAt": entry.started_at}});
                status
            }
            Phase::Ended(_) => {
                let mut status = base_status(container, entry.restarts);
                status["state"] = entry.last.clone().unwrap_or_else(|| json!({}));
                status
            }
        };
        if let Some(last) = entry
            .last
            .as_ref()
            .filter(|_| !matches!(entry.phase, Phase::Ended(_)))
        {
            status["lastState"] = last.clone();
        }
        status
    }

    pub(super) fn write(
        &self,
        desk: &mut Desk<'_>,
        pod: &Value,
        initialised: bool,
        init_statuses: Vec<Value>,
        statuses: Vec<Value>,
    ) {
        let now = desk.cluster.clock.stamp();
        let mut status = pod["status"].clone();
        let phase = self.phase(pod, initialised);
        status.put(&["phase"], phase);
        status.default_to(&["startTime"], now.clone());
        status.default_to(&["hostIP"], "127.0.0.1");
        if phase != "Pending" && status.text(&["podIP"]).is_empty() {
            let number = crate::ids::fnv(&self.uid);
            let address = format!(
                "10.{}.{}.{}",
                128 + number % 100,
                (number >> 8) % 250,
                (number >> 16) % 250 + 1
            );
            status.put(&["podIPs"], json!([{"ip": address}]));
            status.put(&["podIP"], address);
        }
        let ready = phase == "Running" && statuses.iter().all(|status| status.flag(&["ready"]));
        set_condition(
            &mut status,
            "Initialized",
            if initialised { "True" } else { "False" },
            if initialised {
                ""
            } else {
                "ContainersNotInitialized"
            },
            "",
            &now,
        );
        let unready: Vec<_> = statuses
            .iter()
            .filter(|status| !status.flag(&["ready"]))
            .map(|status| status.text(&["name"]))
            .collect();
        let (word, reason, message) = match phase {
            _ if ready => ("True", "", String::new()),
            "Succeeded" => ("False", "PodCompleted", String::new()),
            "Failed" => ("False", "PodFailed", String::new()),
            _ => (
                "False",
                "ContainersNotReady",
                format!("containers with unready status: [{}]", unready.join(" ")),
            ),
        };
        for kind in ["Ready", "ContainersReady"] {
            set_condition(&mut status, kind, word, reason, &message, &now);
        }
        set_condition(&mut status, "PodScheduled", "True", "", "", &now);
        if !init_statuses.is_empty() {
            status.put(&["initContainerStatuses"], init_statuses);
        }
        status.put(&["containerStatuses"], statuses);
        write_status(desk, "pods", pod, status);
    }

    fn phase(&self, pod: &Value, initialised: bool) -> &'static str {
        let names = pod
            .items(&["spec", "containers"])
            .iter()
            .map(|container| container.text(&["name"]));
        let phases: Vec<_> = names
            .map(|name| self.containers.get(name).map(|container| container.phase))
            .collect();
        let restarts = |code: i64| match pod.text(&["spec", "restartPolicy"]) {
            "Always" => true,
            "OnFailure" => code != 0,
            _ => false,
        };
        let ended: Option<Vec<i64>> = phases
            .iter()
            .map(|phase| {
                if let Some(Phase::Ended(code)) = phase {
                    Some(*code)
                } else {
                    None
                }
            })
            .collect();
        match ended {
            Some(codes) if initialised && !codes.iter().any(|code| restarts(*code)) => {
                if codes.iter().all(|code| *code == 0) {
                    "Succeeded"
                } else {
                    "Failed"
                }
            }
            _ => {
                let started = |phase: &Option<Phase>| {
                    phase.is_some_and(|phase| {
                        phase.is_running() || matches!(phase, Phase::Ended(_) | Phase::BackOff)
                    })
                };
                if initialised && phases.iter().all(started) {
                    "Running"
                } else {
                    "Pending"
                }
            }
        }
    }
}

pub(super) fn pull_error(image: &str) -> String {
    let repository = image
        .rsplit_once(':')
        .map_or(image, |(repository, _)| repository);
    format!("failed to pull and unpack image \"{image}\": {repository}: not found")
}

pub(super) fn base_status(container: &Value, restarts: u32) -> Value {
    let image = container.text(&["image"]);
    json!({"name": container["name"], "image": image, "imageID": format!("sandbox://{:08x}", crate::ids::fnv(image)), "ready": false, "started": false,
        "restartCount": restarts, "state": {}, "lastState": {}})
}

pub(super) fn waiting(container: &Value, reason: &str, message: &str, restarts: u32) -> Value {
    let mut status = base_status(container, restarts);
    status["imageID"] = json!("");
    status["state"] = json!({"waiting": {"reason": reason}});
    if !message.is_empty() {
        status["state"]["waiting"]["message"] = json!(message);
    }
    status
}
