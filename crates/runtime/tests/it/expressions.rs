//! Expressions in the life of a run: at submission, at the start of a stage, in conditions.

use std::time::Duration;

use serde_json::{Value, json};
use spindrift_model::{Execution, Map, Status};
use spindrift_runtime::{Engine, StartRequest};

use crate::lives::Machine;
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

#[tokio::test(start_paused = true)]
async fn conditions_and_preconditions_fetch_what_they_read() {
    let table = [
        ("#fromUrl('https://pages.example/go') == 'go'", true),
        ("${#fromUrl('https://pages.example/go') == 'stop'}", false),
        (
            "#jsonFromUrl('https://pages.example/{\"ready\":true}').ready",
            true,
        ),
        (
            "#fromUrl('https://pages.example/' + #fromUrl('https://pages.example/b')) == 'b'",
            true,
        ),
        ("#fromUrl('https://elsewhere.example/') == 'x'", false),
        ("#fromUrl('http://169.254.169.254/') == 'x'", false),
        ("#fromUrl('http://localhost/') != null", false),
    ];
    for (condition, holds) in table {
        let (engine, _, _) = fresh();
        let stages = json!([
            {"refId": "1", "type": "wait", "stageEnabled": {"type": "expression", "expression": condition}},
            {"refId": "2", "type": "checkPreconditions", "failPipeline": false,
             "preconditions": [{"type": "expression", "context": {"expression": condition}}]},
        ]);
        let run = run(&engine, "v4", json!({}), stages).await;
        let statuses = [run.stages[0].status, run.stages[1].status];
        let expected = match holds {
            true => [Status::Succeeded, Status::Succeeded],
            false => [Status::Skipped, Status::Stopped],
        };
        assert_eq!(statuses, expected, "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn variables_fetch_what_they_read_one_after_the_other() {
    for evaluator in ["v3", "v4"] {
        let (engine, _, _) = fresh();
        let stages = json!([
            {"refId": "1", "type": "evaluateVariables", "variables": [
                {"key": "next", "value": "${#fromUrl('https://pages.example/b')}"},
                {"key": "gone", "value": "${#fromUrl('https://elsewhere.example/')}"},
                {"key": "page", "value": "${#fromUrl('https://pages.example/' + #root['next'])}"},
            ]},
        ]);
        let run = run(&engine, evaluator, json!({}), stages).await;
        assert_eq!(run.status, Status::Succeeded, "{evaluator}");
        let outputs = &run.stages[0].outputs;
        assert_eq!(outputs["next"], "b", "{evaluator}");
        assert_eq!(outputs["gone"], "${#fromUrl('https://elsewhere.example/')}");
        let page = if evaluator == "v4" { "b" } else { "null" };
        assert_eq!(outputs["page"], page, "{evaluator}");
        let summary = run.stages[0].context["expressionEvaluationSummary"].to_string();
        assert!(summary.contains("is not there"), "{summary}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_pipeline_itself_reads_is_fetched_when_it_is_submitted() {
    for evaluator in ["v3", "v4"] {
        let (engine, _, _) = fresh();
        let document = json!({
            "id": "p", "name": "p", "application": "sim", "spelEvaluator": evaluator,
            "templateVariables": {"page": "${#fromUrl('https://pages.example/a')}"},
            "parameterConfig": [{"name": "tag", "default": "${#fromUrl('https://pages.example/v2')}"}],
            "stages": [{"refId": "1", "type": "wait", "tag": "${parameters.tag}",
                        "stageEnabled": {"type": "expression", "expression": "parameters.tag == 'v2'"}}],
        });
        let request = StartRequest::manual(pipeline(document), Map::new(), "tester");
        let submitted = engine.submit(request).await.unwrap().execution;
        let parameters = submitted.trigger.parameters().unwrap();
        assert_eq!(parameters["tag"], "v2", "{evaluator}");
        let run = ended(&engine, &submitted.id).await;
        assert_eq!(run.stages[0].status, Status::Succeeded, "{evaluator}");
        assert_eq!(run.stages[0].context["tag"], "v2", "{evaluator}");
        assert_eq!(run.template_variables.unwrap()["page"], "a", "{evaluator}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_minds_failed_expressions_fails_by_each_kind_of_them() {
    let table = [
        (
            json!({"type": "wait", "text": "${#nothing()}"}),
            Status::Terminal,
        ),
        (
            json!({"type": "wait", "text": "${nothing}"}),
            Status::Terminal,
        ),
        (
            json!({"type": "wait", "text": "${1 + 1}"}),
            Status::Succeeded,
        ),
        (
            json!({"type": "wait", "stageEnabled": {"type": "expression", "expression": "nothing.more"}}),
            Status::Terminal,
        ),
        (
            json!({"type": "wait", "stageEnabled": {"type": "expression", "expression": "1 == 2"}}),
            Status::Skipped,
        ),
        (
            json!({"type": "evaluateVariables", "variables": [{"key": "a", "value": "${#nothing()}"}]}),
            Status::Terminal,
        ),
        (
            json!({"type": "wait", "text": "${#nothing()}", "failOnFailedExpressions": false}),
            Status::Succeeded,
        ),
    ];
    for evaluator in ["v3", "v4"] {
        for (stage, expected) in &table {
            let (engine, _, _) = fresh();
            let document = json!({
                "id": "p", "name": "p", "application": "sim", "spelEvaluator": evaluator,
                "failOnFailedExpressions": true, "stages": [stage],
            });
            let request = StartRequest::manual(pipeline(document), Map::new(), "tester");
            let id = engine.submit(request).await.unwrap().execution.id.clone();
            let run = ended(&engine, &id).await;
            assert_eq!(run.stages[0].status, *expected, "{evaluator} {stage}");
            assert!(run.fail_on_failed_expressions);
        }
    }
}

#[test]
fn a_crash_between_the_question_and_its_use_asks_again() {
    let condition = "#fromUrl('https://pages.example/go') == 'go'";
    let document = json!({
        "id": "p", "name": "p", "application": "sim", "spelEvaluator": "v4",
        "stages": [{"refId": "1", "type": "wait", "page": "${#fromUrl('https://pages.example/a')}",
                    "stageEnabled": {"type": "expression", "expression": condition}}],
    });
    // The pages take 30 ms each: before the first, between both, and after both.
    for millis in [1, 29, 31, 45, 61, 90] {
        let mut machine = Machine::new(3);
        let id = machine.live(async |engine| {
            let request = StartRequest::manual(pipeline(document.clone()), Map::new(), "tester");
            let id = engine.submit(request).await.unwrap().execution.id.clone();
            tokio::time::sleep(Duration::from_millis(millis)).await;
            id
        });
        let run = machine.live(async |engine| ended(&engine, &id).await);
        assert_eq!(run.status, Status::Succeeded, "after {millis} ms");
        assert_eq!(run.stages[0].context["page"], "a", "after {millis} ms");
    }
}
