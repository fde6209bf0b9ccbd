//! Rollouts: back to an earlier revision, held, resumed, begun anew.

use kube::api::Patch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::account::Kubernetes;
use super::delete::uid;
use super::kind::Kind;
use super::object::ObjectId;
use super::patch::operations;
use super::retry::retry;
use super::selector::selector_text;
use crate::error::{CloudError, ErrorKind};

/// Which earlier revision is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// That many revisions back; 1 is the one before the present.
    Back(u64),
    /// The revision of that number.
    To(i64),
}

/// A revision of a workload: the object that holds its template. It stays the same when its number changes, so going back to it may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number when it was looked up.
    pub number: i64,
    /// The name of the ReplicaSet or ControllerRevision.
    pub name: String,
}

const REVISION: &str = "deployment.kubernetes.io/revision";
const TEMPLATE_HASH: &str = "pod-template-hash";
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Annotations that belong to the Deployment and not to one of its revisions (the list of `kubectl rollout undo`).
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

impl Kubernetes {
    /// The revision that an undo means, by what the cluster holds now. Going back changes the numbers: note it before [`Kubernetes::undo_rollout`].
    pub async fn find_revision(&self, id: &ObjectId, undo: Undo) -> Result<Revision, CloudError> {
        let found = self.revision(id, undo).await;
        found.map_err(|error| error.prefixed(&undo_prefix(id)))
    }

    async fn revision(&self, id: &ObjectId, undo: Undo) -> Result<Revision, CloudError> {
        let workload = self.workload(id).await?;
        let history = self.history(id, &workload).await?;
        let total = history.len();
        let found = match undo {
            Undo::Back(back) => {
                let index = usize::try_from(back)
                    .ok()
                    .and_then(|back| total.checked_sub(back)?.checked_sub(1));
                let index = index.ok_or_else(|| {
                    CloudError::invalid(format!(
                        "There are {total} revision(s) in total, cannot rollback {back}"
                    ))
                })?;
                history.get(index)
            }
            Undo::To(number) => {
                let found = history.iter().find(|(known, _)| *known == number);
                Some(found.ok_or_else(|| {
                    let known: Vec<String> =
                        history.iter().map(|(known, _)| known.to_string()).collect();
                    CloudError::not_found(format!(
                        "unable to find specified revision {number} in history; there are {}",
                        known.join(", ")
                    ))
                })?)
            }
        };
        found
            .map(|(number, object)| Revision {
                number: *number,
                name: text(object, "/metadata/name").to_owned(),
            })
            .ok_or_else(|| CloudError::not_found(format!("{id} has no revisions")))
    }

    /// Brings a revision back. Nothing happens when it is the present one.
    pub async fn undo_rollout(&self, id: &ObjectId, revision: &Revision) -> Result<(), CloudError> {
        let undone = self.bring_back(id, revision).await;
        undone.map_err(|error| error.prefixed(&undo_prefix(id)))
    }

    async fn bring_back(&self, id: &ObjectId, revision: &Revision) -> Result<(), CloudError> {
        let workload = self.workload(id).await?;
        let history = self.history(id, &workload).await?;
        let found = history
            .iter()
            .find(|(_, object)| text(object, "/metadata/name") == revision.name);
        let Some((_, object)) = found else {
            return Err(CloudError::not_found(format!(
                "the revision {} ({}) is gone",
                revision.number, revision.name
            )));
        };
        let patch = if id.kind.is("deployment") {
            if workload.pointer("/spec/paused") == Some(&Value::Bool(true)) {
                return Err(CloudError::invalid(
                    "a paused deployment cannot be rolled back; resume it first",
                ));
            }
            let template = template_of(object);
            if workload.pointer("/spec/template") == Some(&template) {
                return Ok(());
            }
            operations(&json!([
                {"op": "replace", "path": "/spec/template", "value": template},
                {"op": "add", "path": "/metadata/annotations", "value": annotations(&workload, object)},
            ]))?
        } else {
            Patch::Strategic(object.get("data").cloned().unwrap_or_default())
        };
        self.send(id, &patch, true).await.map(drop)
    }

    /// Holds the rollout of a Deployment.
    pub async fn pause_rollout(&self, id: &ObjectId) -> Result<(), CloudError> {
        self.set_paused(id, true, "pause").await
    }

    /// Lets the rollout of a Deployment go on.
    pub async fn resume_rollout(&self, id: &ObjectId) -> Result<(), CloudError> {
        self.set_paused(id, false, "resume").await
    }

    async fn set_paused(&self, id: &ObjectId, paused: bool, verb: &str) -> Result<(), CloudError> {
        let prefix = format!(
            "Failed to {verb} rollout {}/{} from {}: ",
            id.kind, id.name, id.namespace
        );
        if !id.kind.is("deployment") {
            let error = CloudError::new(
                ErrorKind::Unsupported,
                "only the rollout of a deployment can be held and resumed",
            );
            return Err(error.prefixed(&prefix));
        }
        let patch = Patch::Merge(json!({"spec": {"paused": paused}}));
        let sent = self.send(id, &patch, true).await;
        sent.map(drop).map_err(|error| error.prefixed(&prefix))
    }

    /// Replaces the pods of a workload by new ones of the same template. `at` is the time to note, RFC 3339; the same time again does nothing.
    pub async fn restart_rollout(&self, id: &ObjectId, at: &str) -> Result<(), CloudError> {
        let prefix = format!(
            "Failed to restart rollout {}/{} from {}: ",
            id.kind, id.name, id.namespace
        );
        let restart = async {
            let workload = self.workload(id).await?;
            if workload.pointer("/spec/paused") == Some(&Value::Bool(true)) {
                return Err(CloudError::invalid(
                    "a paused deployment cannot be restarted; resume it first",
                ));
            }
            let patch =
                json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}});
            self.send(id, &Patch::Strategic(patch), true)
                .await
                .map(drop)
        };
        restart.await.map_err(|error| error.prefixed(&prefix))
    }

    /// A workload that has rollouts.
    async fn workload(&self, id: &ObjectId) -> Result<Value, CloudError> {
        if !["deployment", "statefulSet", "daemonSet"]
            .iter()
            .any(|kind| id.kind.is(kind))
        {
            return Err(CloudError::new(
                ErrorKind::Unsupported,
                format!(
                    "a {} has no rollouts; a deployment, a statefulSet and a daemonSet have",
                    id.kind
                ),
            ));
        }
        let found = retry(|| self.get(id)).await?;
        found
            .ok_or_else(|| CloudError::not_found(format!("there is no {id} in {:?}", id.namespace)))
    }

    /// The revisions of a workload, oldest first, each with the object that holds its template.
    async fn history(
        &self,
        id: &ObjectId,
        workload: &Value,
    ) -> Result<Vec<(i64, Value)>, CloudError> {
        let kind = match id.kind.is("deployment") {
            true => Kind::of("ReplicaSet", "apps/v1"),
            false => Kind::of("ControllerRevision", "apps/v1"),
        };
        let selector = selector_text(workload.pointer("/spec/selector").unwrap_or(&Value::Null));
        let objects = retry(|| self.list_labels(&kind, &id.namespace, &selector)).await?;
        let owned = objects
            .into_iter()
            .filter(|object| is_controlled_by(object, workload));
        let mut history: Vec<(i64, Value)> = owned
            .filter_map(|object| Some((number(&object)?, object)))
            .collect();
        history.sort_by_key(|(number, _)| *number);
        Ok(history)
    }
}

fn undo_prefix(id: &ObjectId) -> String {
    format!(
        "Failed to undo rollout {}/{} from {}: ",
        id.kind, id.name, id.namespace
    )
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether that owner controls an object.
pub(crate) fn is_controlled_by(object: &Value, owner: &Value) -> bool {
    let owners = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    let controls = |reference: &Value| {
        reference.get("controller").and_then(Value::as_bool) == Some(true)
            && reference.get("uid").and_then(Value::as_str) == uid(owner)
    };
    uid(owner).is_some() && owners.into_iter().flatten().any(controls)
}

/// The number of a revision: of a ReplicaSet by its annotation, of a ControllerRevision its own.
fn number(object: &Value) -> Option<i64> {
    let annotated = object
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(REVISION)?.as_str()?.parse().ok());
    annotated.or_else(|| object.get("revision").and_then(Value::as_i64))
}

fn template_of(replica_set: &Value) -> Value {
    let mut template = replica_set
        .pointer("/spec/template")
        .cloned()
        .unwrap_or_default();
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

/// The annotations of the Deployment with the revision's in the place of its own.
fn annotations(deployment: &Value, replica_set: &Value) -> Value {
    let of = |object: &Value| {
        object
            .pointer("/metadata/annotations")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let is_own = |key: &String| OWN_ANNOTATIONS.contains(&key.as_str());
    let own = of(deployment).into_iter().filter(|(key, _)| is_own(key));
    let past = of(replica_set).into_iter().filter(|(key, _)| !is_own(key));
    Value::Object(own.chain(past).collect::<Map<_, _>>())
}
