//! What belongs to a workload that is waited for: its pods, its ReplicaSets, its events. Read for their troubles only.
//!
//! An account may be allowed to see the workload and not these; the wait then goes on without them.

use std::collections::BTreeMap;
use std::future::pending;

use serde_json::Value;

use super::text;
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::causes::{self, Trouble};
use crate::kubernetes::events::event_kind;
use crate::kubernetes::kind::Kind;
use crate::kubernetes::object::ObjectId;
use crate::kubernetes::selector::selector_text;
use crate::kubernetes::watch::{Selection, Watch};

pub(super) struct Surroundings {
    pods: Option<Watch>,
    replica_sets: Option<Watch>,
    events: Option<Watch>,
    /// The versions of the events that were there when the wait began: they tell of the past until they come again.
    old_events: Option<BTreeMap<String, String>>,
}

impl Surroundings {
    /// Begins to watch what belongs to that object; `None` for kinds without pods.
    pub(super) async fn of(kubernetes: &Kubernetes, id: &ObjectId, object: &Value) -> Option<Self> {
        let workloads = [
            "deployment",
            "replicaSet",
            "statefulSet",
            "daemonSet",
            "job",
        ];
        if !workloads.iter().any(|kind| id.kind.is(kind)) {
            return None;
        }
        let labels = selector_text(object.pointer("/spec/selector").unwrap_or(&Value::Null));
        if labels.is_empty() {
            return None;
        }
        let namespace = text(object, "/metadata/namespace");
        let watch = async |kind: Kind, selection: Selection| {
            let resource = kubernetes.resource(&kind, None).await.ok()?;
            Some(kubernetes.watch(&resource, namespace, selection))
        };
        let uid = text(object, "/metadata/uid");
        Some(Self {
            pods: watch(Kind::of("Pod", "v1"), Selection::labels(&labels)).await,
            replica_sets: match id.kind.is("deployment") {
                true => {
                    watch(
                        Kind::of("ReplicaSet", "apps/v1"),
                        Selection::labels(&labels),
                    )
                    .await
                }
                false => None,
            },
            events: watch(
                event_kind(),
                Selection::fields(format!("involvedObject.uid={uid}")),
            )
            .await,
            old_events: None,
        })
    }

    /// Ends when any of it has changed; never, when nothing can be seen.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            () = changed(&mut self.pods) => {}
            () = changed(&mut self.replica_sets) => {}
            () = changed(&mut self.events) => {
                if let (None, Some(events)) = (&self.old_events, &self.events) {
                    let versions = events.objects().map(|event| (text(event, "/metadata/uid").to_owned(), version(event)));
                    self.old_events = Some(versions.collect());
                }
            }
        }
    }

    /// The troubles of what the object is made of now.
    pub(super) fn troubles(&self, id: &ObjectId, object: &Value) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = causes::of_conditions(object).into_iter().collect();
        troubles.extend(
            self.current_pods(id, object)
                .into_iter()
                .filter_map(causes::of_pod),
        );
        if troubles.is_empty() {
            troubles.extend(
                self.new_events()
                    .filter_map(|event| causes::of_event(event, object)),
            );
        }
        troubles
    }

    fn new_events(&self) -> impl Iterator<Item = &Value> {
        let events = self.events.iter().flat_map(Watch::objects);
        events.filter(|event| {
            let old = self
                .old_events
                .as_ref()
                .and_then(|old| old.get(text(event, "/metadata/uid")));
            old.is_none_or(|old| *old != version(event))
        })
    }

    /// The pods of the newest template: those of an older one are on their way out, whatever is wrong with them.
    fn current_pods(&self, id: &ObjectId, object: &Value) -> Vec<&Value> {
        let Some(pods) = &self.pods else {
            return Vec::new();
        };
        let owner = match id.kind.is("deployment") {
            false => text(object, "/metadata/uid"),
            true => match self.current_replica_set(object) {
                Some(replica_set) => text(replica_set, "/metadata/uid"),
                None => return Vec::new(),
            },
        };
        let owned = pods.objects().filter(|pod| controller(pod) == Some(owner));
        let owned: Vec<&Value> = owned.collect();
        let hash = |pod: &Value| text(pod, "/metadata/labels/controller-revision-hash").to_owned();
        let current = if id.kind.is("statefulSet") {
            text(object, "/status/updateRevision").to_owned()
        } else if id.kind.is("daemonSet") {
            let newest = owned
                .iter()
                .max_by_key(|pod| text(pod, "/metadata/creationTimestamp"));
            newest.map(|pod| hash(pod)).unwrap_or_default()
        } else {
            String::new()
        };
        // A StatefulSet names the revision on its pods, a DaemonSet its hash.
        let is_current = |pod: &&Value| {
            let hash = hash(pod);
            current.is_empty()
                || hash.is_empty()
                || current.rsplit('-').next() == hash.rsplit('-').next()
        };
        owned.into_iter().filter(is_current).collect()
    }

    fn current_replica_set(&self, deployment: &Value) -> Option<&Value> {
        let uid = text(deployment, "/metadata/uid");
        let owned = self
            .replica_sets
            .as_ref()?
            .objects()
            .filter(|set| controller(set) == Some(uid));
        owned.max_by_key(|set| revision(set))
    }
}

/// The uid of what controls an object.
fn controller(object: &Value) -> Option<&str> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let controls = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
    owners.iter().find(controls)?.get("uid")?.as_str()
}

fn revision(replica_set: &Value) -> i64 {
    let text = text(
        replica_set,
        "/metadata/annotations/deployment.kubernetes.io~1revision",
    );
    text.parse().unwrap_or(0)
}

fn version(event: &Value) -> String {
    text(event, "/metadata/resourceVersion").to_owned()
}

async fn changed(watch: &mut Option<Watch>) {
    let Some(open) = watch else {
        return pending().await;
    };
    if let Err(error) = open.changed().await {
        tracing::debug!(%error, "what belongs to a workload cannot be watched");
        *watch = None;
    }
}
