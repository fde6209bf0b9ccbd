//! The call to `cancelEndpoint`: when it is made, and what of it is noted.

use serde_json::{Value, json};
use spindrift_stages::registry;

use crate::support::{Reply, START, Server, cancel, input, perform, services, shown, stage_type};

fn context(server: &Server) -> Value {
    json!({
        "statusEndpoint": server.at("/status"), "statusJsonPath": "$.s", "successStatuses": "done",
        "terminalStatuses": "failed", "canceledStatuses": "aborted", "customHeaders": {"X-Token": "own"},
        "cancelEndpoint": server.at("/stop"), "cancelMethod": "DELETE", "cancelPayload": {"why": "stop"},
        "webhook": {"body": {"id": 7}},
    })
}

#[tokio::test]
async fn a_task_that_is_ended_from_outside_ends_what_it_has_begun() {
    let server = Server::start([]).await;
    let webhook = stage_type(&registry(services()), "webhook");
    for task in [
        "createWebhook",
        "waitBeforeMonitorWebhook",
        "monitorWebhook",
    ] {
        let result = cancel(&*webhook, task, input("webhook", context(&server))).await;
        let noted = &result.unwrap().context["webhook"];
        assert_eq!(
            noted["cancel"],
            json!({"statusCode": "NOT_FOUND", "statusCodeValue": 404})
        );
        assert_eq!(noted["body"], json!({"id": 7}), "the first answer stays");
        let seen = server.seen().pop().unwrap();
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str()),
            ("DELETE", "/stop")
        );
        assert_eq!(seen.body, r#"{"why":"stop"}"#);
        assert_eq!(seen.header("x-token"), Some("own"));
        assert_eq!(
            seen.header("idempotency-key"),
            Some("run-stage-0-task-1-cancel")
        );
    }
}

#[tokio::test]
async fn without_an_endpoint_there_is_nothing_to_do() {
    let webhook = stage_type(&registry(services()), "webhook");
    for context in [
        json!({"signalCancellation": true}),
        json!({"cancelEndpoint": ""}),
    ] {
        assert_eq!(
            cancel(&*webhook, "monitorWebhook", input("webhook", context)).await,
            None
        );
    }
}

#[tokio::test]
async fn a_call_that_fails_is_noted_and_fails_nothing() {
    let webhook = stage_type(&registry(services()), "webhook");
    let table = [
        ("http://localhost/stop", "localhost"),
        (
            "https://ci.example.com/${webhook.body.id}",
            "could not be evaluated",
        ),
    ];
    for (endpoint, part) in table {
        let context = json!({"cancelEndpoint": endpoint});
        let result = cancel(&*webhook, "monitorWebhook", input("webhook", context))
            .await
            .unwrap();
        let error = result.context["webhook"]["cancel"]["error"]
            .as_str()
            .unwrap();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_bad_end_that_the_task_sees_itself_makes_the_call_too() {
    let webhook = stage_type(&registry(services()), "webhook");
    let table = [
        (
            json!({"s": "aborted"}),
            "CANCELED: the webhook reports \"aborted\"",
            true,
        ),
        (
            json!({"s": "failed"}),
            "TERMINAL: the webhook reports \"failed\"",
            true,
        ),
        (json!({"s": "done"}), "SUCCEEDED", false),
        (json!({"s": "queued"}), "RUNNING for 1000", false),
    ];
    for (body, outcome, called) in table {
        let server = Server::start([Reply::json(body), Reply::status(200)]).await;
        let result = perform(
            &*webhook,
            "monitorWebhook",
            input("webhook", context(&server)),
        )
        .await;
        assert_eq!(shown(&result.outcome), outcome);
        let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
        assert_eq!(paths.contains(&"/stop".to_owned()), called, "{outcome}");
        assert_eq!(result.context["webhook"].get("cancel").is_some(), called);
    }
}

#[tokio::test]
async fn the_wait_before_the_first_look_ends_in_time() {
    let webhook = stage_type(&registry(services()), "webhook");
    let table = [
        (
            json!({"waitBeforeMonitor": "30"}),
            0,
            "RUNNING until 1030000",
        ),
        (json!({"waitBeforeMonitor": 30}), 30_000, "SUCCEEDED"),
        (
            json!({"waitBeforeMonitor": 30, "skipRemainingWait": true}),
            0,
            "SUCCEEDED",
        ),
    ];
    for (context, after, expected) in table {
        let mut input = input("webhook", context);
        input.now = START + after;
        let result = perform(&*webhook, "waitBeforeMonitorWebhook", input).await;
        assert_eq!(shown(&result.outcome), expected);
    }
}
