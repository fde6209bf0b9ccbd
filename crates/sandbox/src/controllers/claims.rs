//! Volumes for claims, after a while.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Desk;
use super::common;
use crate::clock::parse_stamp;
use crate::json::Json;

pub(super) fn reconcile(desk: &mut Desk<'_>, claim: &Value) -> Option<Duration> {
    if claim.text(&["status", "phase"]) == "Bound" || claim.is_deleting() {
        return None;
    }
    let class = claim.text(&["spec", "storageClassName"]).to_owned();
    let known = desk
        .state
        .get("storageclasses.storage.k8s.io", "", &class)
        .cloned();
    let Some(class_object) = known else {
        common::event(
            desk,
            claim,
            "Warning",
            "ProvisioningFailed",
            &format!("storageclass.storage.k8s.io \"{class}\" not found"),
        );
        return None;
    };
    if class_object.text(&["volumeBindingMode"]) == "WaitForFirstConsumer" && !is_used(desk, claim)
    {
        common::event(
            desk,
            claim,
            "Normal",
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding",
        );
        return Some(common::RETRY);
    }
    let delay = TimeDelta::from_std(desk.cluster.options.volume_delay).unwrap_or_default();
    let left = parse_stamp(claim.text(&["metadata", "creationTimestamp"]))? + delay
        - desk.cluster.clock.now();
    if left > TimeDelta::zero() {
        return left.to_std().ok();
    }
    bind(desk, claim, &class, class_object.text(&["reclaimPolicy"]));
    None
}

fn is_used(desk: &Desk<'_>, claim: &Value) -> bool {
    let uses =
        |volume: &Value| volume.text(&["persistentVolumeClaim", "claimName"]) == claim.name();
    desk.state
        .list("pods", Some(claim.namespace()))
        .any(|pod| pod.items(&["spec", "volumes"]).iter().any(uses))
}

fn bind(desk: &mut Desk<'_>, claim: &Value, class: &str, policy: &str) {
    let name = format!("pvc-{}", claim.uid());
    let capacity = json!({"storage": claim["spec"]["resources"]["requests"]["storage"]});
    let reference = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": claim.namespace(), "name": claim.name(), "uid": claim.uid()});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
        "capacity": capacity, "accessModes": claim["spec"]["accessModes"], "persistentVolumeReclaimPolicy": policy, "storageClassName": class,
        "volumeMode": "Filesystem", "claimRef": reference, "hostPath": {"path": format!("/sandbox/{name}")}}});
    if let Ok(volume) = common::create(desk, "persistentvolumes", "", volume) {
        common::write_status(
            desk,
            "persistentvolumes",
            &volume,
            json!({"phase": "Bound"}),
        );
    }
    let Some(kind) = desk
        .state
        .kinds
        .by_resource("persistentvolumeclaims")
        .cloned()
    else {
        return;
    };
    let mut bound = claim.clone();
    bound.put(&["spec", "volumeName"], name.clone());
    bound.put(
        &["metadata", "annotations", "pv.kubernetes.io/bind-completed"],
        "yes",
    );
    bound.put(&["status"], json!({"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": capacity}));
    desk.state.put(&kind, bound);
    common::event(
        desk,
        claim,
        "Normal",
        "ProvisioningSucceeded",
        &format!("Successfully provisioned volume {name}"),
    );
}
