//! Pipelines for tests.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// A pipeline of the application `test`.
pub fn pipeline(name: &str, stages: &[Value]) -> Value {
    json!({"application": "test", "name": name, "stages": stages})
}

/// A stage behind others.
pub fn stage(ref_id: &str, kind: &str, after: &[&str], context: Value) -> Value {
    let mut stage = context;
    stage["refId"] = ref_id.into();
    stage["type"] = kind.into();
    stage["requisiteStageRefIds"] = json!(after);
    stage
}

pub fn wait(ref_id: &str, after: &[&str], seconds: u64) -> Value {
    stage(ref_id, "wait", after, json!({"waitTime": seconds}))
}

pub fn judgment(ref_id: &str, after: &[&str]) -> Value {
    stage(ref_id, "manualJudgment", after, json!({}))
}

/// Posts the ids of its run and its own refId.
pub fn webhook(ref_id: &str, after: &[&str], receiver: SocketAddr) -> Value {
    let context = json!({
        "url": format!("http://{receiver}/"),
        "method": "POST",
        "payload": {"run": "${execution.id}", "stage": ref_id},
    });
    stage(ref_id, "webhook", after, context)
}

/// The configuration under which pipelines may reach a receiver.
pub fn reaching(receiver: SocketAddr) -> String {
    format!("[outbound]\nallow = [\"{receiver}\"]\n")
}
