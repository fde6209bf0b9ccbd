//! The permissions of applications: for callers, for triggers, and for tasks.

use serde_json::{Value, json};

use crate::support::command::run;
use crate::support::http::{Answer, Request, send};
use crate::support::pipelines::{pipeline, wait};
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

/// The header and its value by which somebody is known.
type Known<'k> = (&'k str, String);

fn call(server: &Server, who: &Known<'_>, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string());
    let request = Request {
        method,
        path,
        headers: &[(who.0, &who.1)],
        body: body.as_deref().map(str::as_bytes),
    };
    send(server.address, &request).unwrap()
}

/// The status in which the only stage of a task ended.
fn task(server: &Server, who: &Known<'_>, job: &Value) -> String {
    let body = json!({"application": "test", "description": "change", "job": [job]});
    let answer = call(server, who, "POST", "/tasks", Some(body)).with_status(200);
    let path = answer.json()["ref"].as_str().unwrap().to_owned();
    let task = call(server, who, "GET", &path, None).with_status(200);
    task.json()["status"].as_str().unwrap().to_owned()
}

fn application(permissions: Value) -> Value {
    let application = json!({"name": "test", "email": "a@b", "permissions": permissions});
    json!({"type": "upsertApplication", "application": application})
}

fn release() -> Value {
    let mut release = pipeline("release", &[wait("1", &[], 0)]);
    let trigger = |more: Value| {
        let mut trigger = json!({"type": "webhook", "enabled": true, "source": "ci"});
        trigger
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        trigger
    };
    release["triggers"] = json!([
        trigger(json!({"id": "nobody"})),
        trigger(json!({"id": "deployer", "runAsUser": "deployer"}))
    ]);
    release
}

/// The verdicts of the two triggers: what became of each, the one without a user first.
fn verdicts(server: &Server, who: &Known<'_>) -> [String; 2] {
    let answer = call(server, who, "POST", "/webhooks/webhook/ci", Some(json!({})));
    let answer = answer.with_status(200).json();
    let event = answer["eventId"].as_str().unwrap();
    let event = call(server, who, "GET", &format!("/events/{event}"), None).json();
    let verdicts = event["verdicts"].as_array().unwrap().clone();
    ["nobody", "deployer"].map(|id| {
        let found = verdicts.iter().find(|verdict| verdict["trigger"] == id);
        let verdict = found.unwrap_or_else(|| panic!("{id} is not in {event:#}"));
        let code = verdict["code"].as_str();
        code.or(verdict["outcome"].as_str()).unwrap().to_owned()
    })
}

#[test]
fn only_roles_with_the_permission_change_and_start_pipelines() {
    let mut config = String::new();
    let mut token = |user: &str, role: &str| {
        let ended = run(&["token", "--user", user, "--role", role]).with_code(0);
        let (_, token) = ended.out.lines().next().unwrap().rsplit_once(' ').unwrap();
        config.push_str(&ended.out);
        config.push('\n');
        ("Authorization", format!("Bearer {token}"))
    };
    let dora = token("dora", "devs");
    let olaf = token("olaf", "operators");
    let eve = token("eve", "viewers");
    let deployer = token("deployer", "operators");
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).configured(&scratch, &config).start();

    let permissions = json!({"READ": ["viewers"], "WRITE": ["devs"], "EXECUTE": ["operators"]});
    assert_eq!(
        task(&server, &eve, &application(permissions.clone())),
        "SUCCEEDED"
    );
    assert_eq!(task(&server, &eve, &application(json!({}))), "TERMINAL");
    assert_eq!(task(&server, &dora, &application(permissions)), "SUCCEEDED");

    for who in [&eve, &olaf] {
        let refused = call(&server, who, "POST", "/pipelines", Some(release())).with_status(403);
        let message = refused.message();
        assert!(
            message.contains("WRITE on application test") && message.contains("devs"),
            "{message}"
        );
    }
    call(&server, &dora, "POST", "/pipelines", Some(release())).with_status(200);
    for path in ["/pipelines/test/release", "/pipelines/v2/test/release"] {
        for who in [&eve, &dora] {
            let refused = call(&server, who, "POST", path, None).with_status(403);
            let message = refused.message();
            assert!(message.contains("EXECUTE on application test"), "{message}");
        }
        call(&server, &olaf, "POST", path, None).with_status(202);
    }
    let by_hook = json!({"application": "test", "pipelineNameOrId": "release"});
    let path = "/webhooks/manual/x";
    call(&server, &eve, "POST", path, Some(by_hook.clone())).with_status(403);
    call(&server, &deployer, "POST", path, Some(by_hook)).with_status(200);
    call(&server, &eve, "POST", "/pipelines/start", Some(release())).with_status(403);
    let held = pipeline("held", &[wait("1", &[], 600)]);
    let started = call(&server, &olaf, "POST", "/pipelines/start", Some(held)).with_status(200);
    let held = started.json()["ref"].as_str().unwrap().to_owned();
    call(&server, &eve, "PUT", &format!("{held}/cancel"), None).with_status(403);
    call(&server, &olaf, "PUT", &format!("{held}/cancel"), None).with_status(200);

    assert_eq!(verdicts(&server, &eve), ["trigger.permission", "started"]);

    call(&server, &olaf, "DELETE", "/pipelines/test/release", None).with_status(403);
    let delete =
        json!({"type": "deletePipeline", "pipeline": {"application": "test", "name": "release"}});
    assert_eq!(task(&server, &olaf, &delete), "TERMINAL");
    call(&server, &dora, "DELETE", "/pipelines/test/release", None).with_status(200);
}

#[test]
fn without_tokens_users_are_whom_they_say_with_the_roles_of_everybody() {
    let table = [
        (
            "",
            [403, 403, 202],
            ["trigger.permission", "trigger.permission"],
        ),
        (
            "local_roles = [\"Operators\"]",
            [202, 202, 202],
            ["started", "started"],
        ),
    ];
    for (config, expected, said) in table {
        let scratch = Scratch::new();
        let server = Launch::new(&scratch).configured(&scratch, config).start();
        let user = |name: &str| ("X-SPINNAKER-USER", name.to_owned());
        let ann = user("ann");
        let permissions = json!({"EXECUTE": ["operators", "service@account"]});
        assert_eq!(task(&server, &ann, &application(permissions)), "SUCCEEDED");
        // No role may change it, and nobody is an administrator.
        call(&server, &ann, "POST", "/pipelines", Some(release())).with_status(200);
        let statuses = ["ann", "anonymous", "service@account"].map(|name| {
            let answer = call(
                &server,
                &user(name),
                "POST",
                "/pipelines/test/release",
                None,
            );
            answer.status
        });
        assert_eq!(statuses, expected, "{config:?}");
        assert_eq!(verdicts(&server, &ann), said, "{config:?}");
    }
}
