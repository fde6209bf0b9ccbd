//! Autoscalers without metrics: they keep their target within its bounds, or at the size an annotation asks for.

use std::time::Duration;

use serde_json::{Value, json};

use super::Desk;
use super::common;
use crate::json::Json;

/// The size a test or a person asks for.
const WISH: &str = "sandbox.spindrift.io/desired-replicas";

pub(super) fn reconcile(desk: &mut Desk<'_>, scaler: &Value) -> Option<Duration> {
    let target = scaler.at(&["spec", "scaleTargetRef"])?;
    let kind = desk
        .state
        .kinds
        .find_kind(target.text(&["apiVersion"]), target.kind())
        .cloned();
    let found = kind.as_ref().and_then(|kind| {
        desk.state
            .get(&kind.resource, scaler.namespace(), target.text(&["name"]))
            .cloned()
    });
    let now = desk.cluster.clock.stamp();
    let mut status = scaler.get("status").cloned().unwrap_or_else(|| json!({}));
    let (Some(kind), Some(object)) = (kind, found) else {
        let message = format!(
            "the HPA controller was unable to get the target's current scale: {} \"{}\" not found",
            target.kind(),
            target.text(&["name"])
        );
        common::set_condition(
            &mut status,
            "AbleToScale",
            "False",
            "FailedGetScale",
            &message,
            &now,
        );
        status.put(&["currentReplicas"], 0);
        status.put(&["desiredReplicas"], 0);
        common::write_status(desk, "horizontalpodautoscalers.autoscaling", scaler, status);
        return None;
    };
    let least = scaler.int(&["spec", "minReplicas"]).unwrap_or(1);
    let most = scaler.int(&["spec", "maxReplicas"]).unwrap_or(least);
    let size = object.int(&["spec", "replicas"]).unwrap_or(1);
    let wish = scaler
        .annotation(WISH)
        .and_then(|text| text.parse().ok())
        .unwrap_or(size);
    // A target at zero is switched off.
    let wanted = if size == 0 {
        0
    } else {
        wish.clamp(least, most.max(least))
    };
    if wanted != size {
        common::edit(desk, &kind.resource, &object, |object| {
            object.put(&["spec", "replicas"], wanted)
        });
        common::event(
            desk,
            scaler,
            "Normal",
            "SuccessfulRescale",
            &format!("New size: {wanted}; reason: All metrics below target"),
        );
        status.put(&["lastScaleTime"], now.clone());
    }
    status.put(
        &["currentReplicas"],
        object.int(&["status", "replicas"]).unwrap_or(0),
    );
    status.put(&["desiredReplicas"], wanted);
    common::set_condition(
        &mut status,
        "AbleToScale",
        "True",
        "ReadyForNewScale",
        "recommended size matches current size",
        &now,
    );
    common::write_status(desk, "horizontalpodautoscalers.autoscaling", scaler, status);
    None
}
