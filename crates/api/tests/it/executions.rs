//! Reading, listing, holding, ending, restarting and deleting executions.

use serde_json::{Value, json};

use crate::support::{Api, START, pipeline, waiting};

#[tokio::test]
async fn an_execution_is_held_goes_on_ends_and_is_forgotten() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let path = |command: &str| format!("/pipelines/{id}{command}");
    for (method, command, line) in [
        ("PUT", "/resume", Some(409)),
        ("PUT", "/pause", None),
        ("PUT", "/pause", Some(409)),
        ("PUT", "/resume", None),
        ("DELETE", "", Some(409)),
        ("PUT", "/cancel?reason=too%20late&force=true", None),
        ("PUT", "/cancel?reason=", None),
        ("PUT", "/pause", Some(409)),
    ] {
        let answer = api.call(method, &path(command), None).await;
        match line {
            None => assert_eq!(answer.line(), "200", "{method} {command}"),
            Some(status) => assert_eq!(answer.status, status, "{method} {command} {answer:?}"),
        }
    }
    let execution = api.execution(&id).await;
    assert_eq!(execution["status"], "CANCELED");
    assert_eq!(execution["cancellationReason"], "too late");
    assert_eq!(execution["canceledBy"], "anonymous");
    assert_eq!(api.call("DELETE", &path(""), None).await.line(), "200");
    let gone = api.get(&path("")).await;
    assert_eq!(
        (gone.status.as_u16(), gone.message()),
        (404, format!("there is no execution {id}"))
    );
}

#[tokio::test]
async fn the_command_line_sends_a_placeholder_for_the_application() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let path = format!("/applications/%7Bapplication%7D/pipelines/{id}/cancel?reason=");
    assert_eq!(api.call("PUT", &path, None).await.line(), "200");
    assert_eq!(api.execution(&id).await["status"], "CANCELED");
}

#[tokio::test]
async fn an_ended_execution_cannot_be_canceled() {
    let api = Api::new();
    api.save(pipeline("quick", "noop")).await;
    let id = api.start("quick", json!({})).await;
    let answer = api
        .call("PUT", &format!("/pipelines/{id}/cancel"), None)
        .await;
    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.message(),
        format!("execution {id} has already ended: it is SUCCEEDED")
    );
}

#[tokio::test]
async fn what_is_not_there_is_a_404_for_every_command() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    for (method, path) in [
        ("GET", "/pipelines/nothing"),
        ("DELETE", "/pipelines/nothing"),
        ("PUT", "/pipelines/nothing/cancel"),
        ("PUT", "/applications/shop/pipelines/nothing/cancel"),
        ("PUT", "/pipelines/nothing/pause"),
        ("PUT", "/pipelines/nothing/resume"),
        ("PATCH", "/pipelines/nothing/stages/s"),
        ("PATCH", &format!("/pipelines/{id}/stages/nothing")),
        ("PUT", "/pipelines/nothing/stages/s/restart"),
        ("PUT", &format!("/pipelines/{id}/stages/nothing/restart")),
        ("GET", "/executions/nothing/events"),
        ("GET", "/executions?executionIds=nothing"),
        ("GET", "/executions/failedStages?executionId=nothing"),
        ("GET", "/tasks/nothing"),
        ("PUT", "/tasks/nothing/cancel"),
        ("DELETE", "/tasks/nothing"),
        ("GET", "/pipelines/a%20b"),
        ("GET", "/credentials/nothing"),
    ] {
        let body = (method == "PATCH").then(|| json!({"a": 1}));
        let answer = api.call(method, path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert!(
            answer.message().contains("no "),
            "{method} {path}: {}",
            answer.message()
        );
    }
}

#[tokio::test]
async fn a_stage_is_patched_and_restarted() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let stage = api.execution(&id).await["stages"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/pipelines/{id}/stages/{stage}");
    let restart = format!("{path}/restart");
    let running = api
        .call("PUT", &restart, Some(json!({"anything": 1})))
        .await;
    assert_eq!(running.status, 409, "{running:?}");
    let skipped = api
        .call("PATCH", &path, Some(json!({"skipRemainingWait": true})))
        .await;
    assert_eq!(skipped.status, 200, "{skipped:?}");
    assert_eq!(
        skipped.json()["stages"][0]["context"]["lastModifiedBy"],
        "anonymous"
    );
    assert_eq!(skipped.json()["status"], "SUCCEEDED");
    let late = api
        .call("PATCH", &path, Some(json!({"skipRemainingWait": true})))
        .await;
    assert_eq!(late.status, 409);
    let again = api.call("PUT", &restart, None).await;
    assert_eq!(
        (again.status.as_u16(), again.json()["status"].as_str()),
        (200, Some("RUNNING"))
    );
    assert_eq!(
        api.call("PATCH", &path, Some(json!(["x"]))).await.status,
        400
    );
    assert_eq!(api.call("PATCH", &path, None).await.status, 400);
}

#[tokio::test]
async fn an_unchanged_execution_is_not_sent_again() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let path = format!("/pipelines/{id}");
    let first = api.get(&path).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let same = api
        .call_with("GET", &path, &[("if-none-match", &tag)], None)
        .await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
    api.call("PUT", &format!("{path}/pause"), None).await;
    let other = api
        .call_with("GET", &path, &[("if-none-match", &tag)], None)
        .await;
    assert_eq!(other.status, 200);
    assert_ne!(other.headers["etag"], tag.as_str());
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn executions_are_listed_by_their_ids_or_by_their_pipelines() {
    let api = Api::new();
    let quick = api.save(pipeline("quick", "noop")).await;
    let slow = api.save(waiting("slow")).await;
    let mut made = Vec::new();
    for name in ["quick", "slow", "quick"] {
        made.push(api.start(name, json!({})).await);
        api.advance(1000);
    }
    let (a, b, c) = (&*made[0], &*made[1], &*made[2]);
    let list = async |query: String| api.get(&format!("/executions?{query}")).await.json();
    for (query, expected) in [
        (String::new(), vec![]),
        ("executionIds=&pipelineConfigIds=".to_owned(), vec![]),
        (format!("executionIds={a},{b}&limit=1"), vec![a, b]),
        (format!("executionIds={a}&executionIds=nothing"), vec![a]),
        (format!("executionIds={a},{b}&statuses=RUNNING"), vec![b]),
        (format!("pipelineConfigIds={quick}"), vec![c]),
        (
            format!("pipelineConfigIds={quick},{slow}&limit=5&statuses="),
            vec![c, a, b],
        ),
        (
            format!("pipelineConfigIds={quick}&limit=5&statuses=RUNNING,TERMINAL"),
            vec![],
        ),
        ("pipelineConfigIds=nothing".to_owned(), vec![]),
    ] {
        assert_eq!(ids(&list(query.clone()).await), expected, "{query}");
    }
    let both = api
        .get(&format!(
            "/executions?executionIds={a}&pipelineConfigIds={quick}"
        ))
        .await;
    assert_eq!(both.status, 400);
    let outline = list(format!("executionIds={b}&expand=false")).await;
    assert_eq!(outline[0]["stages"][0]["context"], json!({}));
    assert_eq!(outline[0]["stages"][0]["tasks"], json!([]));
}

#[tokio::test]
async fn an_applications_executions_are_limited_for_each_pipeline() {
    let api = Api::new();
    api.save(pipeline("quick", "noop")).await;
    api.save(pipeline("rare", "noop")).await;
    let mut rare = Vec::new();
    for _ in 0..3 {
        rare.push(api.start("rare", json!({})).await);
        api.advance(1000);
    }
    api.advance(15 * 24 * 60 * 60 * 1000);
    let mut quick = Vec::new();
    for _ in 0..3 {
        quick.push(api.start("quick", json!({})).await);
        api.advance(1000);
    }
    let list = async |query: &str| {
        api.get(&format!("/applications/Shop/pipelines{query}"))
            .await
            .json()
    };
    let everything = list("").await;
    assert_eq!(
        ids(&everything),
        [&rare[1], &rare[2], &quick[0], &quick[1], &quick[2]]
    );
    assert_eq!(ids(&list("?limit=1").await), [&rare[2], &quick[2]]);
    assert_eq!(
        ids(&list("?limit=1&pipelineNameFilter=QUI").await),
        [&quick[2]]
    );
    assert_eq!(ids(&list("?statuses=RUNNING").await), [""; 0]);
    assert_eq!(
        ids(&list("?expand=false&limit=1&statuses=SUCCEEDED,TERMINAL").await).len(),
        2
    );
    assert_eq!(list("").await[0]["buildTime"], START + 1000);
    assert_eq!(
        ids(&api.get("/applications/nowhere/pipelines").await.json()),
        [""; 0]
    );
}

#[tokio::test]
async fn failed_stages_are_found_in_child_pipelines_too() {
    let api = Api::new();
    let child = api.save(pipeline("child", "teleport")).await;
    let parent = json!({"name": "parent", "application": "shop", "stages": [
        {"refId": "1", "type": "pipeline", "name": "run child", "application": "shop", "pipeline": child,
         "waitForCompletion": true, "failPipeline": false},
        {"refId": "2", "type": "teleport", "failPipeline": false},
    ]});
    api.save(parent).await;
    let mut news = api.state.engine().watch();
    let id = api.start("parent", json!({})).await;
    while api.execution(&id).await["status"] == "RUNNING" {
        news.recv().await.unwrap();
    }
    let answer = api
        .get(&format!(
            "/executions/failedStages?executionId={id}&deckOrigin=http://deck/&limit=1"
        ))
        .await;
    assert_eq!(answer.status, 200);
    let failed = answer.json();
    assert_eq!(failed.as_array().unwrap().len(), 1, "{failed}");
    for (limit, count) in [("", 1), ("&limit=2", 2), ("&limit=9", 2)] {
        let path = format!("/executions/failedStages?executionId={id}{limit}");
        let found = api.get(&path).await.json();
        assert_eq!(found.as_array().unwrap().len(), count, "{limit}: {found}");
    }
    let path = format!("/executions/failedStages?executionId={id}&limit=0");
    assert_eq!(api.get(&path).await.status, 400);
    assert_eq!(failed[0]["pipelineName"], "child");
    assert_eq!(failed[0]["type"], "teleport");
    assert_eq!(failed[0]["status"], "TERMINAL");
    assert!(
        failed[0]["errors"][0]
            .as_str()
            .unwrap()
            .contains("teleport"),
        "{failed}"
    );
    assert!(
        failed[0]["url"]
            .as_str()
            .unwrap()
            .starts_with("http://deck/#/applications/shop/executions/details/")
    );
    assert_eq!(api.get("/executions/failedStages").await.status, 400);
}
