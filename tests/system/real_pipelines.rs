//! Published pipelines of many teams: each is checked without a crash, and what is wrong is told with its place.

use serde_json::Value;

use crate::support::command::run_in;
use crate::support::root;

#[test]
fn published_pipelines_are_checked() {
    let directory = root().join("../shared/real-inputs/pipelines");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        println!(
            "skipped: there are no published pipelines in {}",
            directory.display()
        );
        return;
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    let files: Vec<&str> = names.iter().map(String::as_str).collect();
    let ended = run_in(
        &directory,
        &[&["validate", "--output", "json"], &files[..]].concat(),
        "",
    );
    assert!(
        [0, 1].contains(&ended.code),
        "{}: {}",
        ended.code,
        ended.err
    );
    assert_eq!(ended.err, "");
    let lines: Vec<Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), names.len());
    let mut tally = [0; 3];
    for (line, name) in lines.iter().zip(&names) {
        assert_eq!(line["file"], name.as_str());
        let problems = line["problems"].as_array().unwrap();
        for problem in problems {
            assert!(!problem["message"].as_str().unwrap().is_empty(), "{name}");
            let pointer = problem["pointer"].as_str().unwrap();
            assert!(
                pointer.is_empty() || pointer.starts_with('/'),
                "{name}: {problem}"
            );
        }
        let is_valid = line["valid"].as_bool().unwrap();
        let has_errors = problems
            .iter()
            .any(|problem| problem["severity"] == "error");
        assert_eq!(is_valid, !has_errors, "{name}");
        tally[if has_errors {
            2
        } else {
            usize::from(!problems.is_empty())
        }] += 1;
    }
    println!(
        "{} good, {} with warnings, {} with errors",
        tally[0], tally[1], tally[2]
    );
    assert!(
        tally[0] + tally[1] > tally[2],
        "most of them are in use: {tally:?}"
    );
}
