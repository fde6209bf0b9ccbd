//! The commands against a server.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::command::{Ended, run_in, spindrift};
use crate::support::pipelines::{judgment, pipeline, stage, wait};
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

/// A server and the directory from which the commands are given.
struct Desk {
    scratch: Scratch,
    server: Server,
}

impl Desk {
    fn new() -> Self {
        let scratch = Scratch::new();
        let server = Launch::new(&scratch).start();
        Self { scratch, server }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let url = self.server.url();
        let server = ["--server", &url];
        run_in(self.scratch.as_ref(), &[arguments, &server].concat(), "")
    }

    fn save(&self, pipeline: &Value) -> Ended {
        self.scratch.file("pipeline.json", pipeline.to_string());
        self.run(&["save", "pipeline.json"])
    }

    /// Starts a pipeline; answers with the id of the execution.
    fn start(&self, arguments: &[&str]) -> String {
        let ended = self.run(&[&["start"], arguments].concat()).with_code(0);
        ended.out.trim_end().to_owned()
    }
}

fn release() -> Value {
    let context = json!({
        "name": "Approve", "instructions": "Release ${parameters.version}?",
        "judgmentInputs": [{"value": "blue"}, {"value": "green"}],
    });
    let mut pipeline = pipeline(
        "release",
        &[
            stage("1", "manualJudgment", &[], context),
            wait("2", &["1"], 0),
        ],
    );
    pipeline["parameterConfig"] = json!([{"name": "version", "default": "1"}]);
    pipeline
}

#[test]
fn a_pipeline_is_saved_started_approved_and_shown() {
    let desk = Desk::new();
    let saved = desk.save(&release()).with_code(0);
    assert!(
        saved.out.starts_with("test/release saved ("),
        "{}",
        saved.out
    );
    let id = desk.start(&["test/release", "--param", "version=2.1"]);
    assert!(
        id.len() == 26 && id.chars().all(|c| c.is_ascii_alphanumeric()),
        "{id:?}"
    );
    desk.server.judgment(&id, "1");

    let listed = desk
        .run(&["list", "--application", "test", "--status", "running"])
        .with_code(0);
    for cell in ["EXECUTION", &id, "test", "release", "RUNNING", "tester"] {
        assert!(listed.out.contains(cell), "{cell} is not in {}", listed.out);
    }
    let listed = desk
        .run(&["list", "executions", "--output", "json"])
        .with_code(0)
        .json();
    assert_eq!(listed[0]["id"], id.as_str());
    let shown = desk.run(&["get", &id]).with_code(0).out;
    assert!(
        shown.contains("Approve waits for a judgment: Release 2.1?"),
        "{shown}"
    );
    let shown = desk
        .run(&["get", &id, "--output", "json"])
        .with_code(0)
        .json();
    assert_eq!(shown["trigger"]["parameters"]["version"], "2.1");
    assert_eq!(shown["trigger"]["user"], "tester");

    let unknown = desk.run(&["approve", &id, "--input", "red"]).with_code(2);
    assert!(
        unknown.err.contains("must be one of blue, green"),
        "{}",
        unknown.err
    );
    let approved = desk.run(&[
        "approve", &id, "--stage", "Approve", "--input", "green", "--user", "ann",
    ]);
    assert_eq!(approved.with_code(0).out, "\"Approve\" approved\n");
    assert_eq!(desk.server.end(&id), "SUCCEEDED");
    let again = desk.run(&["approve", &id]).with_code(2);
    assert!(
        again.err.contains("(SUCCEEDED) waits for no judgment"),
        "{}",
        again.err
    );

    let context = &desk.server.execution(&id)["stages"][0]["context"];
    assert_eq!(
        (&context["judgmentInput"], &context["lastModifiedBy"]),
        (&json!("green"), &json!("ann"))
    );
    let logs = desk.run(&["logs", &id]).with_code(0).out;
    let lines: Vec<&str> = logs.lines().collect();
    assert_eq!(lines.len(), 4, "{logs}");
    assert_eq!(lines[0], format!("▶ release ({id})"));
    assert!(lines[1].starts_with("  ✔ Approve SUCCEEDED ("), "{logs}");
    assert!(lines[3].starts_with("✔ SUCCEEDED ("), "{logs}");
}

#[test]
fn what_follows_a_run_ends_with_it_and_tells_how() {
    let desk = Desk::new();
    desk.save(&release()).with_code(0);
    let table: [(&[&str], i32, &str); 3] = [
        (&["approve"], 0, "✔ SUCCEEDED"),
        (&["reject"], 1, "✘ TERMINAL"),
        (
            &["cancel", "--reason", "wrong version"],
            3,
            "■ CANCELED by tester",
        ),
    ];
    for (command, code, last) in table {
        let id = desk.start(&["test/release"]);
        desk.server.judgment(&id, "1");
        let mut follower = spindrift()
            .args(["logs", "--follow", &id, "--server", &desk.server.url()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
        let waits = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("waits for a judgment"));
        assert!(waits.is_some());
        let (name, options) = command.split_first().unwrap();
        desk.run(&[&[*name, &id], options].concat()).with_code(0);
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert!(
            rest.last().unwrap().starts_with(last),
            "{command:?}: {rest:?}"
        );
        assert_eq!(follower.wait().unwrap().code(), Some(code), "{command:?}");
        let followed = desk.run(&["logs", "--follow", &id]).with_code(code);
        assert!(followed.out.lines().last().unwrap().starts_with(last));
    }
    let canceled = desk
        .run(&[
            "list",
            "executions",
            "--status",
            "canceled",
            "--output",
            "json",
        ])
        .json();
    assert_eq!(canceled[0]["cancellationReason"], "wrong version");
}

#[test]
fn whoever_follows_a_run_waits_for_the_server_to_come_back() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    server.save(release());
    let id = server.start("test/release", json!({}));
    let judgment = server.judgment(&id, "1");
    let mut follower = spindrift()
        .args(["logs", "--follow", &id, "--server", &server.url()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("release"));
    let address = server.address.to_string();
    server.kill();
    let server = launch.listen(&address).start();
    server.judge(&id, &judgment, "continue").with_status(200);
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.starts_with("✔ SUCCEEDED"), "{last}");
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

#[test]
fn changes_show_the_execution_to_machines() {
    let desk = Desk::new();
    desk.save(&release()).with_code(0);
    let table = [
        ("approve", "RUNNING"),
        ("reject", "RUNNING"),
        ("cancel", "CANCELED"),
    ];
    for (command, status) in table {
        let id = desk.start(&["test/release"]);
        desk.server.judgment(&id, "1");
        let shown = desk.run(&[command, &id, "--output", "json"]).with_code(0);
        let shown = shown.json();
        assert_eq!(shown["id"], id.as_str());
        let judged = &shown["stages"][0]["context"]["judgmentStatus"];
        assert!(shown["status"] == status || judged.is_string(), "{shown:#}");
    }
}

#[test]
fn names_may_have_any_characters() {
    let desk = Desk::new();
    let name = "blue/green ✓ 100% ?&#+\"'";
    desk.save(&pipeline(name, &[wait("1", &[], 0)]))
        .with_code(0);
    let path = format!("test/{name}");
    let id = desk.start(&[&path]);
    assert_eq!(desk.server.end(&id), "SUCCEEDED");
    assert_eq!(desk.run(&["get", &path]).with_code(0).json()["name"], name);
    assert!(desk.run(&["list"]).with_code(0).out.contains(name));
}

#[test]
fn a_start_can_be_followed() {
    let desk = Desk::new();
    desk.save(&pipeline("quick", &[wait("1", &[], 0)]))
        .with_code(0);
    let followed = desk.run(&["start", "test/quick", "--follow"]).with_code(0);
    assert!(
        followed
            .out
            .lines()
            .last()
            .unwrap()
            .starts_with("✔ SUCCEEDED"),
        "{}",
        followed.out
    );
    let context = json!({"preconditions": [{"type": "expression", "failPipeline": true, "context": {"expression": "${1 == 2}"}}]});
    desk.save(&pipeline(
        "fails",
        &[stage("1", "checkPreconditions", &[], context)],
    ))
    .with_code(0);
    let failed = desk.run(&["start", "test/fails", "--follow"]).with_code(1);
    assert!(
        failed.out.lines().last().unwrap().starts_with("✘ TERMINAL"),
        "{}",
        failed.out
    );
    let lines = desk
        .run(&["start", "test/quick", "--follow", "--output", "json"])
        .with_code(0)
        .out;
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["status"], "SUCCEEDED");
}

#[test]
fn several_pipelines_are_saved_and_listed() {
    let desk = Desk::new();
    let both = json!([pipeline("a", &[]), pipeline("b", &[wait("1", &[], 0)])]);
    let saved = desk.save(&both).with_code(0);
    assert_eq!(saved.out.lines().count(), 2, "{}", saved.out);
    let warned = desk
        .save(&pipeline("c", &[stage("1", "teleport", &[], json!({}))]))
        .with_code(0);
    assert!(
        warned.out.contains("warning: /stages/0/type"),
        "{}",
        warned.out
    );
    assert!(warned.out.contains("teleport"), "{}", warned.out);

    let listed = desk.run(&["list", "pipelines"]).with_code(0).out;
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let listed = desk
        .run(&["list", "pipelines", "-a", "test", "--output", "json"])
        .with_code(0)
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let applications = desk.run(&["list", "applications"]).with_code(0).out;
    assert!(applications.contains("test"), "{applications}");
    let document = desk.run(&["get", "test/b"]).with_code(0).json();
    assert_eq!(document["stages"][0]["type"], "wait");
}

#[test]
fn mistakes_end_with_2_and_say_what_to_do() {
    let desk = Desk::new();
    desk.save(&pipeline(
        "twins",
        &[judgment("1", &[]), judgment("2", &[])],
    ))
    .with_code(0);
    let id = desk.start(&["test/twins"]);
    desk.server.judgment(&id, "2");
    let table: [(&[&str], &str); 13] = [
        (&["start", "nothing"], "is not APPLICATION/PIPELINE"),
        (&["start", "test/nothing"], "nameOrId: nothing"),
        (&["start", "test/twins", "--param", "x"], "is not KEY=VALUE"),
        (
            &["start", "test/twins", "--param", "x=1", "--param", "x=2"],
            "given twice",
        ),
        (
            &["get", "01J9ZD5M3S8Q2V7N4T6X0C1B9A"],
            "there is no execution 01J9ZD5M3S8Q2V7N4T6X0C1B9A",
        ),
        (&["get", "test/nothing"], "nameOrId: nothing"),
        (&["cancel", "nothing"], "there is no execution"),
        (&["logs", "--follow", "nothing"], "there is no execution"),
        (&["approve", &id], "name one with --stage"),
        (&["approve", &id, "--stage", "9"], "has no judgment \"9\""),
        (&["list", "--status", "DONE"], "is none of"),
        (&["save", "absent.json"], "absent.json"),
        (
            &["list", "--server", "http://127.0.0.1:1"],
            "cannot be used multiple times",
        ),
    ];
    for (arguments, message) in table {
        let ended = desk.run(arguments).with_code(2);
        assert!(ended.err.contains(message), "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{arguments:?}");
    }
    let bad = json!({"application": "test", "name": "bad", "stages": [wait("1", &["2"], 0)]});
    let refused = desk.save(&bad).with_code(2);
    assert!(refused.err.contains("pipeline.json"), "{}", refused.err);
    assert!(refused.err.contains("\"2\""), "{}", refused.err);
    let unreachable = run_in(
        desk.scratch.as_ref(),
        &["list", "--server", "http://127.0.0.1:1"],
        "",
    );
    assert!(unreachable.with_code(2).err.contains("is it running?"));
}
