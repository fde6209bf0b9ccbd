//! The columns of each kind and what stands in them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Column, age, created, path};
use crate::json::{Json, pairs};
use crate::kinds::Kind;
use crate::selector::LabelSelector;

/// Names of columns; a leading `+` marks those of wide output, a leading `#` numbers.
fn names(kind: &Kind) -> &'static [&'static str] {
    match &*kind.resource {
        "namespaces" | "persistentvolumes" => &["Name", "Status", "Age"],
        "nodes" => &["Name", "Status", "Roles", "Age", "Version"],
        "pods" => &[
            "Name",
            "Ready",
            "Status",
            "#Restarts",
            "Age",
            "+IP",
            "+Node",
            "+Nominated Node",
            "+Readiness Gates",
        ],
        "services" => &[
            "Name",
            "Type",
            "Cluster-IP",
            "External-IP",
            "Port(s)",
            "Age",
            "+Selector",
        ],
        "configmaps" => &["Name", "#Data", "Age"],
        "secrets" => &["Name", "Type", "#Data", "Age"],
        "serviceaccounts" => &["Name", "#Secrets", "Age"],
        "endpoints" => &["Name", "Endpoints", "Age"],
        "events" => &[
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "+Subobject",
            "+Source",
            "Message",
            "+First Seen",
            "+#Count",
            "+Name",
        ],
        "persistentvolumeclaims" => &[
            "Name",
            "Status",
            "Volume",
            "Capacity",
            "Access Modes",
            "StorageClass",
            "Age",
        ],
        "resourcequotas" => &["Name", "Request", "Limit", "Age"],
        "deployments.apps" => &[
            "Name",
            "Ready",
            "#Up-to-date",
            "#Available",
            "Age",
            "+Containers",
            "+Images",
            "+Selector",
        ],
        "replicasets.apps" => &[
            "Name",
            "#Desired",
            "#Current",
            "#Ready",
            "Age",
            "+Containers",
            "+Images",
            "+Selector",
        ],
        "statefulsets.apps" => &["Name", "Ready", "Age", "+Containers", "+Images"],
        "daemonsets.apps" => &[
            "Name",
            "#Desired",
            "#Current",
            "#Ready",
            "#Up-to-date",
            "#Available",
            "Node Selector",
            "Age",
            "+Containers",
            "+Images",
            "+Selector",
        ],
        "controllerrevisions.apps" => &["Name", "Controller", "#Revision", "Age"],
        "jobs.batch" => &[
            "Name",
            "Status",
            "Completions",
            "Duration",
            "Age",
            "+Containers",
            "+Images",
            "+Selector",
        ],
        "cronjobs.batch" => &[
            "Name",
            "Schedule",
            "Timezone",
            "Suspend",
            "#Active",
            "Last Schedule",
            "Age",
            "+Containers",
            "+Images",
            "+Selector",
        ],
        "horizontalpodautoscalers.autoscaling" => &[
            "Name",
            "Reference",
            "Targets",
            "#MinPods",
            "#MaxPods",
            "#Replicas",
            "Age",
        ],
        "ingresses.networking.k8s.io" => &["Name", "Class", "Hosts", "Address", "Ports", "Age"],
        "ingressclasses.networking.k8s.io" => &["Name", "Controller", "Parameters", "Age"],
        "networkpolicies.networking.k8s.io" => &["Name", "Pod-Selector", "Age"],
        "poddisruptionbudgets.policy" => &[
            "Name",
            "Min Available",
            "Max Unavailable",
            "#Allowed Disruptions",
            "Age",
        ],
        "rolebindings.rbac.authorization.k8s.io"
        | "clusterrolebindings.rbac.authorization.k8s.io" => &["Name", "Role", "Age"],
        "roles.rbac.authorization.k8s.io"
        | "clusterroles.rbac.authorization.k8s.io"
        | "customresourcedefinitions.apiextensions.k8s.io" => &["Name", "Created At"],
        "storageclasses.storage.k8s.io" => &[
            "Name",
            "Provisioner",
            "ReclaimPolicy",
            "VolumeBindingMode",
            "AllowVolumeExpansion",
            "Age",
        ],
        "priorityclasses.scheduling.k8s.io" => &[
            "Name",
            "#Value",
            "Global-Default",
            "Age",
            "PreemptionPolicy",
        ],
        "endpointslices.discovery.k8s.io" => &["Name", "AddressType", "Ports", "Endpoints", "Age"],
        "leases.coordination.k8s.io" => &["Name", "Holder", "Age"],
        "mutatingwebhookconfigurations.admissionregistration.k8s.io"
        | "validatingwebhookconfigurations.admissionregistration.k8s.io" => {
            &["Name", "#Webhooks", "Age"]
        }
        _ => &["Name", "Age"],
    }
}

pub(super) fn of(kind: &Kind) -> Vec<Column> {
    if kind.is_custom() && !kind.columns.is_empty() {
        let mut columns = vec![Column {
            name: "Name".to_owned(),
            kind: "string",
            priority: 0,
        }];
        columns.extend(kind.columns.iter().map(|column| Column {
            name: column.name.clone(),
            kind: match column.kind.as_str() {
                "integer" => "integer",
                "number" => "number",
                "boolean" => "boolean",
                "date" => "date",
                _ => "string",
            },
            priority: column.priority,
        }));
        return columns;
    }
    names(kind)
        .iter()
        .map(|name| {
            let bare = name.trim_start_matches(['+', '#']);
            let kind = if name.contains('#') {
                "integer"
            } else {
                "string"
            };
            Column {
                name: bare.to_owned(),
                kind,
                priority: i64::from(name.starts_with('+')),
            }
        })
        .collect()
}

pub(super) fn cells(kind: &Kind, object: &Value, now: DateTime<Utc>) -> Vec<Value> {
    if kind.is_custom() && !kind.columns.is_empty() {
        let mut cells = vec![json!(object.name())];
        cells.extend(
            kind.columns
                .iter()
                .map(|column| match path::find(object, &column.path) {
                    Some(Value::String(stamp)) if column.kind == "date" => json!(age(stamp, now)),
                    Some(Value::Object(_) | Value::Array(_)) | None => json!(""),
                    Some(value) => value.clone(),
                }),
        );
        return cells;
    }
    let int = |path: &[&str]| json!(object.int(path).unwrap_or(0));
    let text = |path: &[&str]| json!(object.text(path));
    let count = |path: &[&str]| json!(object.map(path).map_or(0, serde_json::Map::len));
    let (name, age) = (json!(object.name()), json!(created(object, now)));
    let ratio = |done: &[&str], wanted: &[&str]| {
        json!(format!(
            "{}/{}",
            object.int(done).unwrap_or(0),
            object.int(wanted).unwrap_or(0)
        ))
    };
    match &*kind.resource {
        "namespaces" | "persistentvolumes" => vec![name, text(&["status", "phase"]), age],
        "nodes" => {
            let ready = condition(object, "Ready") == "True";
            let mut status = if ready { "Ready" } else { "NotReady" }.to_owned();
            if object.flag(&["spec", "unschedulable"]) {
                status.push_str(",SchedulingDisabled");
            }
            vec![
                name,
                json!(status),
                json!("<none>"),
                age,
                text(&["status", "nodeInfo", "kubeletVersion"]),
            ]
        }
        "pods" => pod(object, &age),
        "services" => service(object, &age),
        "configmaps" => {
            let size = object.map(&["data"]).map_or(0, serde_json::Map::len)
                + object.map(&["binaryData"]).map_or(0, serde_json::Map::len);
            vec![name, json!(size), age]
        }
        "secrets" => vec![name, text(&["type"]), count(&["data"]), age],
        "serviceaccounts" => vec![name, json!(object.items(&["secrets"]).len()), age],
        "endpoints" => vec![name, json!(endpoints(object)), age],
        "events" => event(object, now),
        "persistentvolumeclaims" => {
            let modes: Vec<_> = object
                .items(&["spec", "accessModes"])
                .iter()
                .filter_map(Value::as_str)
                .map(short_mode)
                .collect();
            vec![
                name,
                text(&["status", "phase"]),
                text(&["spec", "volumeName"]),
                text(&["status", "capacity", "storage"]),
                json!(modes.join(",")),
                text(&["spec", "storageClassName"]),
                age,
            ]
        }
        "resourcequotas" => {
            let parts: Vec<_> = pairs(object, &["status", "hard"])
                .map(|(name, hard)| {
                    format!("{name}: {}/{hard}", object.text(&["status", "used", name]))
                })
                .collect();
            vec![name, json!(parts.join(", ")), json!(""), age]
        }
        "deployments.apps" => {
            let mut cells = vec![
                name,
                ratio(&["status", "readyReplicas"], &["spec", "replicas"]),
                int(&["status", "updatedReplicas"]),
                int(&["status", "availableReplicas"]),
                age,
            ];
            cells.extend(wide(object, true));
            cells
        }
        "replicasets.apps" => {
            let mut cells = vec![
                name,
                int(&["spec", "replicas"]),
                int(&["status", "replicas"]),
                int(&["status", "readyReplicas"]),
                age,
            ];
            cells.extend(wide(object, true));
            cells
        }
        "statefulsets.apps" => {
            let mut cells = vec![
                name,
                ratio(&["status", "readyReplicas"], &["spec", "replicas"]),
                age,
            ];
            cells.extend(wide(object, false));
            cells
        }
        "daemonsets.apps" => {
            let fields = [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ];
            let mut cells = vec![name];
            cells.extend(fields.iter().map(|field| int(&["status", field])));
            cells.extend([
                json!(joined(
                    object,
                    &["spec", "template", "spec", "nodeSelector"]
                )),
                age,
            ]);
            cells.extend(wide(object, true));
            cells
        }
        "controllerrevisions.apps" => vec![name, json!(owner(object)), int(&["revision"]), age],
        "jobs.batch" => job(object, &age, now),
        "cronjobs.batch" => {
            let last = object.text(&["status", "lastScheduleTime"]);
            let last = if last.is_empty() {
                "<none>".to_owned()
            } else {
                super::age(last, now)
            };
            let zone = Some(object.text(&["spec", "timeZone"]))
                .filter(|zone| !zone.is_empty())
                .unwrap_or("<none>");
            let suspend = if object.flag(&["spec", "suspend"]) {
                "True"
            } else {
                "False"
            };
            let active = object.items(&["status", "active"]).len();
            let mut cells = vec![
                name,
                text(&["spec", "schedule"]),
                json!(zone),
                json!(suspend),
                json!(active),
                json!(last),
                age,
            ];
            cells.extend(wide(&object["spec"]["jobTemplate"], true));
            cells
        }
        "horizontalpodautoscalers.autoscaling" => {
            let reference = format!(
                "{}/{}",
                object.text(&["spec", "scaleTargetRef", "kind"]),
                object.text(&["spec", "scaleTargetRef", "name"])
            );
            vec![
                name,
                json!(reference),
                json!("<unknown>"),
                int(&["spec", "minReplicas"]),
                int(&["spec", "maxReplicas"]),
                int(&["status", "currentReplicas"]),
                age,
            ]
        }
        "ingresses.networking.k8s.io" => ingress(object, &age),
        "ingressclasses.networking.k8s.io" => {
            vec![name, text(&["spec", "controller"]), json!("<none>"), age]
        }
        "networkpolicies.networking.k8s.io" => vec![
            name,
            json!(joined(object, &["spec", "podSelector", "matchLabels"])),
            age,
        ],
        "poddisruptionbudgets.policy" => {
            let shown = |field: &str| {
                object
                    .at(&["spec", field])
                    .map_or_else(|| "N/A".to_owned(), plain)
            };
            vec![
                name,
                json!(shown("minAvailable")),
                json!(shown("maxUnavailable")),
                int(&["status", "disruptionsAllowed"]),
                age,
            ]
        }
        "rolebindings.rbac.authorization.k8s.io"
        | "clusterrolebindings.rbac.authorization.k8s.io" => {
            vec![
                name,
                json!(format!(
                    "{}/{}",
                    object.text(&["roleRef", "kind"]),
                    object.text(&["roleRef", "name"])
                )),
                age,
            ]
        }
        "roles.rbac.authorization.k8s.io"
        | "clusterroles.rbac.authorization.k8s.io"
        | "customresourcedefinitions.apiextensions.k8s.io" => {
            vec![name, text(&["metadata", "creationTimestamp"])]
        }
        "storageclasses.storage.k8s.io" => {
            let is_default =
                object.annotation("storageclass.kubernetes.io/is-default-class") == Some("true");
            let name = if is_default {
                json!(format!("{} (default)", object.name()))
            } else {
                name
            };
            let expand = object.flag(&["allowVolumeExpansion"]);
            vec![
                name,
                text(&["provisioner"]),
                text(&["reclaimPolicy"]),
                text(&["volumeBindingMode"]),
                json!(expand),
                age,
            ]
        }
        "priorityclasses.scheduling.k8s.io" => {
            let policy = Some(object.text(&["preemptionPolicy"]))
                .filter(|policy| !policy.is_empty())
                .unwrap_or("PreemptLowerPriority");
            vec![
                name,
                int(&["value"]),
                json!(object.flag(&["globalDefault"])),
                age,
                json!(policy),
            ]
        }
        "endpointslices.discovery.k8s.io" => {
            let ports: Vec<_> = object
                .items(&["ports"])
                .iter()
                .map(|port| port.int(&["port"]).unwrap_or(0).to_string())
                .collect();
            let addresses: Vec<_> = object
                .items(&["endpoints"])
                .iter()
                .flat_map(|endpoint| endpoint.items(&["addresses"]))
                .filter_map(Value::as_str)
                .collect();
            vec![
                name,
                text(&["addressType"]),
                json!(or_none(&ports.join(","))),
                json!(or_none(&addresses.join(","))),
                age,
            ]
        }
        "leases.coordination.k8s.io" => vec![name, text(&["spec", "holderIdentity"]), age],
        "mutatingwebhookconfigurations.admissionregistration.k8s.io"
        | "validatingwebhookconfigurations.admissionregistration.k8s.io" => {
            vec![name, json!(object.items(&["webhooks"]).len()), age]
        }
        _ => vec![name, age],
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn joined(object: &Value, path: &[&str]) -> String {
    let parts: Vec<_> = pairs(object, path)
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    or_none(&parts.join(",")).to_owned()
}

fn owner(object: &Value) -> String {
    let owner = object
        .items(&["metadata", "ownerReferences"])
        .iter()
        .find(|owner| owner.flag(&["controller"]));
    owner.map_or_else(
        || "<none>".to_owned(),
        |owner| format!("{}/{}", owner.kind().to_lowercase(), owner.text(&["name"])),
    )
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let conditions = object.items(&["status", "conditions"]).iter();
    conditions
        .into_iter()
        .find(|condition| condition.text(&["type"]) == kind)
        .map_or("", |condition| condition.text(&["status"]))
}

/// Containers and images of the template, and the selector.
fn wide(object: &Value, with_selector: bool) -> Vec<Value> {
    let containers = object.items(&["spec", "template", "spec", "containers"]);
    let column = |field: &str| {
        json!(
            containers
                .iter()
                .map(|container| container.text(&[field]))
                .collect::<Vec<_>>()
                .join(",")
        )
    };
    let mut cells = vec![column("name"), column("image")];
    if with_selector {
        let selector = LabelSelector::from_value(object.at(&["spec", "selector"]))
            .map(|selector| selector.to_text())
            .unwrap_or_default();
        cells.push(json!(or_none(&selector)));
    }
    cells
}

fn pod(object: &Value, age: &Value) -> Vec<Value> {
    let statuses = object.items(&["status", "containerStatuses"]);
    let ready = statuses
        .iter()
        .filter(|status| status.flag(&["ready"]))
        .count();
    let restarts: i64 = statuses
        .iter()
        .filter_map(|status| status.int(&["restartCount"]))
        .sum();
    vec![
        json!(object.name()),
        json!(format!(
            "{ready}/{}",
            object.items(&["spec", "containers"]).len()
        )),
        json!(pod_status(object)),
        json!(restarts),
        age.clone(),
        json!(or_none(object.text(&["status", "podIP"]))),
        json!(or_none(object.text(&["spec", "nodeName"]))),
        json!("<none>"),
        json!("<none>"),
    ]
}

/// The word `kubectl get pods` shows: the first trouble of a container, or the phase.
fn pod_status(object: &Value) -> String {
    if object.is_deleting() {
        return "Terminating".to_owned();
    }
    for status in object.items(&["status", "initContainerStatuses"]) {
        let waiting = status.text(&["state", "waiting", "reason"]);
        if !waiting.is_empty() && waiting != "PodInitializing" {
            return format!("Init:{waiting}");
        }
    }
    for status in object.items(&["status", "containerStatuses"]) {
        for reason in [
            status.text(&["state", "waiting", "reason"]),
            status.text(&["state", "terminated", "reason"]),
        ] {
            if !reason.is_empty() {
                return reason.to_owned();
            }
        }
    }
    let reason = object.text(&["status", "reason"]);
    if reason.is_empty() {
        object.text(&["status", "phase"]).to_owned()
    } else {
        reason.to_owned()
    }
}

fn service(object: &Value, age: &Value) -> Vec<Value> {
    let kind = object.text(&["spec", "type"]);
    let addresses: Vec<_> = object
        .items(&["status", "loadBalancer", "ingress"])
        .iter()
        .map(|entry| {
            if entry.text(&["ip"]).is_empty() {
                entry.text(&["hostname"])
            } else {
                entry.text(&["ip"])
            }
        })
        .collect();
    let external = match kind {
        "ExternalName" => object.text(&["spec", "externalName"]).to_owned(),
        "LoadBalancer" if addresses.is_empty() => "<pending>".to_owned(),
        _ => or_none(&addresses.join(",")).to_owned(),
    };
    let ports: Vec<_> = object
        .items(&["spec", "ports"])
        .iter()
        .map(|port| {
            let (number, protocol) = (port.int(&["port"]).unwrap_or(0), port.text(&["protocol"]));
            port.int(&["nodePort"]).map_or_else(
                || format!("{number}/{protocol}"),
                |node| format!("{number}:{node}/{protocol}"),
            )
        })
        .collect();
    vec![
        json!(object.name()),
        json!(kind),
        json!(or_none(object.text(&["spec", "clusterIP"]))),
        json!(external),
        json!(or_none(&ports.join(","))),
        age.clone(),
        json!(joined(object, &["spec", "selector"])),
    ]
}

fn endpoints(object: &Value) -> String {
    let mut parts = Vec::new();
    for subset in object.items(&["subsets"]) {
        for port in subset.items(&["ports"]) {
            for address in subset.items(&["addresses"]) {
                parts.push(format!(
                    "{}:{}",
                    address.text(&["ip"]),
                    port.int(&["port"]).unwrap_or(0)
                ));
            }
        }
    }
    or_none(&parts.join(",")).to_owned()
}

fn event(object: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let about = format!(
        "{}/{}",
        object.text(&["involvedObject", "kind"]).to_lowercase(),
        object.text(&["involvedObject", "name"])
    );
    vec![
        json!(age(object.text(&["lastTimestamp"]), now)),
        json!(object.text(&["type"])),
        json!(object.text(&["reason"])),
        json!(about),
        json!(object.text(&["involvedObject", "fieldPath"])),
        json!(object.text(&["source", "component"])),
        json!(object.text(&["message"]).trim()),
        json!(age(object.text(&["firstTimestamp"]), now)),
        json!(object.int(&["count"]).unwrap_or(1)),
        json!(object.name()),
    ]
}

fn short_mode(mode: &str) -> &str {
    match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    }
}

fn job(object: &Value, age: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let status = ["Complete", "Failed", "Suspended"]
        .into_iter()
        .find(|kind| condition(object, kind) == "True")
        .unwrap_or("Running");
    let completions = object.int(&["spec", "completions"]).unwrap_or(1);
    let (start, end) = (
        object.text(&["status", "startTime"]),
        object.text(&["status", "completionTime"]),
    );
    let until = crate::clock::parse_stamp(end).unwrap_or(now);
    let duration = if start.is_empty() {
        String::new()
    } else {
        super::age(start, until)
    };
    let mut cells = vec![
        json!(object.name()),
        json!(status),
        json!(format!(
            "{}/{completions}",
            object.int(&["status", "succeeded"]).unwrap_or(0)
        )),
        json!(duration),
        age.clone(),
    ];
    cells.extend(wide(object, true));
    cells
}

fn ingress(object: &Value, age: &Value) -> Vec<Value> {
    let hosts: Vec<_> = object
        .items(&["spec", "rules"])
        .iter()
        .map(|rule| rule.text(&["host"]))
        .filter(|host| !host.is_empty())
        .collect();
    let addresses: Vec<_> = object
        .items(&["status", "loadBalancer", "ingress"])
        .iter()
        .map(|entry| entry.text(&["ip"]))
        .collect();
    let ports = if object.items(&["spec", "tls"]).is_empty() {
        "80"
    } else {
        "80, 443"
    };
    let hosts = if hosts.is_empty() {
        "*".to_owned()
    } else {
        hosts.join(",")
    };
    vec![
        json!(object.name()),
        json!(or_none(object.text(&["spec", "ingressClassName"]))),
        json!(hosts),
        json!(addresses.join(",")),
        json!(ports),
        age.clone(),
    ]
}
