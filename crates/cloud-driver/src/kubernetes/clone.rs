//! The manifest from which the next version of a workload is deployed, made of the workload as it is.

use serde_json::{Map, Value};

use super::annotations;
use crate::capacity::instances;
use crate::error::CloudError;
use crate::naming::unversioned;

/// Which deploy cloned a workload, written on its pod template: a clone is a version of its own even when nothing is different.
const CLONED_BY: &str = "clone.spindrift.io/key";

/// What the API server and controllers write into `metadata`.
const SERVER_SIDE: [&str; 9] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
    "ownerReferences",
];

/// Beginnings of annotations and labels that say which version an object is, or what made it.
const OF_A_VERSION: [&str; 6] = [
    "artifact.spinnaker.io/",
    "moniker.spinnaker.io/sequence",
    "traffic.spinnaker.io/",
    "deploy.spindrift.io/",
    "deployment.kubernetes.io/",
    "kubectl.kubernetes.io/",
];

/// What a clone is made of.
pub(super) struct Clone<'a> {
    /// The workload as it is.
    pub(super) source: &'a Value,
    /// What the Services in front of it select by; the deploy adds them again.
    pub(super) selectors: &'a [Map<String, Value>],
    /// `capacity {desired}`, `image` or `images`.
    pub(super) changes: &'a Map<String, Value>,
    /// The same for every repetition.
    pub(super) key: &'a str,
}

/// The manifest to deploy.
pub(super) fn manifest(clone: Clone<'_>) -> Result<Value, CloudError> {
    let mut manifest = clone.source.clone();
    if let Some(manifest) = manifest.as_object_mut() {
        manifest.shift_remove("status");
    }
    let name = annotations::text(clone.source, annotations::ARTIFACT_NAME)
        .filter(|name| !name.is_empty())
        .or_else(|| {
            let name = clone.source.pointer("/metadata/name")?.as_str()?;
            Some(unversioned(name).to_owned())
        })
        .ok_or_else(|| CloudError::invalid("a workload without a name"))?;
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in SERVER_SIDE {
            metadata.shift_remove(key);
        }
        metadata.insert("name".to_owned(), name.into());
    }
    for place in ["/metadata", "/spec/template/metadata"] {
        for names in ["annotations", "labels"] {
            let entries = manifest.pointer_mut(&format!("{place}/{names}"));
            if let Some(entries) = entries.and_then(Value::as_object_mut) {
                entries.retain(|key, _| !OF_A_VERSION.iter().any(|start| key.starts_with(start)));
            }
        }
    }
    if let Some(labels) = annotations::traffic_labels(&mut manifest) {
        for key in clone.selectors.iter().flat_map(Map::keys) {
            labels.shift_remove(key);
        }
    }
    annotations::annotate_with_template(&mut manifest, &[(CLONED_BY, clone.key.to_owned())]);
    for place in ["/metadata", "/spec/template/metadata"] {
        let entries = manifest.pointer_mut(&format!("{place}/annotations"));
        if let Some(entries) = entries.and_then(Value::as_object_mut) {
            // A clone of a clone is one of its own.
            entries.insert(CLONED_BY.to_owned(), clone.key.into());
        }
    }
    change(&mut manifest, clone.changes)?;
    Ok(manifest)
}

fn change(manifest: &mut Value, changes: &Map<String, Value>) -> Result<(), CloudError> {
    let desired = changes
        .get("capacity")
        .and_then(|capacity| capacity.get("desired"))
        .filter(|desired| !desired.is_null());
    if let Some(desired) = desired {
        let desired = instances(desired).ok_or_else(|| {
            CloudError::invalid(format!(
                "capacity.desired must be a whole number of instances, not {desired}"
            ))
        })?;
        manifest["spec"]["replicas"] = desired.into();
    }
    let containers = manifest
        .pointer_mut("/spec/template/spec/containers")
        .and_then(Value::as_array_mut);
    let Some(containers) = containers else {
        return Ok(());
    };
    if let Some(image) = changes.get("image").and_then(Value::as_str) {
        let [only] = containers.as_mut_slice() else {
            return Err(CloudError::invalid(
                "the workload has several containers; give images as an object of container names and images",
            ));
        };
        only["image"] = image.into();
    }
    let images = changes.get("images").and_then(Value::as_object);
    for (name, image) in images.into_iter().flatten() {
        let found = containers
            .iter_mut()
            .find(|container| container["name"] == **name)
            .ok_or_else(|| CloudError::invalid(format!("there is no container {name:?}")))?;
        found["image"] = image.clone();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": "web-v003", "namespace": "prod", "uid": "u", "resourceVersion": "7", "generation": 2, "managedFields": [],
                "annotations": {
                    "artifact.spinnaker.io/name": "web", "artifact.spinnaker.io/version": "v003", "moniker.spinnaker.io/application": "shop",
                    "moniker.spinnaker.io/sequence": "3", "traffic.spinnaker.io/load-balancers": "[\"service web\"]", "team": "blue",
                    "strategy.spinnaker.io/max-version-history": "3", "kubectl.kubernetes.io/last-applied-configuration": "{}",
                },
                "labels": {"moniker.spinnaker.io/sequence": "3", "app": "web"},
            },
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web", "lb": "web", "moniker.spinnaker.io/sequence": "3"}},
                    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                },
            },
            "status": {"replicas": 2},
        })
    }

    fn made(changes: Value) -> Result<Value, CloudError> {
        let selector = json!({"lb": "web"});
        manifest(Clone {
            source: &source(),
            selectors: &[selector.as_object().unwrap().clone()],
            changes: changes.as_object().unwrap(),
            key: "run-1",
        })
    }

    #[test]
    fn what_says_which_version_it_is_stays_behind() {
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": "web", "namespace": "prod",
                "annotations": {
                    "moniker.spinnaker.io/application": "shop", "team": "blue", "strategy.spinnaker.io/max-version-history": "3",
                    "clone.spindrift.io/key": "run-1",
                },
                "labels": {"app": "web"},
            },
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}, "annotations": {"clone.spindrift.io/key": "run-1"}},
                    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                },
            },
        });
        assert_eq!(made(json!({})).unwrap(), expected);
    }

    #[test]
    fn changes_are_made_or_refused() {
        let found = made(json!({"capacity": {"desired": "5"}, "image": "web:2"})).unwrap();
        assert_eq!(found["spec"]["replicas"], 5);
        let image = "/spec/template/spec/containers/0/image";
        assert_eq!(found.pointer(image).unwrap(), "web:2");
        let found = made(json!({"images": {"web": "web:3"}})).unwrap();
        assert_eq!(found.pointer(image).unwrap(), "web:3");
        let refused = |changes| made(changes).unwrap_err().message;
        assert_eq!(
            refused(json!({"images": {"api": "x"}})),
            "there is no container \"api\""
        );
        assert_eq!(
            refused(json!({"capacity": {"desired": "many"}})),
            "capacity.desired must be a whole number of instances, not \"many\""
        );
    }
}
