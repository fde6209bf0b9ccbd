//! What every cluster has before anyone writes to it.

use serde_json::{Value, json};

use crate::api::{self, WriteOptions};
use crate::cluster::Cluster;
use crate::json::Json;
use crate::store::State;

/// Creates namespaces, nodes, classes, roles and the API's own service.
pub(crate) fn furnish(cluster: &Cluster, state: &mut State) {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        make(
            cluster,
            state,
            "namespaces",
            "",
            json!({"metadata": {"name": name}}),
        );
    }
    for name in &cluster.options.nodes {
        node(cluster, state, name);
    }
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    make(
        cluster,
        state,
        "storageclasses.storage.k8s.io",
        "",
        json!({"metadata": {"name": "standard", "annotations": annotations}, "provisioner": "sandbox.spindrift.io/volumes"}),
    );
    make(
        cluster,
        state,
        "ingressclasses.networking.k8s.io",
        "",
        json!({"metadata": {"name": "sandbox"}, "spec": {"controller": "sandbox.spindrift.io/ingress"}}),
    );
    for (name, value) in [
        ("system-cluster-critical", 2_000_000_000),
        ("system-node-critical", 2_000_001_000),
    ] {
        make(
            cluster,
            state,
            "priorityclasses.scheduling.k8s.io",
            "",
            json!({"metadata": {"name": name}, "value": value}),
        );
    }
    for name in ["cluster-admin", "admin", "edit", "view"] {
        let verbs = if name == "view" {
            json!(["get", "list", "watch"])
        } else {
            json!(["*"])
        };
        let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": verbs}]);
        make(
            cluster,
            state,
            "clusterroles.rbac.authorization.k8s.io",
            "",
            json!({"metadata": {"name": name}, "rules": rules}),
        );
    }
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let ports = json!([{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]);
    make(
        cluster,
        state,
        "services",
        "default",
        json!({"metadata": {"name": "kubernetes", "labels": labels}, "spec": {"ports": ports}}),
    );
}

fn make(cluster: &Cluster, state: &mut State, resource: &str, namespace: &str, object: Value) {
    let Some(kind) = state.kinds.by_resource(resource).cloned() else {
        return;
    };
    if let Err(status) = api::create(
        cluster,
        state,
        &kind,
        namespace,
        object,
        WriteOptions::default(),
    ) {
        tracing::error!(sandbox.resource = resource, error = %status, "a built-in object was refused");
    }
}

fn node(cluster: &Cluster, state: &mut State, name: &str) {
    let Some(kind) = state.kinds.by_resource("nodes").cloned() else {
        return;
    };
    let labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"});
    make(
        cluster,
        state,
        "nodes",
        "",
        json!({"metadata": {"name": name, "labels": labels}, "spec": {}}),
    );
    let Some(node) = state.get("nodes", "", name).cloned() else {
        return;
    };
    let now = cluster.clock.stamp();
    let resources =
        json!({"cpu": "8", "memory": "32Gi", "pods": "1000", "ephemeral-storage": "100Gi"});
    let mut node = Value::clone(&node);
    node.put(
        &["status"],
        json!({
            "capacity": resources, "allocatable": resources,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
                "lastHeartbeatTime": now, "lastTransitionTime": now}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.33.0", "containerRuntimeVersion": "sandbox://1",
                "kernelVersion": "", "osImage": "sandbox", "bootID": "", "machineID": "", "systemUUID": "", "kubeProxyVersion": ""},
        }),
    );
    state.put(&kind, node);
}
