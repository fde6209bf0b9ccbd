//! Access reviews and tokens.

use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use spindrift_sandbox::{Fault, Requests, Sandbox, SandboxOptions};

use crate::support::{object, over_tcp, refusal, world};

#[tokio::test]
async fn reviews_answer_what_faults_forbid() {
    let world = world();
    let allowed = async |verb: &str, group: &str, resource: &str| {
        let review = json!({"spec": {"resourceAttributes": {"namespace": "default", "verb": verb, "group": group, "resource": resource}}});
        let api: Api<SelfSubjectAccessReview> = Api::all(world.client.clone());
        api.create(&PostParams::default(), &object(review))
            .await
            .unwrap()
            .status
            .unwrap()
            .allowed
    };
    assert!(allowed("delete", "apps", "deployments").await);
    world.sandbox.faults().always(
        Requests::on("deployments.apps").verbs(["delete"]),
        Fault::Forbidden,
    );
    assert!(!allowed("delete", "apps", "deployments").await);
    assert!(allowed("get", "apps", "deployments").await);
    let refused = refusal(
        world
            .api("apps/v1", "Deployment")
            .delete("d", &Default::default())
            .await,
    );
    assert_eq!((refused.code, refused.reason.as_str()), (403, "Forbidden"));
    assert!(refused.message.contains("cannot delete resource \"deployments\" in API group \"apps\" in the namespace \"default\""), "{}", refused.message);

    let rules: Api<SelfSubjectRulesReview> = Api::all(world.client.clone());
    let rules = rules
        .create(
            &PostParams::default(),
            &object(json!({"spec": {"namespace": "default"}})),
        )
        .await
        .unwrap()
        .status
        .unwrap()
        .resource_rules;
    let of = |resource: &str| {
        rules
            .iter()
            .find(|rule| rule.resources.as_deref() == Some(&[resource.to_owned()][..]))
            .unwrap()
            .verbs
            .clone()
    };
    assert!(
        !of("deployments").contains(&"delete".to_owned())
            && of("pods").contains(&"delete".to_owned())
    );
}

#[tokio::test]
async fn a_token_opens_the_door_and_is_in_the_kubeconfig() {
    let mut options = SandboxOptions::immediate();
    options.token = Some("secret-token".into());
    let sandbox = Sandbox::new(options);
    over_tcp(&sandbox).await.apiserver_version().await.unwrap();
    let stranger = kube::Client::new(sandbox.router(), "default");
    let refused = refusal(stranger.apiserver_version().await);
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (401, "Unauthorized")
    );
}
