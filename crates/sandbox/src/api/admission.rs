//! Checks against the rest of the cluster: namespaces, quotas, limit ranges, scripted denials.

use serde_json::{Value, json};

use crate::faults;
use crate::json::Json;
use crate::kinds::Kind;
use crate::quantity;
use crate::scripts;
use crate::status::{Cause, Status};
use crate::store::State;

/// The namespace must exist and not be going away.
pub(super) fn namespace(
    state: &State,
    kind: &Kind,
    namespace: &str,
    name: &str,
) -> Result<(), Status> {
    if !kind.namespaced {
        return Ok(());
    }
    let Some(namespaces) = state.kinds.by_resource("namespaces") else {
        return Ok(());
    };
    let Some(found) = state.get("namespaces", "", namespace) else {
        return Err(Status::not_found(namespaces, namespace));
    };
    if found.is_deleting() {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let cause = Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        };
        return Err(Status::forbidden(kind, name, &why).with_cause(cause));
    }
    Ok(())
}

/// Namespaces every cluster needs cannot be deleted.
pub(super) fn deletion(kind: &Kind, object: &Value) -> Result<(), Status> {
    if kind.is("namespaces") && matches!(object.name(), "default" | "kube-system" | "kube-public") {
        return Err(Status::forbidden(
            kind,
            object.name(),
            "this namespace may not be deleted",
        ));
    }
    Ok(())
}

/// A denial written on the object itself.
pub(super) fn deny(object: &Value) -> Result<(), Status> {
    match object.annotation(scripts::DENY) {
        Some(message) => Err(faults::denied("deny.sandbox.spindrift.io", message)),
        None => Ok(()),
    }
}

/// Containers get the defaults of the namespace's limit ranges and must keep to their bounds.
pub(super) fn limit_ranges(state: &State, kind: &Kind, object: &mut Value) -> Result<(), Status> {
    if !kind.is("pods") {
        return Ok(());
    }
    let namespace = object.namespace().to_owned();
    let ranges: Vec<Value> = state
        .list("limitranges", Some(&namespace))
        .flat_map(|range| range.items(&["spec", "limits"]).to_vec())
        .collect();
    let mut problems = Vec::new();
    for limit in ranges
        .iter()
        .filter(|limit| limit.text(&["type"]) == "Container")
    {
        for list in ["containers", "initContainers"] {
            let containers = object
                .get_mut("spec")
                .and_then(|spec| spec.get_mut(list))
                .and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                apply_limit(limit, container);
                problems.extend(bound_problems(limit, container));
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Status::forbidden(kind, object.name(), &problems.join(", ")))
    }
}

fn apply_limit(limit: &Value, container: &mut Value) {
    for (side, defaults) in [("limits", "default"), ("requests", "defaultRequest")] {
        for (name, amount) in limit.map(&[defaults]).into_iter().flatten() {
            container.default_to(&["resources", side, name], amount.clone());
        }
    }
}

fn bound_problems(limit: &Value, container: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, most) in limit.map(&["max"]).into_iter().flatten() {
        let got = container.at(&["resources", "limits", name]);
        if got
            .and_then(quantity::parse)
            .zip(quantity::parse(most))
            .is_some_and(|(got, most)| got > most)
        {
            let got = got.and_then(Value::as_str).unwrap_or_default();
            problems.push(format!(
                "maximum {name} usage per Container is {}, but limit is {got}",
                most.as_str().unwrap_or_default()
            ));
        }
    }
    for (name, least) in limit.map(&["min"]).into_iter().flatten() {
        let got = container.at(&["resources", "requests", name]);
        if got
            .and_then(quantity::parse)
            .zip(quantity::parse(least))
            .is_some_and(|(got, least)| got < least)
        {
            let got = got.and_then(Value::as_str).unwrap_or_default();
            problems.push(format!(
                "minimum {name} usage per Container is {}, but request is {got}",
                least.as_str().unwrap_or_default()
            ));
        }
    }
    problems
}

/// What one object counts for under a quota's resource name, in thousandths.
pub(crate) fn usage(kind: &Kind, object: &Value, name: &str) -> i128 {
    let one = |yes: bool| if yes { 1000 } else { 0 };
    if let Some(counted) = name.strip_prefix("count/") {
        return one(counted == &*kind.resource);
    }
    match name {
        "services.loadbalancers" => {
            return one(kind.is("services") && object.text(&["spec", "type"]) == "LoadBalancer");
        }
        "services.nodeports" => {
            return one(kind.is("services") && object.text(&["spec", "type"]) == "NodePort");
        }
        "requests.storage" if kind.is("persistentvolumeclaims") => {
            return object
                .at(&["spec", "resources", "requests", "storage"])
                .and_then(quantity::parse)
                .unwrap_or(0);
        }
        _ => {}
    }
    if kind.is(name) && !kind.is("pods") {
        return 1000;
    }
    if !kind.is("pods") || matches!(object.text(&["status", "phase"]), "Succeeded" | "Failed") {
        return 0;
    }
    let (side, resource) = match name.split_once('.') {
        Some((side @ ("requests" | "limits"), resource)) => (side, resource),
        _ if name == "pods" => return 1000,
        _ => ("requests", name),
    };
    let containers = object.items(&["spec", "containers"]).iter();
    containers
        .filter_map(|container| {
            container
                .at(&["resources", side, resource])
                .and_then(quantity::parse)
        })
        .sum()
}

/// What a namespace uses of a quota's resource.
pub(crate) fn used(state: &State, namespace: &str, name: &str) -> i128 {
    let kinds = state.kinds.stored().filter(|kind| kind.namespaced);
    kinds
        .map(|kind| {
            state
                .list(&kind.resource, Some(namespace))
                .map(|object| usage(kind, object, name))
                .sum::<i128>()
        })
        .sum()
}

/// The quotas of the namespace must have room for the object.
pub(super) fn quotas(
    state: &State,
    kind: &Kind,
    old: Option<&Value>,
    object: &Value,
) -> Result<(), Status> {
    for quota in state.list("resourcequotas", Some(object.namespace())) {
        let mut over: Vec<[String; 3]> = Vec::new();
        let mut missing = Vec::new();
        for (name, hard) in quota.map(&["spec", "hard"]).into_iter().flatten() {
            let asked = usage(kind, object, name) - old.map_or(0, |old| usage(kind, old, name));
            if old.is_none()
                && kind.is("pods")
                && asked == 0
                && matches!(
                    name.as_str(),
                    "requests.cpu"
                        | "requests.memory"
                        | "limits.cpu"
                        | "limits.memory"
                        | "cpu"
                        | "memory"
                )
            {
                missing.push(name.clone());
            }
            let Some(hard) = quantity::parse(hard).filter(|_| asked > 0) else {
                continue;
            };
            let used = used(state, object.namespace(), name);
            if used + asked > hard {
                over.push(
                    [asked, used, hard].map(|amount| format!("{name}={}", quantity::show(amount))),
                );
            }
        }
        if !missing.is_empty() {
            return Err(Status::forbidden(
                kind,
                object.name(),
                &format!(
                    "failed quota: {}: must specify {}",
                    quota.name(),
                    missing.join(",")
                ),
            ));
        }
        if !over.is_empty() {
            let column = |index: usize| {
                over.iter()
                    .map(|row| row[index].as_str())
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let why = format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                quota.name(),
                column(0),
                column(1),
                column(2)
            );
            return Err(Status::forbidden(kind, object.name(), &why));
        }
    }
    Ok(())
}

/// The status of a quota.
pub(crate) fn quota_status(state: &State, quota: &Value) -> Value {
    let hard = quota
        .at(&["spec", "hard"])
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut status = json!({"hard": hard, "used": {}});
    for (name, _) in quota.map(&["spec", "hard"]).into_iter().flatten() {
        status["used"][name] = json!(quantity::show(used(state, quota.namespace(), name)));
    }
    status
}
