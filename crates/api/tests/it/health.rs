//! Whether the server says how it is.

use serde_json::json;

use crate::support::{Api, waiting};

#[tokio::test]
async fn a_stopped_store_is_told_and_refuses_work() {
    let api = Api::new();
    assert_eq!(api.get("/health").await.json()["status"], "UP");
    assert_eq!(api.get("/ready").await.json()["ready"], true);
    api.save(waiting("release")).await;
    api.store.stop("no space left on device");
    let health = api.get("/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["status"], "DOWN");
    assert_eq!(
        health.json()["components"]["store"]["details"]["stopped"],
        "no space left on device"
    );
    let ready = api.get("/ready").await;
    assert_eq!(
        (ready.status.as_u16(), &ready.json()["reason"]),
        (503, &json!("no space left on device"))
    );
    for (path, body) in [
        ("/pipelines", Some(waiting("other"))),
        ("/pipelines/shop/release", None),
    ] {
        let answer = api.call("POST", path, body).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.headers["retry-after"], "5");
        assert!(
            answer.message().contains("no space left"),
            "{}",
            answer.message()
        );
    }
}

#[tokio::test]
async fn the_little_things_that_clients_read() {
    let api = Api::new();
    let transcript = api
        .transcript(&[
            ("GET", "/version", None),
            ("GET", "/credentials", None),
            ("GET", "/auth/user", None),
            ("GET", "/capabilities/deploymentMonitors", None),
            ("GET", "/capabilities/quietPeriod", None),
            ("GET", "/metrics", None),
        ])
        .await;
    insta::assert_snapshot!(transcript);
    let types = api.get("/capabilities/stageTypes").await.json();
    assert!(types.as_array().unwrap().contains(&json!("manualJudgment")));
}
