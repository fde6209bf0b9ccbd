//! Scheduler and kubelet in one: takes pods from Pending to Ready, and to their end, as their scripts say.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Desk;
use super::common::{is_finished, set_condition, sooner, write_status};
use crate::json::{Json, pairs};
use crate::scripts::{self, Script, Trouble};
use crate::store::ObjectKey;

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

/// The life of one container.
#[derive(Debug, Clone)]
struct Container {
    phase: Phase,
    since: Instant,
    restarts: u32,
    /// The last ending, for `lastState`.
    last: Option<Value>,
    started_at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Created,
    /// An image that cannot be pulled, after this many tries.
    Pulling(u32),
    Running,
    Ended(i64),
    BackOff,
}

impl Phase {
    fn is_running(self) -> bool {
        self == Self::Running
    }
}

/// How long a crashing container runs.
const CRASH_AFTER: Duration = Duration::from_millis(200);

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
        let run = self.pods.entry(key).or_insert_with(|| Run::of(pod, now));
        if run.uid != pod.uid() {
            *run = Run::of(pod, now);
        }
        run.step(desk, pod, now)
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
        let run = self
            .pods
            .entry(key.clone())
            .or_insert_with(|| Run::of(pod, now));
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

fn schedule(desk: &mut Desk<'_>, pod: &Value) -> Option<Duration> {
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

    /// Moves one container on; returns when it wants to be looked at again.
    fn container(
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

    fn status_of(
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

    fn write(
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

/// When a running container ends by itself.
fn ends_after(script: &Script, always: bool) -> Option<Duration> {
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
    fn new(now: Instant) -> Self {
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

fn pull_error(image: &str) -> String {
    let repository = image
        .rsplit_once(':')
        .map_or(image, |(repository, _)| repository);
    format!("failed to pull and unpack image \"{image}\": {repository}: not found")
}

fn base_status(container: &Value, restarts: u32) -> Value {
    let image = container.text(&["image"]);
    json!({"name": container["name"], "image": image, "imageID": format!("sandbox://{:08x}", crate::ids::fnv(image)), "ready": false, "started": false,
        "restartCount": restarts, "state": {}, "lastState": {}})
}

fn waiting(container: &Value, reason: &str, message: &str, restarts: u32) -> Value {
    let mut status = base_status(container, restarts);
    status["imageID"] = json!("");
    status["state"] = json!({"waiting": {"reason": reason}});
    if !message.is_empty() {
        status["state"]["waiting"]["message"] = json!(message);
    }
    status
}
