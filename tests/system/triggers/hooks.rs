//! Hooks: what they start, once, also when the process is killed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{deliver, on_push, post, push, runs, started, triggered, until_runs};
use crate::support::command::run_in;
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn a_signed_push_starts_its_pipeline_once_and_the_command_line_says_why() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    server.save(triggered("release", &[on_push("main")]));
    server.save(triggered("other", &[on_push("develop")]));
    let answer = deliver(&server, "d1", &push("main", "abc")).unwrap();
    let answer = answer.with_status(200).json();
    assert_eq!(answer["eventProcessed"], true);
    let [run] = &started(&answer)[..] else {
        panic!("{answer:#}")
    };
    assert_eq!(server.end(run), "SUCCEEDED");
    let trigger = &server.execution(run)["trigger"];
    assert_eq!(
        (&trigger["branch"], &trigger["hash"], &trigger["eventId"]),
        (&json!("main"), &json!("abc"), &answer["eventId"])
    );
    let again = deliver(&server, "d1", &push("main", "abc")).unwrap().json();
    assert_eq!(
        (&again["repeated"], started(&again)),
        (&json!(true), vec![run.clone()])
    );
    server.kill();
    let server = launch.start();
    let again = deliver(&server, "d1", &push("main", "abc")).unwrap().json();
    assert_eq!(again["eventId"], answer["eventId"]);
    assert_eq!(runs(&server, "release").len(), 1);

    let url = server.url();
    let say = |arguments: &[&str]| {
        run_in(
            scratch.as_ref(),
            &[arguments, &["--server", &url]].concat(),
            "",
        )
    };
    let listed = say(&["events", "list"]).with_code(0).out;
    let event = answer["eventId"].as_str().unwrap();
    for cell in [
        event,
        "git",
        "github",
        "push:push of branch main in shop/web",
    ] {
        assert!(listed.contains(cell), "{cell} is not in {listed}");
    }
    let shown = say(&["events", "get", event]).with_code(0).out;
    for cell in [
        "test/release",
        run,
        "test/other",
        "does not match \"develop\"",
    ] {
        assert!(shown.contains(cell), "{cell} is not in {shown}");
    }
    scratch.file("push.json", push("develop", "def"));
    let told = say(&[
        "events",
        "test",
        "push.json",
        "--type",
        "git",
        "--source",
        "github",
    ]);
    assert!(
        told.out
            .contains("is not signed, but the trigger has a secret"),
        "{told:?}"
    );
    let signed = format!(
        "X-Hub-Signature-256: {}",
        super::signature(super::SECRET, push("develop", "def").as_bytes())
    );
    let told = say(&[
        "events",
        "test",
        "push.json",
        "--type",
        "git",
        "--source",
        "github",
        "--header",
        &signed,
    ])
    .with_code(0);
    assert!(told.out.contains("matches"), "{told:?}");
    told_nothing_happened(
        &say(&["events", "list", "--output", "json"])
            .with_code(0)
            .json(),
    );
    say(&["events", "get", "nothing"]).with_code(2);
}

fn told_nothing_happened(events: &serde_json::Value) {
    assert_eq!(events.as_array().unwrap().len(), 1, "{events:#}");
}

#[test]
fn a_trigger_that_is_saved_now_fires_for_what_comes_now() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let call = || {
        post(&server, "/webhooks/webhook/ci", &[], b"{}")
            .unwrap()
            .with_status(200)
            .json()
    };
    assert_eq!(started(&call()).len(), 0);
    let hook = json!({"type": "webhook", "enabled": true, "source": "ci"});
    server.save(triggered("release", std::slice::from_ref(&hook)));
    assert_eq!(started(&call()).len(), 1);
    let mut off = hook;
    off["enabled"] = false.into();
    server.save(triggered("release", &[off]));
    assert_eq!(started(&call()).len(), 0);
    server
        .call("DELETE", "/pipelines/test/release", None)
        .with_status(200);
    assert_eq!(started(&call()).len(), 0);
}

#[test]
fn a_secret_is_sealed_on_the_disk_and_outlives_the_process() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    server.save(triggered("release", &[on_push("main")]));
    let path = "/applications/test/pipelineConfigs/release";
    let mut document = server.get(path).with_status(200).json();
    assert_eq!(document["triggers"][0]["secret"], "********");
    document["description"] = "saved by somebody who never saw the secret".into();
    server.save(document);
    server.kill();
    let stored = run_in(scratch.as_ref(), &["store", "export", "--data", "data"], "").with_code(0);
    assert!(stored.out.contains("\"sealed\""), "{}", stored.out);
    assert!(!stored.out.contains("Everybody"));
    let server = launch.start();
    let answer = deliver(&server, "d1", &push("main", "abc")).unwrap().json();
    assert_eq!(started(&answer).len(), 1, "{answer:#}");
    assert!(!server.log().contains("Everybody"));
}

#[test]
fn a_task_that_saves_a_pipeline_does_not_keep_its_secret() {
    use base64::Engine as _;
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let document = triggered("release", &[on_push("main")]);
    let text = base64::engine::general_purpose::STANDARD.encode(document.to_string());
    for (number, pipeline) in [json!(text), document].into_iter().enumerate() {
        let job = json!({"application": "test", "description": "save", "job": [{"type": "savePipeline", "pipeline": pipeline}]});
        let answer = server
            .call("POST", "/tasks", Some(job))
            .with_status(200)
            .json();
        let task = answer["ref"].as_str().unwrap();
        let task = crate::support::eventually(|| {
            let task = server.get(task).with_status(200).json();
            (task["status"] == "SUCCEEDED").then_some(task)
        });
        let told = task.to_string();
        assert!(
            !told.contains("Everybody") && !told.contains(&text),
            "{told}"
        );
        let commit = format!("c{number}");
        let answer = deliver(&server, &commit, &push("main", &commit))
            .unwrap()
            .json();
        assert_eq!(started(&answer).len(), 1, "{answer:#}");
    }
    server.kill();
    let stored = run_in(scratch.as_ref(), &["store", "export", "--data", "data"], "").with_code(0);
    assert!(!stored.out.contains("Everybody") && !stored.out.contains(&text));
}

/// Hooks that are sent while the process is killed; the senders send again what was not answered, and then everything.
const HOOKS: usize = 120;

#[test]
fn killed_between_the_hook_and_its_run_each_hook_still_starts_one() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let mut server = launch.start();
    server.save(triggered("release", &[on_push("main")]));
    let answered = AtomicUsize::new(0);
    let send_all = |server: &crate::support::server::Server, from: usize| {
        std::thread::scope(|threads| {
            for worker in 0..8 {
                let answered = &answered;
                threads.spawn(move || {
                    for number in (from + worker..HOOKS).step_by(8) {
                        let commit = format!("c{number}");
                        if deliver(server, &commit, &push("main", &commit))
                            .is_ok_and(|answer| answer.is_success())
                        {
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
    };
    for life in 0..4 {
        let before = answered.load(Ordering::SeqCst);
        let pid = rustix::process::Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| send_all(&server, life * 10));
            // Somewhere in the middle, each time somewhere else.
            while answered.load(Ordering::SeqCst) < before + 5 + 7 * life {
                std::thread::yield_now();
            }
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        server.wait();
        server = launch.start();
    }
    send_all(&server, 0);
    let all = until_runs(&server, "release", HOOKS);
    let mut of_commit: BTreeMap<String, usize> = BTreeMap::new();
    for run in &all {
        *of_commit
            .entry(run["trigger"]["hash"].to_string())
            .or_default() += 1;
    }
    assert_eq!(of_commit.len(), HOOKS);
    let doubled: Vec<_> = of_commit.iter().filter(|(_, count)| **count != 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
}
