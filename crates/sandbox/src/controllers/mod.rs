//! The controllers: small reconcilers over one queue.
//!
//! One task reads the history of changes, works out which objects each change concerns, and reconciles them one at a time under the
//! store's lock. A reconcile looks at the present state only, so it may run any number of times; it may ask to run again after a while.
//! Timers are tokio's, so a paused clock steps the cluster.

mod autoscaler;
mod budgets;
mod claims;
mod common;
pub(crate) mod cron;
mod cron_job;
mod daemon_set;
mod deployment;
mod endpoints;
mod job;
mod kubelet;
mod load_balancer;
mod namespace;
mod queue;
mod replica_set;
mod revisions;
mod stateful_set;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::api;
use crate::cluster::Cluster;
use crate::json::Json;
use crate::kinds::Resource;
use crate::selector::LabelSelector;
use crate::store::{Change, ChangeKind, ObjectKey, State};
use kubelet::Kubelet;
use queue::Queue;

/// Which controller looks at an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    Collector,
    Namespace,
    Kubelet,
    ReplicaSet,
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    Endpoints,
    LoadBalancer,
    Claim,
    Budget,
    Quota,
    Autoscaler,
}

impl Role {
    /// The controller that owns a kind of object.
    fn of(resource: &str) -> Option<Self> {
        Some(match resource {
            "namespaces" => Self::Namespace,
            "pods" => Self::Kubelet,
            "replicasets.apps" => Self::ReplicaSet,
            "deployments.apps" => Self::Deployment,
            "statefulsets.apps" => Self::StatefulSet,
            "daemonsets.apps" => Self::DaemonSet,
            "jobs.batch" => Self::Job,
            "cronjobs.batch" => Self::CronJob,
            "services" => Self::Endpoints,
            "ingresses.networking.k8s.io" => Self::LoadBalancer,
            "persistentvolumeclaims" => Self::Claim,
            "poddisruptionbudgets.policy" => Self::Budget,
            "resourcequotas" => Self::Quota,
            "horizontalpodautoscalers.autoscaling" => Self::Autoscaler,
            _ => return None,
        })
    }
}

/// One object for one controller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Work {
    role: Role,
    key: ObjectKey,
}

/// What a reconcile has at hand.
pub(crate) struct Desk<'a> {
    cluster: &'a Arc<Cluster>,
    state: &'a mut State,
}

/// Runs until the sandbox closes.
pub(crate) async fn run(cluster: Arc<Cluster>) {
    let mut revisions = cluster.store.revisions();
    let mut queue = Queue::default();
    let mut kubelet = Kubelet::default();
    let mut position = cluster.store.read(|state| {
        enqueue_everything(state, &mut queue);
        state.revision()
    });
    loop {
        revisions.borrow_and_update();
        position = cluster
            .store
            .read(|state| take_changes(state, position, &mut queue));
        queue.take_due();
        let Some(work) = queue.pop() else {
            let next = queue.next_due();
            tokio::select! {
                biased;
                () = cluster.closing.cancelled() => return,
                changed = revisions.changed() => if changed.is_err() { return },
                () = sleep_until(next) => {}
            }
            continue;
        };
        let again = cluster.store.write(|state| {
            reconcile(
                &work,
                &mut Desk {
                    cluster: &cluster,
                    state,
                },
                &mut kubelet,
            )
        });
        if let Some(delay) = again {
            queue.after(delay, work);
        }
        // Requests get their turn between reconciles.
        tokio::task::yield_now().await;
        if cluster.closing.is_cancelled() {
            return;
        }
    }
}

async fn sleep_until(next: Option<tokio::time::Instant>) {
    match next {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn reconcile(work: &Work, desk: &mut Desk<'_>, kubelet: &mut Kubelet) -> Option<Duration> {
    let key = &work.key;
    if work.role == Role::Collector {
        api::collect_if_orphaned(desk.cluster, desk.state, key);
        return None;
    }
    let Some(object) = desk.state.find(key).cloned() else {
        if work.role == Role::Kubelet {
            kubelet.forget(key);
        }
        if work.role == Role::Endpoints {
            endpoints::remove(desk, key);
        }
        return None;
    };
    match work.role {
        Role::Collector => None,
        Role::Namespace => namespace::reconcile(desk, &object),
        Role::Kubelet => kubelet.reconcile(desk, &object),
        Role::ReplicaSet => replica_set::reconcile(desk, &object),
        Role::Deployment => deployment::reconcile(desk, &object),
        Role::StatefulSet => stateful_set::reconcile(desk, &object),
        Role::DaemonSet => daemon_set::reconcile(desk, &object),
        Role::Job => job::reconcile(desk, &object),
        Role::CronJob => cron_job::reconcile(desk, &object),
        Role::Endpoints => endpoints::reconcile(desk, &object),
        Role::LoadBalancer => load_balancer::reconcile(desk, &object),
        Role::Claim => claims::reconcile(desk, &object),
        Role::Budget => budgets::reconcile(desk, &object),
        Role::Quota => budgets::reconcile_quota(desk, &object),
        Role::Autoscaler => autoscaler::reconcile(desk, &object),
    }
}

fn enqueue_everything(state: &State, queue: &mut Queue) {
    for (resource, object) in state.everything() {
        enqueue_object(resource, object, queue);
        enqueue_collection(resource, object, queue);
    }
}

fn enqueue_object(resource: &Resource, object: &Value, queue: &mut Queue) {
    if let Some(role) = Role::of(resource) {
        queue.push(Work {
            role,
            key: ObjectKey::of(resource, object),
        });
    }
    if &**resource == "services" {
        queue.push(Work {
            role: Role::LoadBalancer,
            key: ObjectKey::of(resource, object),
        });
    }
}

/// An object may name owners that never were.
fn enqueue_collection(resource: &Resource, object: &Value, queue: &mut Queue) {
    if !object.items(&["metadata", "ownerReferences"]).is_empty() {
        queue.push(Work {
            role: Role::Collector,
            key: ObjectKey::of(resource, object),
        });
    }
}

/// A node that changed may take pods that found none, and daemons.
fn enqueue_for_nodes(state: &State, queue: &mut Queue) {
    let homeless = |pod: &Value| pod.text(&["spec", "nodeName"]).is_empty();
    for (resource, role) in [
        ("pods", Role::Kubelet),
        ("daemonsets.apps", Role::DaemonSet),
    ] {
        let Some(kind) = state.kinds.by_resource(resource) else {
            continue;
        };
        for object in state
            .list(resource, None)
            .filter(|object| role == Role::DaemonSet || homeless(object))
        {
            queue.push(Work {
                role,
                key: ObjectKey::of(&kind.resource, object),
            });
        }
    }
}

/// Enqueues what the changes since a position concern; returns the new position.
fn take_changes(state: &State, position: u64, queue: &mut Queue) -> u64 {
    match state.changes_after(position) {
        None => enqueue_everything(state, queue),
        Some(changes) => changes.for_each(|change| enqueue_change(state, change, queue)),
    }
    state.revision()
}

fn enqueue_change(state: &State, change: &Change, queue: &mut Queue) {
    let object = &change.object;
    if &*change.resource == "events" {
        return;
    }
    enqueue_object(&change.resource, object, queue);
    if change.kind == ChangeKind::Added {
        enqueue_collection(&change.resource, object, queue);
    }
    for owner in object.items(&["metadata", "ownerReferences"]) {
        if let Some(kind) = state
            .kinds
            .find_kind(owner.text(&["apiVersion"]), owner.kind())
            && let Some(role) = Role::of(&kind.resource)
        {
            let namespace = if kind.namespaced {
                object.namespace()
            } else {
                ""
            };
            let key = ObjectKey {
                resource: kind.resource.clone(),
                namespace: namespace.to_owned(),
                name: owner.text(&["name"]).to_owned(),
            };
            queue.push(Work { role, key });
        }
    }
    if &*change.resource == "nodes" {
        enqueue_for_nodes(state, queue);
    }
    let namespace = object.namespace();
    let mut all_of = |resource: &str, wanted: &dyn Fn(&Value) -> bool| {
        for other in state
            .list(resource, Some(namespace))
            .filter(|other| wanted(other))
        {
            if let (Some(role), Some(kind)) =
                (Role::of(resource), state.kinds.by_resource(resource))
            {
                queue.push(Work {
                    role,
                    key: ObjectKey::of(&kind.resource, other),
                });
            }
        }
    };
    match &*change.resource {
        "pods" => {
            let selects = |selector: Option<LabelSelector>| {
                selector.is_some_and(|selector| {
                    selector.matches(object)
                        || change
                            .previous
                            .as_ref()
                            .is_some_and(|previous| selector.matches(previous))
                })
            };
            all_of("services", &|service| {
                selects(LabelSelector::from_map(service.at(&["spec", "selector"])))
            });
            all_of("poddisruptionbudgets.policy", &|budget| {
                selects(LabelSelector::from_value(budget.at(&["spec", "selector"])))
            });
            // A pod whose labels changed may be anybody's now.
            let relabelled = change.previous.as_ref().is_none_or(|previous| {
                previous.at(&["metadata", "labels"]) != object.at(&["metadata", "labels"])
            });
            if common::controller_of(object).is_none() || relabelled {
                for resource in [
                    "replicasets.apps",
                    "statefulsets.apps",
                    "daemonsets.apps",
                    "jobs.batch",
                ] {
                    all_of(resource, &|owner| {
                        selects(LabelSelector::from_value(owner.at(&["spec", "selector"])))
                    });
                }
            }
        }
        "replicasets.apps" if common::controller_of(object).is_none() => {
            all_of("deployments.apps", &|owner| {
                LabelSelector::from_value(owner.at(&["spec", "selector"]))
                    .is_some_and(|selector| selector.matches(object))
            });
        }
        "deployments.apps" | "statefulsets.apps" => {
            all_of("horizontalpodautoscalers.autoscaling", &|scaler| {
                scaler.text(&["spec", "scaleTargetRef", "name"]) == object.name()
            });
        }
        _ => {}
    }
    if change.kind != ChangeKind::Modified || &*change.resource == "pods" {
        all_of("resourcequotas", &|_| true);
    }
    if change.kind == ChangeKind::Deleted
        && !namespace.is_empty()
        && let Some(kind) = state.kinds.by_resource("namespaces")
    {
        let key = ObjectKey {
            resource: kind.resource.clone(),
            namespace: String::new(),
            name: namespace.to_owned(),
        };
        queue.push(Work {
            role: Role::Namespace,
            key,
        });
    }
}
