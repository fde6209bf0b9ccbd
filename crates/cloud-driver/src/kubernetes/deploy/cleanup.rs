//! What is left of the versions before: which are deleted, and which share a cluster with a new one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::CloudError;
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::annotations;
use crate::kubernetes::object::ObjectId;
use crate::kubernetes::request::{Repeat, built};
use crate::kubernetes::strategy::Strategy;
use crate::kubernetes::version;

/// What a clean-up did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retained {
    /// The versions that were deleted.
    pub deleted: Vec<ObjectId>,
}

/// Another version of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sibling {
    /// The version.
    pub id: ObjectId,
    /// How many replicas it should have.
    pub replicas: u64,
    /// Whether any of its pods is ready and available.
    pub is_serving: bool,
    /// The object as it is.
    #[serde(skip)]
    pub object: Value,
}

impl Kubernetes {
    /// Deletes the oldest versions of what was deployed, beyond what each manifest wants to keep (`strategy.spinnaker.io/max-version-history`).
    pub async fn clean_up(&self, manifests: &[Value]) -> Result<Retained, CloudError> {
        let mut retained = Retained::default();
        for manifest in manifests {
            let Some(keep) = Strategy::of(manifest).max_version_history else {
                continue;
            };
            let (Some(id), Some(name)) = (
                ObjectId::of(manifest),
                annotations::text(manifest, annotations::ARTIFACT_NAME),
            ) else {
                continue;
            };
            let resource = self.resource(&id.kind, None).await?;
            let live = self.list_all(&resource, &id.namespace).await?;
            let versions: Vec<&Value> = version::versions_of(&name, &live)
                .into_iter()
                .filter(|object| version::number_of(object).is_some())
                .collect();
            let keep = usize::try_from(keep).unwrap_or(usize::MAX);
            let surplus = versions.len().saturating_sub(keep);
            for old in versions.into_iter().take(surplus) {
                let Some(old) = ObjectId::of(old) else {
                    continue;
                };
                let requests = self.requests(&resource, &old.namespace);
                let request =
                    built(requests.delete(&old.name, &kube::api::DeleteParams::background()))?;
                match self.call(Repeat::Always, request).await {
                    Ok(_) => retained.deleted.push(old),
                    Err(error) if error.kind == crate::ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(error.prefixed(&format!(
                            "Failed to delete {old} from {}: ",
                            old.namespace
                        )));
                    }
                }
            }
        }
        Ok(retained)
    }

    /// The other ReplicaSets of the cluster and application that a deployed ReplicaSet belongs to, oldest first.
    pub async fn siblings(&self, manifest: &Value) -> Result<Vec<Sibling>, CloudError> {
        let Some(id) = ObjectId::of(manifest).filter(|id| id.kind.is("replicaSet")) else {
            return Ok(Vec::new());
        };
        let moniker = annotations::moniker(manifest);
        let resource = self.resource(&id.kind, None).await?;
        let mut live = self.list_all(&resource, &id.namespace).await?;
        live.retain(|object| {
            let other = annotations::moniker(object);
            other.cluster == moniker.cluster && other.app == moniker.app && !is_managed(object)
        });
        live.sort_by_key(|object| {
            let created = object
                .pointer("/metadata/creationTimestamp")
                .and_then(Value::as_str);
            (created.map(str::to_owned), version::number_of(object))
        });
        let count = |object: &Value, pointer: &str| {
            object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
        };
        Ok(live
            .into_iter()
            .filter_map(|object| Some((ObjectId::of(&object)?, object)))
            .filter(|(other, _)| other.name != id.name)
            .map(|(id, object)| Sibling {
                id,
                replicas: count(&object, "/spec/replicas"),
                is_serving: count(&object, "/status/readyReplicas") > 0
                    && count(&object, "/status/availableReplicas") > 0,
                object,
            })
            .collect())
    }
}

/// Whether a controller owns it: the ReplicaSets of a Deployment carry its annotations and are its own business.
fn is_managed(object: &Value) -> bool {
    let owners = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    owners
        .into_iter()
        .flatten()
        .any(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}
