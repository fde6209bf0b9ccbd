//! Scripted failures, and the record of requests.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use spindrift_sandbox::{Fault, Requests};
use tower::ServiceExt as _;

use crate::support::{World, config_map, object, over_tcp, refusal, resource, world};

/// The bare answer, before a client retries.
async fn answer(world: &World, path: &str) -> (u16, Option<String>, Value) {
    let response = world
        .sandbox
        .router()
        .oneshot(Request::get(path).body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (code, retry) = (
        response.status().as_u16(),
        response
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap().to_owned()),
    );
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (code, retry, serde_json::from_slice(&bytes).unwrap())
}

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn the_next_requests_fail_as_scripted_and_then_work() {
    let world = world();
    let faults = world.sandbox.faults();
    for (fault, code, reason) in [
        (
            Fault::TooManyRequests { retry_after: 3 },
            429,
            "TooManyRequests",
        ),
        (Fault::InternalError, 500, "InternalError"),
        (Fault::Unavailable, 503, "ServiceUnavailable"),
        (Fault::Timeout, 504, "Timeout"),
        (Fault::Forbidden, 403, "Forbidden"),
        (Fault::Conflict, 409, "Conflict"),
        (
            Fault::Status {
                code: 418,
                reason: "Teapot".into(),
                message: "short and stout".into(),
            },
            418,
            "Teapot",
        ),
    ] {
        faults.next(1, Requests::on("pods").verbs(["list"]), fault);
        let (got, retry, body) = answer(&world, PODS).await;
        assert_eq!(
            (got, body["reason"].as_str(), body["kind"].as_str()),
            (code, Some(reason), Some("Status"))
        );
        assert_eq!(retry.as_deref(), (code == 429).then_some("3"));
        assert_eq!(answer(&world, PODS).await.0, 200);
    }
}

#[tokio::test]
async fn a_client_that_retries_gets_through() {
    let world = world();
    let client = over_tcp(&world.sandbox).await;
    world.sandbox.faults().next(
        1,
        Requests::on("pods"),
        Fault::TooManyRequests { retry_after: 1 },
    );
    let api = kube::Api::<kube::api::DynamicObject>::default_namespaced_with(
        client,
        &resource("v1", "Pod"),
    );
    api.list(&Default::default()).await.unwrap();
    let codes: Vec<_> = world
        .sandbox
        .requests()
        .iter()
        .map(|request| request.code)
        .collect();
    assert_eq!(codes, [429, 200]);
}

#[tokio::test]
async fn admission_denials_have_the_words_of_a_webhook() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    let denied = Fault::Denied {
        webhook: "policy.example.com".into(),
        message: "no maps on fridays".into(),
    };
    let rule = world
        .sandbox
        .faults()
        .always(Requests::writes().namespace("default"), denied);
    let refused = refusal(
        api.create(&PostParams::default(), &object(config_map("c", json!({}))))
            .await,
    );
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            403,
            "admission webhook \"policy.example.com\" denied the request: no maps on fridays"
        )
    );
    assert!(world.sandbox.faults().remove(rule));
    let mut noted = config_map("c", json!({}));
    noted["metadata"]["annotations"] = json!({"sandbox.spindrift.io/deny": "because it says so"});
    let refused = refusal(api.create(&PostParams::default(), &object(noted)).await);
    assert!(
        refused
            .message
            .ends_with("denied the request: because it says so"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn connections_break_before_or_after_the_deed() {
    let world = world();
    for client in [world.client.clone(), over_tcp(&world.sandbox).await] {
        let api = kube::Api::<kube::api::DynamicObject>::default_namespaced_with(
            client,
            &resource("v1", "ConfigMap"),
        );
        let create = Requests::on("configmaps").verbs(["create"]);
        world.sandbox.faults().next(1, create.clone(), Fault::Reset);
        assert!(
            api.create(&PostParams::default(), &object(config_map("c", json!({}))))
                .await
                .is_err()
        );
        assert!(
            api.get_opt("c").await.unwrap().is_none(),
            "nothing was done"
        );
        world.sandbox.faults().next(1, create, Fault::CutAnswer);
        assert!(
            api.create(&PostParams::default(), &object(config_map("c", json!({}))))
                .await
                .is_err()
        );
        api.delete("c", &DeleteParams::default())
            .await
            .expect("it was done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_passes_on_the_clock() {
    let world = world();
    let before = tokio::time::Instant::now();
    world
        .sandbox
        .faults()
        .next(1, Requests::all(), Fault::Delay(Duration::from_secs(20)));
    world
        .api("v1", "Pod")
        .list(&Default::default())
        .await
        .unwrap();
    assert_eq!(before.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn the_record_tells_writes_from_reads_and_dry_runs() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    api.patch(
        "c",
        &PatchParams::apply("m").dry_run(),
        &Patch::Apply(config_map("c", json!({}))),
    )
    .await
    .unwrap();
    api.get_opt("c").await.unwrap();
    assert!(
        !world
            .sandbox
            .requests()
            .iter()
            .any(|request| request.is_write()),
        "nothing was written"
    );
    world.make(config_map("c", json!({}))).await;
    let writes: Vec<_> = world
        .sandbox
        .requests()
        .into_iter()
        .filter(|request| request.is_write())
        .map(|request| (request.verb, request.path, request.code))
        .collect();
    assert_eq!(
        writes,
        [(
            "create".to_owned(),
            "/api/v1/namespaces/default/configmaps".to_owned(),
            201
        )]
    );
}
