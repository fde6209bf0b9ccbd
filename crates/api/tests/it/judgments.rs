//! Judgments are authorised and decided before they are answered.

use serde_json::{Value, json};
use spindrift_api::{ApiOptions, ApiToken, TokenHash};

use crate::support::Api;

fn token(name: &str, roles: &[&str], admin: bool) -> ApiToken {
    ApiToken {
        hash: TokenHash::of(&format!("token-of-{name}")),
        user: name.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        admin,
        allowed_accounts: Vec::new(),
        expires_at: None,
    }
}

struct Judged {
    api: Api,
    path: String,
    id: String,
}

async fn judged(context: Value) -> Judged {
    let options = ApiOptions {
        tokens: vec![
            token("ann", &["release"], false),
            token("bob", &["dev"], false),
            token("root", &[], true),
        ],
        ..ApiOptions::default()
    };
    let api = Api::with(options);
    let mut stage = json!({"refId": "1", "type": "manualJudgment", "name": "ship it?"});
    for (key, value) in context.as_object().unwrap() {
        stage[key] = value.clone();
    }
    let document = json!({"name": "release", "application": "shop", "stages": [stage]});
    let root = [("authorization", "Bearer token-of-root")];
    assert_eq!(
        api.call_with("POST", "/pipelines", &root, Some(document))
            .await
            .status,
        200
    );
    let started = api
        .call_with("POST", "/pipelines/shop/release", &root, None)
        .await
        .json();
    let id = started["ref"]
        .as_str()
        .unwrap()
        .strip_prefix("/pipelines/")
        .unwrap()
        .to_owned();
    let execution = api
        .call_with("GET", &format!("/pipelines/{id}"), &root, None)
        .await
        .json();
    let stage = execution["stages"][0]["id"].as_str().unwrap();
    let path = format!("/pipelines/{id}/stages/{stage}");
    Judged { api, path, id }
}

impl Judged {
    async fn judge(&self, who: &str, body: Value) -> (u16, String) {
        let bearer = format!("Bearer token-of-{who}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-spinnaker-user", "root"),
        ];
        let answer = self
            .api
            .call_with("PATCH", &self.path, &headers, Some(body))
            .await;
        let status = answer.status.as_u16();
        let text = match status {
            200 => answer.json()["stages"][0]["status"]
                .as_str()
                .unwrap()
                .to_owned(),
            _ => answer.message(),
        };
        (status, text)
    }
}

#[tokio::test]
async fn only_who_has_the_role_may_judge() {
    let yes = json!({"judgmentStatus": "continue"});
    let context = json!({"requiredJudgmentRoles": ["release"]});
    let judged = judged(context).await;
    let refused = (
        403,
        "\"ship it?\" may be judged by members of release only, and bob is in none of them"
            .to_owned(),
    );
    assert_eq!(judged.judge("bob", yes.clone()).await, refused);
    assert_eq!(judged.judge("nobody", yes.clone()).await.0, 401);
    assert_eq!(
        judged.judge("ann", yes.clone()).await,
        (200, "SUCCEEDED".to_owned())
    );
    let late = judged.judge("ann", yes).await;
    assert_eq!(late.0, 409);
    assert!(late.1.contains("ann"), "{late:?}");
    let root = [("authorization", "Bearer token-of-root")];
    let execution = judged
        .api
        .call_with("GET", &format!("/pipelines/{}", judged.id), &root, None)
        .await
        .json();
    assert_eq!(execution["stages"][0]["lastModified"]["user"], "ann");
    assert_eq!(execution["status"], "SUCCEEDED");
}

#[tokio::test]
async fn an_admin_may_judge_and_a_stop_fails_the_run() {
    let judged = judged(json!({"selectedStageRoles": ["release"]})).await;
    let stopped = judged
        .judge("root", json!({"judgmentStatus": "STOP"}))
        .await;
    assert_eq!(stopped, (200, "TERMINAL".to_owned()));
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_changes_nothing() {
    let judged = judged(json!({"judgmentInputs": [{"value": "blue"}, {"value": "green"}]})).await;
    for (body, status) in [
        (
            json!({"judgmentStatus": "continue", "judgmentInput": "red"}),
            422,
        ),
        (json!({"judgmentStatus": "maybe"}), 422),
        (json!({"judgmentStatus": 1}), 422),
        (
            json!({"judgmentStatus": "continue", "requiredJudgmentRoles": []}),
            422,
        ),
        (json!("continue"), 400),
    ] {
        assert_eq!(judged.judge("bob", body.clone()).await.0, status, "{body}");
    }
    let right = json!({"judgmentStatus": "continue", "judgmentInput": "green"});
    assert_eq!(
        judged.judge("bob", right).await,
        (200, "SUCCEEDED".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_judges_at_the_same_moment_one_wins() {
    for _ in 0..20 {
        let judged = judged(json!({})).await;
        let (one, two) = tokio::join!(
            judged.judge("ann", json!({"judgmentStatus": "continue"})),
            judged.judge("bob", json!({"judgmentStatus": "stop"})),
        );
        let (winner, loser, end) = match one.0 {
            200 => (&one, &two, "SUCCEEDED"),
            _ => (&two, &one, "TERMINAL"),
        };
        assert_eq!(*winner, (200, end.to_owned()));
        assert_eq!(loser.0, 409, "{loser:?}");
    }
}

#[tokio::test]
async fn without_tokens_the_roles_of_everybody_count() {
    for (roles, status) in [(vec![], 403), (vec!["release".to_owned()], 200)] {
        let api = Api::with(ApiOptions {
            local_roles: roles,
            ..ApiOptions::default()
        });
        let stage =
            json!({"refId": "1", "type": "manualJudgment", "requiredJudgmentRoles": ["release"]});
        api.save(json!({"name": "release", "application": "shop", "stages": [stage]}))
            .await;
        let id = api.start("release", json!({})).await;
        let stage = api.execution(&id).await["stages"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let body = json!({"judgmentStatus": "continue"});
        let answer = api
            .call(
                "PATCH",
                &format!("/pipelines/{id}/stages/{stage}"),
                Some(body),
            )
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}
