//! Sending what was prepared, one by one, and what is told of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spindrift_model::Artifact;

use super::prepare::{Preparation, Prepared};
use super::request::DeployRequest;
use crate::error::CloudError;
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::annotations;
use crate::kubernetes::apply::{Mode, Sent};
use crate::kubernetes::object::ObjectId;
use crate::kubernetes::redact::{is_secret, redacted};

/// What a deploy has made of the cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deployed {
    /// The objects as the API server has them, without secrets.
    pub manifests: Vec<Value>,
    /// What became of each, in the same order.
    pub objects: Vec<DeployedObject>,
    /// The artifacts that were made.
    pub created: Vec<Artifact>,
    /// The artifacts that were bound.
    pub bound: Vec<Artifact>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedObject {
    /// The object.
    pub id: ObjectId,
    /// What the deploy did to it.
    pub effect: Effect,
    /// The name of the newest version before it, when its name carries one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<String>,
    /// The manifest that it was made from before; absent for Secrets and for what somebody else made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Value>,
    /// Whether its pods are replaced: its pod template was changed.
    #[serde(default)]
    pub rolls: bool,
    /// How many replicas it is to have in the end, when it starts with fewer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full_size: Option<u64>,
}

/// What a deploy did to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// It was made.
    Created,
    /// It was changed.
    Changed,
    /// It already was as it should be.
    Unchanged,
}

impl Deployed {
    /// The full names of the objects by namespace, as stages keep them.
    pub fn names_by_namespace(&self) -> BTreeMap<String, Vec<String>> {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for object in &self.objects {
            let list = names.entry(object.id.namespace.clone()).or_default();
            let name = object.id.to_string();
            if !list.contains(&name) {
                list.push(name);
            }
        }
        names
    }
}

impl Kubernetes {
    /// Deploys manifests.
    ///
    /// Nothing is sent when anything about the request is wrong. When sending fails in the middle, what was sent before stays, and the error's details
    /// tell of it: `applied`, `created` and `objects` (the [`DeployedObject`]s).
    pub async fn deploy(&self, request: &DeployRequest) -> Result<Deployed, CloudError> {
        let Preparation {
            manifests,
            bound,
            warnings,
        } = self.prepare(request).await?;
        let mut deployed = Deployed {
            bound,
            warnings,
            ..Deployed::default()
        };
        let total = manifests.len();
        for (position, prepared) in manifests.iter().enumerate() {
            let sent = match self.submit(prepared, &manifests[position + 1..]).await {
                Ok(sent) => sent,
                Err(error) => return Err(partial(error, prepared, &deployed, total)),
            };
            deployed.add(prepared, sent);
        }
        Ok(deployed)
    }

    async fn submit(
        &self,
        prepared: &Prepared,
        following: &[Prepared],
    ) -> Result<Sent, CloudError> {
        let step = prepared.step(Mode::Lasting);
        let sent = step.send(self).await?;
        let needed = prepared.judged.kind.is("customResourceDefinition")
            && following.iter().any(|other| other.judged.defined_here);
        if needed {
            step.until(self, |definition| definition.is_some_and(is_established))
                .await?;
            self.forget_resources().await;
        }
        Ok(sent)
    }
}

fn is_established(definition: &Value) -> bool {
    let conditions = definition
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

impl Deployed {
    fn add(&mut self, prepared: &Prepared, sent: Sent) {
        let Sent { object, before } = sent;
        let id = ObjectId::of(&object).unwrap_or_else(|| ObjectId {
            kind: prepared.judged.kind.clone(),
            namespace: prepared.judged.namespace.clone(),
            name: prepared.name.clone(),
        });
        let version = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
        let effect = match &before {
            None => Effect::Created,
            Some(before) if version(before) == version(&object) => Effect::Unchanged,
            Some(_) => Effect::Changed,
        };
        let mut artifact = prepared.artifact.clone();
        if prepared.name.is_empty() {
            artifact.name = Some(id.name.clone());
            artifact.reference = Some(id.name.clone());
        }
        self.created.push(artifact);
        let name = |object: &Value| {
            let name = object.pointer("/metadata/name").and_then(Value::as_str);
            name.map(str::to_owned)
        };
        self.objects.push(DeployedObject {
            id,
            effect,
            previous: prepared.previous.as_ref().and_then(name),
            before: before.as_ref().and_then(applied_before),
            rolls: before
                .as_ref()
                .is_some_and(|before| template(before) != template(&object)),
            full_size: prepared.full_size,
        });
        self.manifests.push(redacted(object));
    }
}

fn template(object: &Value) -> Option<&Value> {
    object.pointer("/spec/template")
}

/// The manifest that an object was made from.
fn applied_before(object: &Value) -> Option<Value> {
    if is_secret(object) {
        return None;
    }
    let text = annotations::raw(object, annotations::LAST_APPLIED)?;
    serde_json::from_str(text).ok()
}

/// A failure in the middle, with what was done before it.
fn partial(error: CloudError, failed: &Prepared, deployed: &Deployed, total: usize) -> CloudError {
    let applied: Vec<Value> = deployed
        .objects
        .iter()
        .map(|object| {
            json!({"kind": object.id.kind.to_string(), "namespace": object.id.namespace, "name": object.id.name})
        })
        .collect();
    let mut error = error.with_detail("manifest", failed.judged.place.clone());
    if applied.is_empty() {
        return error;
    }
    let names: Vec<String> = deployed
        .objects
        .iter()
        .map(|object| object.id.to_string())
        .collect();
    error.message = format!(
        "{} ({} of {total} manifests were applied before it and stay: {})",
        error.message,
        applied.len(),
        names.join(", ")
    );
    let created = serde_json::to_value(&deployed.created).unwrap_or_default();
    let objects = serde_json::to_value(&deployed.objects).unwrap_or_default();
    error
        .with_detail("applied", applied)
        .with_detail("created", created)
        .with_detail("objects", objects)
}
