//! `monitorWebhook`: what each look at the status means.

use serde_json::{Value, json};
use spindrift_engine::TaskResult;
use spindrift_stages::registry;

use crate::support::{Reply, START, Server, input, perform, services, shown, stage_type};

async fn look_at(server: &Server, mut context: Value, now: i64) -> TaskResult {
    let webhook = stage_type(&registry(services()), "webhook");
    if context.get("statusEndpoint").is_none() {
        context["statusEndpoint"] = json!(server.at("/status"));
    }
    let mut input = input("webhook", context);
    input.now = now;
    perform(&*webhook, "monitorWebhook", input).await
}

async fn look(reply: Reply, context: Value) -> TaskResult {
    look_at(&Server::start([reply]).await, context, START).await
}

fn lists(path: &str) -> Value {
    json!({
        "statusJsonPath": path, "successStatuses": "done, Passed ,done", "canceledStatuses": "aborted,both",
        "terminalStatuses": "FAILED, both",
    })
}

#[tokio::test]
async fn without_a_path_the_first_good_answer_is_success() {
    let server = Server::start([Reply::json(json!({"x": 1}))]).await;
    let created =
        json!({"webhook": {"statusCode": "CREATED", "statusCodeValue": 201, "body": {"id": 7}}});
    let result = look_at(&server, created, START).await;
    assert_eq!(shown(&result.outcome), "SUCCEEDED");
    let webhook = &result.context["webhook"];
    assert_eq!(webhook["body"], json!({"id": 7}), "the first answer stays");
    assert_eq!(webhook["monitor"]["statusCode"], json!("OK"));
    assert_eq!(webhook["monitor"]["statusCodeValue"], json!(200));
    assert_eq!(webhook["monitor"]["body"], json!({"x": 1}));
    assert_eq!(server.seen()[0].method, "GET");
}

#[tokio::test]
async fn the_lists_decide_in_any_case_and_the_worst_one_wins() {
    let table = [
        (json!("done"), "SUCCEEDED"),
        (json!("PASSED"), "SUCCEEDED"),
        (json!(" Done "), "SUCCEEDED"),
        (
            json!("aborted"),
            "CANCELED: the webhook reports \"aborted\"",
        ),
        (json!("failed"), "TERMINAL: the webhook reports \"failed\""),
        (json!("both"), "TERMINAL: the webhook reports \"both\""),
        (json!("queued"), "RUNNING for 1000"),
        (json!(true), "RUNNING for 1000"),
        (json!(100), "SUCCEEDED"),
        (json!(100.0), "SUCCEEDED"),
        (json!(99), "RUNNING for 1000"),
        (
            json!({"deep": 1}),
            "TERMINAL: the JSON path \"$.s\" leads to no single value",
        ),
        (json!(["done"]), "SUCCEEDED"),
        (
            json!(["done", "failed"]),
            "TERMINAL: the JSON path \"$.s\" leads to no single value",
        ),
        (
            Value::Null,
            "TERMINAL: the JSON path \"$.s\" leads to no single value",
        ),
    ];
    for (status, expected) in table {
        let result = look(Reply::json(json!({"s": status})), lists("$.s")).await;
        assert_eq!(shown(&result.outcome), expected, "{status}");
    }
}

#[tokio::test]
async fn progress_is_noted() {
    let mut context = lists("$.s");
    context["progressJsonPath"] = json!("$.p");
    let table = [
        (
            json!({"s": 40, "p": "building"}),
            "RUNNING for 1000",
            json!({"percentComplete": 40, "progressMessage": "building"}),
        ),
        (
            json!({"s": "queued", "p": "waiting"}),
            "RUNNING for 1000",
            json!({"resolvedValue": "queued", "progressMessage": "waiting"}),
        ),
        (
            json!({"s": "queued", "p": 7}),
            "TERMINAL: the JSON path \"$.p\" leads to no text",
            json!({"resolvedValue": 7, "error": "the JSON path \"$.p\" leads to no text"}),
        ),
        (
            json!({"s": "queued"}),
            "TERMINAL: progress: the JSON path \"$.p\" leads to nothing in the answer",
            json!({"error": "progress: the JSON path \"$.p\" leads to nothing in the answer"}),
        ),
    ];
    for (body, outcome, noted) in table {
        let result = look(Reply::json(body), context.clone()).await;
        assert_eq!(shown(&result.outcome), outcome);
        let monitor = result.context["webhook"]["monitor"].as_object().unwrap();
        for (key, value) in noted.as_object().unwrap() {
            assert_eq!(monitor.get(key), Some(value), "{outcome}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_judged_fails_with_the_reason() {
    let unknown = json!({"statusJsonPath": "$.s"});
    let table = [
        (
            Reply::json(json!({"s": "done"})),
            unknown.clone(),
            "successStatuses is empty",
        ),
        (
            Reply::json(json!({"t": 1})),
            lists("$.s"),
            "status: the JSON path \"$.s\" leads to nothing",
        ),
        (
            Reply::status(200).body("<html>"),
            lists("$.s"),
            "leads to nothing",
        ),
        (
            Reply::json(json!({"s": 1})),
            lists("$["),
            "is not a JSON path",
        ),
        (
            Reply::status(404),
            lists("$.s"),
            "127.0.0.1 answered 404 NOT_FOUND when asked for the status",
        ),
    ];
    for (reply, context, part) in table {
        let result = look(reply, context).await;
        let said = shown(&result.outcome);
        assert!(
            said.starts_with("TERMINAL") && said.contains(part),
            "{said}"
        );
        let error = result.context["webhook"]["monitor"]["error"]
            .as_str()
            .unwrap();
        assert!(error.contains(part), "{error}");
    }
    // A number needs no list.
    let result = look(Reply::json(json!({"s": 100})), unknown).await;
    assert_eq!(shown(&result.outcome), "SUCCEEDED");
}

#[tokio::test]
async fn it_asks_often_at_first_and_seldom_later() {
    let server = Server::start(vec![Reply::json(json!({"s": "queued"})); 3]).await;
    for (after, wait) in [(0, 1_000), (59_999, 1_000), (60_000, 15_000)] {
        let result = look_at(&server, lists("$.s"), START + after).await;
        assert_eq!(shown(&result.outcome), format!("RUNNING for {wait}"));
    }
}

#[tokio::test]
async fn refusals_are_counted_over_the_whole_life_of_the_task() {
    let server = Server::start([500, 404, 503, 404, 404].map(Reply::status)).await;
    let mut context = json!({"retryStatusCodes": [409], "retries": {"404": {"maxAttempts": 2}}});
    let mut seen = Vec::new();
    for _ in 0..5 {
        let result = look_at(&server, context.clone(), START).await;
        let webhook = &result.context["webhook"];
        seen.push((
            shown(&result.outcome),
            webhook["monitor"]
                .get("pastStatusCodes")
                .cloned()
                .unwrap_or_default(),
        ));
        context["webhook"] = webhook.clone();
    }
    let running = || "RUNNING for 1000".to_owned();
    assert_eq!(
        seen,
        [
            (running(), json!([500])),
            (running(), json!([500, 404])),
            (running(), json!([500, 404, 503])),
            (running(), json!([500, 404, 503, 404])),
            (
                "TERMINAL: 127.0.0.1 answered 404 NOT_FOUND when asked for the status".to_owned(),
                json!([500, 404, 503, 404])
            ),
        ]
    );
}

#[tokio::test]
async fn a_broken_connection_says_nothing_of_what_is_watched() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/status", listener.local_addr().unwrap())
    };
    let server = Server::start([]).await;
    let table = [
        (closed.as_str(), "RUNNING for 1000"),
        ("http://does-not-exist.invalid/", "RUNNING for 1000"),
        ("http://169.254.169.254/", "TERMINAL: 169.254.169.254"),
        ("not a url", "TERMINAL: invalid URL"),
    ];
    for (url, expected) in table {
        let result = look_at(&server, json!({"statusEndpoint": url}), START).await;
        assert!(
            shown(&result.outcome).starts_with(expected),
            "{url}: {:?}",
            result.outcome
        );
    }
}

#[tokio::test]
async fn a_stage_that_only_watches_may_name_the_url_itself() {
    let server = Server::start([Reply::status(200)]).await;
    let webhook = stage_type(&registry(services()), "webhook");
    let watch = |context| perform(&*webhook, "monitorWebhook", input("webhook", context));
    let result = watch(json!({"monitorOnly": true, "url": server.at("/own")})).await;
    assert_eq!(shown(&result.outcome), "SUCCEEDED");
    assert_eq!(server.seen()[0].path, "/own");
    let result = watch(json!({"url": server.at("/own")})).await;
    assert_eq!(
        shown(&result.outcome),
        "TERMINAL: the webhook has no statusEndpoint to ask for its status"
    );
}
