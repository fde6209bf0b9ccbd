//! Values a real API server fills in on writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::ids;
use crate::json::Json;
use crate::kinds::Kind;
use crate::store::State;

/// Fills in what the writer left out, for any write.
pub(crate) fn fill(kind: &Kind, object: &mut Value) {
    match &*kind.resource {
        "pods" => pod_spec(object.entry_spec()),
        "services" => service(object),
        "secrets" => secret(object),
        "persistentvolumeclaims" => object.default_to(&["spec", "volumeMode"], "Filesystem"),
        "deployments.apps" => deployment(object),
        "replicasets.apps" => {
            object.default_to(&["spec", "replicas"], 1);
            template(object, &["spec", "template"]);
        }
        "statefulsets.apps" => stateful_set(object),
        "daemonsets.apps" => daemon_set(object),
        "jobs.batch" => job(object.entry_spec()),
        "cronjobs.batch" => cron_job(object),
        "horizontalpodautoscalers.autoscaling" => autoscaler(object),
        "networkpolicies.networking.k8s.io" => network_policy(object),
        "storageclasses.storage.k8s.io" => {
            object.default_to(&["reclaimPolicy"], "Delete");
            object.default_to(&["volumeBindingMode"], "Immediate");
        }
        "rolebindings.rbac.authorization.k8s.io"
        | "clusterrolebindings.rbac.authorization.k8s.io" => binding(object),
        "customresourcedefinitions.apiextensions.k8s.io" => definition(object),
        "mutatingwebhookconfigurations.admissionregistration.k8s.io"
        | "validatingwebhookconfigurations.admissionregistration.k8s.io" => {
            webhooks(object);
        }
        _ => {}
    }
}

trait Spec {
    fn entry_spec(&mut self) -> &mut Value;
}

impl Spec for Value {
    fn entry_spec(&mut self) -> &mut Value {
        self.map_mut(&[]).entry("spec").or_insert_with(|| json!({}))
    }
}

/// The items of a list field, to change them.
fn each<'a>(object: &'a mut Value, path: &[&str]) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    let found = path
        .iter()
        .try_fold(object, |value, key| value.get_mut(key));
    found.and_then(Value::as_array_mut).into_iter().flatten()
}

fn template(object: &mut Value, path: &[&str]) {
    if object.at(path).is_none() {
        return;
    }
    if let Some(template) = path
        .iter()
        .try_fold(object, |value, key| value.get_mut(key))
    {
        template.default_to(&["metadata"], json!({}));
        if template.at(&["spec"]).is_some_and(Value::is_object) {
            pod_spec(&mut template["spec"]);
        }
    }
}

/// Defaults of a pod's spec, also inside templates.
pub(crate) fn pod_spec(spec: &mut Value) {
    spec.default_to(&["restartPolicy"], "Always");
    spec.default_to(&["dnsPolicy"], "ClusterFirst");
    spec.default_to(&["schedulerName"], "default-scheduler");
    spec.default_to(&["terminationGracePeriodSeconds"], 30);
    spec.default_to(&["securityContext"], json!({}));
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        spec.default_to(&["serviceAccount"], account);
    } else if let Some(account) = spec.get("serviceAccount").cloned() {
        spec.default_to(&["serviceAccountName"], account);
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        each(spec, &[list]).for_each(container);
    }
    for volume in each(spec, &["volumes"]) {
        for source in ["configMap", "secret", "projected", "downwardAPI"] {
            if volume.get(source).is_some_and(Value::is_object) {
                volume.default_to(&[source, "defaultMode"], 420);
            }
        }
        if volume.get("hostPath").is_some_and(Value::is_object) {
            volume.default_to(&["hostPath", "type"], "");
        }
        if volume
            .as_object()
            .is_some_and(|volume| volume.len() == 1 && volume.contains_key("name"))
        {
            volume.put(&["emptyDir"], json!({}));
        }
    }
}

fn container(container: &mut Value) {
    let policy = match container
        .text(&["image"])
        .rsplit('/')
        .next()
        .and_then(|last| last.split_once(':'))
    {
        _ if container.text(&["image"]).contains('@') => "IfNotPresent",
        Some((_, tag)) if tag != "latest" => "IfNotPresent",
        _ => "Always",
    };
    container.default_to(&["imagePullPolicy"], policy);
    container.default_to(&["terminationMessagePath"], "/dev/termination-log");
    container.default_to(&["terminationMessagePolicy"], "File");
    container.default_to(&["resources"], json!({}));
    // A limit without a request asks for as much as it may use.
    if let Some(limits) = container
        .at(&["resources", "limits"])
        .and_then(Value::as_object)
        .cloned()
    {
        for (name, limit) in limits {
            container.default_to(&["resources", "requests", &name], limit);
        }
    }
    for port in each(container, &["ports"]) {
        port.default_to(&["protocol"], "TCP");
    }
    for variable in each(container, &["env"]) {
        if variable.at(&["valueFrom", "fieldRef"]).is_some() {
            variable.default_to(&["valueFrom", "fieldRef", "apiVersion"], "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container.get(probe).is_some_and(Value::is_object) {
            for (field, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                container.default_to(&[probe, field], value);
            }
            if container.at(&[probe, "httpGet"]).is_some() {
                container.default_to(&[probe, "httpGet", "scheme"], "HTTP");
                container.default_to(&[probe, "httpGet", "path"], "/");
            }
        }
    }
}

fn deployment(object: &mut Value) {
    object.default_to(&["spec", "replicas"], 1);
    object.default_to(&["spec", "revisionHistoryLimit"], 10);
    object.default_to(&["spec", "progressDeadlineSeconds"], 600);
    object.default_to(&["spec", "strategy", "type"], "RollingUpdate");
    if object.text(&["spec", "strategy", "type"]) == "RollingUpdate" {
        object.default_to(
            &["spec", "strategy", "rollingUpdate", "maxUnavailable"],
            "25%",
        );
        object.default_to(&["spec", "strategy", "rollingUpdate", "maxSurge"], "25%");
    }
    template(object, &["spec", "template"]);
}

fn stateful_set(object: &mut Value) {
    object.default_to(&["spec", "replicas"], 1);
    object.default_to(&["spec", "revisionHistoryLimit"], 10);
    object.default_to(&["spec", "podManagementPolicy"], "OrderedReady");
    object.default_to(&["spec", "updateStrategy", "type"], "RollingUpdate");
    if object.text(&["spec", "updateStrategy", "type"]) == "RollingUpdate" {
        object.default_to(&["spec", "updateStrategy", "rollingUpdate", "partition"], 0);
    }
    for when in ["whenDeleted", "whenScaled"] {
        object.default_to(
            &["spec", "persistentVolumeClaimRetentionPolicy", when],
            "Retain",
        );
    }
    for claim in each(object, &["spec", "volumeClaimTemplates"]) {
        claim.default_to(&["apiVersion"], "v1");
        claim.default_to(&["kind"], "PersistentVolumeClaim");
        claim.default_to(&["spec", "volumeMode"], "Filesystem");
        claim.default_to(&["status", "phase"], "Pending");
    }
    template(object, &["spec", "template"]);
}

fn daemon_set(object: &mut Value) {
    object.default_to(&["spec", "revisionHistoryLimit"], 10);
    object.default_to(&["spec", "updateStrategy", "type"], "RollingUpdate");
    if object.text(&["spec", "updateStrategy", "type"]) == "RollingUpdate" {
        object.default_to(
            &["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"],
            1,
        );
        object.default_to(&["spec", "updateStrategy", "rollingUpdate", "maxSurge"], 0);
    }
    template(object, &["spec", "template"]);
}

fn job(spec: &mut Value) {
    let both_absent = spec.get("completions").is_none() && spec.get("parallelism").is_none();
    if both_absent {
        spec.put(&["completions"], 1);
    }
    spec.default_to(&["parallelism"], 1);
    spec.default_to(&["backoffLimit"], 6);
    spec.default_to(&["completionMode"], "NonIndexed");
    spec.default_to(&["suspend"], false);
    spec.default_to(&["manualSelector"], false);
    spec.default_to(&["podReplacementPolicy"], "TerminatingOrFailed");
    template(spec, &["template"]);
}

fn cron_job(object: &mut Value) {
    object.default_to(&["spec", "concurrencyPolicy"], "Allow");
    object.default_to(&["spec", "suspend"], false);
    object.default_to(&["spec", "successfulJobsHistoryLimit"], 3);
    object.default_to(&["spec", "failedJobsHistoryLimit"], 1);
    template(object, &["spec", "jobTemplate", "spec", "template"]);
}

fn service(object: &mut Value) {
    object.default_to(&["spec", "type"], "ClusterIP");
    object.default_to(&["spec", "sessionAffinity"], "None");
    let kind = object.text(&["spec", "type"]).to_owned();
    if kind != "ExternalName" {
        object.default_to(&["spec", "internalTrafficPolicy"], "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        object.default_to(&["spec", "externalTrafficPolicy"], "Cluster");
    }
    if kind == "LoadBalancer" {
        object.default_to(&["spec", "allocateLoadBalancerNodePorts"], true);
    }
    for port in each(object, &["spec", "ports"]) {
        port.default_to(&["protocol"], "TCP");
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        port.default_to(&["targetPort"], number);
    }
}

fn secret(object: &mut Value) {
    object.default_to(&["type"], "Opaque");
    let Some(Value::Object(plain)) = object.cut(&["stringData"]) else {
        return;
    };
    for (key, value) in plain {
        if let Value::String(text) = value {
            object.put(&["data", &key], STANDARD.encode(text));
        }
    }
}

fn autoscaler(object: &mut Value) {
    object.default_to(&["spec", "minReplicas"], 1);
    let cpu = json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]);
    object.default_to(&["spec", "metrics"], cpu);
}

fn network_policy(object: &mut Value) {
    let types = if object.at(&["spec", "egress"]).is_some() {
        json!(["Ingress", "Egress"])
    } else {
        json!(["Ingress"])
    };
    object.default_to(&["spec", "policyTypes"], types);
    for direction in ["ingress", "egress"] {
        for rule in each(object, &["spec", direction]) {
            each(rule, &["ports"]).for_each(|port| port.default_to(&["protocol"], "TCP"));
        }
    }
}

fn binding(object: &mut Value) {
    object.default_to(&["roleRef", "apiGroup"], "rbac.authorization.k8s.io");
    for subject in each(object, &["subjects"]) {
        if matches!(subject.kind(), "User" | "Group") {
            subject.default_to(&["apiGroup"], "rbac.authorization.k8s.io");
        }
    }
}

fn definition(object: &mut Value) {
    let kind = object.text(&["spec", "names", "kind"]).to_owned();
    object.default_to(&["spec", "names", "singular"], kind.to_lowercase());
    object.default_to(&["spec", "names", "listKind"], format!("{kind}List"));
    object.default_to(&["spec", "conversion"], json!({"strategy": "None"}));
}

fn webhooks(object: &mut Value) {
    for webhook in each(object, &["webhooks"]) {
        webhook.default_to(&["failurePolicy"], "Fail");
        webhook.default_to(&["matchPolicy"], "Equivalent");
        webhook.default_to(&["timeoutSeconds"], 10);
        webhook.default_to(&["namespaceSelector"], json!({}));
        webhook.default_to(&["objectSelector"], json!({}));
    }
}

/// Fills in what is decided once, at creation, and the first status.
pub(crate) fn initialise(kind: &Kind, object: &mut Value, state: &mut State, now: &str) {
    match &*kind.resource {
        "namespaces" => {
            object.put(&["spec", "finalizers"], json!(["kubernetes"]));
            let name = object.name().to_owned();
            object.put(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
            object.put(&["status", "phase"], "Active");
        }
        "pods" => {
            object.default_to(&["spec", "serviceAccountName"], "default");
            let account = object.text(&["spec", "serviceAccountName"]).to_owned();
            object.default_to(&["spec", "serviceAccount"], account);
            object.default_to(&["spec", "enableServiceLinks"], true);
            object.default_to(&["spec", "preemptionPolicy"], "PreemptLowerPriority");
            object.default_to(&["spec", "priority"], 0);
            object.put(
                &["status"],
                json!({"phase": "Pending", "qosClass": qos(object)}),
            );
        }
        "persistentvolumeclaims" => {
            object.default_to(&["spec", "storageClassName"], "standard");
            object.put(&["status", "phase"], "Pending");
        }
        "persistentvolumes" => object.put(&["status", "phase"], "Available"),
        "jobs.batch" => job_selector(object),
        "services" => {
            object.put(&["status"], json!({"loadBalancer": {}}));
            allocate(object, state);
        }
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            first_counts(object)
        }
        "customresourcedefinitions.apiextensions.k8s.io" => establish(object, now),
        _ => {}
    }
}

/// Required counters of a workload's status.
fn first_counts(object: &mut Value) {
    match object.kind() {
        "ReplicaSet" | "StatefulSet" => object.put(&["status", "replicas"], 0),
        "DaemonSet" => {
            for field in [
                "currentNumberScheduled",
                "numberMisscheduled",
                "desiredNumberScheduled",
                "numberReady",
            ] {
                object.put(&["status", field], 0);
            }
        }
        _ => object.put(&["status"], json!({})),
    }
}

fn qos(pod: &Value) -> &'static str {
    let containers = pod.items(&["spec", "containers"]);
    let resources = |container: &Value, side: &str, name: &str| {
        container.at(&["resources", side, name]).cloned()
    };
    let guaranteed = containers.iter().all(|container| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = resources(container, "limits", name);
            limit.is_some() && limit == resources(container, "requests", name)
        })
    });
    let none = containers.iter().all(|container| {
        container.at(&["resources", "limits"]).is_none()
            && container.at(&["resources", "requests"]).is_none()
    });
    if guaranteed {
        "Guaranteed"
    } else if none {
        "BestEffort"
    } else {
        "Burstable"
    }
}

fn job_selector(object: &mut Value) {
    object.put(&["status"], json!({}));
    if object.flag(&["spec", "manualSelector"]) {
        return;
    }
    let (uid, name) = (object.uid().to_owned(), object.name().to_owned());
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        object.put(
            &["spec", "template", "metadata", "labels", key],
            value.clone(),
        );
    }
    object.put(
        &["spec", "selector"],
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
    );
}

/// Gives a service its address and node ports, also when its type changed.
pub(crate) fn allocate(object: &mut Value, state: &mut State) {
    let kind = object.text(&["spec", "type"]).to_owned();
    if kind == "ExternalName" {
        return;
    }
    if object.text(&["spec", "clusterIP"]).is_empty() {
        state.allocated += 1;
        let number = state.allocated;
        object.put(
            &["spec", "clusterIP"],
            format!("10.96.{}.{}", (number / 250) % 250, number % 250 + 1),
        );
    }
    let address = object.text(&["spec", "clusterIP"]).to_owned();
    object.default_to(&["spec", "clusterIPs"], json!([address]));
    object.default_to(&["spec", "ipFamilies"], json!(["IPv4"]));
    object.default_to(&["spec", "ipFamilyPolicy"], "SingleStack");
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        for port in each(object, &["spec", "ports"]) {
            if port.int(&["nodePort"]).unwrap_or(0) == 0 {
                state.allocated += 1;
                port.put(&["nodePort"], 30_000 + state.allocated % 2768);
            }
        }
    }
}

fn establish(object: &mut Value, now: &str) {
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now});
    let names = object
        .at(&["spec", "names"])
        .cloned()
        .unwrap_or(Value::Null);
    let stored: Vec<_> = object
        .items(&["spec", "versions"])
        .iter()
        .filter(|version| version.flag(&["storage"]))
        .map(|version| version["name"].clone())
        .collect();
    object.put(
        &["status"],
        json!({
            "conditions": [
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
            "acceptedNames": names,
            "storedVersions": stored,
        }),
    );
}

/// Completes a generated name.
pub(crate) fn generate_name(object: &mut Value) {
    let prefix = object.text(&["metadata", "generateName"]);
    if object.name().is_empty() && !prefix.is_empty() {
        let base: String = prefix.chars().take(58).collect();
        object.put(&["metadata", "name"], format!("{base}{}", ids::suffix()));
    }
}
