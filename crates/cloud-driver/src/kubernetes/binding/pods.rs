//! Where the pods of an object are described.

use serde_json::Value;

use crate::kubernetes::kind::Kind;

/// What is done with each pod description: it is given the `spec` of a pod, and whether that is a Pod's own.
pub(super) fn for_each(
    kind: &Kind,
    manifest: &mut Value,
    visit: &mut impl FnMut(&mut Value, bool),
) {
    if kind.is("pod") {
        if let Some(spec) = manifest.get_mut("spec") {
            visit(spec, true);
        }
        return;
    }
    if is_without_pods(kind) {
        return;
    }
    if let Value::Object(object) = manifest {
        for (key, value) in object {
            if key != "metadata" && key != "status" {
                descend(key, value, visit);
            }
        }
    }
}

/// Native kinds that cannot hold pods but may hold something that looks like one: schemas, policies, data.
fn is_without_pods(kind: &Kind) -> bool {
    const WITH_PODS: [&str; 8] = [
        "deployment",
        "replicaSet",
        "statefulSet",
        "daemonSet",
        "job",
        "cronJob",
        "replicationController",
        "podTemplate",
    ];
    kind.group().is_none() && !WITH_PODS.iter().any(|name| kind.is(name))
}

/// A pod template is whatever is called one and has a `spec` with containers: `template`, `podTemplate`, `workerTemplate` …, at any depth.
fn descend(key: &str, value: &mut Value, visit: &mut impl FnMut(&mut Value, bool)) {
    match value {
        Value::Object(object) => {
            if key.ends_with("emplate")
                && let Some(spec) = object.get_mut("spec")
                && spec.get("containers").is_some_and(Value::is_array)
            {
                visit(spec, false);
                return;
            }
            for (key, value) in object {
                descend(key, value, visit);
            }
        }
        Value::Array(items) => {
            for item in items {
                descend(key, item, visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
