//! The case of the contract that needs HTTP: row 44. Rows 35 and 43 are played on the service.

use serde_json::{Value, json};

use super::{post, runs, triggered};
use crate::support::root;
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn row_44_a_pipeline_is_started_by_hand_by_its_name_or_id_in_its_application_and_when_it_is_on() {
    let cases = root().join("engine-spec/conformance/triggers/07-system.yaml");
    let cases = std::fs::read_to_string(cases).unwrap();
    assert!(cases.contains("- rows: [44]"), "the contract has the case");
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let mut pipeline = triggered("p", &[]);
    pipeline["application"] = "a".into();
    pipeline["id"] = "the-id".into();
    server.save(pipeline.clone());
    let manual = |application: &str, name: &str| {
        let body = json!({"application": application, "pipelineNameOrId": name, "trigger": {"parameters": {}}});
        let answer = post(
            &server,
            "/webhooks/manual/manual",
            &[],
            body.to_string().as_bytes(),
        )
        .unwrap();
        (answer.status, answer.json())
    };
    for name in ["p", "the-id"] {
        let (status, answer) = manual("a", name);
        assert_eq!(
            (status, &answer["eventProcessed"]),
            (200, &Value::Bool(true)),
            "{answer}"
        );
    }
    assert_eq!(manual("b", "p").0, 404);
    assert_eq!(manual("a", "q").0, 404);
    pipeline["disabled"] = true.into();
    server.save(pipeline);
    let (status, answer) = manual("a", "p");
    assert!(status >= 400, "{answer}");
    assert_eq!(runs(&server, "the-id").len(), 2);
}
