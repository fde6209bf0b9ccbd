//! The artifacts that an object refers to: the places that are bound, read.

use serde_json::Value;
use spindrift_model::Artifact;

use super::{image, pods};
use crate::kubernetes::kind::Kind;

/// Images by name and reference, ConfigMaps, Secrets and the target of a HorizontalPodAutoscaler by name; each once, in the order of the object.
pub fn find_artifacts(object: &Value) -> Vec<Artifact> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = Kind::of(text("kind"), text("apiVersion"));
    let mut found = Found(Vec::new());
    if kind.is("horizontalpodautoscaler") {
        found.target(object);
        return found.0;
    }
    pods::for_each(&kind, &mut object.clone(), &mut |spec, _| found.pod(spec));
    found.0
}

struct Found(Vec<Artifact>);

impl Found {
    fn add(&mut self, kind: &str, name: &str, reference: &str) {
        let artifact = Artifact {
            kind: Some(kind.to_owned()),
            name: Some(name.to_owned()),
            reference: Some(reference.to_owned()),
            ..Artifact::default()
        };
        if !self.0.contains(&artifact) {
            self.0.push(artifact);
        }
    }

    fn object(&mut self, holder: &Value, pointer: &str, kind: &str) {
        if let Some(name) = holder.pointer(pointer).and_then(Value::as_str) {
            self.add(kind, name, name);
        }
    }

    fn pod(&mut self, spec: &Value) {
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for container in items(spec, list) {
                if let Some(reference) = container.get("image").and_then(Value::as_str) {
                    self.add("docker/image", image::repository(reference), reference);
                }
                for source in items(container, "envFrom") {
                    self.object(source, "/configMapRef/name", "kubernetes/configMap");
                    self.object(source, "/secretRef/name", "kubernetes/secret");
                }
                for variable in items(container, "env") {
                    self.object(
                        variable,
                        "/valueFrom/configMapKeyRef/name",
                        "kubernetes/configMap",
                    );
                    self.object(
                        variable,
                        "/valueFrom/secretKeyRef/name",
                        "kubernetes/secret",
                    );
                }
            }
        }
        for volume in items(spec, "volumes") {
            self.object(volume, "/configMap/name", "kubernetes/configMap");
            self.object(volume, "/secret/secretName", "kubernetes/secret");
            let sources = volume
                .pointer("/projected/sources")
                .and_then(Value::as_array);
            for source in sources.into_iter().flatten() {
                self.object(source, "/configMap/name", "kubernetes/configMap");
                self.object(source, "/secret/name", "kubernetes/secret");
            }
        }
    }

    fn target(&mut self, autoscaler: &Value) {
        let text = |pointer| autoscaler.pointer(pointer).and_then(Value::as_str);
        if let (Some(kind), Some(name)) = (
            text("/spec/scaleTargetRef/kind"),
            text("/spec/scaleTargetRef/name"),
        ) {
            self.add(&format!("kubernetes/{}", Kind::of(kind, "")), name, name);
        }
    }
}

fn items<'a>(holder: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    holder
        .get(list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_that_is_bound_is_found() {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {
            "initContainers": [{"image": "reg:5000/init@sha256:1"}],
            "containers": [
                {"image": "nginx:1.2", "envFrom": [{"configMapRef": {"name": "a"}}], "env": [{"valueFrom": {"secretKeyRef": {"name": "s"}}}]},
                {"image": "nginx:1.2"}],
            "volumes": [{"configMap": {"name": "b"}}, {"secret": {"secretName": "t"}}, {"projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "u"}}]}}],
        }}}});
        let shown = |object: &Value| -> Vec<String> {
            let artifacts = find_artifacts(object);
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            artifacts
                .iter()
                .map(|artifact| {
                    format!(
                        "{} {} {}",
                        part(&artifact.kind),
                        part(&artifact.name),
                        part(&artifact.reference)
                    )
                })
                .collect()
        };
        assert_eq!(
            shown(&object),
            [
                "docker/image reg:5000/init reg:5000/init@sha256:1",
                "docker/image nginx nginx:1.2",
                "kubernetes/configMap a a",
                "kubernetes/secret s s",
                "kubernetes/configMap b b",
                "kubernetes/secret t t",
                "kubernetes/secret u u",
            ]
        );
        let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"kind": "ReplicaSet", "name": "web-v001"}}});
        assert_eq!(
            shown(&autoscaler),
            ["kubernetes/replicaSet web-v001 web-v001"]
        );
        assert!(shown(&json!({"apiVersion": "v1", "kind": "Service", "spec": {}})).is_empty());
    }
}
