//! Expressions in the life of a run: at submission, at the start of a stage, in conditions.

use serde_json::{Value, json};
use spindrift_model::{Execution, Map, Status};
use spindrift_runtime::{Engine, StartRequest};

use crate::world::{ended, fresh, pipeline};

async fn run(engine: &Engine, evaluator: &str, parameters: Value, stages: Value) -> Execution {
    let document = json!({
        "id": "p", "name": "p", "application": "sim", "spelEvaluator": evaluator, "stages": stages,
        "parameterConfig": [{"name": "region", "default": "eu"}],
    });
    let mut trigger = Map::new();
    trigger.insert("parameters".into(), parameters);
    let request = StartRequest::manual(pipeline(document), trigger, "tester");
    let id = engine.submit(request).await.unwrap().execution.id.clone();
    ended(engine, &id).await
}

#[tokio::test(start_paused = true)]
async fn a_stage_sees_parameters_outputs_and_the_user() {
    for evaluator in ["v3", "v4"] {
        let (engine, _, _) = fresh();
        let stages = json!([
            {"refId": "1", "type": "evaluateVariables", "name": "Choose",
             "variables": [{"key": "image", "value": "web:${parameters.version}"}]},
            {"refId": "2", "type": "wait", "requisiteStageRefIds": ["1"], "waitTime": "${2 + 1}",
             "seen": "${image} in ${parameters.region} by ${#currentUser()}",
             "of": "${#stage('Choose').outputs.image}", "number": "${1 + 1}"},
        ]);
        let run = run(&engine, evaluator, json!({"version": "1.4"}), stages).await;
        assert_eq!(run.status, Status::Succeeded, "{evaluator}");
        let context = &run.stages[1].context;
        assert_eq!(context["seen"], "web:1.4 in eu by tester", "{evaluator}");
        assert_eq!(
            [&context["of"], &context["number"]],
            [&json!("web:1.4"), &json!(2)]
        );
        assert!(
            !context.contains_key("expressionEvaluationSummary"),
            "{context:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_runs_only_when_its_condition_holds() {
    let table = [
        ("${parameters.region == 'eu'}", Status::Succeeded),
        ("parameters.region == 'eu'", Status::Succeeded),
        ("${parameters.region == 'us'}", Status::Skipped),
        ("${nothing.at.all}", Status::Skipped),
        ("", Status::Succeeded),
    ];
    for (condition, expected) in table {
        let (engine, _, _) = fresh();
        let stages = json!([
            {"refId": "1", "type": "wait", "stageEnabled": {"type": "expression", "expression": condition}},
        ]);
        let run = run(&engine, "v4", json!({}), stages).await;
        assert_eq!(run.stages[0].status, expected, "{condition:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_expression_stays_and_fails_the_stage_only_when_asked() {
    for (asked, expected) in [(false, Status::Succeeded), (true, Status::Terminal)] {
        let (engine, _, _) = fresh();
        let stages = json!([
            {"refId": "1", "type": "wait", "text": "${#nothing()}", "failOnFailedExpressions": asked},
        ]);
        let run = run(&engine, "v4", json!({}), stages).await;
        let context = &run.stages[0].context;
        assert_eq!(run.status, expected);
        assert_eq!(context["text"], "${#nothing()}");
        assert!(context["expressionEvaluationSummary"].is_object());
        assert_eq!(
            context["exception"]["details"]["error"],
            "Failed Expression Evaluation"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_expression_fetches_is_there_when_the_stage_begins() {
    let (engine, _, _) = fresh();
    let stages = json!([
        {"refId": "1", "type": "wait",
         "page": "${#fromUrl('https://pages.example/blue')}",
         "two": "${#fromUrl('https://pages.example/a')}-${#fromUrl('https://pages.example/b')}",
         "none": "${#fromUrl('https://elsewhere.example/')}"},
    ]);
    let run = run(&engine, "v4", json!({}), stages).await;
    assert_eq!(run.status, Status::Succeeded);
    let context = &run.stages[0].context;
    assert_eq!(
        [&context["page"], &context["two"]],
        [&json!("blue"), &json!("a-b")]
    );
    assert_eq!(context["none"], "${#fromUrl('https://elsewhere.example/')}");
    let summary = context["expressionEvaluationSummary"].to_string();
    assert!(
        summary.contains("https://elsewhere.example/ is not there"),
        "{summary}"
    );
}
