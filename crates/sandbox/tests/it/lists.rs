//! Selectors, pages, tables and metadata lists.

use kube::api::ListParams;
use serde_json::{Value, json};

use crate::support::{config_map, name, refusal, value, workload, world};

#[tokio::test]
async fn labels_and_fields_select() {
    let world = world();
    for (one, color) in [("a", "red"), ("b", "blue"), ("c", "red")] {
        let mut map = config_map(one, json!({}));
        map["metadata"]["labels"] = json!({"color": color});
        world.make(map).await;
    }
    let api = world.api("v1", "ConfigMap");
    let names = async |params: ListParams| -> Vec<String> {
        api.list(&params)
            .await
            .unwrap()
            .items
            .into_iter()
            .map(|item| item.metadata.name.unwrap())
            .collect()
    };
    assert_eq!(
        names(ListParams::default().labels("color=red")).await,
        ["a", "c"]
    );
    assert_eq!(
        names(ListParams::default().labels("color in (blue,green)")).await,
        ["b"]
    );
    assert_eq!(
        names(ListParams::default().labels("color,color!=red")).await,
        ["b"]
    );
    assert_eq!(
        names(ListParams::default().fields("metadata.name=c")).await,
        ["c"]
    );
    let refused = refusal(api.list(&ListParams::default().fields("data.a=1")).await);
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (400, "field label not supported: data.a")
    );
}

#[tokio::test]
async fn a_list_comes_in_pages_of_one_moment() {
    let world = world();
    for index in 0..5 {
        let mut map = config_map(&format!("p{index}"), json!({}));
        map["metadata"]["labels"] = json!({"page": "yes"});
        world.make(map).await;
    }
    let api = world.api("v1", "ConfigMap");
    let params = ListParams::default().labels("page=yes").limit(2);
    let first = api.list(&params).await.unwrap();
    assert_eq!(first.items.len(), 2);
    world
        .make({
            let mut late = config_map("p9", json!({}));
            late["metadata"]["labels"] = json!({"page": "yes"});
            late
        })
        .await;
    let (mut token, mut seen, version) = (
        first.metadata.continue_.clone(),
        first.items.len(),
        first.metadata.resource_version.clone(),
    );
    while let Some(next) = token.filter(|token| !token.is_empty()) {
        let page = api
            .list(&params.clone().continue_token(&next))
            .await
            .unwrap();
        assert_eq!(
            page.metadata.resource_version, version,
            "every page is of the moment of the first"
        );
        seen += page.items.len();
        token = page.metadata.continue_;
    }
    assert_eq!(seen, 5, "what came later is not in it");
    let token = api.list(&params).await.unwrap().metadata.continue_.unwrap();
    world.sandbox.compact();
    let gone = refusal(api.list(&params.continue_token(&token)).await);
    assert_eq!((gone.code, gone.reason.as_str()), (410, "Expired"));
}

async fn get(world: &crate::support::World, path: &str, accept: &str) -> Value {
    let request = axum::http::Request::get(path)
        .header("accept", accept)
        .body(Vec::new())
        .unwrap();
    serde_json::from_str(&world.client.request_text(request).await.unwrap()).unwrap()
}

#[tokio::test]
async fn tables_have_the_columns_of_kubectl_get() {
    let world = world();
    world
        .make(workload("Deployment", "web", "nginx:1", 2))
        .await;
    world
        .until("apps/v1", "Deployment", "web", |object| {
            object["status"]["availableReplicas"] == 2
        })
        .await;
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let table = get(
        &world,
        "/apis/apps/v1/namespaces/default/deployments",
        accept,
    )
    .await;
    assert_eq!(table["kind"], "Table");
    let columns: Vec<_> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|column| column["priority"] == 0)
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["Name", "Ready", "Up-to-date", "Available", "Age"]);
    assert_eq!(
        table["rows"][0]["cells"].as_array().unwrap()[..4],
        [json!("web"), json!("2/2"), json!(2), json!(2)]
    );
    assert_eq!(table["rows"][0]["object"]["metadata"]["name"], "web");
}

#[tokio::test]
async fn metadata_alone_can_be_listed() {
    let world = world();
    world.make(config_map("c", json!({"big": "data"}))).await;
    let list = world
        .api("v1", "ConfigMap")
        .list_metadata(&ListParams::default().fields("metadata.name=c"))
        .await
        .unwrap();
    assert_eq!(list.items.len(), 1);
    let list = get(
        &world,
        "/api/v1/namespaces/default/configmaps/c",
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    )
    .await;
    assert_eq!(
        (list["kind"].as_str(), name(&list), list.get("data")),
        (Some("PartialObjectMetadata"), "c", None)
    );
}

#[tokio::test]
async fn a_list_spans_namespaces_and_a_namespace_comes_furnished() {
    let world = world();
    let all: Vec<_> = world
        .all("v1", "ServiceAccount")
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .iter()
        .map(value)
        .collect();
    assert!(all.iter().all(|account| name(account) == "default"));
    assert_eq!(all.len(), 4);
}
