//! Scheduler and kubelet in one: takes pods from Pending to Ready, and to their end, as their scripts say.

mod container;
mod scheduler;
mod status;

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Desk;
use super::common::{is_finished, set_condition, sooner, write_status};
use crate::json::Json;
use crate::scripts::{self, Trouble};
use crate::store::ObjectKey;
use container::{Container, Phase};
use scheduler::schedule;
use status::{base_status, waiting};

/// Runs are forgotten when their pod is gone. After a restore they start anew from what the pod's status shows.
#[derive(Debug, Default)]
pub(super) struct Kubelet {
    pods: HashMap<ObjectKey, Run>,
}

/// The life of one pod here.
#[derive(Debug)]
struct Run {
    uid: String,
    bound: Instant,
    doomed: Option<Instant>,
    containers: HashMap<String, Container>,
}

impl Kubelet {
    pub fn forget(&mut self, key: &ObjectKey) {
        self.pods.remove(key);
    }

    pub fn reconcile(&mut self, desk: &mut Desk<'_>, pod: &Value) -> Option<Duration> {
        let key = ObjectKey::of(&"pods".into(), pod);
        if pod.is_deleting() {
            return self.terminate(desk, &key, pod);
        }
        if is_finished(pod) {
            return None;
        }
        if pod.text(&["spec", "nodeName"]).is_empty() {
            return schedule(desk, pod);
        }
        let now = Instant::now();
        self.run(&key, pod, now).step(desk, pod, now)
    }

    /// The run of this very pod: one of the same name before it is forgotten.
    fn run(&mut self, key: &ObjectKey, pod: &Value, now: Instant) -> &mut Run {
        let run = self
            .pods
            .entry(key.clone())
            .or_insert_with(|| Run::of(pod, now));
        if run.uid != pod.uid() {
            *run = Run::of(pod, now);
        }
        run
    }

    /// A pod going away stops being ready at once and is removed when its containers had time to finish.
    fn terminate(&mut self, desk: &mut Desk<'_>, key: &ObjectKey, pod: &Value) -> Option<Duration> {
        let now = Instant::now();
        let grace = Duration::from_secs(
            u64::try_from(
                pod.int(&["metadata", "deletionGracePeriodSeconds"])
                    .unwrap_or(0),
            )
            .unwrap_or(0),
        );
        let run = self.run(key, pod, now);
        let due =
            *run.doomed.get_or_insert(now) + desk.cluster.options.termination_delay.min(grace);
        if now < due {
            if !run_is_unready(pod) {
                let message = "Stopping container";
                for container in pod.items(&["spec", "containers"]) {
                    node_event(
                        desk,
                        pod,
                        "Normal",
                        "Killing",
                        &format!("{message} {}", container.text(&["name"])),
                    );
                }
                unready(desk, pod);
            }
            return Some(due - now);
        }
        for container in pod.items(&["spec", "containers"]) {
            desk.cluster.logs.end(pod.uid(), container.text(&["name"]));
        }
        let kind = desk.state.kinds.by_resource("pods").cloned()?;
        let mut last = pod.clone();
        last.put(&["metadata", "deletionGracePeriodSeconds"], 0);
        let held = !pod.items(&["metadata", "finalizers"]).is_empty();
        if held {
            // Its finalizers decide now.
            if pod.int(&["metadata", "deletionGracePeriodSeconds"]) != Some(0) {
                desk.state.put(&kind, last);
            }
        } else {
            crate::api::remove(desk.cluster, desk.state, &kind, pod);
            self.pods.remove(key);
        }
        None
    }
}

fn run_is_unready(pod: &Value) -> bool {
    pod.items(&["status", "containerStatuses"])
        .iter()
        .all(|status| !status.flag(&["ready"]))
}

fn unready(desk: &mut Desk<'_>, pod: &Value) {
    let now = desk.cluster.clock.stamp();
    let mut status = pod["status"].clone();
    for kind in ["Ready", "ContainersReady"] {
        set_condition(&mut status, kind, "False", "PodCompleted", "", &now);
    }
    for container in status
        .get_mut("containerStatuses")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        container.put(&["ready"], false);
    }
    write_status(desk, "pods", pod, status);
}

fn node_event(desk: &mut Desk<'_>, pod: &Value, kind: &str, reason: &str, message: &str) {
    let cluster = desk.cluster.clone();
    cluster.event(desk.state, pod, kind, reason, message, "kubelet");
}

/// What a container did in a step, to tell in events.
type Told = Vec<(&'static str, &'static str, String)>;

impl Run {
    fn of(pod: &Value, now: Instant) -> Self {
        Self {
            uid: pod.uid().to_owned(),
            bound: now,
            doomed: None,
            containers: HashMap::new(),
        }
    }

    /// Moves every container as far as time allows and writes the status that follows.
    fn step(&mut self, desk: &mut Desk<'_>, pod: &Value, now: Instant) -> Option<Duration> {
        let start = self.bound + desk.cluster.options.start_delay;
        let mut wait = None;
        let mut told = Told::new();
        let (mut init_statuses, mut initialised) = (Vec::new(), true);
        for container in pod.items(&["spec", "initContainers"]) {
            let (status, done) = self.init_container(
                desk,
                pod,
                container,
                now,
                start,
                initialised,
                &mut told,
                &mut wait,
            );
            init_statuses.push(status);
            initialised &= done;
        }
        let mut statuses = Vec::new();
        for container in pod.items(&["spec", "containers"]) {
            if initialised {
                wait = sooner(
                    wait,
                    self.container(desk, pod, container, now, start, &mut told),
                );
            }
            statuses.push(self.status_of(desk, pod, container, now, initialised));
        }
        if now < start {
            wait = sooner(wait, Some(start - now));
        }
        for (kind, reason, message) in told {
            node_event(desk, pod, kind, reason, &message);
        }
        self.write(desk, pod, initialised, init_statuses, statuses);
        wait
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of one container needs all of this, and nothing else does"
    )]
    fn init_container(
        &mut self,
        desk: &Desk<'_>,
        pod: &Value,
        container: &Value,
        now: Instant,
        start: Instant,
        turn: bool,
        told: &mut Told,
        wait: &mut Option<Duration>,
    ) -> (Value, bool) {
        let name = container.text(&["name"]);
        if !turn || now < start {
            return (waiting(container, "PodInitializing", "", 0), false);
        }
        let script = scripts::script(pod, container, &desk.cluster.options);
        let is_sidecar = container.text(&["restartPolicy"]) == "Always";
        if Trouble::ImagePull == script.trouble.unwrap_or(Trouble::NeverReady) {
            *wait = sooner(
                *wait,
                self.container(desk, pod, container, now, start, told),
            );
            return (self.status_of(desk, pod, container, now, true), false);
        }
        let entry = self
            .containers
            .entry(name.to_owned())
            .or_insert_with(|| Container::new(now));
        if entry.started_at.is_empty() {
            entry.started_at = desk.cluster.clock.stamp();
            for line in &script.lines {
                desk.cluster
                    .logs
                    .append(&self.uid, name, desk.cluster.clock.now(), line);
            }
            told.push(("Normal", "Started", format!("Started container {name}")));
        }
        if is_sidecar {
            entry.phase = Phase::Running;
            return (self.status_of(desk, pod, container, now, true), true);
        }
        if entry.phase != Phase::Ended(0) {
            entry.phase = Phase::Ended(0);
            desk.cluster.logs.end(&self.uid, name);
        }
        let mut status = base_status(container, 0);
        status["ready"] = json!(true);
        status["started"] = json!(false);
        status["state"] = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": entry.started_at, "finishedAt": entry.started_at}});
        (status, true)
    }
}
