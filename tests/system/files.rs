//! `spindrift validate`: what is wrong with files, and where.

use serde_json::{Value, json};

use crate::support::command::run_in;
use crate::support::pipelines::{pipeline, reaching, stage, wait};
use crate::support::root;
use crate::support::scratch::Scratch;

/// Files, what is said of each, and whether it is an error.
fn cases() -> Vec<(&'static str, String, &'static [&'static str], bool)> {
    let unknown = pipeline("unknown", &[stage("1", "teleport", &[], json!({}))]);
    let cycle = pipeline("cycle", &[wait("1", &["2"], 0), wait("2", &["1"], 0)]);
    let missing = pipeline("missing", &[wait("1", &["9"], 0)]);
    let twice = pipeline("twice", &[wait("1", &[], 0), wait("1", &[], 0)]);
    let expression = pipeline(
        "expression",
        &[stage("1", "wait", &[], json!({"waitTime": "${1 +}"}))],
    );
    let nameless = json!({"stages": []});
    let list = json!([pipeline("a", &[]), {"application": "test"}]);
    vec![
        (
            "good.json",
            pipeline("good", &[wait("1", &[], 0)]).to_string(),
            &["good.json: ok"],
            false,
        ),
        (
            "unknown.json",
            unknown.to_string(),
            &["warning: /stages/0/type", "teleport"],
            false,
        ),
        (
            "cycle.json",
            cycle.to_string(),
            &["error: /stages", "\"1\"", "\"2\""],
            true,
        ),
        (
            "missing.json",
            missing.to_string(),
            &["error: /stages/0/requisiteStageRefIds", "\"9\""],
            true,
        ),
        (
            "twice.json",
            twice.to_string(),
            &["error: /stages/1/refId", "\"1\""],
            true,
        ),
        (
            "expression.json",
            expression.to_string(),
            &["/stages/0/waitTime"],
            false,
        ),
        (
            "nameless.json",
            nameless.to_string(),
            &["error: /name", "error: /application"],
            true,
        ),
        (
            "list.json",
            list.to_string(),
            &["error: /name", "pipeline /1"],
            true,
        ),
        (
            "cut.json",
            "{\"name\": ".to_owned(),
            &["error: /", "line 1"],
            true,
        ),
        (
            "double.json",
            "{\"name\": \"a\", \"name\": \"b\"}".to_owned(),
            &["\"name\" appears twice"],
            true,
        ),
        ("text.json", "\"text\"".to_owned(), &["error: /"], true),
        ("empty.json", String::new(), &["error: /"], true),
    ]
}

#[test]
fn problems_are_told_with_their_place() {
    let scratch = Scratch::new();
    for (name, text, said, is_error) in cases() {
        scratch.file(name, text);
        let ended = run_in(scratch.as_ref(), &["validate", name], "");
        let ended = ended.with_code(i32::from(is_error));
        for words in said {
            assert!(
                ended.out.contains(words),
                "{words:?} is not in {}",
                ended.out
            );
        }
        let summary = format!("1 file checked, {} with errors", u8::from(is_error));
        assert_eq!(ended.out.lines().last().unwrap(), summary);
        assert_eq!(ended.err, "");
    }
}

#[test]
fn machines_read_a_line_for_each_file() {
    let scratch = Scratch::new();
    let mut arguments = vec!["validate", "--output", "json"];
    for (name, text, _, _) in cases() {
        scratch.file(name, text);
        arguments.push(name);
    }
    let ended = run_in(scratch.as_ref(), &arguments, "").with_code(1);
    let lines: Vec<Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (line, (name, _, _, is_error)) in lines.iter().zip(cases()) {
        assert_eq!(line["file"], name);
        assert_eq!(line["valid"], !is_error, "{line}");
        for problem in line["problems"].as_array().unwrap() {
            for key in ["pointer", "code", "message", "severity"] {
                assert!(problem[key].is_string(), "{key} is not in {problem}");
            }
        }
    }
    assert_eq!(lines.len(), cases().len());
}

#[test]
fn warnings_can_count_as_errors() {
    let scratch = Scratch::new();
    for (name, text, _, _) in cases() {
        scratch.file(name, text);
    }
    run_in(scratch.as_ref(), &["validate", "--strict", "good.json"], "").with_code(0);
    run_in(
        scratch.as_ref(),
        &["validate", "--strict", "unknown.json"],
        "",
    )
    .with_code(1);
    let absent = run_in(
        scratch.as_ref(),
        &["validate", "good.json", "absent.json"],
        "",
    )
    .with_code(1);
    assert!(
        absent.out.contains("absent.json: error: /: cannot be read"),
        "{}",
        absent.out
    );
    run_in(scratch.as_ref(), &["validate"], "").with_code(2);
}

#[test]
fn the_examples_are_clean() {
    let scratch = Scratch::new();
    // The example calls the server that `serve --demo` starts.
    let reach = scratch.file("reach.toml", reaching("127.0.0.1:8084".parse().unwrap()));
    let files = [
        "examples/deploy.json",
        "examples/release.json",
        "examples/verify.json",
        "examples/triggers/heartbeat.json",
        "examples/triggers/on-call.json",
        "examples/triggers/on-image.json",
        "examples/triggers/on-push.json",
    ];
    let strict = ["validate", "--strict", "--config", reach.to_str().unwrap()];
    run_in(root(), &[&strict[..], &files].concat(), "").with_code(0);
}
