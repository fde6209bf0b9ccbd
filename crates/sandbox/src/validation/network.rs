//! Services and ingresses.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{LABEL_NOTE, is_label, is_subdomain};
use crate::json::Json;
use crate::status::Cause;

pub(super) fn service(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kind = object.text(&["spec", "type"]);
    let supported = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !supported.contains(&kind) {
        causes.push(Cause::unsupported("spec.type", &json!(kind), &supported));
    }
    let ports = object.items(&["spec", "ports"]);
    let headless = object.text(&["spec", "clusterIP"]) == "None";
    if ports.is_empty() && kind != "ExternalName" && !headless {
        causes.push(Cause::required("spec.ports", ""));
    }
    if kind == "ExternalName" && object.text(&["spec", "externalName"]).is_empty() {
        causes.push(Cause::required("spec.externalName", ""));
    }
    let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
    for (index, port) in ports.iter().enumerate() {
        let place = format!("spec.ports[{index}]");
        let name = port.text(&["name"]);
        if name.is_empty() && ports.len() > 1 {
            causes.push(Cause::required(format!("{place}.name"), ""));
        } else if !name.is_empty() && !is_label(name) {
            causes.push(Cause::invalid(
                format!("{place}.name"),
                &json!(name),
                LABEL_NOTE,
            ));
        } else if !name.is_empty() && !names.insert(name) {
            causes.push(Cause::duplicate(format!("{place}.name"), &json!(name)));
        }
        let number = port.int(&["port"]).unwrap_or(0);
        if !(1..=65535).contains(&number) {
            causes.push(Cause::invalid(
                format!("{place}.port"),
                &json!(number),
                "must be between 1 and 65535, inclusive",
            ));
        } else if !numbers.insert((number, port.text(&["protocol"]))) {
            causes.push(Cause::duplicate(&place, port));
        }
    }
    causes
}

pub(super) fn service_change(old: &Value, new: &Value) -> Vec<Cause> {
    let (before, after) = (
        old.text(&["spec", "clusterIP"]),
        new.text(&["spec", "clusterIP"]),
    );
    if before.is_empty() || before == after || new.text(&["spec", "type"]) == "ExternalName" {
        return Vec::new();
    }
    vec![Cause::invalid(
        "spec.clusterIPs[0]",
        &json!([after]),
        "may not change once set",
    )]
}

pub(super) fn ingress(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let rules = object.items(&["spec", "rules"]);
    if rules.is_empty() && object.at(&["spec", "defaultBackend"]).is_none() {
        causes.push(Cause::invalid(
            "spec",
            &json!({}),
            "either `defaultBackend` or `rules` must be specified",
        ));
    }
    if let Some(backend) = object.at(&["spec", "defaultBackend"]) {
        self::backend(backend, "spec.defaultBackend", &mut causes);
    }
    for (index, rule) in rules.iter().enumerate() {
        let host = rule.text(&["host"]);
        if !host.is_empty() && !is_subdomain(host.trim_start_matches("*.")) {
            causes.push(Cause::invalid(
                format!("spec.rules[{index}].host"),
                &json!(host),
                super::SUBDOMAIN_NOTE,
            ));
        }
        for (number, path) in rule.items(&["http", "paths"]).iter().enumerate() {
            let place = format!("spec.rules[{index}].http.paths[{number}]");
            let kind = path.text(&["pathType"]);
            let supported = ["Exact", "ImplementationSpecific", "Prefix"];
            if kind.is_empty() {
                causes.push(Cause::required(
                    format!("{place}.pathType"),
                    "pathType must be specified",
                ));
            } else if !supported.contains(&kind) {
                causes.push(Cause::unsupported(
                    format!("{place}.pathType"),
                    &json!(kind),
                    &supported,
                ));
            }
            self::backend(&path["backend"], &format!("{place}.backend"), &mut causes);
        }
    }
    causes
}

fn backend(backend: &Value, place: &str, causes: &mut Vec<Cause>) {
    let Some(service) = backend.get("service") else {
        if backend.get("resource").is_none() {
            causes.push(Cause::required(
                place,
                "backend requires a service or a resource",
            ));
        }
        return;
    };
    if service.text(&["name"]).is_empty() {
        causes.push(Cause::required(format!("{place}.service.name"), ""));
    }
    let port = service.get("port").cloned().unwrap_or(Value::Null);
    if port.text(&["name"]).is_empty() && port.int(&["number"]).is_none() {
        causes.push(Cause::required(
            format!("{place}.service.port"),
            "port name or number is required",
        ));
    }
}
