//! The kinds this cluster serves: a table of built-in ones plus those of established custom resource definitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::json::Json;

/// Where objects of a kind are stored: `plural.group`, or `plural` in the core group. All versions of a kind share it.
pub(crate) type Resource = Arc<str>;

/// One served version of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub list_kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    pub has_status: bool,
    /// `metadata.generation` counts changes of the spec.
    pub has_generation: bool,
    pub scale: Option<ScalePaths>,
    pub resource: Resource,
    pub schema: Schema,
    pub columns: Vec<PrinterColumn>,
}

/// Field paths behind the `scale` subresource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub spec_replicas: Vec<String>,
    pub status_replicas: Vec<String>,
    pub selector: Option<Vec<String>>,
}

/// What is known of the fields of a kind.
#[derive(Debug, Clone)]
pub(crate) enum Schema {
    /// A type of the built-in schema, by name.
    BuiltIn(String),
    /// `openAPIV3Schema` of a custom resource definition's version.
    Custom(Arc<Value>),
}

/// A column of `kubectl get` declared by a custom resource definition.
#[derive(Debug, Clone)]
pub(crate) struct PrinterColumn {
    pub name: String,
    pub kind: String,
    pub path: String,
    pub priority: i64,
}

impl Kind {
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `pods` in the core group.
    pub fn qualified(&self) -> String {
        self.resource.to_string()
    }

    /// `Deployment.apps`, or `Pod` in the core group.
    pub fn kind_group(&self) -> String {
        if self.group.is_empty() {
            self.kind.clone()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    pub fn is(&self, resource: &str) -> bool {
        &*self.resource == resource
    }

    pub fn is_custom(&self) -> bool {
        matches!(self.schema, Schema::Custom(_))
    }

    /// Verbs in discovery order.
    pub fn verbs(&self) -> &'static [&'static str] {
        match &*self.resource {
            "selfsubjectaccessreviews.authorization.k8s.io"
            | "selfsubjectrulesreviews.authorization.k8s.io"
            | "selfsubjectreviews.authentication.k8s.io" => &["create"],
            _ => &[
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch",
            ],
        }
    }

    pub fn is_review(&self) -> bool {
        self.verbs().len() == 1
    }
}

const NAMESPACED: u8 = 1;
const STATUS: u8 = 2;
const GENERATION: u8 = 4;
const SCALE: u8 = 8;

/// group, version, kind, plural, short names, categories, flags.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    u8,
);

const BUILT_IN: &[Row] = &[
    ("", "v1", "Namespace", "namespaces", &["ns"], &[], STATUS),
    ("", "v1", "Node", "nodes", &["no"], &[], STATUS),
    (
        "",
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        &["pv"],
        &[],
        STATUS,
    ),
    (
        "",
        "v1",
        "Pod",
        "pods",
        &["po"],
        &["all"],
        NAMESPACED | STATUS,
    ),
    (
        "",
        "v1",
        "Service",
        "services",
        &["svc"],
        &["all"],
        NAMESPACED | STATUS,
    ),
    (
        "",
        "v1",
        "ConfigMap",
        "configmaps",
        &["cm"],
        &[],
        NAMESPACED,
    ),
    ("", "v1", "Secret", "secrets", &[], &[], NAMESPACED),
    (
        "",
        "v1",
        "ServiceAccount",
        "serviceaccounts",
        &["sa"],
        &[],
        NAMESPACED,
    ),
    ("", "v1", "Endpoints", "endpoints", &["ep"], &[], NAMESPACED),
    ("", "v1", "Event", "events", &["ev"], &[], NAMESPACED),
    (
        "",
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        &["pvc"],
        &[],
        NAMESPACED | STATUS,
    ),
    (
        "",
        "v1",
        "ResourceQuota",
        "resourcequotas",
        &["quota"],
        &[],
        NAMESPACED | STATUS,
    ),
    (
        "",
        "v1",
        "LimitRange",
        "limitranges",
        &["limits"],
        &[],
        NAMESPACED,
    ),
    (
        "apps",
        "v1",
        "Deployment",
        "deployments",
        &["deploy"],
        &["all"],
        NAMESPACED | STATUS | GENERATION | SCALE,
    ),
    (
        "apps",
        "v1",
        "ReplicaSet",
        "replicasets",
        &["rs"],
        &["all"],
        NAMESPACED | STATUS | GENERATION | SCALE,
    ),
    (
        "apps",
        "v1",
        "StatefulSet",
        "statefulsets",
        &["sts"],
        &["all"],
        NAMESPACED | STATUS | GENERATION | SCALE,
    ),
    (
        "apps",
        "v1",
        "DaemonSet",
        "daemonsets",
        &["ds"],
        &["all"],
        NAMESPACED | STATUS | GENERATION,
    ),
    (
        "apps",
        "v1",
        "ControllerRevision",
        "controllerrevisions",
        &[],
        &[],
        NAMESPACED,
    ),
    (
        "batch",
        "v1",
        "Job",
        "jobs",
        &[],
        &["all"],
        NAMESPACED | STATUS | GENERATION,
    ),
    (
        "batch",
        "v1",
        "CronJob",
        "cronjobs",
        &["cj"],
        &["all"],
        NAMESPACED | STATUS | GENERATION,
    ),
    (
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        &["hpa"],
        &["all"],
        NAMESPACED | STATUS,
    ),
    (
        "autoscaling",
        "v1",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        &["hpa"],
        &["all"],
        NAMESPACED | STATUS,
    ),
    (
        "networking.k8s.io",
        "v1",
        "Ingress",
        "ingresses",
        &["ing"],
        &[],
        NAMESPACED | STATUS | GENERATION,
    ),
    (
        "networking.k8s.io",
        "v1",
        "IngressClass",
        "ingressclasses",
        &[],
        &[],
        GENERATION,
    ),
    (
        "networking.k8s.io",
        "v1",
        "NetworkPolicy",
        "networkpolicies",
        &["netpol"],
        &[],
        NAMESPACED | GENERATION,
    ),
    (
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        &["pdb"],
        &[],
        NAMESPACED | STATUS | GENERATION,
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "Role",
        "roles",
        &[],
        &[],
        NAMESPACED,
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "RoleBinding",
        "rolebindings",
        &[],
        &[],
        NAMESPACED,
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRole",
        "clusterroles",
        &[],
        &[],
        0,
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        &[],
        &[],
        0,
    ),
    (
        "storage.k8s.io",
        "v1",
        "StorageClass",
        "storageclasses",
        &["sc"],
        &[],
        0,
    ),
    (
        "scheduling.k8s.io",
        "v1",
        "PriorityClass",
        "priorityclasses",
        &["pc"],
        &[],
        GENERATION,
    ),
    (
        "discovery.k8s.io",
        "v1",
        "EndpointSlice",
        "endpointslices",
        &[],
        &[],
        NAMESPACED | GENERATION,
    ),
    (
        "coordination.k8s.io",
        "v1",
        "Lease",
        "leases",
        &[],
        &[],
        NAMESPACED,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        &[],
        &["api-extensions"],
        GENERATION,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        &[],
        &["api-extensions"],
        GENERATION,
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        &["crd", "crds"],
        &["api-extensions"],
        STATUS | GENERATION,
    ),
    (
        "authorization.k8s.io",
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        &[],
        &[],
        0,
    ),
    (
        "authorization.k8s.io",
        "v1",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        &[],
        &[],
        0,
    ),
    (
        "authentication.k8s.io",
        "v1",
        "SelfSubjectReview",
        "selfsubjectreviews",
        &[],
        &[],
        0,
    ),
];

/// `apps.v1.Deployment`: the name of a kind's type in the built-in schema, where groups lose their domain.
fn schema_name(group: &str, version: &str, kind: &str) -> String {
    let group = if group.is_empty() {
        "core"
    } else {
        group.split('.').next().unwrap_or(group)
    };
    format!("{group}.{version}.{kind}")
}

fn built_in(row: &Row) -> Kind {
    let (group, version, kind, plural, short_names, categories, flags) = *row;
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: words(short_names),
        categories: words(categories),
        namespaced: flags & NAMESPACED != 0,
        has_status: flags & STATUS != 0,
        has_generation: flags & GENERATION != 0,
        scale: (flags & SCALE != 0).then(|| ScalePaths {
            spec_replicas: words(&["spec", "replicas"]),
            status_replicas: words(&["status", "replicas"]),
            selector: None,
        }),
        resource: resource_name(group, plural),
        schema: Schema::BuiltIn(schema_name(group, version, kind)),
        columns: Vec::new(),
    }
}

fn resource_name(group: &str, plural: &str) -> Resource {
    if group.is_empty() {
        plural.into()
    } else {
        format!("{plural}.{group}").into()
    }
}

/// Every kind the cluster serves at this moment, in discovery order (preferred version of a group first).
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    kinds: Vec<Arc<Kind>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            kinds: BUILT_IN.iter().map(|row| Arc::new(built_in(row))).collect(),
        }
    }
}

impl Registry {
    pub fn all(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.kinds
            .iter()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
    }

    pub fn find_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<Kind>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.kinds
            .iter()
            .find(|row| row.group == group && row.version == version && row.kind == kind)
    }

    /// The preferred version of what is stored under a resource name.
    pub fn by_resource(&self, resource: &str) -> Option<&Arc<Kind>> {
        self.kinds.iter().find(|kind| kind.is(resource))
    }

    /// Groups with their versions, both in discovery order; the core group is left out.
    pub fn groups(&self) -> Vec<(&str, Vec<&str>)> {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for kind in self.kinds.iter().filter(|kind| !kind.group.is_empty()) {
            match groups.iter_mut().find(|(group, _)| *group == kind.group) {
                Some((_, versions)) if versions.contains(&kind.version.as_str()) => {}
                Some((_, versions)) => versions.push(&kind.version),
                None => groups.push((&kind.group, vec![&kind.version])),
            }
        }
        groups
    }

    pub fn of_version<'a>(
        &'a self,
        group: &'a str,
        version: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Kind>> {
        self.kinds
            .iter()
            .filter(move |kind| kind.group == group && kind.version == version)
    }

    /// One row for each stored resource.
    pub fn stored(&self) -> impl Iterator<Item = &Arc<Kind>> {
        let mut seen = BTreeMap::new();
        self.kinds.iter().filter(move |kind| {
            !kind.is_review() && seen.insert(kind.resource.clone(), ()).is_none()
        })
    }

    /// Serves the versions of a definition, instead of whatever it served before.
    pub fn define(&mut self, definition: &Value) {
        self.undefine(definition);
        let mut versions: Vec<_> = definition
            .items(&["spec", "versions"])
            .iter()
            .filter(|version| version.flag(&["served"]))
            .collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version_rank(version.text(&["name"]))));
        self.kinds.extend(
            versions
                .into_iter()
                .map(|version| Arc::new(custom(definition, version))),
        );
    }

    pub fn undefine(&mut self, definition: &Value) {
        let resource = definition.name();
        self.kinds
            .retain(|kind| !(kind.is_custom() && kind.is(resource)));
    }
}

/// Stable versions before beta before alpha, higher numbers first, as discovery prefers them.
fn version_rank(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let digits = |text: &str| {
        text.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    };
    let major = digits(rest);
    let tail = &rest[major.len()..];
    let number = |text: &str| text.parse().unwrap_or(0);
    match (tail.strip_prefix("beta"), tail.strip_prefix("alpha")) {
        _ if tail.is_empty() => (3, number(&major), 0),
        (Some(minor), _) => (2, number(&major), number(minor)),
        (_, Some(minor)) => (1, number(&major), number(minor)),
        _ => (0, 0, 0),
    }
}

fn custom(definition: &Value, version: &Value) -> Kind {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let words = |path: &[&str]| {
        names
            .items(path)
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let path = |text: &str| {
        text.trim_start_matches('.')
            .split('.')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let scale = version
        .at(&["subresources", "scale"])
        .map(|scale| ScalePaths {
            spec_replicas: path(scale.text(&["specReplicasPath"])),
            status_replicas: path(scale.text(&["statusReplicasPath"])),
            selector: Some(scale.text(&["labelSelectorPath"]))
                .filter(|text| !text.is_empty())
                .map(path),
        });
    let columns = version
        .items(&["additionalPrinterColumns"])
        .iter()
        .map(|column| PrinterColumn {
            name: column.text(&["name"]).to_owned(),
            kind: column.text(&["type"]).to_owned(),
            path: column.text(&["jsonPath"]).to_owned(),
            priority: column.int(&["priority"]).unwrap_or(0),
        });
    Kind {
        group: spec.text(&["group"]).to_owned(),
        version: version.text(&["name"]).to_owned(),
        kind: names.text(&["kind"]).to_owned(),
        list_kind: names.text(&["listKind"]).to_owned(),
        plural: names.text(&["plural"]).to_owned(),
        singular: names.text(&["singular"]).to_owned(),
        short_names: words(&["shortNames"]),
        categories: words(&["categories"]),
        namespaced: spec.text(&["scope"]) == "Namespaced",
        has_status: version.at(&["subresources", "status"]).is_some(),
        has_generation: true,
        scale,
        resource: definition.name().into(),
        schema: Schema::Custom(Arc::new(
            version
                .at(&["schema", "openAPIV3Schema"])
                .cloned()
                .unwrap_or(Value::Null),
        )),
        columns: columns.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn every_built_in_kind_has_a_schema() {
        for kind in Registry::default()
            .all()
            .iter()
            .filter(|kind| !kind.is_review())
        {
            let Schema::BuiltIn(name) = &kind.schema else {
                panic!("{} is not built in", kind.kind)
            };
            assert!(schema::built_in(name).is_some(), "{name}");
        }
    }

    #[test]
    fn versions_are_ranked_as_discovery_prefers_them() {
        let mut versions = vec!["v1alpha1", "v2", "v1", "v1beta2", "v10", "foo"];
        versions.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v1beta2", "v1alpha1", "foo"]);
    }
}
