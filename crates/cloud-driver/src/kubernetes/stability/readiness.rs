//! Whether an object that Clouddriver calls stable at once is ready for use: what a stage may ask for besides.
//!
//! Custom resources are read by the conventions of kstatus (`Ready`, `Reconciling`, `Stalled`, `observedGeneration`), and an Argo `Rollout` by its phase.

use serde_json::Value;

use super::status::Status;
use super::{Rule, condition, text};
use crate::kubernetes::kind::Kind;

pub(super) fn status(kind: &Kind, object: &Value) -> Status {
    let native: [(&str, Rule); 8] = [
        ("customResourceDefinition", definition),
        ("apiService", api_service),
        ("persistentVolumeClaim", claim),
        ("persistentVolume", volume),
        ("service", service),
        ("ingress", address),
        ("namespace", namespace),
        ("pod", pod),
    ];
    let found = native.into_iter().find(|(name, _)| kind.is(name));
    match (found, kind.group()) {
        (Some((_, rule)), _) => rule(object),
        (None, Some("argoproj.io")) if kind.name().eq_ignore_ascii_case("Rollout") => {
            rollout(object)
        }
        (None, Some(_)) => custom(object),
        (None, None) => Status::default(),
    }
}

fn wait(message: impl Into<String>) -> Status {
    let message = message.into();
    Status::default()
        .unstable(message.clone())
        .unavailable(message)
}

fn says(object: &Value, kind: &str, word: &str) -> bool {
    condition(object, kind).is_some_and(|condition| text(condition, "/status") == word)
}

fn definition(object: &Value) -> Status {
    if let Some(refused) =
        condition(object, "NamesAccepted").filter(|condition| text(condition, "/status") == "False")
    {
        return wait("Waiting for the names of the definition to be accepted")
            .failed(text(refused, "/message"));
    }
    match says(object, "Established", "True") {
        true => Status::default(),
        false => wait("Waiting for the definition to be established"),
    }
}

fn api_service(object: &Value) -> Status {
    match says(object, "Available", "True") {
        true => Status::default(),
        false => wait("Waiting for the API service to be available"),
    }
}

fn claim(object: &Value) -> Status {
    match text(object, "/status/phase") {
        "Bound" => Status::default(),
        "Lost" => wait("Waiting for the claim to be bound").failed("The claim has lost its volume"),
        _ => wait("Waiting for the claim to be bound"),
    }
}

fn volume(object: &Value) -> Status {
    match text(object, "/status/phase") {
        "Available" | "Bound" => Status::default(),
        "Failed" => wait("Waiting for the volume").failed(format!(
            "The volume has failed: {}",
            text(object, "/status/message")
        )),
        _ => wait("Waiting for the volume to be available"),
    }
}

fn service(object: &Value) -> Status {
    match text(object, "/spec/type") {
        "LoadBalancer" => address(object),
        _ => Status::default(),
    }
}

fn address(object: &Value) -> Status {
    let addresses = object
        .pointer("/status/loadBalancer/ingress")
        .and_then(Value::as_array);
    match addresses.is_some_and(|addresses| !addresses.is_empty()) {
        true => Status::default(),
        false => wait("Waiting for the load balancer to have an address"),
    }
}

fn namespace(object: &Value) -> Status {
    match text(object, "/status/phase") {
        "Active" => Status::default(),
        "Terminating" => wait("Waiting for the namespace").failed("The namespace is being deleted"),
        _ => wait("Waiting for the namespace to be active"),
    }
}

fn pod(object: &Value) -> Status {
    match text(object, "/status/phase") {
        "Succeeded" => Status::default(),
        "Failed" => wait("Pod has failed").failed("Pod has failed"),
        "Running" if says(object, "Ready", "True") => Status::default(),
        _ => wait("Waiting for the pod to be ready"),
    }
}

fn rollout(object: &Value) -> Status {
    if lags(object) {
        return wait("Waiting for status generation to match updated object generation");
    }
    let message = text(object, "/status/message");
    match text(object, "/status/phase") {
        "Healthy" => Status::default(),
        "Degraded" => {
            wait("The rollout is degraded").failed(format!("The rollout is degraded: {message}"))
        }
        "Paused" => wait(format!("The rollout is paused: {message}")).paused(message),
        _ => wait(
            format!("Waiting for the rollout to be healthy {message}")
                .trim_end()
                .to_owned(),
        ),
    }
}

/// Argo writes the observed generation as text.
fn lags(object: &Value) -> bool {
    let number = |pointer| match object.pointer(pointer) {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
        None => None,
    };
    let (observed, wanted): (Option<i64>, _) = (
        number("/status/observedGeneration"),
        number("/metadata/generation"),
    );
    observed.is_some_and(|observed| Some(observed) != wanted)
}

fn custom(object: &Value) -> Status {
    if lags(object) {
        return wait("Waiting for status generation to match updated object generation");
    }
    let message = |kind| {
        let condition = condition(object, kind)?;
        let said = [text(condition, "/message"), text(condition, "/reason")];
        said.into_iter()
            .find(|text| !text.is_empty())
            .map(str::to_owned)
    };
    if says(object, "Stalled", "True") {
        return wait("The object is stalled")
            .failed(message("Stalled").unwrap_or_else(|| "The object is stalled".to_owned()));
    }
    let waits = says(object, "Reconciling", "True")
        .then_some("Reconciling")
        .or_else(|| {
            let ready = condition(object, "Ready")?;
            (text(ready, "/status") != "True").then_some("Ready")
        });
    match waits {
        Some(kind) => {
            wait(message(kind).unwrap_or_else(|| "Waiting for the object to be ready".to_owned()))
        }
        None => Status::default(),
    }
}
