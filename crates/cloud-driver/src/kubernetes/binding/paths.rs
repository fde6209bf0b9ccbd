//! The places in manifests that refer to artifacts (Clouddriver's `Replacer`s, and some it lacks).
//!
//! | in a pod description | artifact |
//! | --- | --- |
//! | `containers`, `initContainers`, `ephemeralContainers`: `image` | `docker/image` |
//! | `volumes[*].configMap.name`, `volumes[*].projected.sources[*].configMap.name` | `kubernetes/configMap` |
//! | `volumes[*].secret.secretName`, `volumes[*].projected.sources[*].secret.name` | `kubernetes/secret` |
//! | `envFrom[*].configMapRef.name`, `env[*].valueFrom.configMapKeyRef.name` | `kubernetes/configMap` |
//! | `envFrom[*].secretRef.name`, `env[*].valueFrom.secretKeyRef.name` | `kubernetes/secret` |
//!
//! And `spec.scaleTargetRef.name` of a HorizontalPodAutoscaler.

use serde_json::Value;
use spindrift_model::Artifact;

use super::artifacts::{Artifacts, Bound, account_of};
use super::image::ImageMatch;
use super::pods;
use crate::kubernetes::kind::Kind;

/// Puts artifacts in the places of a manifest that refer to them, and remembers which.
pub(crate) fn bind(
    kind: &Kind,
    manifest: &mut Value,
    namespace: &Namespace<'_>,
    images: ImageMatch,
    artifacts: &Artifacts,
    bound: &mut Bound,
) {
    let mut binder = Binder {
        namespace,
        artifacts,
        bound,
    };
    if kind.is("horizontalpodautoscaler") {
        binder.bind_target(manifest);
        return;
    }
    pods::for_each(kind, manifest, &mut |spec, is_pod| {
        binder.bind_pod(
            spec,
            if is_pod {
                ImageMatch::MatchNameOnly
            } else {
                images
            },
        );
    });
}

/// Where a manifest goes.
pub(crate) struct Namespace<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// Its namespace; empty for kinds of the whole cluster.
    pub(crate) name: &'a str,
    /// The namespace of artifacts that name none.
    pub(crate) default: &'a str,
}

struct Binder<'a> {
    namespace: &'a Namespace<'a>,
    artifacts: &'a Artifacts,
    bound: &'a mut Bound,
}

const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];
const CONFIG_MAP: &str = "kubernetes/configMap";
const SECRET: &str = "kubernetes/secret";

impl Binder<'_> {
    fn bind_pod(&mut self, spec: &mut Value, images: ImageMatch) {
        for list in CONTAINERS {
            for container in items(spec, list) {
                self.bind_image(container, images);
                for source in items(container, "envFrom") {
                    self.bind_object(source, &["configMapRef", "name"], CONFIG_MAP);
                    self.bind_object(source, &["secretRef", "name"], SECRET);
                }
                for variable in items(container, "env") {
                    self.bind_object(
                        variable,
                        &["valueFrom", "configMapKeyRef", "name"],
                        CONFIG_MAP,
                    );
                    self.bind_object(variable, &["valueFrom", "secretKeyRef", "name"], SECRET);
                }
            }
        }
        for volume in items(spec, "volumes") {
            self.bind_object(volume, &["configMap", "name"], CONFIG_MAP);
            self.bind_object(volume, &["secret", "secretName"], SECRET);
            if let Some(projected) = volume.get_mut("projected") {
                for source in items(projected, "sources") {
                    self.bind_object(source, &["configMap", "name"], CONFIG_MAP);
                    self.bind_object(source, &["secret", "name"], SECRET);
                }
            }
        }
    }

    fn bind_image(&mut self, container: &mut Value, images: ImageMatch) {
        let Some(Value::String(image)) = container.get_mut("image") else {
            return;
        };
        let found = self.artifacts.find(|artifact| {
            let name = artifact.name.as_deref().unwrap_or_default();
            artifact.kind.as_deref() == Some("docker/image") && images.fits(image, name)
        });
        if let Some(artifact) = found
            && let Some(reference) = &artifact.reference
        {
            self.bound.add(artifact);
            *image = reference.clone();
        }
    }

    /// The target is named by its kind in either case, as Clouddriver reads it; only kinds whose names can carry versions matter.
    fn bind_target(&mut self, manifest: &mut Value) {
        const TARGETS: [(&str, &str); 3] = [
            ("deployment", "kubernetes/deployment"),
            ("replicaSet", "kubernetes/replicaSet"),
            ("statefulSet", "kubernetes/statefulSet"),
        ];
        let Some(target) = manifest
            .get_mut("spec")
            .and_then(|spec| spec.get_mut("scaleTargetRef"))
        else {
            return;
        };
        let kind = target
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let artifact = TARGETS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(kind));
        if let Some((_, artifact)) = artifact {
            self.bind_object(target, &["name"], artifact);
        }
    }

    fn bind_object(&mut self, holder: &mut Value, path: &[&str], wanted: &str) {
        let mut value = holder;
        for key in path {
            match value.get_mut(*key) {
                Some(next) => value = next,
                None => return,
            }
        }
        let Value::String(name) = value else { return };
        let found = self.artifacts.find(|artifact| {
            is_kind(artifact, wanted)
                && artifact.name.as_deref() == Some(name)
                && self.is_here(artifact)
        });
        if let Some(artifact) = found
            && let Some(reference) = &artifact.reference
        {
            self.bound.add(artifact);
            *name = reference.clone();
        }
    }

    /// Objects are found in the manifest's own namespace and account only.
    fn is_here(&self, artifact: &Artifact) -> bool {
        let location = match artifact.location.as_deref().unwrap_or_default() {
            "" if !self.namespace.name.is_empty() => self.namespace.default,
            location => location,
        };
        location == self.namespace.name
            && account_of(artifact).is_none_or(|account| account == self.namespace.account)
    }
}

/// `kubernetes/configMap`, in any case of its kind.
fn is_kind(artifact: &Artifact, wanted: &str) -> bool {
    artifact
        .kind
        .as_deref()
        .is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
}

fn items<'a>(holder: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> {
    holder
        .get_mut(list)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn artifact(value: Value) -> Artifact {
        serde_json::from_value(value).unwrap()
    }

    fn image(name: &str, reference: &str) -> Artifact {
        artifact(json!({"type": "docker/image", "name": name, "reference": reference}))
    }

    fn object(kind: &str, name: &str, location: &str) -> Artifact {
        artifact(json!({
            "type": format!("kubernetes/{kind}"), "name": name, "location": location, "version": "v001",
            "reference": format!("{name}-v001"),
        }))
    }

    fn bound_in(manifest: &mut Value, artifacts: &[Artifact]) -> Vec<String> {
        let kind = Kind::of(
            manifest["kind"].as_str().unwrap(),
            manifest["apiVersion"].as_str().unwrap(),
        );
        let namespace = Namespace {
            account: "prod",
            name: "n",
            default: "default",
        };
        let mut bound = Bound::default();
        let artifacts = Artifacts::new(&[], artifacts);
        bind(
            &kind,
            manifest,
            &namespace,
            ImageMatch::default(),
            &artifacts,
            &mut bound,
        );
        let list = bound.into_list();
        list.iter()
            .map(|artifact| artifact.reference.clone().unwrap())
            .collect()
    }

    fn everything() -> [Artifact; 3] {
        [
            image("web", "web:2"),
            object("configMap", "c", "n"),
            object("secret", "s", "n"),
        ]
    }

    fn pod() -> Value {
        json!({
            "containers": [{
                "image": "web:1", "envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}],
                "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
                        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, {"name": "C", "value": "c"}],
            }],
            "initContainers": [{"image": "web:1"}], "ephemeralContainers": [{"image": "web:1"}],
            "imagePullSecrets": [{"name": "s"}],
            "volumes": [{"name": "c", "configMap": {"name": "c"}}, {"name": "s", "secret": {"secretName": "s"}},
                        {"name": "p", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}}],
        })
    }

    #[test]
    fn every_place_is_bound() {
        let expected = json!({
            "containers": [{
                "image": "web:2", "envFrom": [{"configMapRef": {"name": "c-v001"}}, {"secretRef": {"name": "s-v001"}}],
                "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c-v001", "key": "k"}}},
                        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s-v001", "key": "k"}}}, {"name": "C", "value": "c"}],
            }],
            "initContainers": [{"image": "web:2"}], "ephemeralContainers": [{"image": "web:2"}],
            "imagePullSecrets": [{"name": "s"}],
            "volumes": [{"name": "c", "configMap": {"name": "c-v001"}}, {"name": "s", "secret": {"secretName": "s-v001"}},
                        {"name": "p", "projected": {"sources": [{"configMap": {"name": "c-v001"}}, {"secret": {"name": "s-v001"}}]}}],
        });
        let table = [
            ("Deployment", "apps/v1", "/spec/template"),
            ("CronJob", "batch/v1", "/spec/jobTemplate/spec/template"),
            ("Rollout", "argoproj.io/v1alpha1", "/spec/template"),
            ("SparkApplication", "x.io/v1", "/spec/driver/podTemplate"),
            ("Cluster", "x.io/v1", "/spec/groups/0/template"),
        ];
        for (kind, api_version, path) in table {
            let mut manifest = json!({"kind": kind, "apiVersion": api_version});
            place(&mut manifest, path, json!({"spec": pod()}));
            let bound = bound_in(&mut manifest, &everything());
            assert_eq!(manifest.pointer(path).unwrap()["spec"], expected, "{kind}");
            assert_eq!(bound, ["web:2", "c-v001", "s-v001"], "{kind}");
        }
    }

    /// Puts a value at a JSON pointer; a number is the only position of a list.
    fn place(root: &mut Value, path: &str, value: Value) {
        let nested = path
            .rsplit('/')
            .filter(|key| !key.is_empty())
            .fold(value, |value, key| match key.parse::<usize>() {
                Ok(_) => json!([value]),
                Err(_) => json!({key: value}),
            });
        for (key, value) in nested.as_object().unwrap() {
            root[key.as_str()] = value.clone();
        }
    }

    #[test]
    fn a_pod_needs_the_exact_image() {
        let mut manifest = json!({"kind": "Pod", "apiVersion": "v1", "spec": pod()});
        assert_eq!(
            bound_in(&mut manifest, &[image("web", "web:2")]),
            Vec::<String>::new()
        );
        assert_eq!(
            bound_in(&mut manifest, &[image("web:1", "web:2")]),
            ["web:2"]
        );
    }

    #[test]
    fn an_autoscaler_is_bound_by_the_kind_of_its_target() {
        let table = [
            ("Deployment", "replicaSet", "d"),
            ("Deployment", "deployment", "d-v001"),
            ("deployment", "deployment", "d-v001"),
            ("ReplicaSet", "replicaSet", "d-v001"),
            ("FooBar", "deployment", "d"),
        ];
        for (kind, artifact, expected) in table {
            let mut manifest = json!({
                "kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2",
                "spec": {"scaleTargetRef": {"kind": kind, "name": "d"}},
            });
            bound_in(&mut manifest, &[object(artifact, "d", "n")]);
            assert_eq!(
                manifest["spec"]["scaleTargetRef"]["name"], expected,
                "{kind} {artifact}"
            );
        }
    }

    #[test]
    fn objects_of_other_namespaces_and_accounts_are_other_objects() {
        let with_account = |account: &str| {
            let mut found = object("configMap", "c", "n");
            found
                .rest
                .insert("metadata".to_owned(), json!({"account": account}));
            found
        };
        let table = [
            (object("configMap", "c", "other"), "c"),
            (object("configMap", "c", ""), "c"),
            (object("configMap", "c", "n"), "c-v001"),
            (with_account("prod"), "c-v001"),
            (with_account(""), "c-v001"),
            (with_account("staging"), "c"),
            (object("secret", "c", "n"), "c"),
        ];
        for (artifact, expected) in table {
            let mut manifest = json!({
                "kind": "Deployment", "apiVersion": "apps/v1",
                "spec": {"template": {"spec": {"containers": [], "volumes": [{"configMap": {"name": "c"}}]}}},
            });
            bound_in(&mut manifest, std::slice::from_ref(&artifact));
            assert_eq!(
                manifest["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"], expected,
                "{artifact:?}"
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_pod_is_left_alone() {
        let mut manifest = json!({
            "kind": "ConfigMap", "apiVersion": "v1", "spec": {"template": {"spec": {"containers": [{"image": "web:1"}]}}},
        });
        let before = manifest.clone();
        assert_eq!(bound_in(&mut manifest, &everything()), Vec::<String>::new());
        assert_eq!(manifest, before);
    }
}
