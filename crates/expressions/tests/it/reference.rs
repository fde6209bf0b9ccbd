//! Values of the reference evaluator for expressions of many kinds; `tests/cases/reference.json` says how they were made.

use serde_json::{Value, json};
use spindrift_expressions::{Request, evaluate_request};

use crate::world::World;

const CASES: &str = include_str!("../cases/reference.json");

/// What is wrong with the answer, if anything.
fn problem(case: &Value, value: &Value, summary: &Value) -> Option<String> {
    let expected = case.get("value").unwrap_or(&case["template"]);
    if value != expected {
        return Some(format!("gives {value} instead of {expected}: {summary}"));
    }
    let entries = summary.as_object().into_iter().flat_map(|map| map.values());
    let found: Vec<Value> = entries
        .filter_map(|entries| entries.get(0))
        .map(|entry| {
            let parts = [&entry["level"], &entry["exceptionType"]];
            parts
                .into_iter()
                .filter(|part| !part.is_null())
                .cloned()
                .collect()
        })
        .collect();
    let expected: Vec<Value> = case.get("fails").cloned().into_iter().collect();
    (found != expected).then(|| format!("fails with {found:?} instead of {expected:?}"))
}

#[test]
fn values_and_failures_are_those_of_the_reference() {
    let file: Value = serde_json::from_str(CASES).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let request: Request = serde_json::from_value(json!({
            "execution": file["execution"], "stage": "EVAL", "template": case["template"],
        }))
        .unwrap();
        let response = evaluate_request(&request, &World::default()).unwrap();
        if let Some(problem) = problem(case, &response.value, &response.summary) {
            wrong.push(format!("{} {problem}", case["template"]));
        }
    }
    assert!(cases.len() > 1_000, "only {} cases were found", cases.len());
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
