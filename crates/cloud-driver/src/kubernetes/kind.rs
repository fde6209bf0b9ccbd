//! Kinds as Spinnaker writes them: `replicaSet`, `configMap`, `Rollout.argoproj.io` (Clouddriver's `KubernetesKind`).

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kind of an object: its name, and its API group unless that is one of Kubernetes' own.
///
/// Kinds compare without regard to case. The text of a native kind is its name in lower camel case, that of another is `Name.group`.
#[derive(Debug, Clone)]
pub struct Kind {
    name: String,
    group: Option<String>,
}

/// A text that is no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no kind; write it as `deployment` or, for a custom resource, as `Rollout.argoproj.io`"
)]
pub struct KindError(String);

/// The API groups whose kinds are written without their group (Clouddriver's `KubernetesApiGroup`).
const NATIVE_GROUPS: [&str; 16] = [
    "",
    "core",
    "apps",
    "batch",
    "extensions",
    "autoscaling",
    "policy",
    "settings.k8s.io",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "admissionregistration.k8s.io",
    "scheduling.k8s.io",
    "authorization.k8s.io",
];

/// Other names that users write, and what they mean.
const ALIASES: [(&str, &str); 12] = [
    ("cm", "configMap"),
    ("ds", "daemonSet"),
    ("deploy", "deployment"),
    ("hpa", "horizontalpodautoscaler"),
    ("ns", "namespace"),
    ("netpol", "networkPolicy"),
    ("pv", "persistentVolume"),
    ("pvc", "persistentVolumeClaim"),
    ("po", "pod"),
    ("rs", "replicaSet"),
    ("svc", "service"),
    ("sa", "serviceAccount"),
];

impl Kind {
    /// The kind that an object's `kind` and `apiVersion` name.
    pub fn of(kind: &str, api_version: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self::new(kind, group)
    }

    /// A kind of a group; the empty group is the core one.
    pub fn new(kind: &str, group: &str) -> Self {
        if is_native(group) {
            Self {
                name: canonical(kind),
                group: None,
            }
        } else {
            Self {
                name: kind.to_owned(),
                group: Some(group.to_ascii_lowercase()),
            }
        }
    }

    /// Reads `deployment`, `rs` or `Rollout.argoproj.io`.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        let text = text.trim();
        let (name, group) = text.split_once('.').unwrap_or((text, ""));
        let plain =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
        let dotted = |part: &str| {
            part.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            })
        };
        if !plain(name) || (text.contains('.') && !dotted(group)) {
            return Err(KindError(text.to_owned()));
        }
        Ok(Self::new(name, group))
    }

    /// Its name without a group, lower camel case for native kinds.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its group, unless it is one of Kubernetes' own.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// Whether it is the native kind of that name.
    pub fn is(&self, native: &str) -> bool {
        self.group.is_none() && self.name.eq_ignore_ascii_case(native)
    }
}

fn is_native(group: &str) -> bool {
    NATIVE_GROUPS
        .iter()
        .any(|native| native.eq_ignore_ascii_case(group))
        || group.eq_ignore_ascii_case("authentication.k8s.io")
}

/// `ReplicaSet` becomes `replicaSet`, `rs` too; `HorizontalPodAutoscaler` is written small by Spinnaker.
fn canonical(kind: &str) -> String {
    let alias = ALIASES
        .iter()
        .find(|(alias, _)| alias.eq_ignore_ascii_case(kind));
    if let Some((_, name)) = alias {
        return (*name).to_owned();
    }
    if kind.eq_ignore_ascii_case("horizontalpodautoscaler") {
        return "horizontalpodautoscaler".to_owned();
    }
    if kind.eq_ignore_ascii_case("crd") {
        return "customResourceDefinition".to_owned();
    }
    let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(kind));
    if let Some(known) = known {
        return (*known).to_owned();
    }
    let mut characters = kind.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Native kinds in the case that Spinnaker writes them, so that `replicaset` is printed as `replicaSet`.
const KNOWN: [&str; 34] = [
    "apiService",
    "clusterRole",
    "clusterRoleBinding",
    "configMap",
    "controllerRevision",
    "cronJob",
    "customResourceDefinition",
    "daemonSet",
    "deployment",
    "endpoints",
    "event",
    "ingress",
    "ingressClass",
    "job",
    "limitRange",
    "mutatingWebhookConfiguration",
    "namespace",
    "networkPolicy",
    "persistentVolume",
    "persistentVolumeClaim",
    "pod",
    "podDisruptionBudget",
    "podPreset",
    "podSecurityPolicy",
    "priorityClass",
    "replicaSet",
    "replicationController",
    "resourceQuota",
    "role",
    "roleBinding",
    "secret",
    "serviceAccount",
    "statefulSet",
    "storageClass",
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{}.{group}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl Eq for Kind {}

impl Hash for Kind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.group.hash(state);
        self.name.to_ascii_lowercase().hash(state);
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_spinnaker_writes_them() {
        let table = [
            (Kind::of("ReplicaSet", "apps/v1"), "replicaSet"),
            (Kind::of("ConfigMap", "v1"), "configMap"),
            (
                Kind::of("HorizontalPodAutoscaler", "autoscaling/v2"),
                "horizontalpodautoscaler",
            ),
            (
                Kind::of("Rollout", "argoproj.io/v1alpha1"),
                "Rollout.argoproj.io",
            ),
            (
                Kind::of("Lease", "coordination.k8s.io/v1"),
                "Lease.coordination.k8s.io",
            ),
            (
                Kind::of("Deployment", "stable.example.com/v1"),
                "Deployment.stable.example.com",
            ),
        ];
        for (kind, text) in table {
            assert_eq!(kind.to_string(), text);
            assert_eq!(Kind::parse(text).as_ref(), Ok(&kind));
        }
        assert_eq!(Kind::parse("RS"), Ok(Kind::of("ReplicaSet", "apps/v1")));
        assert_ne!(
            Kind::of("Deployment", "stable.example.com/v1"),
            Kind::of("Deployment", "apps/v1")
        );
        for bad in ["", " ", "a b", "x..y", ".apps", "a/b"] {
            assert!(Kind::parse(bad).is_err(), "{bad:?}");
        }
    }
}
