//! What expressions give in an execution as it stands.

use serde_json::{Value, json};

use crate::support::{Api, request};

struct Run {
    api: Api,
    id: String,
    stages: Vec<String>,
}

async fn run() -> Run {
    let api = Api::new();
    let stages = json!([
        {"refId": "1", "type": "evaluateVariables", "name": "set", "variables": [{"key": "color", "value": "blue"}]},
        {"refId": "2", "type": "manualJudgment", "name": "ask", "requisiteStageRefIds": ["1"], "note": "mine"},
    ]);
    api.save(json!({"name": "release", "application": "shop", "stages": stages}))
        .await;
    let id = api
        .start("release", json!({"parameters": {"tag": "7"}}))
        .await;
    let stages = api.execution(&id).await["stages"]
        .as_array()
        .unwrap()
        .clone();
    let stages = stages
        .iter()
        .map(|stage| stage["id"].as_str().unwrap().to_owned())
        .collect();
    Run { api, id, stages }
}

fn encode(expression: &str) -> String {
    percent_encoding::utf8_percent_encode(expression, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
}

#[tokio::test]
async fn an_expression_is_evaluated_where_it_is_asked_for() {
    let run = run().await;
    let before = run.api.execution(&run.id).await;
    let outside = format!("/pipelines/{}/evaluateExpression", run.id);
    let inside = format!("/pipelines/{}/{}/evaluateExpression", run.id, run.stages[1]);
    for (path, expression, result) in [
        (&outside, "${trigger.parameters.tag}", json!("7")),
        (&outside, "${execution.stages.size()}", json!(2)),
        (&outside, "plain", json!("plain")),
        (&inside, "${color}", json!("blue")),
        (&inside, "${note + '!'}", json!("mine!")),
        (&inside, "${parameters.tag == '7'}", json!(true)),
        (
            &inside,
            "${#stage('set').status.toString()}",
            json!("SUCCEEDED"),
        ),
    ] {
        let asked = run
            .api
            .get(&format!("{path}?expression={}", encode(expression)))
            .await;
        assert_eq!(
            asked.json(),
            json!({"result": result, "detail": {}}),
            "{expression}"
        );
        let posted = run
            .api
            .call("POST", path, Some(json!({"expression": expression})))
            .await;
        assert_eq!(posted.json()["result"], result, "{expression}");
        let plain = [("content-type", "text/plain")];
        let typed = run
            .api
            .send(request("POST", path, &plain, Some(expression.to_owned())))
            .await;
        assert_eq!(typed.json()["result"], result, "{expression}");
    }
    assert_eq!(run.api.execution(&run.id).await, before);
}

#[tokio::test]
async fn a_failure_is_explained() {
    let run = run().await;
    let inside = format!("/pipelines/{}/{}/evaluateExpression", run.id, run.stages[1]);
    let failed = run
        .api
        .get(&format!("{inside}?expression={}", encode("${#nothing()}")))
        .await;
    assert_eq!(
        (failed.status.as_u16(), &failed.json()["result"]),
        (200, &json!("${#nothing()}"))
    );
    let (_, entries) = failed.json()["detail"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .map(|(k, v)| (k.clone(), v.clone()))
        .unwrap();
    assert_eq!(entries[0]["level"], "ERROR");
    let current = run
        .api
        .get(&format!(
            "{inside}?expression={}",
            encode("${#currentStage().name}")
        ))
        .await;
    assert_ne!(current.json()["detail"], json!({}));
    let fetching = run
        .api
        .get(&format!(
            "{inside}?expression={}",
            encode("${#fromUrl('https://example.org/x')}")
        ))
        .await;
    assert_eq!(fetching.status, 422, "{fetching:?}");
    let path = format!("/pipelines/{}/evaluateExpression", run.id);
    for (method, path, body, status) in [
        ("GET", path.as_str(), None, 400),
        ("POST", &path, None, 400),
        ("POST", &path, Some(json!([1])), 400),
        ("POST", &path, Some(json!({"text": "x"})), 400),
        (
            "POST",
            "/pipelines/nothing/evaluateExpression",
            Some(json!("x")),
            404,
        ),
        (
            "POST",
            &format!("/pipelines/{}/nothing/evaluateExpression", run.id),
            Some(json!("x")),
            404,
        ),
    ] {
        let answer = run.api.call(method, path, body.clone()).await;
        assert_eq!(answer.status, status, "{method} {path} {body:?}");
    }
}

#[tokio::test]
async fn variables_are_evaluated_behind_the_stages_that_are_named() {
    let run = run().await;
    let path = format!("/pipelines/{}/evaluateVariables", run.id);
    let list = json!([{"key": "a", "value": "${color}"}, {"key": "b", "value": "${a + '-' + parameters.tag}"}]);
    let values = async |query: &str| {
        let answer = run
            .api
            .call("POST", &format!("{path}{query}"), Some(list.clone()))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let values: Vec<Value> = answer["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["value"].clone())
            .collect();
        values
    };
    assert_eq!(
        values("?requisiteStageRefIds=1&spelVersion=v4").await,
        [json!("blue"), json!("blue-7")]
    );
    // Version 3 does not see the variables before.
    assert_eq!(values("?requisiteStageRefIds=1,2").await[0], "blue");
    assert_ne!(values("?requisiteStageRefIds=1").await[1], "blue-7");
    // Without the stage that set it there is no color.
    assert_eq!(values("?spelVersion=v4").await[0], "${color}");
    for (query, body, status) in [
        ("?requisiteStageRefIds=9", list.clone(), 422),
        ("?spelVersion=v9", list.clone(), 400),
        ("", json!({}), 400),
        ("", json!([{"value": 1}]), 400),
    ] {
        let answer = run
            .api
            .call("POST", &format!("{path}{query}"), Some(body.clone()))
            .await;
        assert_eq!(answer.status, status, "{query} {body}");
    }
}
