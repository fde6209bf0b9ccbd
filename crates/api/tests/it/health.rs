//! Whether the server says how it is.

use serde_json::json;

use spindrift_api::{ApiOptions, install_metrics};

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
async fn the_figures_are_there_for_prometheus() {
    let handle = install_metrics().unwrap();
    assert!(install_metrics().is_err());
    let api = Api::with(ApiOptions {
        metrics: Some(handle),
        ..ApiOptions::default()
    });
    api.save(waiting("release")).await;
    api.start("release", json!({})).await;
    api.call("BREW", "/version", None).await;
    api.get("/nowhere/at/all").await;
    let figures = api.get("/metrics").await;
    assert_eq!(
        figures.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = String::from_utf8(figures.body.to_vec()).unwrap();
    for line in [
        "spindrift_http_requests_total{method=\"POST\",route=\"/pipelines\",status=\"200\"}",
        "spindrift_http_requests_total{method=\"other\",route=\"/version\",status=\"405\"} 1",
        "spindrift_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"}",
        "spindrift_http_answer_seconds_bucket{route=\"/pipelines\",le=\"0.001\"}",
        "spindrift_store_up 1",
        "spindrift_decisions_total",
        "spindrift_stage_transitions_total",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
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
