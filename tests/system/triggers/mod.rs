//! What starts runs by itself, on the real binary: hooks, schedules, registries.

mod bursts;
mod conformance;
mod hooks;
mod hostile;
mod published;
mod readme;
mod registry;
mod schedules;

use std::io;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::eventually;
use crate::support::http::{self, Answer, Request};
use crate::support::pipelines::{pipeline, wait};
use crate::support::server::Server;

/// The secret of the hooks of these tests.
const SECRET: &str = "It's a Secret to Everybody";

/// A pipeline with triggers.
fn triggered(name: &str, triggers: &[Value]) -> Value {
    let mut pipeline = pipeline(name, &[wait("1", &[], 0)]);
    pipeline["id"] = name.into();
    pipeline["triggers"] = json!(triggers);
    pipeline
}

fn on_push(branch: &str) -> Value {
    json!({"type": "git", "enabled": true, "source": "github", "project": "shop", "slug": "web", "branch": branch, "secret": SECRET})
}

/// The body of GitHub's hook for a push.
fn push(branch: &str, commit: &str) -> String {
    json!({
        "ref": format!("refs/heads/{branch}"), "after": commit,
        "repository": {"name": "web", "owner": {"name": "shop"}},
    })
    .to_string()
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let bytes = mac.chain_update(body).finalize().into_bytes();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// Posts a hook.
fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let request = Request {
        method: "POST",
        path,
        headers,
        body: Some(body),
    };
    http::send(server.address, &request)
}

/// Posts a push as GitHub signs it.
fn deliver(server: &Server, delivery: &str, body: &str) -> io::Result<Answer> {
    let signature = signature(SECRET, body.as_bytes());
    let headers = [
        ("X-GitHub-Event", "push"),
        ("X-GitHub-Delivery", delivery),
        ("X-Hub-Signature-256", &signature),
    ];
    post(server, "/webhooks/git/github", &headers, body.as_bytes())
}

/// The runs of a pipeline, newest first.
fn runs(server: &Server, pipeline: &str) -> Vec<Value> {
    let path = format!("/executions?pipelineConfigIds={pipeline}&limit=1000&expand=false");
    let answer = server.get(&path).with_status(200).json();
    answer.as_array().unwrap().clone()
}

/// Waits until a pipeline has had so many runs.
fn until_runs(server: &Server, pipeline: &str, count: usize) -> Vec<Value> {
    eventually(|| Some(runs(server, pipeline)).filter(|runs| runs.len() >= count))
}

/// The ids in `started` of an answer.
fn started(answer: &Value) -> Vec<String> {
    let ids = answer["started"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}
