//! Preconfigured webhooks: who may run them, and where their secrets go.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{BoxFuture, Registry, TaskResult};
use spindrift_stages::{Roles, Services, registry};

use crate::support::{Reply, Server, input, perform, services, shown, stage_type};

struct AnnIsOps;

impl Roles for AnnIsOps {
    fn of(&self, user: &str) -> BoxFuture<Vec<String>> {
        let roles = match user {
            "ann" => vec!["ops".to_owned()],
            _ => Vec::new(),
        };
        Box::pin(std::future::ready(roles))
    }
}

fn types(preset: Value, roles: Option<Arc<dyn Roles>>) -> Registry {
    registry(Services {
        preconfigured_webhooks: vec![serde_json::from_value(preset).unwrap()],
        roles,
        ..services()
    })
}

async fn run(registry: &Registry, task: &str, context: Value) -> TaskResult {
    perform(
        &*stage_type(registry, "ticket"),
        task,
        input("ticket", context),
    )
    .await
}

#[tokio::test]
async fn secrets_are_sent_and_kept_nowhere() {
    let server = Server::start([Reply::json(json!({"id": 1}))]).await;
    let url = server.at("/tickets");
    let preset =
        json!({"type": "ticket", "url": url, "sensitiveHeaders": {"Authorization": "Bearer hush"}});
    let context = json!({"url": url, "customHeaders": {"authorization": "Bearer guess"}});
    let result = run(&types(preset, None), "createWebhook", context).await;
    assert_eq!(shown(&result.outcome), "SUCCEEDED");
    let sent: Vec<_> = server.seen()[0]
        .headers
        .get_all("authorization")
        .iter()
        .cloned()
        .collect();
    assert_eq!(sent, ["Bearer hush"]);
    assert!(!Value::Object(result.context).to_string().contains("hush"));
}

#[tokio::test]
async fn secrets_go_to_no_other_place_that_an_answer_names() {
    let home = Server::start([Reply::status(200)]).await;
    let other = Server::start([Reply::status(200)]).await;
    let preset = json!({
        "type": "ticket", "url": home.at("/tickets"), "waitForCompletion": true,
        "sensitiveHeaders": {"X-Token": "hush"},
    });
    let types = types(preset, None);
    for (server, token) in [(&home, Some("hush")), (&other, None)] {
        let context = json!({"url": home.at("/tickets"), "statusEndpoint": server.at("/status")});
        let result = run(&types, "monitorWebhook", context).await;
        assert_eq!(shown(&result.outcome), "SUCCEEDED");
        assert_eq!(server.seen()[0].header("x-token"), token);
    }
}

#[tokio::test]
async fn secrets_need_a_url_of_the_operator() {
    let server = Server::start([]).await;
    let preset = json!({"type": "ticket", "sensitiveHeaders": {"X-Token": "hush"}});
    let result = run(
        &types(preset, None),
        "createWebhook",
        json!({"url": server.at("/mine")}),
    )
    .await;
    let said = shown(&result.outcome);
    assert!(said.contains("its operator must add one"), "{said}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn only_members_of_a_role_of_exactly_that_name_may_run_it() {
    let ops = || Some(Arc::new(AnnIsOps) as Arc<dyn Roles>);
    let table = [
        (json!({}), None, "SUCCEEDED"),
        (json!({"READ": ["ops"]}), None, "SUCCEEDED"),
        (json!({"WRITE": ["dev", "ops"]}), ops(), "SUCCEEDED"),
        (
            json!({"WRITE": ["op"]}),
            ops(),
            "TERMINAL: ticket may be run by members of op only, and ann is in none of them",
        ),
        (
            json!({"WRITE": ["ops-admins"]}),
            ops(),
            "TERMINAL: ticket may be run by members of ops-admins only, and ann is in none of them",
        ),
        (
            json!({"WRITE": ["ops"]}),
            None,
            "TERMINAL: ticket may be run by certain roles only, and this process knows no roles: authorization is off",
        ),
    ];
    for (permissions, roles, expected) in table {
        let server = Server::start([Reply::status(200)]).await;
        let preset = json!({"type": "ticket", "url": server.at("/"), "permissions": permissions});
        let types = types(preset, roles);
        let result = run(&types, "createWebhook", json!({"url": server.at("/")})).await;
        assert_eq!(shown(&result.outcome), expected, "{permissions}");
        assert_eq!(server.seen().is_empty(), expected.starts_with("TERMINAL"));
    }
}

#[test]
fn a_preconfigured_webhook_is_a_type_unless_it_is_off_or_hides_another() {
    let names = |presets: Vec<Value>| -> Vec<String> {
        let registry = registry(Services {
            preconfigured_webhooks: presets
                .into_iter()
                .map(|preset| serde_json::from_value(preset).unwrap())
                .collect(),
            ..services()
        });
        registry.names().map(str::to_owned).collect()
    };
    let plain = names(Vec::new());
    assert!(names(vec![json!({"type": "ticket"})]).contains(&"ticket".to_owned()));
    assert_eq!(
        names(vec![json!({"type": "ticket", "enabled": false})]),
        plain
    );
    assert_eq!(
        names(vec![
            json!({"type": "wait", "url": "https://x.example.com"})
        ]),
        plain
    );
}
