//! Starting executions.

use serde_json::{Value, json};

use crate::support::{Api, pipeline, waiting};

#[tokio::test]
async fn a_start_answers_202_and_where_to_look() {
    let api = Api::new();
    api.save(waiting("release")).await;
    for body in [
        None,
        Some(json!(null)),
        Some(json!({})),
        Some(json!({"type": "manual", "parameters": {}, "artifacts": []})),
        Some(json!({"trigger": {"type": "manual"}})),
    ] {
        let answer = api
            .call("POST", "/pipelines/shop/release", body.clone())
            .await;
        assert_eq!(answer.status, 202, "{body:?}");
        let path = answer.json()["ref"].as_str().unwrap().to_owned();
        let execution = api.get(&path).await.json();
        assert_eq!(execution["trigger"]["type"], "manual", "{body:?}");
        assert_eq!(execution["status"], "RUNNING");
        assert_eq!(execution["origin"], "api");
    }
}

#[tokio::test]
async fn the_trigger_keeps_what_it_came_with_and_the_caller_is_the_user() {
    let api = Api::new();
    let mut document = waiting("release");
    document["notifications"] = json!([{"type": "email", "address": "team"}]);
    document["parameterConfig"] =
        json!([{"name": "tag", "required": true}, {"name": "zone", "default": "eu"}]);
    api.save(document).await;
    let trigger = json!({
        "type": "webhook", "user": "root", "parameters": {"tag": "7"}, "payload": {"deep": [1]},
        "executionId": "01J9ZD2M6X3V5Q7W9Y1B3D5F7H", "notifications": [{"type": "slack"}],
    });
    let answer = api
        .call_with(
            "POST",
            "/pipelines/shop/release",
            &[("x-spinnaker-user", "ann")],
            Some(json!({"trigger": trigger})),
        )
        .await;
    assert_eq!(
        answer.line(),
        r#"202 {"ref":"/pipelines/01J9ZD2M6X3V5Q7W9Y1B3D5F7H"}"#
    );
    let execution = api.execution("01J9ZD2M6X3V5Q7W9Y1B3D5F7H").await;
    assert_eq!(execution["trigger"]["user"], "ann");
    assert_eq!(execution["authentication"]["user"], "ann");
    assert_eq!(
        execution["trigger"]["parameters"],
        json!({"tag": "7", "zone": "eu"})
    );
    assert_eq!(execution["trigger"]["payload"], json!({"deep": [1]}));
    assert_eq!(
        execution["notifications"],
        json!([{"type": "email", "address": "team"}, {"type": "slack"}])
    );
    let again = api
        .call("POST", "/pipelines/shop/release", Some(trigger))
        .await;
    assert_eq!(again.status, 409, "{again:?}");
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_with_the_reason() {
    let api = Api::new();
    let mut document = waiting("release");
    document["parameterConfig"] = json!([{"name": "tag", "required": true}, {"name": "zone", "hasOptions": true, "options": [{"value": "eu"}]}]);
    api.save(document).await;
    let mut disabled = waiting("off");
    disabled["disabled"] = true.into();
    api.save(disabled).await;
    api.save(json!({"name": "empty", "application": "shop"}))
        .await;
    let transcript = api
        .transcript(&[
            ("POST", "/pipelines/shop/release", None),
            (
                "POST",
                "/pipelines/shop/release",
                Some(json!({"parameters": {"tag": "1", "zone": "us"}})),
            ),
            ("POST", "/pipelines/shop/off", None),
            ("POST", "/pipelines/shop/empty", None),
            ("POST", "/pipelines/shop/nothing", None),
            ("POST", "/pipelines/shop/release", Some(json!([1]))),
            (
                "POST",
                "/pipelines/shop/release",
                Some(json!({"executionId": "a b"})),
            ),
            (
                "POST",
                "/pipelines/shop/release",
                Some(json!({"executionId": 7})),
            ),
        ])
        .await;
    insta::assert_snapshot!(transcript);
}

#[tokio::test]
async fn the_same_correlation_id_is_the_same_execution() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let first = api
        .start("release", json!({"correlationId": "build-7"}))
        .await;
    let second = api
        .start("release", json!({"correlationId": "build-7"}))
        .await;
    assert_eq!(first, second);
    let canceled = api
        .call("PUT", &format!("/pipelines/{first}/cancel"), None)
        .await;
    assert_eq!(canceled.line(), "200");
    let third = api
        .start("release", json!({"correlationId": "build-7"}))
        .await;
    assert_ne!(first, third);
}

#[tokio::test]
async fn a_pipeline_may_have_any_name() {
    let api = Api::new();
    for (name, path) in [
        ("cancel", "cancel"),
        ("pause", "pause"),
        ("resume", "resume"),
        ("deploy / prod", "deploy%20%2F%20prod"),
        ("größe?#%", "gr%C3%B6%C3%9Fe%3F%23%25"),
        ("a+b", "a+b"),
        ("history", "history"),
    ] {
        api.save(waiting(name)).await;
        let id = api.start(path, json!({})).await;
        assert_eq!(api.execution(&id).await["name"], name);
        let found = api
            .get(&format!("/applications/shop/pipelineConfigs/{path}"))
            .await;
        assert_eq!(found.json()["name"], name);
        let deleted = api
            .call("DELETE", &format!("/pipelines/shop/{path}"), None)
            .await;
        assert_eq!(deleted.line(), "200", "{name}");
    }
}

#[tokio::test]
async fn a_pipeline_can_be_started_without_being_saved() {
    let api = Api::new();
    let mut document = waiting("once");
    document["trigger"] = json!({"parameters": {"a": 1}});
    let answer = api
        .call("POST", "/pipelines/start", Some(document.clone()))
        .await;
    assert_eq!(answer.status, 200);
    let execution = api.get(answer.json()["ref"].as_str().unwrap()).await.json();
    assert_eq!(execution["trigger"]["parameters"], json!({"a": 1}));
    assert_eq!(execution["pipelineConfigId"], Value::Null);
    document["plan"] = true.into();
    let planned = api
        .call("POST", "/pipelines/start", Some(document.clone()))
        .await;
    assert_eq!(
        (planned.status.as_u16(), planned.json()["status"].as_str()),
        (200, Some("NOT_STARTED"))
    );
    let id = planned.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("/pipelines/{id}")).await.status, 404);
    document["trigger"] = json!("manual");
    assert_eq!(
        api.call("POST", "/pipelines/start", Some(document))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn the_other_ways_to_start() {
    let api = Api::new();
    api.save(pipeline("quick", "noop")).await;
    let event = api
        .call(
            "POST",
            "/pipelines/v2/shop/quick",
            Some(json!({"type": "manual"})),
        )
        .await;
    assert_eq!(event.status, 202);
    let execution = api.get(event.json()["ref"].as_str().unwrap()).await.json();
    assert_eq!(execution["trigger"]["eventId"], event.json()["eventId"]);
    assert_eq!(execution["status"], "SUCCEEDED");
    let old = api
        .call("POST", "/applications/shop/pipelineConfigs/quick", None)
        .await;
    assert_eq!(old.status, 202);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let api = Api::new();
    let mut document = waiting("narrow");
    document["limitConcurrent"] = true.into();
    document["keepWaitingPipelines"] = true.into();
    api.save(document).await;
    for _ in 0..=spindrift_engine::MAX_WAITING {
        api.start("narrow", json!({})).await;
    }
    let answer = api.call("POST", "/pipelines/shop/narrow", None).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.headers["retry-after"], "5");
    assert!(
        answer.message().contains("wait already"),
        "{}",
        answer.message()
    );
}
