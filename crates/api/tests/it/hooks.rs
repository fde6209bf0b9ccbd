//! Hooks, their events, and the schedules of pipelines.

use serde_json::{Value, json};
use spindrift_api::{ApiOptions, ApiToken, TokenHash};

use crate::support::{Answer, Api, request, waiting};

/// GitHub's own example of a signature, which our triggers check with this secret.
const SECRET: &str = "It's a Secret to Everybody";

fn guarded() -> Api {
    Api::with(ApiOptions {
        tokens: vec![ApiToken {
            hash: TokenHash::of("s3cret"),
            user: "ann".to_owned(),
            roles: Vec::new(),
            admin: false,
            allowed_accounts: Vec::new(),
            expires_at: None,
        }],
        ..ApiOptions::default()
    })
}

async fn as_ann(api: &Api, method: &str, path: &str, body: Option<Value>) -> Answer {
    let headers = [("authorization", "Bearer s3cret")];
    api.call_with(method, path, &headers, body).await
}

fn with_trigger(name: &str, trigger: Value) -> Value {
    let mut pipeline = waiting(name);
    pipeline["id"] = name.into();
    pipeline["triggers"] = json!([trigger]);
    pipeline
}

fn on_webhook(name: &str, constraints: Value) -> Value {
    with_trigger(
        name,
        json!({"id": format!("{name}-trigger"), "type": "webhook", "enabled": true, "source": "ci", "payloadConstraints": constraints}),
    )
}

fn runs_of(answer: &Value) -> Vec<String> {
    let started = answer["started"].as_array().unwrap().iter();
    started.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_answer_says_what_matched_and_why_the_rest_did_not() {
    let api = Api::new();
    api.save(on_webhook("yes", json!({}))).await;
    api.save(on_webhook("no", json!({"branch": "^main$"})))
        .await;
    let answer = api
        .call(
            "POST",
            "/webhooks/webhook/ci",
            Some(json!({"branch": "other", "parameters": {"version": "7"}})),
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut body = answer.json();
    let event = body["eventId"].as_str().unwrap().to_owned();
    let runs = runs_of(&body);
    assert_eq!(runs.len(), 1);
    let execution = api.execution(&runs[0]).await;
    assert_eq!(execution["trigger"]["parameters"]["version"], "7");
    assert_eq!(execution["trigger"]["eventId"], event.as_str());
    body["eventId"] = "EVENT".into();
    body["started"][0] = "RUN".into();
    body["verdicts"][0]["execution"] = "RUN".into();
    insta::assert_json_snapshot!(body);

    let listed = api.get("/events").await.json();
    assert_eq!(listed[0]["id"], event.as_str());
    assert_eq!(listed[0]["started"], json!([runs[0]]));
    assert_eq!(listed[0]["payload"], Value::Null);
    let mut one = api.get(&format!("/events/{event}")).await.json();
    one["id"] = "EVENT".into();
    one["started"][0] = "RUN".into();
    one["verdicts"][0]["execution"] = "RUN".into();
    insta::assert_json_snapshot!(one);
    let unknown = api.get("/events/01J9ZD5M3S8Q2V7N4T6X0C1B9A").await;
    assert_eq!(unknown.line().split(' ').next(), Some("404"));
}

#[tokio::test]
async fn events_come_in_pages_newest_first() {
    let api = Api::new();
    for number in 0..5 {
        api.advance(1_000);
        let body = json!({"number": number});
        api.call("POST", "/webhooks/webhook/ci", Some(body)).await;
    }
    let page = api.get("/events?limit=2").await.json();
    assert_eq!(page.as_array().unwrap().len(), 2);
    let last = page[1]["id"].as_str().unwrap();
    let next = api
        .get(&format!("/events?limit=10&after={last}"))
        .await
        .json();
    assert_eq!(next.as_array().unwrap().len(), 3);
    let times: Vec<i64> = page
        .as_array()
        .unwrap()
        .iter()
        .chain(next.as_array().unwrap())
        .map(|event| event["receivedAt"].as_i64().unwrap())
        .collect();
    assert!(times.is_sorted_by(|one, other| one > other), "{times:?}");
}

#[tokio::test]
async fn hooks_are_public_and_tell_strangers_no_names() {
    let api = guarded();
    let saved = as_ann(
        &api,
        "POST",
        "/pipelines",
        Some(on_webhook("yes", json!({}))),
    )
    .await;
    assert_eq!(saved.status, 200, "{saved:?}");
    let other = on_webhook("secret-project", json!({"a": "b"}));
    as_ann(&api, "POST", "/pipelines", Some(other)).await;
    // Senders have tokens of other kinds.
    for headers in [
        vec![],
        vec![("authorization", "Basic aGFyYm9yOnNlY3JldA==")],
    ] {
        let sent = request(
            "POST",
            "/webhooks/webhook/ci",
            &headers,
            Some("{}".to_owned()),
        );
        let answer = api.send(sent).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        assert_eq!((runs_of(&body).len(), &body["rejected"]), (1, &json!(1)));
        assert_eq!(body["verdicts"], Value::Null);
        assert!(
            !answer.line().contains("secret-project"),
            "{}",
            answer.line()
        );
    }
    let told = as_ann(&api, "POST", "/webhooks/webhook/ci", Some(json!({}))).await;
    assert_eq!(told.json()["verdicts"].as_array().unwrap().len(), 2);
    for (method, path) in [
        ("GET", "/events"),
        ("POST", "/events/preview"),
        ("GET", "/cron/validate"),
        ("GET", "/webhooks/webhook/ci"),
        ("GET", "/webhooks/preconfigured"),
        ("PUT", "/webhooks/webhook/ci"),
    ] {
        assert_eq!(
            api.call(method, path, None).await.status,
            401,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_start_by_hand_needs_rights() {
    let api = guarded();
    as_ann(&api, "POST", "/pipelines", Some(waiting("release"))).await;
    let body = json!({"application": "shop", "pipelineNameOrId": "release", "trigger": {"user": "root", "parameters": {}}});
    let refused = api
        .call("POST", "/webhooks/manual/x", Some(body.clone()))
        .await;
    assert_eq!(refused.status, 401, "{refused:?}");
    for path in [
        "/webhooks/MANUAL/x",
        "/webhooks/cron/x",
        "/webhooks/pipeline/x",
    ] {
        let refused = api.call("POST", path, Some(body.clone())).await;
        assert_eq!(refused.status, 400, "{path} {refused:?}");
    }
    let started = as_ann(&api, "POST", "/webhooks/manual/x", Some(body)).await;
    assert_eq!(started.status, 200, "{started:?}");
    let path = started.json()["ref"].as_str().unwrap().to_owned();
    let execution = as_ann(&api, "GET", &path, None).await.json();
    // Who starts it is not for the body to say.
    assert_eq!(execution["trigger"]["user"], "ann");
    assert_eq!(execution["trigger"]["eventId"], started.json()["eventId"]);
}

#[tokio::test]
async fn an_address_of_its_own_is_the_only_way_to_its_trigger() {
    let api = guarded();
    let trigger = json!({"type": "webhook", "enabled": true, "source": "ci", "hookId": ""});
    let saved = as_ann(
        &api,
        "POST",
        "/pipelines",
        Some(with_trigger("release", trigger)),
    )
    .await;
    assert_eq!(saved.status, 200, "{saved:?}");
    let path = "/applications/shop/pipelineConfigs/release";
    let mut document = as_ann(&api, "GET", path, None).await.json();
    let id = document["triggers"][0]["hookId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(id.len(), 32);
    let own = format!("/webhooks/trigger/{id}");
    let answer = api.call("POST", &own, Some(json!({"a": 1}))).await.json();
    let runs = runs_of(&answer);
    assert_eq!(runs.len(), 1);
    // Who may see a run need not be able to start one.
    let execution = as_ann(&api, "GET", &format!("/pipelines/{}", runs[0]), None).await;
    assert!(!execution.line().contains(&id));
    let shared = api
        .call("POST", "/webhooks/webhook/ci", Some(json!({"a": 1})))
        .await;
    assert_eq!(runs_of(&shared.json()).len(), 0);
    for guess in ["x", "00000000000000000000000000000000"] {
        let answer = api
            .call("POST", &format!("/webhooks/trigger/{guess}"), None)
            .await;
        assert_eq!(answer.status, 404, "{guess}");
    }
    // The file that was saved first, saved again, keeps the address; a copy gets another.
    document["triggers"][0]["hookId"] = "".into();
    document["description"] = "changed".into();
    as_ann(&api, "POST", "/pipelines", Some(document.clone())).await;
    let again = as_ann(&api, "GET", path, None).await.json();
    assert_eq!(again["triggers"][0]["hookId"], id.as_str());
    let mut copy = again;
    (copy["id"], copy["name"]) = ("copy".into(), "copy".into());
    let saved = as_ann(&api, "POST", "/pipelines", Some(copy)).await.json();
    assert_eq!(saved["warnings"][0]["code"], "trigger.hookId");
    let copy = as_ann(&api, "GET", "/applications/shop/pipelineConfigs/copy", None)
        .await
        .json();
    assert_ne!(copy["triggers"][0]["hookId"], id.as_str());
    let weak = with_trigger(
        "weak",
        json!({"type": "webhook", "enabled": true, "hookId": "release"}),
    );
    let refused = as_ann(&api, "POST", "/pipelines", Some(weak)).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.message().contains("so that nobody guesses it"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn a_secret_is_never_shown_and_its_mask_keeps_it() {
    let api = Api::new();
    let trigger = json!({"type": "git", "enabled": true, "source": "github", "project": "org", "slug": "web", "secret": SECRET});
    api.save(with_trigger("release", trigger)).await;
    let path = "/applications/shop/pipelineConfigs/release";
    let mut document = api.get(path).await.json();
    assert_eq!(document["triggers"][0]["secret"], "********");
    for path in [
        path,
        "/applications/shop/pipelineConfigs",
        "/pipelineConfigs",
        "/pipelineConfigs/release/history",
    ] {
        let answer = api.get(path).await;
        assert!(answer.line().contains("********"), "{path}");
        assert!(!answer.line().contains("Everybody"), "{path}");
    }
    document["description"] = "changed".into();
    let changed = api.call("PUT", "/pipelines/release", Some(document)).await;
    assert!(!changed.line().contains("Everybody"));
    let push = json!({"ref": "refs/heads/main", "after": "abc", "repository": {"name": "web", "owner": {"name": "org"}}}).to_string();
    let signed = |signature: &str| {
        let headers = [
            ("x-github-event", "push"),
            ("x-hub-signature-256", signature),
        ];
        request("POST", "/webhooks/git/github", &headers, Some(push.clone()))
    };
    let fits = format!("sha256={}", hmac(SECRET, push.as_bytes()));
    let wrong = format!("sha256={}", "0".repeat(64));
    let rejected = api.send(signed(&wrong)).await.json();
    assert_eq!(rejected["verdicts"][0]["code"], "trigger.signature");
    // What started nothing does not stand in the way of what does.
    let answer = api.send(signed(&fits)).await;
    assert_eq!(runs_of(&answer.json()).len(), 1, "{answer:?}");
    let event = answer.json()["eventId"].as_str().unwrap().to_owned();
    let execution = api
        .get(&format!("/pipelines/{}", runs_of(&answer.json())[0]))
        .await;
    let event = api.get(&format!("/events/{event}")).await;
    for shown in [execution.line(), event.line()] {
        assert!(
            !shown.contains("Everybody") && !shown.contains(&fits),
            "{shown}"
        );
    }
    let again = api.send(signed(&fits)).await.json();
    assert_eq!(
        (&again["repeated"], runs_of(&again)),
        (&json!(true), runs_of(&answer.json()))
    );
}

/// HMAC-SHA256 (RFC 2104), written out.
fn hmac(key: &str, message: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_preview_tells_everything_and_does_nothing() {
    let api = Api::new();
    api.save(on_webhook("yes", json!({"branch": "main"}))).await;
    let body = json!({"payload": {"branch": "main", "artifacts": [{"type": "docker/image", "name": "web", "version": "1"}]}, "source": "ci"});
    let answer = api.call("POST", "/events/preview", Some(body)).await;
    insta::assert_json_snapshot!(answer.json());
    let text = json!({"payload": "{\"ref\": \"refs/heads/main\", \"repository\": {\"name\": \"web\", \"owner\": {\"name\": \"org\"}}}", "headers": {"X-GitHub-Event": "push"}});
    let answer = api.call("POST", "/events/preview", Some(text)).await.json();
    assert_eq!(
        (&answer["type"], &answer["source"]),
        (&json!("git"), &json!("github")),
        "{answer}"
    );
    let empty = api.get("/events").await.json();
    assert_eq!(empty, json!([]));
    assert_eq!(
        api.call("POST", "/events/preview", Some(json!({})))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn what_is_no_event_is_ignored_or_refused_with_a_reason() {
    let api = Api::new();
    let transcript = api
        .transcript(&[
            (
                "POST",
                "/webhooks/git/github",
                Some(json!({"hook_id": 1, "zen": "Design for failure."})),
            ),
            ("POST", "/webhooks/git/sourceforge", Some(json!({}))),
            ("POST", "/webhooks/webhook/ci", Some(json!([]))),
            ("POST", "/webhooks/docker/plain", Some(json!({}))),
            ("POST", "/webhooks/cdevents/x", Some(json!({}))),
            ("POST", "/webhooks/webhook", Some(json!({}))),
            ("POST", "/webhooks/nonsense/x", Some(json!({}))),
        ])
        .await;
    // Times are the test's own; the answers have no other.
    let transcript: Vec<&str> = transcript
        .lines()
        .map(|line| line.split("\"message\":").last().unwrap())
        .collect();
    insta::assert_snapshot!(transcript.join("\n"));
    let zipped = request(
        "POST",
        "/webhooks/webhook/ci",
        &[("content-encoding", "gzip")],
        Some("x".to_owned()),
    );
    assert_eq!(api.send(zipped).await.status, 415);
    let announced = request(
        "POST",
        "/webhooks/webhook/ci",
        &[("content-length", "104857600")],
        Some("{}".to_owned()),
    );
    assert_eq!(api.send(announced).await.status, 413);
    let huge = request(
        "POST",
        "/webhooks/webhook/ci",
        &[],
        Some("x".repeat(11 * 1024 * 1024)),
    );
    assert_eq!(api.send(huge).await.status, 413);
    assert_eq!(api.get("/events").await.json(), json!([]));
}

#[tokio::test]
async fn the_source_may_be_in_the_body_and_the_body_may_be_a_form() {
    let api = Api::new();
    api.save(on_webhook("yes", json!({"branch": "main"}))).await;
    let answer = api
        .call(
            "POST",
            "/webhooks/webhook",
            Some(json!({"source": "ci", "branch": "main"})),
        )
        .await;
    assert_eq!(runs_of(&answer.json()).len(), 1, "{answer:?}");
    let form = "payload=%7B%22branch%22%3A+%22main%22%7D".to_owned();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = api
        .send(request(
            "POST",
            "/webhooks/webhook/ci",
            &headers,
            Some(form),
        ))
        .await;
    assert_eq!(runs_of(&answer.json()).len(), 1, "{answer:?}");
}

#[tokio::test]
async fn schedules_are_checked_explained_and_foretold() {
    let api = Api::new();
    let transcript = api
        .transcript(&[
            (
                "GET",
                "/cron/validate?expression=0+0+9+%3F+*+MON-FRI&timeZone=Europe/Berlin&count=2",
                None,
            ),
            (
                "GET",
                "/cron/validate?expression=*/10+*+*+*+*&timeZone=UTC&count=1",
                None,
            ),
            ("GET", "/cron/validate?expression=0+0+9+*+*+*&count=1", None),
            ("GET", "/cron/validate?expression=0+0", None),
            ("GET", "/cron/validate", None),
            ("GET", "/cron/validate?expression=0+0+0+30+2+%3F", None),
            (
                "GET",
                "/cron/validate?expression=0+9+*+*+*&timeZone=Mars/Olympus",
                None,
            ),
            (
                "GET",
                "/cron/validate?expression=H+H+*+*+*+%3F&id=abcd&timeZone=UTC&count=1",
                None,
            ),
        ])
        .await;
    insta::assert_snapshot!(transcript);
    let cron = |expression: &str, enabled: bool| json!({"id": "nightly", "type": "cron", "enabled": enabled, "cronExpression": expression, "timeZone": "UTC"});
    let refused = api
        .call(
            "POST",
            "/pipelines",
            Some(with_trigger("a", cron("every night", true))),
        )
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["errors"][0]["pointer"],
        "/triggers/0/cronExpression"
    );
    api.save(with_trigger("a", cron("0 0 3 * * ?", true))).await;
    let times = api.get("/pipelineConfigs/a/nextRuns?count=2").await;
    insta::assert_snapshot!(times.line());
    api.save(with_trigger("a", cron("0 0 3 * * ?", false)))
        .await;
    assert_eq!(
        api.get("/pipelineConfigs/a/nextRuns").await.json(),
        json!([])
    );
    assert_eq!(api.get("/pipelineConfigs/none/nextRuns").await.status, 404);
    let odd = with_trigger(
        "b",
        json!({"type": "git", "enabled": true, "source": "github", "project": "o", "slug": "s", "branch": "["}),
    );
    let saved = api.call("POST", "/pipelines", Some(odd)).await.json();
    assert_eq!(saved["warnings"][0]["code"], "trigger.pattern", "{saved}");
}
