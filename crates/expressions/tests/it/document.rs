//! The specification of the language: its examples are true.

use serde_json::{Value, json};
use spindrift_expressions::{Request, evaluate_request};

use crate::world::World;

const DOCUMENT: &str = include_str!("../../../../engine-spec/expressions.md");

fn blocks<'d>(fence: &str) -> impl Iterator<Item = &'d str> {
    DOCUMENT
        .split(&format!("```{fence}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn the_examples_are_true() {
    let execution: Value = serde_json::from_str(blocks("json").next().unwrap()).unwrap();
    let mut count = 0;
    for line in blocks("example").flat_map(str::lines) {
        let (template, expected) = line
            .split_once(" → ")
            .unwrap_or_else(|| panic!("no arrow in {line:?}"));
        let template = template.trim_end();
        let request: Request = serde_json::from_value(json!({
            "execution": execution, "stage": "3", "template": template,
        }))
        .unwrap();
        let response = evaluate_request(&request, &World::default()).unwrap();
        let summary = response.summary.to_string();
        match expected {
            "error" | "unchanged" => {
                assert_eq!(response.value, json!(template), "{line}");
                let errors = summary.contains("\"level\":\"ERROR\"");
                assert_eq!(errors, expected == "error", "{line}: {summary}");
                assert_ne!(response.summary, json!({}), "{line}");
            }
            expected => {
                let expected: Value = serde_json::from_str(expected).unwrap();
                assert_eq!(response.value, expected, "{line}: {summary}");
            }
        }
        count += 1;
    }
    assert!(count > 100, "only {count} examples were found");
}

#[test]
fn every_function_is_described() {
    let document: Vec<&str> = DOCUMENT
        .split('#')
        .filter_map(|rest| rest.split('(').next())
        .collect();
    for name in spindrift_expressions::function_names() {
        assert!(document.contains(&name), "#{name} is not described");
    }
}
