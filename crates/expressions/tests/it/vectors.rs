//! The cases with the values of the reference evaluator.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use spindrift_expressions::{Request, evaluate_line, evaluate_request};

use crate::world::World;

/// Cases whose expected value is not ours, with the reason. Every one is a difference a user can see, and is listed in
/// the specification of the language.
const DIFFERENT: &[(&str, &str)] = &[];

fn cases() -> Option<Vec<Value>> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/expressions.json");
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str(&text).ok()
}

/// The execution of a case: its own, with the trigger, and a last stage that holds the rest of the context.
fn execution(case: &Value) -> (Value, Option<String>) {
    let mut context = case["context"].as_object().cloned().unwrap_or_default();
    let mut execution = context
        .shift_remove("execution")
        .and_then(|value| value.as_object().cloned())
        .unwrap_or_default();
    for (key, value) in [
        ("type", json!("PIPELINE")),
        ("id", json!("01EXECUTION")),
        ("application", json!("app")),
        ("name", json!("pipeline")),
    ] {
        execution.entry(key).or_insert(value);
    }
    let parameters = context.shift_remove("parameters");
    match context.shift_remove("trigger") {
        Some(mut trigger) => {
            if let (Some(map), Some(parameters)) = (trigger.as_object_mut(), parameters) {
                map.insert("parameters".into(), parameters);
            }
            execution.insert("trigger".into(), trigger);
        }
        None => {
            if let Some(parameters) = parameters {
                execution.insert(
                    "trigger".into(),
                    json!({"type": "manual", "parameters": parameters}),
                );
            }
        }
    }
    if let Some(variables) = context.shift_remove("templateVariables") {
        execution.insert("templateVariables".into(), variables);
        execution.insert("spelEvaluator".into(), json!("v4"));
    }
    if let Some(at) = case.get("at").and_then(Value::as_str) {
        return (Value::Object(execution), Some(at.to_owned()));
    }
    let stage = json!({
        "refId": "EVAL",
        "id": "EVALUATING-STAGE",
        "type": "wait",
        "name": "evaluating",
        "status": "NOT_STARTED",
        "requisiteStageRefIds": case.get("requisiteStageRefIds").cloned().unwrap_or(json!([])),
        "context": Value::Object(context),
    });
    let stages = execution.entry("stages").or_insert(json!([]));
    if let Some(stages) = stages.as_array_mut() {
        stages.push(stage);
    }
    (Value::Object(execution), Some("EVAL".to_owned()))
}

fn problem(case: &Value, response: &Value) -> Option<String> {
    let (value, summary) = (&response["value"], &response["summary"]);
    let expected = &case["expected"];
    let levels = |level: &str| {
        summary
            .as_object()
            .into_iter()
            .flat_map(Map::values)
            .filter_map(Value::as_array)
            .flatten()
            .any(|entry| entry["level"] == level)
    };
    if expected == &json!({"error": true}) {
        if value != &case["template"] || !levels("ERROR") {
            return Some(format!("expected an error, got {value} with {summary}"));
        }
    } else if expected == &json!({"unchanged": true}) {
        if value != &case["template"] || levels("ERROR") {
            return Some(format!("expected no change, got {value} with {summary}"));
        }
    } else if value != expected {
        return Some(format!("expected {expected}, got {value} with {summary}"));
    }
    for (key, wanted) in case["summary"].as_object().into_iter().flatten() {
        let Some(entries) = summary[key].as_array() else {
            return Some(format!("no summary for {key:?} in {summary}"));
        };
        for (field, wanted) in wanted.as_object().into_iter().flatten() {
            if !entries.iter().any(|entry| &entry[field] == wanted) {
                return Some(format!("{field} is not {wanted} in {summary}"));
            }
        }
    }
    None
}

fn request(case: &Value) -> Value {
    let (execution, stage) = execution(case);
    let strict = case.get("allowUnknownKeys") == Some(&json!(false));
    json!({"execution": execution, "stage": stage, "template": case["template"], "strict": strict})
}

#[test]
fn the_cases_of_the_reference_evaluator() {
    let Some(cases) = cases() else {
        println!("skipped: the cases are not here");
        return;
    };
    let world = World::default();
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap_or_default();
        let group = id.split('-').next().unwrap_or_default().to_owned();
        let counts = groups.entry(group).or_default();
        let line = request(case).to_string();
        let response: Value = match evaluate_line(&line, &world) {
            Ok(answer) => serde_json::from_str(&answer).unwrap(),
            Err(error) => json!({"value": null, "summary": {}, "error": error.to_string()}),
        };
        match problem(case, &response) {
            None => counts.0 += 1,
            Some(_) if DIFFERENT.iter().any(|(known, _)| *known == id) => counts.1 += 1,
            Some(problem) => {
                counts.1 += 1;
                failures.push(format!("{id}: {} -> {problem}", case["template"]));
            }
        }
    }
    for (group, (passed, failed)) in &groups {
        println!("{group:10} {passed:4} passed {failed:4} failed");
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases differ:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[test]
fn a_listed_difference_is_one() {
    let Some(cases) = cases() else {
        println!("skipped: the cases are not here");
        return;
    };
    let world = World::default();
    for (id, reason) in DIFFERENT {
        assert!(!reason.is_empty(), "{id} has no reason");
        let case = cases
            .iter()
            .find(|case| case["id"] == *id)
            .unwrap_or_else(|| panic!("{id} is no case"));
        let request: Request = serde_json::from_value(request(case)).unwrap();
        let response = evaluate_request(&request, &world).unwrap();
        let response = serde_json::to_value(response).unwrap();
        assert!(problem(case, &response).is_some(), "{id} passes by now");
    }
}
