//! `createWebhook`: what is sent, and what each answer means.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{StageType, TaskResult};
use spindrift_stages::{Services, WebhookSettings, registry};

use crate::support::{Reply, Server, input, outbound, perform, services, shown, stage_type};

fn webhook() -> Arc<dyn StageType> {
    stage_type(&registry(services()), "webhook")
}

async fn create(server: &Server, mut context: Value) -> TaskResult {
    context["url"] = json!(server.at("/hook"));
    perform(&*webhook(), "createWebhook", input("webhook", context)).await
}

/// The one answer of a server to a stage.
async fn answered(reply: Reply, context: Value) -> TaskResult {
    create(&Server::start([reply]).await, context).await
}

#[tokio::test]
async fn the_request_is_what_the_author_wrote() {
    let server = Server::start([Reply::status(200)]).await;
    let context = json!({
        "payload": {"tag": "1.2", "n": 1},
        "customHeaders": {"X-Team": ["a", "b"], "Authorization": "Bearer own", "X-Spinnaker-User": "root"},
    });
    create(&server, context).await;
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/hook")
    );
    assert_eq!(seen.body, r#"{"tag":"1.2","n":1}"#);
    let team: Vec<_> = seen.headers.get_all("x-team").iter().collect();
    assert_eq!(team, ["a", "b"]);
    let table = [
        ("content-type", Some("application/json")),
        ("accept", Some("application/json, */*;q=0.8")),
        ("authorization", Some("Bearer own")),
        ("idempotency-key", Some("run-stage-0-task-1")),
        ("x-spindrift-execution", Some("run")),
        ("x-spindrift-stage", Some("stage")),
        ("x-spinnaker-user", None),
    ];
    for (name, value) in table {
        assert_eq!(seen.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn every_method_and_kind_of_payload_is_sent() {
    let table = [
        (
            json!({"method": "PUT", "payload": "a=1"}),
            "PUT",
            Some("text/plain; charset=utf-8"),
            "a=1",
        ),
        (
            json!({"method": "patch", "payload": [1]}),
            "PATCH",
            Some("application/json"),
            "[1]",
        ),
        (
            json!({"payload": "a=1", "customHeaders": {"content-type": "application/x-www-form-urlencoded"}}),
            "POST",
            Some("application/x-www-form-urlencoded"),
            "a=1",
        ),
        (json!({"method": "DELETE"}), "DELETE", None, ""),
        (
            json!({"method": "GET", "payload": {"not": "sent"}}),
            "GET",
            None,
            "",
        ),
        (
            json!({"customHeaders": {"Idempotency-Key": "mine"}}),
            "POST",
            None,
            "",
        ),
    ];
    for (context, method, kind, body) in table {
        let server = Server::start([Reply::status(204)]).await;
        let result = create(&server, context.clone()).await;
        assert_eq!(shown(&result.outcome), "SUCCEEDED", "{context}");
        let seen = &server.seen()[0];
        let found = (
            seen.method.as_str(),
            seen.header("content-type"),
            seen.body.as_str(),
        );
        assert_eq!(found, (method, kind, body), "{context}");
        if context["customHeaders"].get("Idempotency-Key").is_some() {
            assert_eq!(seen.header("idempotency-key"), Some("mine"));
        }
    }
}

#[tokio::test]
async fn later_stages_find_the_answer_in_the_context() {
    let reply = Reply::status(201)
        .header("content-type", "application/json")
        .header("x-request-id", "42")
        .header("set-cookie", "session=hush")
        .header("date", "never")
        .body(r#"{"id": 7, "tags": ["a"]}"#);
    let result = answered(reply, json!({})).await;
    let mut webhook = result.context["webhook"].clone();
    webhook["headers"]
        .as_object_mut()
        .unwrap()
        .shift_remove("Content-Length");
    assert_eq!(
        webhook,
        json!({
            "statusCode": "CREATED", "statusCodeValue": 201,
            "headers": {"Content-Type": "application/json", "X-Request-Id": "42", "Date": "never"},
            "body": {"id": 7, "tags": ["a"]},
        })
    );
    assert!(result.outputs.is_empty());
}

#[tokio::test]
async fn a_body_is_json_only_where_it_is() {
    let table = [
        (Reply::status(200).body("[1]"), json!([1])),
        (Reply::status(200).body("{broken"), json!("{broken")),
        (
            Reply::status(200)
                .header("content-type", "text/plain")
                .body("123"),
            json!("123"),
        ),
        (
            Reply::status(200)
                .header("content-type", "application/json")
                .body("123"),
            json!(123),
        ),
        (Reply::status(200), Value::Null),
    ];
    for (reply, body) in table {
        let result = answered(reply, json!({})).await;
        let found = result.context["webhook"].get("body").cloned();
        assert_eq!(found.unwrap_or_default(), body);
    }
}

#[tokio::test]
async fn each_status_means_what_the_lists_say() {
    let fast = json!({"failFastStatusCodes": [500, 404], "webhookRetryStatusCodes": [404, "409"]});
    let table = [
        (200, json!({}), "SUCCEEDED", None),
        (304, json!({}), "SUCCEEDED", None),
        (
            500,
            json!({}),
            "RUNNING for 10000",
            Some("answered 500 INTERNAL_SERVER_ERROR, will retry"),
        ),
        (429, json!({}), "RUNNING for 10000", Some("will retry")),
        (
            504,
            json!({}),
            "TERMINAL",
            Some("504 GATEWAY_TIMEOUT, which is configured to fail fast"),
        ),
        (
            504,
            json!({"failFastStatusCodes": []}),
            "RUNNING for 10000",
            Some("will retry"),
        ),
        (400, json!({}), "TERMINAL", Some("answered 400 BAD_REQUEST")),
        (409, fast.clone(), "RUNNING for 10000", Some("will retry")),
        (
            404,
            fast.clone(),
            "TERMINAL",
            Some("configured to fail fast"),
        ),
        (500, fast, "TERMINAL", Some("configured to fail fast")),
        (
            400,
            json!({"webhookRetryStatusCodes": "400,401"}),
            "RUNNING for 10000",
            Some("will retry"),
        ),
        (499, json!({}), "TERMINAL", Some("answered 499")),
    ];
    for (status, context, outcome, error) in table {
        let result = answered(Reply::status(status).body("no"), context.clone()).await;
        assert!(
            shown(&result.outcome).starts_with(outcome),
            "{status} {context}: {:?}",
            result.outcome
        );
        let webhook = &result.context["webhook"];
        assert_eq!(webhook["statusCodeValue"], json!(status));
        match error {
            None => assert_eq!(webhook.get("error"), None, "{status}"),
            Some(part) => {
                let error = webhook["error"].as_str().unwrap();
                assert!(error.contains(part), "{status} {context}: {error}");
                assert!(!error.contains("/hook"), "paths may carry secrets: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_may_ask_for_a_longer_wait() {
    for (asked, wait) in [
        ("2", 10_000),
        ("40", 40_000),
        ("86400", 300_000),
        ("soon", 10_000),
        ("-1", 10_000),
    ] {
        let result = answered(Reply::status(503).header("retry-after", asked), json!({})).await;
        assert_eq!(
            shown(&result.outcome),
            format!("RUNNING for {wait}"),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_made_ends_the_stage_with_the_reason() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/x", listener.local_addr().unwrap())
    };
    let table = [
        (json!({}), "the webhook has no url"),
        (json!({"url": "  "}), "the webhook has no url"),
        (json!({"url": "ftp://ci.example.com"}), "invalid URL"),
        (json!({"url": "http://localhost/x"}), "localhost"),
        (
            json!({"url": "http://169.254.169.254/latest"}),
            "169.254.169.254",
        ),
        (json!({"url": closed}), "cannot connect to 127.0.0.1"),
        (
            json!({"url": "https://ci.example.com/${trigger.nope}"}),
            "an expression that could not be evaluated",
        ),
        (
            json!({"url": "https://ci.example.com", "method": "G T"}),
            "method: \"G T\" is not an HTTP method",
        ),
        (
            json!({"url": "https://ci.example.com", "customHeaders": {"Host": "x"}}),
            "the header host cannot be set",
        ),
        (
            json!({"url": "https://ci.example.com", "customHeaders": 1}),
            "customHeaders must be an object",
        ),
    ];
    for (context, part) in table {
        let result = perform(
            &*webhook(),
            "createWebhook",
            input("webhook", context.clone()),
        )
        .await;
        let said = shown(&result.outcome);
        assert!(
            said.starts_with("TERMINAL: ") && said.contains(part),
            "{context}: {said}"
        );
    }
}

#[tokio::test]
async fn a_call_whose_answer_does_not_come_is_made_again_only_where_that_is_harmless() {
    // It accepts connections and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let settings = |safe: &[&str]| Services {
        webhooks: WebhookSettings {
            timeout: std::time::Duration::from_millis(50),
            safe_to_retry_hosts: safe.iter().map(|host| (*host).to_owned()).collect(),
            ..WebhookSettings::default()
        },
        ..Services::new(outbound())
    };
    let table = [
        ("GET", settings(&[]), "RUNNING for 10000"),
        ("POST", settings(&[]), "TERMINAL: 127.0.0.1"),
        ("POST", settings(&["127.0.0.1"]), "RUNNING for 10000"),
    ];
    for (method, services, expected) in table {
        let webhook = stage_type(&registry(services), "webhook");
        let context = json!({"url": url, "method": method});
        let result = perform(&*webhook, "createWebhook", input("webhook", context)).await;
        assert!(
            shown(&result.outcome).starts_with(expected),
            "{method}: {:?}",
            result.outcome
        );
        let error = result.context["webhook"]["error"].as_str().unwrap();
        assert!(error.contains("took longer than 50ms to answer"), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_resolve_is_tried_again() {
    let context = json!({"url": "http://does-not-exist.invalid/x"});
    let result = perform(&*webhook(), "createWebhook", input("webhook", context)).await;
    assert_eq!(shown(&result.outcome), "RUNNING for 10000");
    let error = result.context["webhook"]["error"].as_str().unwrap();
    assert!(
        error.starts_with("unknown host does-not-exist.invalid"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_kept() {
    let services = Services {
        webhooks: WebhookSettings {
            max_body_bytes: 10,
            ..WebhookSettings::default()
        },
        ..services()
    };
    let webhook = stage_type(&registry(services), "webhook");
    let server = Server::start([Reply::status(200).body("12345678901")]).await;
    let context = json!({"url": server.at("/big")});
    let result = perform(&*webhook, "createWebhook", input("webhook", context)).await;
    let said = shown(&result.outcome);
    assert!(said.contains("a body of more than 10 bytes"), "{said}");
    assert_eq!(result.context["webhook"].get("body"), None);
}

#[tokio::test]
async fn what_is_begun_is_watched_where_the_answer_says() {
    let location = Reply::status(202).header("location", "/jobs/7");
    let server = Server::start([location, Reply::json(json!({"a": 1})), Reply::status(201)]).await;
    let by_header = json!({"waitForCompletion": true, "statusUrlResolution": "locationHeader"});
    let result = create(&server, by_header).await;
    assert_eq!(shown(&result.outcome), "SUCCEEDED");
    assert_eq!(
        result.context["statusEndpoint"],
        json!(server.at("/jobs/7"))
    );
    assert_eq!(
        result.context["webhook"]["statusEndpoint"],
        json!(server.at("/jobs/7"))
    );

    let by_body = json!({"waitForCompletion": true, "statusUrlResolution": "webhookResponse", "statusUrlJsonPath": "$.b"});
    let result = create(&server, by_body).await;
    assert!(
        shown(&result.outcome).contains("\"$.b\" leads to nothing"),
        "{:?}",
        result.outcome
    );
    assert_eq!(result.context["webhook"]["statusCode"], json!("OK"));

    let by_default = create(&server, json!({"waitForCompletion": "true"})).await;
    assert_eq!(
        by_default.context["statusEndpoint"],
        json!(server.at("/hook"))
    );
}

#[tokio::test]
async fn artifacts_come_from_the_answer_when_any_are_expected() {
    let artifacts = json!([{"type": "docker/image", "name": "web"}]);
    let expecting = json!({"expectedArtifacts": [{"id": "a"}]});
    let table = [
        (
            expecting.clone(),
            json!({"artifacts": artifacts}),
            Ok(&artifacts),
        ),
        (
            expecting.clone(),
            json!({"artifacts": {}}),
            Err("not a list"),
        ),
        (
            expecting,
            json!({}),
            Err("the stage expects artifacts, but"),
        ),
    ];
    for (context, body, expected) in table {
        let result = answered(Reply::json(body), context).await;
        match expected {
            Ok(artifacts) => assert_eq!(result.context.get("artifacts"), Some(artifacts)),
            Err(part) => assert!(
                shown(&result.outcome).contains(part),
                "{:?}",
                result.outcome
            ),
        }
    }
    let result = answered(
        Reply::json(json!({"artifacts": artifacts})),
        json!({"expectedArtifacts": []}),
    )
    .await;
    assert_eq!(result.context.get("artifacts"), None);
}

#[tokio::test]
async fn a_redirect_is_followed() {
    let there = Server::start([Reply::json(json!({"there": true}))]).await;
    let here = Reply::status(307).header("location", there.at("/moved"));
    let result = answered(
        here,
        json!({"payload": {"a": 1}, "customHeaders": {"Authorization": "Bearer own"}}),
    )
    .await;
    assert_eq!(result.context["webhook"]["body"], json!({"there": true}));
    let seen = &there.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.body.as_str()),
        ("POST", r#"{"a":1}"#)
    );
    assert_eq!(seen.header("authorization"), None, "another origin");
}

#[tokio::test]
async fn a_repeat_after_a_crash_has_the_same_key() {
    let server = Server::start([Reply::status(200), Reply::status(200)]).await;
    for _ in 0..2 {
        create(&server, json!({})).await;
    }
    let seen = server.seen();
    let keys: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("idempotency-key"))
        .collect();
    assert_eq!(keys, [Some("run-stage-0-task-1"); 2]);
}
