//! Every bad input ends in one clear answer.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use spindrift_api::{ApiOptions, Limits};
use spindrift_model::JsonLimits;

use crate::support::{Api, request, waiting};

#[tokio::test]
async fn bad_paths_and_queries_are_refused() {
    let api = Api::new();
    let long = format!("/applications/{}", "x".repeat(20_000));
    let table = [
        ("GET", "/nowhere", 404),
        ("GET", "/", 404),
        ("GET", "//", 404),
        ("GET", "/pipelines//", 404),
        ("GET", "/applications//pipelines", 400),
        ("GET", "/pipelines/%00", 400),
        ("GET", "/pipelines/%ff", 400),
        ("GET", "/pipelines/a%0ab", 400),
        ("GET", "/pipelines/%2e%2e%2fetc%2fpasswd", 404),
        ("GET", "/pipelines/../../etc/passwd", 404),
        ("GET", "/applications/%2e%2e/pipelineConfigs/x", 404),
        ("GET", &long, 414),
        ("GET", "/applications/shop/pipelines?limit=-1", 400),
        ("GET", "/applications/shop/pipelines?limit=0", 400),
        ("GET", "/applications/shop/pipelines?limit=1e3", 400),
        ("GET", "/applications/shop/pipelines?limit=100000", 400),
        ("GET", "/applications/shop/pipelines?statuses=DONE", 400),
        ("GET", "/applications/shop/pipelines?expand=2", 400),
        ("GET", "/applications/shop/pipelines?limit=%00", 400),
        (
            "GET",
            "/applications/shop/executions/search?size=100000",
            400,
        ),
        (
            "GET",
            "/applications/shop/executions/search?startIndex=-5",
            400,
        ),
        (
            "GET",
            "/applications/shop/executions/search?startIndex=99999999999",
            400,
        ),
        (
            "GET",
            "/applications/shop/executions/search?trigger=%25%25",
            400,
        ),
        (
            "GET",
            "/applications/shop/executions/search?trigger=W10%3D",
            400,
        ),
        ("GET", "/applications/shop/tasks?page=0", 400),
        ("PUT", "/tasks/cancel", 400),
        ("PATCH", "/pipelines", 405),
        ("GET", "/pipelines", 405),
        ("POST", "/version", 405),
        ("TRACE", "/version", 405),
        ("BREW", "/version", 405),
    ];
    for (method, path, status) in table {
        let answer = api.call(method, path, None).await;
        let shown = &path[..path.len().min(60)];
        assert_eq!(answer.status, status, "{method} {shown}: {answer:?}");
        let body = answer.json();
        assert_eq!(body["status"], status, "{method} {shown}");
        assert_eq!(body["timestamp"], "2026-05-28T20:26:40.000Z");
        assert!(!body["error"].as_str().unwrap().is_empty());
        assert!(!answer.message().is_empty(), "{method} {shown}");
        assert_eq!(answer.headers["content-type"], "application/json");
        if status == 405 {
            assert!(answer.headers.contains_key("allow"), "{method} {shown}");
        }
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_with_their_place() {
    let api = Api::with(ApiOptions {
        limits: Limits {
            json: JsonLimits {
                bytes: 4096,
                depth: 20,
            },
            ..Limits::default()
        },
        ..ApiOptions::default()
    });
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let large = format!("{:5000}", "{}");
    let table: [(&str, &str); 11] = [
        ("nothing", ""),
        ("blanks", "  \n"),
        ("not JSON", "name: release"),
        ("a form", "name=release&application=shop"),
        ("truncated", r#"{"name": "release", "stages": ["#),
        (
            "twice",
            r#"{"name": "a", "stages": [{"type": "wait", "refId": "1", "type": "deploy"}]}"#,
        ),
        ("two documents", "{} {}"),
        ("deep", &deep),
        ("large", &large),
        ("huge number", r#"{"name": 1e999}"#),
        ("lone surrogate", r#"{"name": "\ud800"}"#),
    ];
    let mut lines = String::new();
    for (name, body) in table {
        let answer = api
            .send(request("POST", "/pipelines", &[], Some(body.to_owned())))
            .await;
        lines.push_str(&format!("{name}\n  -> {}\n", answer.line()));
    }
    insta::assert_snapshot!(lines);
    let marked = format!("\u{feff}{}", waiting("marked"));
    assert_eq!(
        api.send(request("POST", "/pipelines", &[], Some(marked)))
            .await
            .status,
        200
    );
    let not_text = Request::builder()
        .method("POST")
        .uri("/pipelines")
        .header("host", "localhost");
    let answer = api
        .send(not_text.body(Body::from(vec![b'"', 0xff, b'"'])).unwrap())
        .await;
    assert_eq!(answer.status, 400);
    let packed = [("content-encoding", "gzip")];
    let answer = api
        .send(request("POST", "/pipelines", &packed, Some("x".to_owned())))
        .await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_read() {
    let api = Api::new();
    let announced = [("content-length", "10485761")];
    let answer = api
        .send(request("POST", "/pipelines", &announced, None))
        .await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.message(),
        "the body is too large; at most 10485760 bytes are accepted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let api = Api::new();
    let endless = Body::from_stream(futures::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    let request = Request::builder()
        .method("POST")
        .uri("/pipelines")
        .header("host", "localhost");
    let answer = api.send(request.body(endless).unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.message().as_str()),
        (408, "the body did not arrive within 25 s")
    );
}

#[tokio::test]
async fn head_and_options_are_answered() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let path = format!("/pipelines/{id}");
    let head = api.call("HEAD", &path, None).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let missing = api.call("HEAD", "/pipelines/nothing", None).await;
    assert_eq!(missing.status, 404);
    let options = api.call("OPTIONS", &path, None).await;
    assert_eq!((options.status.as_u16(), options.body.len()), (204, 0));
    let allowed = options.headers["allow"].to_str().unwrap();
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        assert!(allowed.contains(method), "{allowed}");
    }
}

#[tokio::test]
async fn the_requests_id_comes_back() {
    let api = Api::new();
    let chosen = api
        .call_with(
            "GET",
            "/version",
            &[("x-spinnaker-request-id", "abc-1")],
            None,
        )
        .await;
    assert_eq!(chosen.headers["x-spinnaker-request-id"], "abc-1");
    let given = api.get("/nowhere").await;
    assert_eq!(given.headers["x-spinnaker-request-id"].len(), 36);
    let forged = api
        .call_with(
            "GET",
            "/version",
            &[("x-spinnaker-request-id", "a b")],
            None,
        )
        .await;
    assert_eq!(forged.headers["x-spinnaker-request-id"].len(), 36);
}
