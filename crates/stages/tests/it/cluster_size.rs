//! The precondition `clusterSize`, against a cloud made for the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use spindrift_engine::{BoxFuture, Failure};
use spindrift_stages::{ClusterQuery, ClusterSizes, Services, registry};

use crate::support::{input, perform, services, shown, stage_type};

#[derive(Default)]
struct Cloud {
    asked: Mutex<Vec<ClusterQuery>>,
}

impl ClusterSizes for Cloud {
    fn server_groups(
        &self,
        query: ClusterQuery,
    ) -> BoxFuture<Result<BTreeMap<String, Vec<String>>, Failure>> {
        self.asked.lock().unwrap().push(query);
        let two = vec!["web-v001".to_owned(), "web-v002".to_owned()];
        let found = BTreeMap::from([("eu".to_owned(), two)]);
        Box::pin(std::future::ready(Ok(found)))
    }
}

async fn check(cloud: Option<Arc<Cloud>>, inner: Value) -> String {
    let services = Services {
        cluster_sizes: cloud.map(|cloud| cloud as _),
        ..services()
    };
    let context =
        json!({"preconditionType": "clusterSize", "cloudProvider": "kubernetes", "context": inner});
    let child = stage_type(&registry(services), "checkPrecondition");
    let result = perform(
        &*child,
        "checkClusterSize",
        input("checkPrecondition", context),
    )
    .await;
    shown(&result.outcome)
}

#[tokio::test]
async fn each_region_is_compared() {
    let failed = |text: &str| format!("TERMINAL: Precondition check failed: {text}");
    let table = [
        (json!({"expected": 2}), "SUCCEEDED".to_owned()),
        (
            json!({"expected": "2", "comparison": "<="}),
            "SUCCEEDED".to_owned(),
        ),
        (
            json!({}),
            failed("expected == 1 server groups in eu but found 2: [web-v001, web-v002]"),
        ),
        (
            json!({"regions": ["eu", "us"], "comparison": ">", "expected": 2, "onlyEnabledServerGroups": true}),
            failed(
                "expected > 2 enabled server groups in eu but found 2: [web-v001, web-v002], \
                 expected > 2 enabled server groups in us but found 0: []",
            ),
        ),
        (
            json!({"comparison": "~"}),
            "TERMINAL: comparison must be <, <=, ==, >= or >, not \"~\"".to_owned(),
        ),
        (
            json!({"expected": "many"}),
            "TERMINAL: expected must be a whole number, not \"many\"".to_owned(),
        ),
        (
            json!({"regions": []}),
            "TERMINAL: the precondition names no regions".to_owned(),
        ),
        (
            json!({"cluster": ""}),
            "TERMINAL: the precondition names no cluster".to_owned(),
        ),
    ];
    for (change, expected) in table {
        let mut inner = json!({"cluster": "web", "credentials": "prod", "regions": ["eu"]});
        inner
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert_eq!(
            check(Some(Arc::default()), inner).await,
            expected,
            "{change}"
        );
    }
}

#[tokio::test]
async fn the_cloud_is_asked_for_one_cluster() {
    let cloud = Arc::new(Cloud::default());
    let inner = json!({
        "moniker": {"app": "billing", "cluster": "billing-api"}, "credentials": "prod", "zones": ["a"],
    });
    check(Some(Arc::clone(&cloud)), inner).await;
    let expected = ClusterQuery {
        provider: Some("kubernetes".to_owned()),
        application: "billing".to_owned(),
        account: "prod".to_owned(),
        cluster: "billing-api".to_owned(),
        regions: vec!["a".to_owned()],
        only_enabled: false,
    };
    assert_eq!(*cloud.asked.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn without_an_account_the_answer_is_clear() {
    let inner = json!({"cluster": "web", "credentials": "prod", "regions": ["eu"]});
    assert_eq!(
        check(None, inner).await,
        "TERMINAL: there is no account \"prod\"; there are: "
    );
}
