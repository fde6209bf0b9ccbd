//! Who is believed to be who.

use serde_json::json;
use spindrift_api::{ApiOptions, ApiToken, TokenHash};

use crate::support::{Api, START, request, waiting};

fn guarded() -> Api {
    let token = |secret: &str, user: &str, expires_at| ApiToken {
        hash: TokenHash::of(secret),
        user: user.to_owned(),
        roles: vec!["dev".to_owned()],
        admin: false,
        allowed_accounts: vec!["prod".to_owned()],
        expires_at,
    };
    Api::with(ApiOptions {
        tokens: vec![
            token("s3cret", "ann", None),
            token("0ld", "bob", Some(START + 1000)),
        ],
        ..ApiOptions::default()
    })
}

#[tokio::test]
async fn with_tokens_nobody_gets_in_without_one() {
    let api = guarded();
    for path in [
        "/version",
        "/applications",
        "/openapi.json",
        "/metrics",
        "/echo",
        "/nowhere",
        "/pipelines/x",
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer realm=\"spindrift\""
        );
        assert!(answer.message().contains("token"), "{path}");
    }
    for path in ["/health", "/ready"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    for headers in [
        vec![("authorization", "Bearer wrong")],
        vec![("authorization", "Bearer S3CRET")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "Basic czNjcmV0")],
        vec![
            ("authorization", "Bearer s3cret"),
            ("x-spinnaker-token", "wrong"),
        ],
        vec![("x-spinnaker-user", "ann")],
    ] {
        assert_eq!(
            api.call_with("GET", "/version", &headers, None)
                .await
                .status,
            401,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a_token_says_who_calls_and_the_header_does_not() {
    let api = guarded();
    for headers in [
        [
            ("authorization", "Bearer s3cret"),
            ("x-spinnaker-user", "root"),
        ],
        [
            ("x-spinnaker-token", "s3cret"),
            ("x-spinnaker-user", "root"),
        ],
    ] {
        let user = api
            .call_with("GET", "/auth/user", &headers, None)
            .await
            .json();
        assert_eq!(user["username"], "ann");
        assert_eq!(user["roles"], json!(["dev"]));
        assert_eq!(user["allowedAccounts"], json!(["prod"]));
        assert_eq!(user["authorities"], json!([{"authority": "dev"}]));
        assert_eq!(user["isAdmin"], false);
    }
    let headers = [
        ("authorization", "Bearer s3cret"),
        ("x-spinnaker-user", "root"),
    ];
    api.call_with("POST", "/pipelines", &headers, Some(waiting("release")))
        .await;
    let started = api
        .call_with(
            "POST",
            "/pipelines/shop/release",
            &headers,
            Some(json!({"user": "root"})),
        )
        .await;
    let path = started.json()["ref"].as_str().unwrap().to_owned();
    let execution = api.call_with("GET", &path, &headers, None).await.json();
    assert_eq!(execution["trigger"]["user"], "ann");
    assert_eq!(
        execution["authentication"],
        json!({"user": "ann", "allowedAccounts": ["prod"]})
    );
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let api = guarded();
    let old = [("authorization", "Bearer 0ld")];
    assert_eq!(
        api.call_with("GET", "/version", &old, None).await.status,
        200
    );
    api.advance(1000);
    let answer = api.call_with("GET", "/version", &old, None).await;
    assert_eq!(
        (answer.status.as_u16(), answer.message().as_str()),
        (401, "this token has expired; ask for a new one")
    );
}

#[tokio::test]
async fn without_tokens_the_header_is_believed() {
    let api = Api::new();
    for (given, user) in [
        ("", "anonymous"),
        (" ann ", "ann"),
        ("ann@example.org", "ann@example.org"),
    ] {
        let answer = api
            .call_with("GET", "/auth/user", &[("x-spinnaker-user", given)], None)
            .await;
        assert_eq!(answer.json()["username"], user);
    }
    assert_eq!(api.get("/auth/user").await.json()["username"], "anonymous");
    let long = "x".repeat(257);
    for bad in [long.as_str(), "a\u{e4}b"] {
        let answer = api
            .call_with("GET", "/auth/user", &[("x-spinnaker-user", bad)], None)
            .await;
        assert_eq!(answer.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn without_tokens_a_foreign_web_page_gets_nowhere() {
    let api = Api::new();
    let rebound = axum::http::Request::builder()
        .uri("/version")
        .header("host", "rebound.example:8084")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(api.send(rebound).await.status, 403);
    let forged = [
        ("origin", "http://evil.example"),
        ("content-type", "text/plain"),
    ];
    let answer = api
        .send(request(
            "POST",
            "/pipelines",
            &forged,
            Some(waiting("x").to_string()),
        ))
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(api.get("/pipelineConfigs").await.json(), json!([]));
    let own = [("origin", "http://localhost:8084")];
    assert_eq!(
        api.call_with("POST", "/pipelines", &own, Some(waiting("x")))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn with_tokens_the_server_may_be_called_by_any_name() {
    let api = guarded();
    let request = axum::http::Request::builder()
        .uri("/version")
        .header("host", "spindrift.example")
        .header("authorization", "Bearer s3cret")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(api.send(request).await.status, 200);
}

#[tokio::test]
async fn the_echo_keeps_secrets_to_itself() {
    let api = guarded();
    let headers = [
        ("authorization", "Bearer s3cret"),
        ("x-build", "7"),
        ("cookie", "a=b"),
    ];
    let answer = api
        .call_with("PUT", "/echo?x=1", &headers, Some(json!({"a": [1]})))
        .await;
    insta::assert_snapshot!(answer.line(), @r#"200 {"method":"PUT","path":"/echo","query":"x=1","headers":{"host":"localhost:8084","authorization":"(redacted)","x-build":"7","cookie":"(redacted)"},"body":{"a":[1]}}"#);
    let text = api
        .send(request("POST", "/echo", &headers, Some("plain".to_owned())))
        .await;
    assert_eq!(text.json()["body"], "plain");
    let silent = Api::with(ApiOptions {
        echo: false,
        ..ApiOptions::default()
    });
    assert_eq!(silent.get("/echo").await.status, 404);
}
