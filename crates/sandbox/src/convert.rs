//! Conversion between the two served versions of the autoscaler.

use serde_json::{Value, json};

use crate::json::Json;

/// `targetCPUUtilizationPercentage` in place of metrics.
pub(crate) fn autoscaler_to_v1(object: &mut Value) {
    let percentage = object
        .items(&["spec", "metrics"])
        .iter()
        .find(|metric| metric.text(&["resource", "name"]) == "cpu")
        .and_then(|metric| metric.int(&["resource", "target", "averageUtilization"]));
    object.cut(&["spec", "metrics"]);
    object.cut(&["spec", "behavior"]);
    object.cut(&["status", "conditions"]);
    object.cut(&["status", "currentMetrics"]);
    if let Some(percentage) = percentage {
        object.put(&["spec", "targetCPUUtilizationPercentage"], percentage);
    }
}

/// Metrics in place of `targetCPUUtilizationPercentage`.
pub(crate) fn autoscaler_to_v2(object: &mut Value) {
    if let Some(percentage) = object.cut(&["spec", "targetCPUUtilizationPercentage"]) {
        let target = json!({"type": "Utilization", "averageUtilization": percentage});
        object.put(
            &["spec", "metrics"],
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]),
        );
    }
    object.cut(&["status", "currentCPUUtilizationPercentage"]);
}
