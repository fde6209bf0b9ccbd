//! The changes of an execution as they happen.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::Request;
use futures::StreamExt;
use serde_json::{Value, json};
use spindrift_api::router;
use tower::ServiceExt;

use crate::support::{Api, pipeline, request, waiting};

struct Events {
    stream: BodyDataStream,
    text: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: u64,
    data: Value,
}

impl Events {
    async fn open(api: &Api, request: Request<axum::body::Body>) -> Self {
        let response = router(api.state.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let stream = response.into_body().into_data_stream();
        Self {
            stream,
            text: String::new(),
        }
    }

    async fn of(api: &Api, id: &str) -> Self {
        Self::open(
            api,
            request("GET", &format!("/executions/{id}/events"), &[], None),
        )
        .await
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.stream.next())
                .await
                .unwrap()?;
            self.text
                .push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }
}

fn parse(text: &str) -> Option<Event> {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Some(Event {
        name: field("event")?.to_owned(),
        id: field("id")?.parse().unwrap(),
        data: serde_json::from_str(field("data")?).unwrap(),
    })
}

#[tokio::test]
async fn a_run_is_followed_to_its_end() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let mut events = Events::of(&api, &id).await;
    let snapshot = events.next().await.unwrap();
    assert_eq!(
        (snapshot.name.as_str(), &snapshot.data["status"]),
        ("snapshot", &json!("RUNNING"))
    );
    assert_eq!(json!(snapshot.id), snapshot.data["version"]);
    let stage = snapshot.data["stages"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    api.call("PUT", &format!("/pipelines/{id}/pause"), None)
        .await;
    let paused = events.next().await.unwrap();
    assert_eq!(
        (paused.name.as_str(), &paused.data["status"]),
        ("change", &json!("PAUSED"))
    );
    assert!(paused.id > snapshot.id);
    assert_eq!(paused.data["stages"][0]["id"], stage);
    assert_eq!(paused.data["paused"]["pausedBy"], "anonymous");
    // Nobody else's run is told.
    api.start("release", json!({})).await;
    api.call(
        "PUT",
        &format!("/pipelines/{id}/cancel?reason=enough"),
        None,
    )
    .await;
    let canceled = events.next().await.unwrap();
    assert_eq!(
        (&canceled.data["id"], &canceled.data["status"]),
        (&json!(id), &json!("CANCELED"))
    );
    assert_eq!(canceled.data["cancellationReason"], "enough");
    assert_eq!(canceled.data["stages"][0]["status"], "CANCELED");
    let end = events.next().await.unwrap();
    assert_eq!(
        (end.name.as_str(), &end.data["status"], end.id),
        ("end", &json!("CANCELED"), canceled.id)
    );
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn an_ended_run_is_told_once() {
    let api = Api::new();
    api.save(pipeline("quick", "noop")).await;
    let id = api.start("quick", json!({})).await;
    let mut events = Events::of(&api, &id).await;
    let snapshot = events.next().await.unwrap();
    assert_eq!(
        (snapshot.name.as_str(), &snapshot.data["status"]),
        ("snapshot", &json!("SUCCEEDED"))
    );
    assert_eq!(events.next().await.unwrap().name, "end");
    assert!(events.next().await.is_none());
    let version = snapshot.id.to_string();
    let path = format!("/executions/{id}/events");
    let again = api
        .call_with("GET", &path, &[("last-event-id", &version)], None)
        .await;
    assert_eq!((again.status.as_u16(), again.body.len()), (204, 0));
}

#[tokio::test]
async fn whoever_comes_back_goes_on_where_they_were() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let version = api.execution(&id).await["version"].as_u64().unwrap();
    let path = format!("/executions/{id}/events");
    let come_back = async |seen: &str| {
        Events::open(
            &api,
            request("GET", &path, &[("last-event-id", seen)], None),
        )
        .await
    };
    let mut current = come_back(&version.to_string()).await;
    let mut behind = come_back("nonsense").await;
    api.call("PUT", &format!("/pipelines/{id}/pause"), None)
        .await;
    assert_eq!(current.next().await.unwrap().name, "change");
    assert_eq!(behind.next().await.unwrap().name, "snapshot");
    assert_eq!(behind.next().await.unwrap().data["status"], "PAUSED");
}

#[tokio::test]
async fn every_change_of_a_stage_reaches_the_watcher() {
    let api = Api::new();
    let stages: Vec<Value> =
        (0..30).map(|n| json!({"refId": n.to_string(), "type": "manualJudgment", "requisiteStageRefIds": []})).collect();
    api.save(json!({"name": "many", "application": "shop", "stages": stages}))
        .await;
    let id = api.start("many", json!({})).await;
    let mut events = Events::of(&api, &id).await;
    let snapshot = events.next().await.unwrap().data;
    let mut seen = snapshot["stages"].as_array().unwrap().clone();
    for stage in snapshot["stages"].as_array().unwrap() {
        let path = format!("/pipelines/{id}/stages/{}", stage["id"].as_str().unwrap());
        let answer = api
            .call("PATCH", &path, Some(json!({"judgmentStatus": "continue"})))
            .await;
        assert_eq!(answer.status, 200);
    }
    while let Some(event) = events.next().await {
        if event.name != "change" {
            continue;
        }
        for stage in event.data["stages"].as_array().unwrap() {
            let serial = usize::try_from(stage["serial"].as_u64().unwrap()).unwrap();
            seen[serial] = stage.clone();
        }
    }
    assert_eq!(json!(seen), api.execution(&id).await["stages"]);
}
