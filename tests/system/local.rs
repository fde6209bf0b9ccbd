//! `spindrift run`, without a server, and what the command line says of itself.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::command::{Ended, run, run_in, spindrift};
use crate::support::pipelines::{judgment, pipeline, reaching, stage, wait, webhook};
use crate::support::receiver::Receiver;
use crate::support::root;
use crate::support::scratch::Scratch;

fn example(name: &str) -> String {
    root().join("examples").join(name).display().to_string()
}

#[test]
fn an_example_runs_here() {
    let ended = run(&["run", &example("verify.json"), "--param", "version=1.4"]).with_code(0);
    let last = ended.out.lines().last().unwrap();
    assert!(last.starts_with("✔ SUCCEEDED"), "{}", ended.out);
    let missing = run(&["run", &example("verify.json")]).with_code(2);
    assert!(missing.err.contains("version"), "{}", missing.err);
}

#[test]
fn the_other_example_runs_with_its_webhook_and_its_child() {
    let scratch = Scratch::new();
    let receiver = Receiver::new();
    let release = std::fs::read_to_string(example("release.json")).unwrap();
    let release = release.replace("127.0.0.1:8084", &receiver.address.to_string());
    scratch.file("release.json", release);
    scratch.file("reach.toml", reaching(receiver.address));
    let answers = std::thread::spawn(move || {
        let delivery = receiver.next();
        let body = delivery.body.clone();
        delivery.accept();
        body
    });
    let verify = example("verify.json");
    let arguments = [
        "run",
        "release.json",
        "--with",
        &verify,
        "--config",
        "reach.toml",
        "--approve",
        "--param",
        "version=3",
        "--output",
        "json",
    ];
    let execution = run_in(scratch.as_ref(), &arguments, "").with_code(0).json();
    assert_eq!(execution["status"], "SUCCEEDED");
    let approve = &execution["stages"][1]["context"];
    assert_eq!(approve["judgmentInput"], "everywhere");
    assert_eq!(execution["stages"][3]["outputs"]["verified"], "3");
    assert_eq!(
        answers.join().unwrap()["text"],
        "version 3 goes out: everywhere"
    );
}

#[test]
fn judgments_are_asked_on_standard_input() {
    let scratch = Scratch::new();
    let context =
        json!({"name": "Where", "judgmentInputs": [{"value": "here"}, {"value": "there"}]});
    let stages = [
        stage("1", "manualJudgment", &[], context),
        judgment("2", &["1"]),
    ];
    scratch.file("asks.json", pipeline("asks", &stages).to_string());
    let table = [
        ("continue there\ncontinue\n", 0, Some("there")),
        ("c\nyes\n", 0, Some("here")),
        ("stop\n", 1, None),
        ("continue here\nno\n", 1, Some("here")),
        ("continue nowhere\ncontinue there\nc\n", 0, Some("there")),
        ("contineu\n\nc\nc\n", 0, Some("here")),
        ("continue nowhere\n", 2, None),
        ("", 2, None),
    ];
    for (input, code, chosen) in table {
        let ended = run_in(
            scratch.as_ref(),
            &["run", "asks.json", "--output", "json"],
            input,
        );
        let ended = ended.with_code(code);
        assert!(
            ended.err.contains("Where: continue here|there, or stop?"),
            "{}",
            ended.err
        );
        if code != 2 {
            let input = &ended.json()["stages"][0]["context"]["judgmentInput"];
            assert_eq!(input.as_str(), chosen, "{input:?}");
        }
    }
    let nobody = run_in(scratch.as_ref(), &["run", "asks.json"], "");
    assert!(
        nobody
            .err
            .contains("use --approve where nobody can be asked"),
        "{}",
        nobody.err
    );
}

#[test]
fn the_exit_code_tells_how_a_run_ended() {
    let scratch = Scratch::new();
    let run = |stages: &[serde_json::Value]| -> Ended {
        scratch.file("p.json", pipeline("p", stages).to_string());
        run_in(scratch.as_ref(), &["run", "p.json"], "")
    };
    run(&[wait("1", &[], 0)]).with_code(0);
    let unknown = run(&[stage("1", "teleport", &[], json!({}))]).with_code(1);
    assert!(unknown.err.contains("teleport"), "{}", unknown.err);
    let address = "169.254.169.254:80".parse().unwrap();
    let refused = run(&[webhook("1", &[], address)]).with_code(1);
    assert!(refused.out.contains("✘ TERMINAL"), "{}", refused.out);
    run(&[wait("1", &["1"], 0)]).with_code(2);
}

/// Starts a run, interrupts it when it has said those words, and answers with its last line and its code.
fn interrupt(stages: &[serde_json::Value], words: &str) -> (String, Option<i32>) {
    let scratch = Scratch::new();
    scratch.file("p.json", pipeline("p", stages).to_string());
    let mut child = spindrift()
        .args(["run", "p.json"])
        .current_dir(&scratch)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains(words));
    assert!(said.is_some());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let last = lines.map(Result::unwrap).last().unwrap();
    // Only now does its standard input end.
    (last, child.wait().unwrap().code())
}

#[test]
fn an_interrupted_run_is_canceled() {
    let waits = [wait("1", &[], 3600)];
    let asks = [wait("1", &[], 1), judgment("2", &["1"])];
    for (stages, words) in [(&waits[..], "RUNNING"), (&asks, "waits for a judgment")] {
        let (last, code) = interrupt(stages, words);
        assert!(last.starts_with("■ CANCELED by tester"), "{last}");
        assert_eq!(code, Some(3), "{words}");
    }
}

#[test]
fn the_help_changes_only_on_purpose() {
    insta::assert_snapshot!(run(&["--help"]).with_code(0).out);
    let version = run(&["--version"]).with_code(0).out;
    assert_eq!(
        version,
        format!("spindrift {}\n", env!("CARGO_PKG_VERSION"))
    );
    let unknown = run(&["strat"]).with_code(2);
    assert!(unknown.err.contains("'start'"), "{}", unknown.err);
}

#[test]
fn every_command_has_help_with_an_example() {
    let help = run(&["--help"]).out;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let help = run(&[name, "--help"]).with_code(0).out;
        let example = format!("  spindrift {name}");
        assert!(help.contains(&example), "{name} has no example: {help}");
        let words = help.split_whitespace();
        for file in words.filter(|word| word.starts_with("examples/")) {
            assert!(root().join(file).is_file(), "{name}: there is no {file}");
        }
    }
}

#[test]
fn shells_can_complete() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completion", shell]).with_code(0).out;
        for word in ["spindrift", "validate", "approve"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    run(&["completion", "tcsh"]).with_code(2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let many = [
        "validate",
        &example("verify.json"),
        &example("release.json"),
    ];
    for arguments in [
        &["completion", "bash"][..],
        &["--help"],
        &many,
        &["token", "--user", "x"],
    ] {
        let mut command = spindrift();
        command.args(arguments).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    }
}
