//! Addresses of load balancer services and ingresses, after a while.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Desk;
use super::common;
use crate::clock::parse_stamp;
use crate::ids;
use crate::json::Json;

pub(super) fn reconcile(desk: &mut Desk<'_>, object: &Value) -> Option<Duration> {
    let service = object.kind() == "Service";
    let resource = if service {
        "services"
    } else {
        "ingresses.networking.k8s.io"
    };
    if service && object.text(&["spec", "type"]) != "LoadBalancer" {
        if !object
            .items(&["status", "loadBalancer", "ingress"])
            .is_empty()
        {
            common::write_status(desk, resource, object, json!({"loadBalancer": {}}));
        }
        return None;
    }
    if !object
        .items(&["status", "loadBalancer", "ingress"])
        .is_empty()
    {
        return None;
    }
    let delay = TimeDelta::from_std(desk.cluster.options.load_balancer_delay).unwrap_or_default();
    let created = parse_stamp(object.text(&["metadata", "creationTimestamp"]))?;
    let left = created + delay - desk.cluster.clock.now();
    if left > TimeDelta::zero() {
        return left.to_std().ok();
    }
    let number = ids::fnv(object.uid());
    let address = json!({"ip": format!("203.0.113.{}", number % 254 + 1)});
    let entry = if service {
        let mut entry = address;
        entry["ipMode"] = json!("VIP");
        entry
    } else {
        address
    };
    common::write_status(
        desk,
        resource,
        object,
        json!({"loadBalancer": {"ingress": [entry]}}),
    );
    if service {
        common::event(
            desk,
            object,
            "Normal",
            "EnsuredLoadBalancer",
            "Ensured load balancer",
        );
    }
    None
}
