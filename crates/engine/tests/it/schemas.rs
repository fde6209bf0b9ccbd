//! The schemas in `engine-spec/schemas/` describe what the engine takes and what it makes.

use std::fs;
use std::path::PathBuf;

use jsonschema::Validator;
use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};
use spindrift_model::Pipeline;

use crate::conformance::{cases, document, modes, play, spec};
use crate::plan::{acts, pipeline};
use crate::property::{self, runner};

fn schema(name: &str) -> Value {
    let path = spec().join("schemas").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn validator(name: &str) -> Validator {
    jsonschema::draft202012::new(&schema(name)).unwrap()
}

fn check(validator: &Validator, document: &Value, what: &str) {
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}:\n{}", errors.join("\n"));
}

#[test]
fn the_schemas_are_schemas() {
    for name in ["pipeline.schema.json", "execution.schema.json"] {
        jsonschema::meta::validate(&schema(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_pipelines_and_executions_of_all_cases_fit() {
    let (pipelines, executions) = (
        validator("pipeline.schema.json"),
        validator("execution.schema.json"),
    );
    let shape = schema("execution.schema.json");
    for (name, case) in cases() {
        check(&pipelines, &Value::Object(document(&case)), &name);
        if case.refused.is_some() {
            continue;
        }
        for mode in modes(&case) {
            let world = play(&case, mode);
            let execution = serde_json::to_value(world.run.execution()).unwrap();
            check(&executions, &execution, &name);
            check_named(&shape, &execution, &name);
        }
    }
}

#[test]
fn random_executions_fit() {
    let executions = validator("execution.schema.json");
    let mut runner = runner(1);
    for _ in 0..60 {
        let case = (pipeline(), acts()).new_tree(&mut runner).unwrap();
        let (nodes, acts) = case.current();
        let played = property::play(&nodes, &acts);
        check(&executions, &played.execution, "a random run");
    }
}

/// Every member that the engine writes has its place in the schema.
fn check_named(schema: &Value, execution: &Value, what: &str) {
    let named = |place: &Value, document: &Value| {
        for key in document.as_object().unwrap().keys() {
            let known = place["properties"].get(key).is_some();
            assert!(known, "{what}: the schema does not name {key}");
        }
    };
    named(schema, execution);
    for stage in execution["stages"].as_array().unwrap() {
        named(&schema["$defs"]["stage"], stage);
        for task in stage["tasks"].as_array().unwrap() {
            named(&schema["$defs"]["task"], task);
        }
    }
}

#[test]
fn schema_and_parser_refuse_the_same() {
    let validator = validator("pipeline.schema.json");
    let whole = |stages: Value| json!({"name": "p", "application": "a", "stages": stages});
    let table = [
        (json!({"application": "a"}), false),
        (json!({"name": " ", "application": "a"}), false),
        (json!({"name": 1, "application": "a"}), false),
        (json!({"name": "p", "application": "a"}), true),
        (json!({"name": "p", "application": "a", "id": "a/b"}), false),
        (
            json!({"name": "p", "application": "a", "limitConcurrent": "TRUE"}),
            true,
        ),
        (
            json!({"name": "p", "application": "a", "limitConcurrent": "yes"}),
            false,
        ),
        (
            json!({"name": "p", "application": "a", "maxConcurrentExecutions": "3"}),
            true,
        ),
        (
            json!({"name": "p", "application": "a", "maxConcurrentExecutions": -1}),
            false,
        ),
        (
            json!({"name": "p", "application": "a", "parameterConfig": [{}]}),
            false,
        ),
        (whole(json!({})), false),
        (whole(json!([{"refId": "1"}])), false),
        (whole(json!([{"refId": "1", "type": ""}])), false),
        (whole(json!([{"refId": 1, "type": "wait"}])), true),
        (whole(json!([{"refId": [], "type": "wait"}])), false),
        (
            whole(json!([{"type": "wait", "anything": {"else": 1}}])),
            true,
        ),
        (whole(json!(["wait"])), false),
    ];
    for (document, accepted) in table {
        assert_eq!(
            validator.is_valid(&document),
            accepted,
            "schema: {document}"
        );
        assert_eq!(
            Pipeline::parse(document.clone()).is_ok(),
            accepted,
            "parser: {document}"
        );
    }
}

#[test]
fn pipelines_from_the_wild_fit_when_they_are_accepted() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real-inputs/pipelines");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return;
    };
    let validator = validator("pipeline.schema.json");
    let mut checked = 0;
    for file in files {
        let path = file.unwrap().path();
        let Some(document) = fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        else {
            continue;
        };
        if Pipeline::parse(document.clone()).is_ok() {
            check(&validator, &document, &path.display().to_string());
            checked += 1;
        }
    }
    assert!(checked > 0, "none of the pipelines there is accepted");
}
