//! StatefulSets: numbered pods, in order up and down, with their volume claims.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Desk;
use super::common::{self, RETRY, available_in, is_available, is_ready, sooner};
use super::revisions::{self, HASH};
use crate::json::Json;

pub(super) fn reconcile(desk: &mut Desk<'_>, set: &Value) -> Option<Duration> {
    // What is made now would only keep its owner from going.
    if set.is_deleting() {
        return None;
    }
    let pods = common::claim(desk, "pods", set);
    let (update, all) = revisions::current(desk, set)?;
    let known = set.text(&["status", "currentRevision"]);
    let current = all
        .iter()
        .find(|revision| revision.name() == known)
        .cloned()
        .unwrap_or_else(|| update.clone());
    let refused = move_on(desk, set, &pods, &current, &update);
    let seconds = set.int(&["spec", "minReadySeconds"]).unwrap_or(0);
    let now = desk.cluster.clock.now();
    let pods: Vec<_> = common::controlled(desk.state, "pods", set);
    write_status(desk, set, &pods, &current, &update);
    let mut in_use: Vec<&str> = vec![current.name(), update.name()];
    in_use.extend(pods.iter().filter_map(|pod| pod.label(HASH)));
    revisions::clean(desk, set, &all, &in_use);
    sooner(
        refused.then_some(RETRY),
        available_in(pods.iter(), seconds, now),
    )
}

fn wanted(set: &Value) -> i64 {
    set.int(&["spec", "replicas"]).unwrap_or(1)
}

fn ordinal(set: &Value, pod: &Value) -> Option<i64> {
    pod.name()
        .strip_prefix(set.name())?
        .strip_prefix('-')?
        .parse()
        .ok()
}

/// Makes the next change, if its turn has come; returns whether a pod was refused.
fn move_on(
    desk: &mut Desk<'_>,
    set: &Value,
    pods: &[Arc<Value>],
    current: &Value,
    update: &Value,
) -> bool {
    let parallel = set.text(&["spec", "podManagementPolicy"]) == "Parallel";
    let seconds = set.int(&["spec", "minReadySeconds"]).unwrap_or(0);
    let now = desk.cluster.clock.now();
    let start = set.int(&["spec", "ordinals", "start"]).unwrap_or(0);
    let find = |number: i64| pods.iter().find(|pod| ordinal(set, pod) == Some(number));
    let partition = partition(set);
    for number in start..start + wanted(set) {
        match find(number) {
            None => {
                let revision = if number - start >= partition {
                    update
                } else {
                    current
                };
                if create_pod(desk, set, number, revision).is_err() {
                    return true;
                }
                if !parallel {
                    return false;
                }
            }
            Some(pod) if common::is_finished(pod) && !pod.is_deleting() => {
                common::delete_pod(desk, set, pod);
                return false;
            }
            // Orderly: the next waits for this one.
            Some(pod) if !parallel && !is_available(pod, seconds, now) => {
                return replace_broken(desk, set, pods, update, start + partition);
            }
            Some(_) => {}
        }
    }
    let mut surplus: Vec<_> = pods
        .iter()
        .filter(|pod| {
            ordinal(set, pod).is_some_and(|number| number < start || number >= start + wanted(set))
        })
        .collect();
    surplus.sort_by_key(|pod| std::cmp::Reverse(ordinal(set, pod)));
    for pod in surplus {
        if pod.is_deleting() {
            if parallel { continue } else { return false }
        }
        common::delete_pod(desk, set, pod);
        if !parallel {
            return false;
        }
    }
    roll(desk, set, pods, update, start + partition);
    false
}

/// A pod of an old template that will never be ready does not hold up its own replacement.
fn replace_broken(
    desk: &mut Desk<'_>,
    set: &Value,
    pods: &[Arc<Value>],
    update: &Value,
    from: i64,
) -> bool {
    let stale = |pod: &Arc<Value>| {
        pod.label(HASH) != update.label(HASH)
            && ordinal(set, pod).is_some_and(|number| number >= from)
    };
    if set.text(&["spec", "updateStrategy", "type"]) == "RollingUpdate"
        && pods.iter().all(|pod| !pod.is_deleting())
        && let Some(pod) = pods
            .iter()
            .filter(|pod| stale(pod) && !is_ready(pod))
            .max_by_key(|pod| ordinal(set, pod))
    {
        common::delete_pod(desk, set, pod);
    }
    false
}

fn partition(set: &Value) -> i64 {
    set.int(&["spec", "updateStrategy", "rollingUpdate", "partition"])
        .unwrap_or(0)
}

/// Replaces pods of old templates one at a time, the highest number first.
fn roll(desk: &mut Desk<'_>, set: &Value, pods: &[Arc<Value>], update: &Value, from: i64) {
    if set.text(&["spec", "updateStrategy", "type"]) != "RollingUpdate" {
        return;
    }
    let mut ordered: Vec<_> = pods
        .iter()
        .filter(|pod| ordinal(set, pod).is_some_and(|number| number >= from))
        .collect();
    ordered.sort_by_key(|pod| std::cmp::Reverse(ordinal(set, pod)));
    for pod in ordered {
        if pod.label(HASH) != update.label(HASH) {
            if !pod.is_deleting() {
                common::delete_pod(desk, set, pod);
            }
            return;
        }
        if !is_ready(pod) {
            return;
        }
    }
}

fn create_pod(desk: &mut Desk<'_>, set: &Value, number: i64, revision: &Value) -> Result<(), ()> {
    let name = format!("{}-{number}", set.name());
    let mut pod = common::pod_from(&revisions::template(revision), set);
    pod.put(&["metadata", "name"], name.clone());
    pod.put(
        &["metadata", "labels", HASH],
        revision.label(HASH).unwrap_or_default(),
    );
    pod.put(
        &["metadata", "labels", "statefulset.kubernetes.io/pod-name"],
        name.clone(),
    );
    pod.put(
        &["metadata", "labels", "apps.kubernetes.io/pod-index"],
        number.to_string(),
    );
    pod.put(&["spec", "hostname"], name.clone());
    if !set.text(&["spec", "serviceName"]).is_empty() {
        pod.put(&["spec", "subdomain"], set.text(&["spec", "serviceName"]));
    }
    for template in set.items(&["spec", "volumeClaimTemplates"]) {
        let claim = format!("{}-{name}", template.name());
        ensure_claim(desk, set, template, &claim);
        let volumes = pod
            .map_mut(&["spec"])
            .entry("volumes")
            .or_insert_with(|| json!([]));
        if let Some(list) = volumes.as_array_mut() {
            list.retain(|volume| volume.text(&["name"]) != template.name());
            list.push(
                json!({"name": template.name(), "persistentVolumeClaim": {"claimName": claim}}),
            );
        }
    }
    common::create_pod(desk, set, pod).map(drop).map_err(drop)
}

fn ensure_claim(desk: &mut Desk<'_>, set: &Value, template: &Value, name: &str) {
    if desk
        .state
        .get("persistentvolumeclaims", set.namespace(), name)
        .is_some()
    {
        return;
    }
    let labels = set
        .at(&["spec", "selector", "matchLabels"])
        .cloned()
        .unwrap_or_else(|| json!({}));
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "labels": labels}, "spec": template["spec"]});
    if let Err(status) = common::create(desk, "persistentvolumeclaims", set.namespace(), claim) {
        common::event(
            desk,
            set,
            "Warning",
            "FailedCreate",
            &format!("create Claim {name} failed: {}", status.message),
        );
    }
}

fn write_status(
    desk: &mut Desk<'_>,
    set: &Value,
    pods: &[Arc<Value>],
    current: &Value,
    update: &Value,
) {
    let seconds = set.int(&["spec", "minReadySeconds"]).unwrap_or(0);
    let now = desk.cluster.clock.now();
    let live: Vec<_> = pods
        .iter()
        .filter(|pod| !common::is_finished(pod))
        .collect();
    let of = |revision: &Value| {
        live.iter()
            .filter(|pod| pod.label(HASH) == revision.label(HASH) && !pod.is_deleting())
            .count()
    };
    let ready = live.iter().filter(|pod| is_ready(pod)).count();
    let updated = of(update);
    let total = usize::try_from(wanted(set)).unwrap_or(0);
    let complete = updated == total && live.len() == total && ready == total;
    let mut status = set.get("status").cloned().unwrap_or_else(|| json!({}));
    status.put(&["observedGeneration"], set.generation());
    status.put(&["replicas"], live.len());
    common::count(&mut status, "readyReplicas", ready);
    status.put(
        &["availableReplicas"],
        live.iter()
            .filter(|pod| is_available(pod, seconds, now))
            .count(),
    );
    common::count(&mut status, "updatedReplicas", updated);
    common::count(
        &mut status,
        "currentReplicas",
        if complete { updated } else { of(current) },
    );
    status.put(&["updateRevision"], update.name());
    status.put(
        &["currentRevision"],
        if complete {
            update.name()
        } else {
            current.name()
        },
    );
    status.put(&["collisionCount"], 0);
    common::write_status(desk, "statefulsets.apps", set, status);
}
