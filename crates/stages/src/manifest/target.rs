//! Which object a stage means: named (`static`), chosen among those of a cluster (`dynamic`), or picked by labels (`label`).
//!
//! Context: `mode`, `location`; static `manifestName` (`deployment web`); dynamic `kind`, `app`, `cluster`, `criteria`; label `kinds`, `labelSelectors`. Without a
//! mode, the members that are there say which it is. The task `resolveTargetManifest` notes the `manifestName` that criteria choose.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_cloud_driver::Accounts;
use spindrift_cloud_driver::kubernetes::{
    Criteria, Kind, Kubernetes, LabelSelector, ManifestCluster, ObjectId,
};
use spindrift_engine::{BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult};
use spindrift_model::Map;

use super::operation::{self, Fault};
use super::wait;
use crate::fields;

/// The name of the task.
pub(crate) const RESOLVE: &str = "resolveTargetManifest";

/// What a stage means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// The object of that name.
    Static(ObjectId),
    /// One object of a cluster.
    Dynamic(ManifestCluster, Criteria),
    /// The objects of these kinds that have certain labels.
    Label {
        namespace: String,
        kinds: Vec<Kind>,
        labels: String,
    },
}

/// How a stage says which object it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Static,
    Dynamic,
    Label,
}

/// A member that cannot be read, and why.
pub(crate) type Unreadable = (&'static str, String);

impl Target {
    /// Reads the target of a stage of that application.
    pub(crate) fn of(context: &Map, application: &str) -> Result<Self, Unreadable> {
        let namespace = match fields::text(context, "location").map(str::trim) {
            // How Clouddriver's paths write that there is none.
            None | Some("_") => String::new(),
            Some(namespace) => namespace.to_owned(),
        };
        match mode(context)? {
            Mode::Static => named(context, &namespace).map(Self::Static),
            Mode::Dynamic => chosen(context, namespace, application),
            Mode::Label => picked(context, namespace),
        }
    }

    /// The same, as a task fails when it cannot be read.
    pub(crate) fn read(input: &TaskInput) -> Result<Self, Failure> {
        Self::of(&input.stage.context, &input.application)
            .map_err(|(key, why)| fields::invalid(format!("{key}: {why}")))
    }
}

fn mode(context: &Map) -> Result<Mode, Unreadable> {
    match fields::text(context, "mode").map(str::trim) {
        Some("static") => Ok(Mode::Static),
        Some("dynamic") => Ok(Mode::Dynamic),
        Some("label") => Ok(Mode::Label),
        Some(other) => Err((
            "mode",
            format!("{other:?} is unknown; write static, dynamic or label"),
        )),
        None if fields::text(context, "criteria").is_some() => Ok(Mode::Dynamic),
        None if fields::text(context, "manifestName").is_some() => Ok(Mode::Static),
        None if context
            .get("labelSelectors")
            .is_some_and(|selectors| !selectors.is_null()) =>
        {
            Ok(Mode::Label)
        }
        None => Ok(Mode::Static),
    }
}

fn named(context: &Map, namespace: &str) -> Result<ObjectId, Unreadable> {
    let Some(name) = fields::text(context, "manifestName").map(str::trim) else {
        return Err((
            "manifestName",
            "it is missing; write a kind and a name, such as \"deployment web\"".to_owned(),
        ));
    };
    let full_name = match (name.contains(' '), fields::text(context, "kind")) {
        (false, Some(kind)) => format!("{} {name}", kind.trim()),
        (true, _) | (false, None) => name.to_owned(),
    };
    ObjectId::parse(&full_name, namespace).map_err(|error| ("manifestName", error.message))
}

fn chosen(context: &Map, namespace: String, application: &str) -> Result<Target, Unreadable> {
    let needed = |key: &'static str| {
        fields::text(context, key).map(str::trim).ok_or_else(|| {
            (
                key,
                "it is missing; a dynamic target needs kind, cluster and criteria".to_owned(),
            )
        })
    };
    let criteria = needed("criteria")?;
    let criteria = Criteria::parse(criteria).ok_or_else(|| {
        (
            "criteria",
            format!(
                "{criteria:?} is unknown; write newest, second_newest, oldest, largest or smallest"
            ),
        )
    })?;
    let kind = Kind::parse(needed("kind")?).map_err(|error| ("kind", error.to_string()))?;
    let cluster = ManifestCluster {
        kind,
        namespace,
        application: fields::text(context, "app")
            .unwrap_or(application)
            .trim()
            .to_owned(),
        name: needed("cluster")?.to_owned(),
    };
    Ok(Target::Dynamic(cluster, criteria))
}

fn picked(context: &Map, namespace: String) -> Result<Target, Unreadable> {
    let mut kinds = Vec::new();
    let listed = fields::texts(context.get("kinds"));
    let single = fields::text(context, "kind").map(str::to_owned);
    for text in listed
        .iter()
        .chain(single.iter().filter(|_| listed.is_empty()))
    {
        kinds.push(Kind::parse(text).map_err(|error| ("kinds", error.to_string()))?);
    }
    if kinds.is_empty() {
        return Err((
            "kinds",
            "there are none; name the kinds of the objects".to_owned(),
        ));
    }
    let selectors = context
        .get("labelSelectors")
        .and_then(|map| map.get("selectors"));
    let selectors: Vec<LabelSelector> = match selectors {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|error| ("labelSelectors", error.to_string()))?,
    };
    let parts: Vec<String> = selectors
        .iter()
        .map(ToString::to_string)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        return Err((
            "labelSelectors",
            "they pick everything; say which labels the objects have".to_owned(),
        ));
    }
    Ok(Target::Label {
        namespace,
        kinds,
        labels: parts.join(","),
    })
}

/// The one object a stage means, once criteria are resolved.
pub(crate) fn object(input: &TaskInput) -> Result<ObjectId, Failure> {
    match Target::read(input)? {
        Target::Static(id) => Ok(id),
        Target::Dynamic(cluster, _) => named(&input.stage.context, &cluster.namespace)
            .map_err(|(key, why)| fields::invalid(format!("{key}: {why}"))),
        Target::Label { .. } => Err(fields::invalid(
            "mode: label is for deleteManifest only; write static or dynamic",
        )),
    }
}

/// The task.
pub(crate) struct ResolveTarget {
    pub(crate) accounts: Arc<dyn Accounts>,
}

impl EffectTask for ResolveTarget {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            let resolved = self.resolve(&input).await;
            resolved.unwrap_or_else(|fault| fault.result(&input))
        })
    }

    fn policy(&self) -> TaskPolicy {
        operation::POLICY
    }
}

impl ResolveTarget {
    async fn resolve(&self, input: &TaskInput) -> Result<TaskResult, Fault> {
        let Target::Dynamic(cluster, criteria) = Target::read(input)? else {
            return Ok(TaskResult::succeeded());
        };
        let kubernetes = operation::kubernetes(&*self.accounts, input)?;
        let id = kubernetes.resolve_target(&cluster, criteria).await?;
        let name = id.to_string();
        Ok(TaskResult::succeeded()
            .with_context("manifestName", name.clone())
            .with_output("manifestName", name)
            .with_output("location", id.namespace))
    }
}

/// The end of an operation that has changed those objects: their full names by namespace, for the tasks behind it.
pub(crate) fn changed(kubernetes: &Kubernetes, ids: &[ObjectId]) -> TaskResult {
    let mut names: std::collections::BTreeMap<String, Vec<String>> =
        std::collections::BTreeMap::new();
    for id in ids {
        names
            .entry(id.namespace.clone())
            .or_default()
            .push(id.to_string());
    }
    TaskResult::succeeded()
        .with_context("deploy.account.name", kubernetes.account_name())
        .with_context(wait::NAMES, json!(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    fn shown(context: Value) -> String {
        match Target::of(&map(context), "shop") {
            Ok(Target::Static(id)) => format!("{id} in {:?}", id.namespace),
            Ok(Target::Dynamic(cluster, criteria)) => format!(
                "{criteria:?} {} of {} {} in {:?}",
                cluster.kind, cluster.application, cluster.name, cluster.namespace
            ),
            Ok(Target::Label {
                namespace,
                kinds,
                labels,
            }) => {
                let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                format!("{} with {labels} in {namespace:?}", kinds.join("+"))
            }
            Err((key, _)) => format!("! {key}"),
        }
    }

    #[test]
    fn targets_are_read_as_deck_writes_them() {
        let selectors = json!({"selectors": [
            {"kind": "EQUALS", "key": "app", "values": ["web"]}, {"kind": "EXISTS", "key": "tier", "values": []},
            {"kind": "NOT_CONTAINS", "key": "env", "values": ["a", "b"]}, {"kind": "ANY", "key": "x", "values": []}]});
        let dynamic = json!({"mode": "dynamic", "kind": "replicaSet", "cluster": "replicaSet web", "criteria": "second_newest", "location": "n", "manifestName": " "});
        let with = |changes: Value| {
            let mut context = map(dynamic.clone());
            context.extend(map(changes));
            Value::Object(context)
        };
        let table = [
            (
                json!({"mode": "static", "manifestName": "deployment web", "location": "n"}),
                "deployment web in \"n\"",
            ),
            (
                json!({"manifestName": " Deployment web ", "location": "_"}),
                "deployment web in \"\"",
            ),
            (
                json!({"kind": "deployment", "manifestName": "web", "location": "n"}),
                "deployment web in \"n\"",
            ),
            (json!({"mode": "static", "location": "n"}), "! manifestName"),
            (
                json!({"mode": "static", "manifestName": "a b c"}),
                "! manifestName",
            ),
            (json!({}), "! manifestName"),
            (json!({"mode": "somehow"}), "! mode"),
            (
                dynamic.clone(),
                "SecondNewest replicaSet of shop replicaSet web in \"n\"",
            ),
            (
                with(json!({"app": "store", "mode": null})),
                "SecondNewest replicaSet of store replicaSet web in \"n\"",
            ),
            (with(json!({"criteria": "biggest"})), "! criteria"),
            (with(json!({"criteria": ""})), "! criteria"),
            (with(json!({"cluster": null})), "! cluster"),
            (with(json!({"kind": "a b"})), "! kind"),
            (
                json!({"mode": "label", "location": "n", "kinds": ["deployment", "Widget.example.com"], "labelSelectors": selectors}),
                "deployment+Widget.example.com with app = web,tier,env notin (a, b) in \"n\"",
            ),
            (
                json!({"mode": "label", "kinds": ["pod"], "labelSelectors": {"selectors": []}}),
                "! labelSelectors",
            ),
            (
                json!({"mode": "label", "kinds": ["pod"]}),
                "! labelSelectors",
            ),
            (
                json!({"mode": "label", "kinds": [], "labelSelectors": selectors}),
                "! kinds",
            ),
        ];
        for (context, expected) in table {
            assert_eq!(shown(context.clone()), expected, "{context}");
        }
    }
}
