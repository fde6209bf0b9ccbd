//! The addresses behind a service, as Endpoints and as an EndpointSlice.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Desk;
use super::common::{self, is_ready};
use crate::json::Json;
use crate::selector::LabelSelector;
use crate::store::ObjectKey;

pub(super) fn reconcile(desk: &mut Desk<'_>, service: &Value) -> Option<Duration> {
    let selector = LabelSelector::from_map(service.at(&["spec", "selector"]))?;
    let mut pods: Vec<_> = desk
        .state
        .list("pods", Some(service.namespace()))
        .filter(|pod| {
            selector.matches(pod)
                && !common::is_finished(pod)
                && !pod.text(&["status", "podIP"]).is_empty()
        })
        .cloned()
        .collect();
    pods.sort_by_key(|pod| pod.name().to_owned());
    let unready_too = service.flag(&["spec", "publishNotReadyAddresses"]);
    let ready = |pod: &Arc<Value>| unready_too || (is_ready(pod) && !pod.is_deleting());
    write_endpoints(desk, service, &pods, &ready);
    write_slice(desk, service, &pods, &ready);
    None
}

/// Endpoints have no owner; they go with their service by name.
pub(super) fn remove(desk: &mut Desk<'_>, key: &ObjectKey) {
    if let Some(found) = desk
        .state
        .get("endpoints", &key.namespace, &key.name)
        .cloned()
    {
        common::delete(desk, "endpoints", &found);
    }
}

/// Ports of the service as numbers of the pods' ports.
fn ports(service: &Value, pods: &[Arc<Value>]) -> Vec<Value> {
    let resolve = |target: &Value| match target {
        Value::String(name) => pods
            .iter()
            .flat_map(|pod| pod.items(&["spec", "containers"]))
            .flat_map(|container| container.items(&["ports"]))
            .find(|port| port.text(&["name"]) == name)?
            .int(&["containerPort"]),
        number => number.as_i64(),
    };
    let one = |port: &Value| {
        let number = resolve(&port["targetPort"])?;
        let mut entry = json!({"port": number, "protocol": port["protocol"]});
        if let Some(name) = port.get("name") {
            entry["name"] = name.clone();
        }
        Some(entry)
    };
    service
        .items(&["spec", "ports"])
        .iter()
        .filter_map(one)
        .collect()
}

fn reference(pod: &Value) -> Value {
    json!({"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()})
}

fn write_endpoints(
    desk: &mut Desk<'_>,
    service: &Value,
    pods: &[Arc<Value>],
    ready: &dyn Fn(&Arc<Value>) -> bool,
) {
    let address = |pod: &&Arc<Value>| json!({"ip": pod.text(&["status", "podIP"]), "nodeName": pod.text(&["spec", "nodeName"]), "targetRef": reference(pod)});
    let (up, down): (Vec<_>, Vec<_>) = pods.iter().partition(|pod| ready(pod));
    let mut subset = json!({});
    for (field, pods) in [("addresses", &up), ("notReadyAddresses", &down)] {
        if !pods.is_empty() {
            subset[field] = pods.iter().map(address).collect();
        }
    }
    let mut endpoints =
        json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": service.name()}});
    if !pods.is_empty() {
        subset["ports"] = json!(ports(service, pods));
        endpoints["subsets"] = json!([subset]);
    }
    store(desk, "endpoints", service, endpoints, &["subsets"]);
}

fn write_slice(
    desk: &mut Desk<'_>,
    service: &Value,
    pods: &[Arc<Value>],
    ready: &dyn Fn(&Arc<Value>) -> bool,
) {
    let endpoint = |pod: &Arc<Value>| {
        let serving = is_ready(pod);
        json!({"addresses": [pod.text(&["status", "podIP"])], "conditions": {"ready": ready(pod), "serving": serving, "terminating": pod.is_deleting()},
            "nodeName": pod.text(&["spec", "nodeName"]), "targetRef": reference(pod)})
    };
    let labels = json!({"kubernetes.io/service-name": service.name(), "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": format!("{}-sandbox", service.name()), "labels": labels, "ownerReferences": [common::owner_reference(service)]},
        "addressType": "IPv4", "endpoints": pods.iter().map(endpoint).collect::<Vec<_>>(), "ports": ports(service, pods),
    });
    store(
        desk,
        "endpointslices.discovery.k8s.io",
        service,
        slice,
        &["endpoints", "ports"],
    );
}

/// Creates the document, or brings its fields up to date.
fn store(desk: &mut Desk<'_>, resource: &str, service: &Value, document: Value, fields: &[&str]) {
    let Some(found) = desk
        .state
        .get(resource, service.namespace(), document.name())
        .cloned()
    else {
        if let Err(status) = common::create(desk, resource, service.namespace(), document) {
            tracing::debug!(sandbox.service = service.name(), error = %status, "endpoints were refused");
        }
        return;
    };
    let mut next = Value::clone(&found);
    for field in fields {
        match document.get(field) {
            Some(value) => next.put(&[field], value.clone()),
            None => drop(next.cut(&[field])),
        }
    }
    if let Some(kind) = desk
        .state
        .kinds
        .by_resource(resource)
        .cloned()
        .filter(|_| next != *found)
    {
        desk.state.put(&kind, next);
    }
}
