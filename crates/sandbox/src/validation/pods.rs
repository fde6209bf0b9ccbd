//! Pods and pod templates.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{LABEL_NOTE, is_label};
use crate::json::Json;
use crate::status::Cause;

pub(super) fn pod(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    spec(&object["spec"], "spec", &mut causes);
    restart_policy(
        &object["spec"],
        "spec",
        &["Always", "OnFailure", "Never"],
        &mut causes,
    );
    causes
}

pub(super) fn restart_policy(spec: &Value, path: &str, allowed: &[&str], causes: &mut Vec<Cause>) {
    let policy = spec.text(&["restartPolicy"]);
    if !allowed.contains(&policy) {
        causes.push(Cause::unsupported(
            format!("{path}.restartPolicy"),
            &json!(policy),
            allowed,
        ));
    }
}

pub(super) fn spec(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let volumes = volumes(spec, path, causes);
    if spec.items(&["containers"]).is_empty() {
        causes.push(Cause::required(format!("{path}.containers"), ""));
    }
    let mut names = HashSet::new();
    for list in ["initContainers", "containers"] {
        for (index, container) in spec.items(&[list]).iter().enumerate() {
            let place = format!("{path}.{list}[{index}]");
            container_name(container, &place, &mut names, causes);
            if container.text(&["image"]).trim().is_empty() {
                causes.push(Cause::required(format!("{place}.image"), ""));
            }
            self::container(container, &place, &volumes, causes);
        }
    }
}

fn container_name<'a>(
    container: &'a Value,
    place: &str,
    names: &mut HashSet<&'a str>,
    causes: &mut Vec<Cause>,
) {
    let name = container.text(&["name"]);
    let field = format!("{place}.name");
    if name.is_empty() {
        causes.push(Cause::required(field, ""));
    } else if !is_label(name) {
        causes.push(Cause::invalid(field, &json!(name), LABEL_NOTE));
    } else if !names.insert(name) {
        causes.push(Cause::duplicate(field, &json!(name)));
    }
}

fn volumes<'a>(spec: &'a Value, path: &str, causes: &mut Vec<Cause>) -> HashSet<&'a str> {
    let mut names = HashSet::new();
    for (index, volume) in spec.items(&["volumes"]).iter().enumerate() {
        let field = format!("{path}.volumes[{index}].name");
        let name = volume.text(&["name"]);
        if name.is_empty() {
            causes.push(Cause::required(field, ""));
        } else if !is_label(name) {
            causes.push(Cause::invalid(field, &json!(name), LABEL_NOTE));
        } else if !names.insert(name) {
            causes.push(Cause::duplicate(field, &json!(name)));
        }
    }
    names
}

fn container(container: &Value, place: &str, volumes: &HashSet<&str>, causes: &mut Vec<Cause>) {
    for (index, port) in container.items(&["ports"]).iter().enumerate() {
        let field = format!("{place}.ports[{index}].containerPort");
        match port.int(&["containerPort"]) {
            None | Some(0) => causes.push(Cause::required(field, "")),
            Some(number) if !(1..=65535).contains(&number) => causes.push(Cause::invalid(
                field,
                &json!(number),
                "must be between 1 and 65535, inclusive",
            )),
            Some(_) => {}
        }
    }
    for (index, variable) in container.items(&["env"]).iter().enumerate() {
        let field = format!("{place}.env[{index}]");
        if variable.text(&["name"]).is_empty() {
            causes.push(Cause::required(format!("{field}.name"), ""));
        }
        if !variable.text(&["value"]).is_empty() && variable.get("valueFrom").is_some() {
            causes.push(Cause::invalid(
                format!("{field}.valueFrom"),
                &json!(""),
                "may not be specified when `value` is not empty",
            ));
        }
    }
    for (index, mount) in container.items(&["volumeMounts"]).iter().enumerate() {
        let field = format!("{place}.volumeMounts[{index}]");
        if mount.text(&["mountPath"]).is_empty() {
            causes.push(Cause::required(format!("{field}.mountPath"), ""));
        }
        if !volumes.contains(mount.text(&["name"])) {
            causes.push(Cause::not_found(format!("{field}.name"), &mount["name"]));
        }
    }
    let policy = container.text(&["imagePullPolicy"]);
    if !matches!(policy, "" | "Always" | "IfNotPresent" | "Never") {
        causes.push(Cause::unsupported(
            format!("{place}.imagePullPolicy"),
            &json!(policy),
            &["Always", "IfNotPresent", "Never"],
        ));
    }
    resources(container, place, causes);
}

fn resources(container: &Value, place: &str, causes: &mut Vec<Cause>) {
    for side in ["limits", "requests"] {
        for (name, quantity) in container.map(&["resources", side]).into_iter().flatten() {
            if crate::quantity::parse(quantity).is_none() {
                let note = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                causes.push(Cause::invalid(
                    format!("{place}.resources.{side}.{name}"),
                    quantity,
                    note,
                ));
            }
        }
    }
    for (name, request) in container
        .map(&["resources", "requests"])
        .into_iter()
        .flatten()
    {
        let limit = container.at(&["resources", "limits", name]);
        let over = limit
            .and_then(crate::quantity::parse)
            .zip(crate::quantity::parse(request))
            .is_some_and(|(limit, request)| request > limit);
        if let Some(limit) = limit.filter(|_| over) {
            let note = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            causes.push(Cause::invalid(
                format!("{place}.resources.requests"),
                request,
                &note,
            ));
        }
    }
}

/// Only images and a few durations of a running pod can change.
pub(super) fn change(old: &Value, new: &Value) -> Vec<Cause> {
    let frozen = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        for list in ["containers", "initContainers"] {
            for container in spec
                .get_mut(list)
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                container.cut(&["image"]);
            }
        }
        for field in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "nodeName",
            "schedulingGates",
            "ephemeralContainers",
        ] {
            spec.cut(&[field]);
        }
        spec
    };
    if frozen(old) == frozen(new) {
        return Vec::new();
    }
    let note = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
        `spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    vec![Cause::forbidden("spec", note)]
}
