//! The OpenAPI document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Api, waiting};

#[tokio::test]
async fn the_document_is_served_and_changes_only_on_purpose() {
    let api = Api::new();
    let served = api.get("/openapi.json").await;
    assert_eq!(served.status, 200);
    assert_eq!(served.json()["openapi"], "3.1.0");
    insta::assert_json_snapshot!(served.json());
}

#[test]
fn every_operation_says_what_it_does_and_how_it_refuses() {
    let document = serde_json::to_value(spindrift_api::openapi()).unwrap();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            assert!(operation["summary"].is_string(), "{method} {path}");
            let refusal =
                &operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(refusal, "#/components/schemas/ErrorBody", "{method} {path}");
            let named: BTreeSet<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let used: BTreeSet<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(named, used, "{method} {path}");
        }
    }
    assert!(operations > 40, "{operations}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(spindrift_api::openapi()).unwrap();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                references.push(reference.clone());
            }
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_described_execution_is_the_one_that_is_sent() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let execution = api.execution(&id).await;
    let schemas =
        serde_json::to_value(spindrift_api::openapi()).unwrap()["components"]["schemas"].clone();
    for (schema, sent) in [
        ("Execution", &execution),
        ("Stage", &execution["stages"][0]),
    ] {
        let properties = schemas[schema]["properties"].as_object().unwrap();
        for key in sent.as_object().unwrap().keys() {
            // How far a stage's work has come is the engine's own business.
            assert!(
                properties.contains_key(key) || key == "phase",
                "{schema}.{key}"
            );
        }
        for required in schemas[schema]["required"].as_array().unwrap() {
            assert!(
                sent.get(required.as_str().unwrap()).is_some(),
                "{schema}.{required}"
            );
        }
    }
}
