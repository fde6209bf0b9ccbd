//! `spindrift eval`: against a file, against a server, and in batches.

use serde_json::{Value, json};

use crate::support::command::run_in;
use crate::support::pipelines::{pipeline, stage, wait};
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn an_exported_run_answers_as_the_server_does() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let variables = json!({"variables": [{"key": "image", "value": "shop:${parameters.version}"}], "name": "Build"});
    let mut build = pipeline(
        "build",
        &[
            stage("1", "evaluateVariables", &[], variables),
            wait("2", &["1"], 0),
        ],
    );
    build["parameterConfig"] = json!([{"name": "version", "default": "7"}]);
    server.save(build);
    let id = server.start("test/build", json!({"version": "8"}));
    server.end(&id);
    let url = server.url();
    let exported = run_in(
        scratch.as_ref(),
        &["get", &id, "--output", "json", "--server", &url],
        "",
    );
    scratch.file("run.json", exported.with_code(0).out);

    let table: [(&[&str], i32, &str); 7] = [
        (&["${trigger.parameters.version}"], 0, "8\n"),
        (
            &["version ${parameters.version} by ${trigger.user}"],
            0,
            "version 8 by anonymous\n",
        ),
        (&["${#stage('Build').outputs.image}"], 0, "shop:8\n"),
        (&["--stage", "2", "${image}"], 0, "shop:8\n"),
        (&["${1 + 2 * 3}"], 0, "7\n"),
        (&["--strict", "${nothing}"], 1, ""),
        (&["${1 +}"], 1, ""),
    ];
    for (arguments, code, expected) in table {
        for execution in ["run.json", &id] {
            let common = ["eval", "--execution", execution, "--server", &url];
            let ended =
                run_in(scratch.as_ref(), &[&common, arguments].concat(), "").with_code(code);
            if code == 0 {
                assert_eq!(ended.out, expected, "{arguments:?}");
            } else {
                assert!(!ended.err.is_empty(), "{arguments:?} says nothing");
            }
        }
    }
    let absent = run_in(
        scratch.as_ref(),
        &["eval", "--execution", "absent", "--server", &url, "${1}"],
        "",
    );
    assert!(
        absent
            .with_code(2)
            .err
            .contains("there is no file \"absent\"")
    );
}

#[test]
fn a_batch_answers_every_line() {
    let scratch = Scratch::new();
    let lines = [
        json!({"template": "${1 + 1}", "execution": {}}).to_string(),
        json!({"template": "${trigger.user}", "execution": {"trigger": {"user": "ann"}}})
            .to_string(),
        "not json".to_owned(),
        String::new(),
        json!({"template": "${nothing.at.all}", "execution": {}}).to_string(),
        json!({"template": {"a": ["${2 > 1}"]}, "execution": {}}).to_string(),
    ];
    let ended = run_in(scratch.as_ref(), &["eval", "--batch"], &lines.join("\n")).with_code(1);
    let answers: Vec<Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 5, "{}", ended.out);
    assert_eq!(answers[0]["value"], 2);
    assert_eq!(answers[1]["value"], "ann");
    assert!(
        answers[2]["error"]
            .as_str()
            .unwrap()
            .contains("not a request")
    );
    assert!(!answers[3]["summary"].as_object().unwrap().is_empty());
    assert_eq!(answers[4]["value"], json!({"a": [true]}));
    let good = run_in(
        scratch.as_ref(),
        &["eval", "--batch"],
        &lines[..2].join("\n"),
    );
    assert_eq!(good.with_code(0).out.lines().count(), 2);
    run_in(scratch.as_ref(), &["eval"], "").with_code(2);
    run_in(scratch.as_ref(), &["eval", "--batch", "${1}"], "").with_code(2);
}
