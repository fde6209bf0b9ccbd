//! When an object is well: as Clouddriver judges it, and more strictly where a stage asks for that.
//!
//! [`status`] is a function over the object alone. [`Kubernetes::await_stable`](super::Kubernetes::await_stable) watches the object until it is stable or will
//! not become so.

mod batch;
mod early;
mod readiness;
mod status;
mod surroundings;
#[cfg(test)]
mod tests;
mod wait;
mod workloads;

use serde_json::Value;

pub use early::EarlyFailure;
pub(crate) use early::Remembered;
pub use status::{Condition, Status};
pub use wait::StabilityOptions;

use super::kind::Kind;

/// How an object is, by the rules of Clouddriver's handlers. Kinds without a rule are always stable.
pub fn status(object: &Value) -> Status {
    let Some(kind) = kind(object) else {
        return Status::default();
    };
    match rule(&kind) {
        Some(rule) => rule(object),
        None => Status::default(),
    }
}

/// The same, and for kinds that Clouddriver calls stable at once: whether they are ready for use.
pub fn strict_status(object: &Value) -> Status {
    let Some(kind) = kind(object) else {
        return Status::default();
    };
    match rule(&kind) {
        Some(rule) if !kind.is("pod") => rule(object),
        Some(_) | None => readiness::status(&kind, object),
    }
}

/// Whether every object of that kind is stable as soon as it exists.
pub fn is_always_stable(kind: &Kind) -> bool {
    rule(kind).is_none()
}

type Rule = fn(&Value) -> Status;

fn rule(kind: &Kind) -> Option<Rule> {
    let rules: [(&str, Rule); 8] = [
        ("deployment", workloads::deployment),
        ("replicaSet", workloads::replica_set),
        ("statefulSet", workloads::stateful_set),
        ("daemonSet", workloads::daemon_set),
        ("job", batch::job),
        ("cronJob", batch::cron_job),
        ("pod", batch::pod),
        ("horizontalpodautoscaler", batch::autoscaler),
    ];
    let found = rules.into_iter().find(|(name, _)| kind.is(name));
    found.map(|(_, rule)| rule)
}

fn kind(object: &Value) -> Option<Kind> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    Some(Kind::of(
        text("kind")?,
        text("apiVersion").unwrap_or_default(),
    ))
}

/// A number in the object; zero where there is none, as its API writes it.
fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The conditions in the object's status.
fn conditions(object: &Value) -> &[Value] {
    let list = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    conditions(object)
        .iter()
        .find(|condition| text(condition, "/type") == kind)
}

/// Whether the object's controller has not yet seen what is now asked of it.
fn is_behind(object: &Value) -> bool {
    let observed = object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    observed
        != object
            .pointer("/metadata/generation")
            .and_then(Value::as_i64)
}
