//! What a server takes from its configuration, its environment and its arguments, and in which order.

use serde_json::json;

use crate::support::eventually;
use crate::support::pipelines::{pipeline, wait};
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn arguments_win_over_variables_and_these_over_the_file() {
    let scratch = Scratch::new();
    let (file, variable) = (scratch.path("from-file"), scratch.path("from-variable"));
    let config = format!("data = {file:?}\n[limits]\nbody_bytes = 1000\ndepth = 10\n");
    let launch = Launch::new(&scratch)
        .configured(&scratch, &config)
        .variable("SPINDRIFT_DATA", variable.to_str().unwrap())
        .variable("SPINDRIFT_LIMITS__BODY_BYTES", "2000");
    let server = launch.start();
    assert!(scratch.path("data").is_dir(), "the argument names it");
    assert!(!file.exists() && !variable.exists());
    let body = |length: usize| json!({"application": "test", "name": "n", "description": "x".repeat(length)});
    server
        .call("POST", "/pipelines", Some(body(1_500)))
        .with_status(200);
    server
        .call("POST", "/pipelines", Some(body(2_500)))
        .with_status(413);
    let deep = json!([[[[[[[[[[[[]]]]]]]]]]]]);
    server
        .call("POST", "/pipelines", Some(deep))
        .with_status(400);
}

#[test]
fn pipelines_given_at_the_start_are_saved_once() {
    let scratch = Scratch::new();
    let two = json!([pipeline("a", &[wait("1", &[], 0)]), pipeline("b", &[])]);
    let files = [
        scratch.file("two.json", two.to_string()),
        scratch.file("one.json", pipeline("c", &[]).to_string()),
    ];
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    let launch = Launch::new(&scratch).with(&[&["--pipelines"][..], &files].concat());
    let ids = |server: &crate::support::server::Server| {
        let pipelines = server.get("/applications/test/pipelineConfigs").json();
        let pipelines = pipelines.as_array().unwrap().clone();
        let id = |pipeline: &serde_json::Value| pipeline["id"].as_str().unwrap().to_owned();
        pipelines.iter().map(id).collect::<Vec<_>>()
    };
    let server = launch.start();
    let first = ids(&server);
    assert_eq!(first.len(), 3);
    server.kill();

    scratch.file("one.json", pipeline("c", &[wait("1", &[], 0)]).to_string());
    let server = launch.start();
    assert_eq!(ids(&server), first);
    let revisions = |id: &str| {
        let history = server.get(&format!("/pipelineConfigs/{id}/history"));
        history.json().as_array().unwrap().len()
    };
    let counts: Vec<usize> = first.iter().map(|id| revisions(id)).collect();
    assert_eq!(counts, [1, 1, 2], "only what has changed is a new revision");
    server.kill();

    scratch.file("one.json", json!({"application": "test"}).to_string());
    let refused = launch.refused().with_code(2);
    assert!(refused.err.contains("one.json"), "{}", refused.err);
    assert!(refused.err.contains("name"), "{}", refused.err);
}

#[test]
fn old_runs_are_forgotten_when_that_is_configured() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    server.save(pipeline("quick", &[wait("1", &[], 0)]));
    let runs: Vec<String> = (0..5)
        .map(|_| {
            let id = server.start("test/quick", json!({}));
            server.end(&id);
            id
        })
        .collect();
    server.kill();
    let server = launch.start();
    server.execution(&runs[0]);
    server.kill();

    let launch = launch.configured(&scratch, "[retention]\nmax_count = 2\n");
    let server = launch.start();
    // No event tells of it.
    let kept = eventually(|| {
        let is_there = |id: &&String| server.get(&format!("/pipelines/{id}")).status == 200;
        let kept: Vec<&String> = runs.iter().filter(is_there).collect();
        (kept.len() <= 2).then_some(kept)
    });
    assert_eq!(kept, runs[3..].iter().collect::<Vec<_>>());
}
