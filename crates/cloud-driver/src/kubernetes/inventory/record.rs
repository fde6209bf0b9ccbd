//! Objects as the model keeps them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use spindrift_model::Millis;

use super::selector::Selector;
use super::wire::{AnyWire, PlainWire, PodWire};
use crate::kubernetes::kind::Kind;
use crate::model::{HealthState, Moniker};

/// The annotation that hides an object from the model.
const IGNORE: &str = "caching.spinnaker.io/ignore";
/// The annotation that names the load balancers an object is meant to be behind.
const LOAD_BALANCERS: &str = "traffic.spinnaker.io/load-balancers";

pub(super) type Labels = BTreeMap<String, String>;

/// An object as the model keeps it.
#[derive(Debug)]
pub(super) struct Record {
    /// The position of its kind's table.
    pub(super) table: usize,
    pub(super) namespace: Arc<str>,
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
    pub(super) created: Millis,
    /// Shared between the pods of a workload, which have the same.
    pub(super) labels: Arc<Labels>,
    /// Shared likewise.
    pub(super) moniker: Arc<Moniker>,
    pub(super) owner: Option<Owner>,
    pub(super) detail: Detail,
}

/// The controller of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: Box<str>,
    /// Its full name, such as `replicaSet web-v001`.
    pub(super) name: Arc<str>,
}

/// What only objects of some kinds have.
#[derive(Debug)]
pub(super) enum Detail {
    Workload(Box<Workload>),
    Pod(Box<Pod>),
    Service { selector: Labels },
    Ingress { services: Vec<String> },
    Policy(Box<Policy>),
    Autoscaler(Box<Autoscaler>),
    Plain,
}

#[derive(Debug, Default)]
pub(super) struct Workload {
    pub(super) replicas: u32,
    pub(super) template_labels: Labels,
    pub(super) images: Vec<String>,
    /// The load balancers that it is meant to be behind.
    pub(super) balancers: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Pod {
    pub(super) state: HealthState,
    pub(super) started: Option<Millis>,
    pub(super) containers: Vec<(Arc<str>, bool)>,
}

#[derive(Debug)]
pub(super) struct Policy {
    pub(super) selector: Selector,
    pub(super) inbound: Vec<Value>,
    pub(super) outbound: Vec<Value>,
}

#[derive(Debug)]
pub(super) struct Autoscaler {
    /// The full name of what it scales.
    pub(super) target: String,
    pub(super) min: u32,
    pub(super) max: u32,
}

/// Makes a record of an object; `None` when the object is to be hidden or has no name.
pub(super) trait IntoRecord {
    fn into_record(self, table: usize, kind: &Kind, managed_only: bool) -> Option<Record>;
}

impl IntoRecord for PodWire {
    fn into_record(self, table: usize, kind: &Kind, managed_only: bool) -> Option<Record> {
        let status = self.status;
        let containers = status.container_statuses.into_iter().flatten();
        let pod = Pod {
            state: match status.phase.as_str() {
                "Pending" => HealthState::Down,
                "Running" => HealthState::Up,
                _ => HealthState::Unknown,
            },
            started: status.start_time.map(|time| time.0.as_millisecond()),
            containers: containers.map(|c| (c.name.into(), c.ready)).collect(),
        };
        record(self.metadata, table, kind, managed_only, |_| {
            Detail::Pod(Box::new(pod))
        })
    }
}

impl IntoRecord for PlainWire {
    fn into_record(self, table: usize, kind: &Kind, managed_only: bool) -> Option<Record> {
        record(self.metadata, table, kind, managed_only, |_| Detail::Plain)
    }
}

impl IntoRecord for AnyWire {
    fn into_record(self, table: usize, kind: &Kind, managed_only: bool) -> Option<Record> {
        record(self.metadata, table, kind, managed_only, |metadata| {
            detail(kind, metadata, &self.spec, &self.status)
        })
    }
}

fn record(
    metadata: ObjectMeta,
    table: usize,
    kind: &Kind,
    managed_only: bool,
    detail: impl FnOnce(&ObjectMeta) -> Detail,
) -> Option<Record> {
    let name = metadata.name.as_deref()?;
    let annotation = |key: &str| Some(metadata.annotations.as_ref()?.get(key)?.as_str());
    let hidden = annotation(IGNORE).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if hidden || (managed_only && annotation(crate::moniker::APPLICATION).is_none()) {
        return None;
    }
    let moniker = Arc::new(Moniker::of_object(kind.name(), name, annotation));
    let controller = metadata.owner_references.iter().flatten();
    let owner = controller
        .filter(|owner| owner.controller == Some(true))
        .map(|owner| {
            let kind = Kind::of(&owner.kind, &owner.api_version);
            Owner {
                uid: owner.uid.as_str().into(),
                name: format!("{kind} {}", owner.name).into(),
            }
        })
        .next();
    let created = metadata.creation_timestamp.as_ref();
    Some(Record {
        table,
        namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
        name: name.into(),
        uid: metadata.uid.as_deref().unwrap_or_default().into(),
        created: created.map_or(0, |time| time.0.as_millisecond()),
        moniker,
        owner,
        detail: detail(&metadata),
        labels: Arc::new(metadata.labels.unwrap_or_default()),
    })
}

fn detail(kind: &Kind, metadata: &ObjectMeta, spec: &Value, status: &Value) -> Detail {
    if kind.is("service") {
        let selector = labels(&spec["selector"]);
        return Detail::Service { selector };
    }
    if kind.is("ingress") {
        let services = backends(spec);
        return Detail::Ingress { services };
    }
    if kind.is("networkPolicy") {
        let list = |key: &str| spec[key].as_array().cloned().unwrap_or_default();
        return Detail::Policy(Box::new(Policy {
            selector: Selector::of(&spec["podSelector"]),
            inbound: list("ingress"),
            outbound: list("egress"),
        }));
    }
    if kind.is("horizontalpodautoscaler") {
        return autoscaler(spec);
    }
    let template = match &spec["jobTemplate"]["spec"]["template"] {
        Value::Null => &spec["template"],
        template => template,
    };
    if template.is_null() && spec["replicas"].is_null() {
        return Detail::Plain;
    }
    Detail::Workload(Box::new(Workload {
        replicas: replicas(kind, spec, status),
        template_labels: labels(&template["metadata"]["labels"]),
        images: images(&template["spec"]),
        balancers: balancers(metadata),
    }))
}

/// How many copies a workload should have.
fn replicas(kind: &Kind, spec: &Value, status: &Value) -> u32 {
    let wanted = if kind.is("daemonSet") {
        &status["desiredNumberScheduled"]
    } else if kind.is("job") {
        if status["completionTime"].is_string() {
            return 0;
        }
        return spec["parallelism"].as_u64().map_or(1, narrow);
    } else {
        &spec["replicas"]
    };
    wanted.as_u64().map_or(0, narrow)
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    pairs
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The images of a pod, each once, in order.
fn images(pod: &Value) -> Vec<String> {
    let mut images: Vec<String> = Vec::new();
    for key in ["initContainers", "containers"] {
        for container in pod[key].as_array().into_iter().flatten() {
            if let Some(image) = container["image"].as_str()
                && !images.iter().any(|known| known == image)
            {
                images.push(image.to_owned());
            }
        }
    }
    images
}

/// The names of the services that an ingress leads to.
fn backends(spec: &Value) -> Vec<String> {
    let service = |backend: &Value| backend["service"]["name"].as_str().map(str::to_owned);
    let mut services: Vec<String> = service(&spec["defaultBackend"]).into_iter().collect();
    for rule in spec["rules"].as_array().into_iter().flatten() {
        for path in rule["http"]["paths"].as_array().into_iter().flatten() {
            services.extend(service(&path["backend"]));
        }
    }
    services.sort();
    services.dedup();
    services
}

fn autoscaler(spec: &Value) -> Detail {
    let target = &spec["scaleTargetRef"];
    let text = |key: &str| target[key].as_str().unwrap_or_default();
    let kind = Kind::of(text("kind"), text("apiVersion"));
    Detail::Autoscaler(Box::new(Autoscaler {
        target: format!("{kind} {}", text("name")),
        // The API server's own default.
        min: spec["minReplicas"].as_u64().map_or(1, narrow),
        max: spec["maxReplicas"].as_u64().map_or(0, narrow),
    }))
}

/// The load balancers that an object is meant to be behind; what is not a list of texts names none.
fn balancers(metadata: &ObjectMeta) -> Vec<String> {
    let text = metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(LOAD_BALANCERS));
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}
