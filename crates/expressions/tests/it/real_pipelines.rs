//! Pipelines that people have published: every expression in them parses, or is reported with its place.

use std::path::PathBuf;

use serde_json::Value;
use spindrift_expressions::{check, has_expression};

fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => {
            for (key, item) in map {
                found.push(key);
                texts(item, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn published_expressions_parse_or_are_reported_with_their_place() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real-inputs/pipelines");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut expressions, mut reported) = (0, Vec::new());
    for file in &files {
        let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let mut found = Vec::new();
        texts(&document, &mut found);
        expressions += found.iter().filter(|text| has_expression(text)).count();
        let name = file.file_stem().unwrap().to_string_lossy();
        for problem in check(&document) {
            let text = document.pointer(&problem.pointer).and_then(Value::as_str);
            let within = text.is_none_or(|text| problem.offset <= text.chars().count());
            assert!(within, "{name}: {problem:?} is behind the end of its text");
            reported.push(format!(
                "{name} {} @{}: {}",
                problem.pointer, problem.offset, problem.message
            ));
        }
    }
    println!(
        "{} files, {expressions} texts with expressions, {} reported",
        files.len(),
        reported.len()
    );
    let tally = (files.len(), expressions, reported.len());
    assert_eq!(tally, (206, 446, 10), "{}", reported.join("\n"));
}
