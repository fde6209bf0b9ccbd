//! The cloud accounts and what they hold, over a cluster in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http_body_util::BodyExt;
use kube::api::{Api as Objects, DeleteParams, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use spindrift_api::{ApiOptions, ApiToken, TokenHash};
use spindrift_cloud_driver::BoxFuture;
use spindrift_cloud_driver::accounts::{
    AccountDefinition, AccountStorage, Accounts, Registry, RegistryOptions,
};
use spindrift_cloud_driver::kubernetes::{ObjectId, StabilityOptions};
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};
use spindrift_vault::Vault;
use tower::ServiceExt;

use crate::support::{Api, request};

#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl AccountStorage for Memory {
    fn load(&self) -> Result<Vec<(String, Vec<u8>)>, String> {
        Ok(self.0.lock().unwrap().clone().into_iter().collect())
    }

    fn put(&self, name: &str, value: Vec<u8>) -> BoxFuture<'_, Result<(), String>> {
        self.0.lock().unwrap().insert(name.to_owned(), value);
        Box::pin(std::future::ready(Ok(())))
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), String>> {
        self.0.lock().unwrap().remove(name);
        Box::pin(std::future::ready(Ok(())))
    }
}

struct World {
    api: Api,
    sandbox: Sandbox,
    client: kube::Client,
    storage: Arc<Memory>,
    registry: Registry,
    _controllers: Controllers,
}

async fn world() -> World {
    world_with(ApiOptions::default()).await
}

async fn world_with(options: ApiOptions) -> World {
    let sandbox = Sandbox::new(SandboxOptions::immediate());
    let controllers = sandbox.start(&tokio::runtime::Handle::current());
    let client = kube::Client::new(sandbox.router(), "default");
    let storage = Arc::new(Memory::default());
    let registry = Registry::open(RegistryOptions {
        storage: storage.clone(),
        vault: Arc::new(Vault::ephemeral()),
        policy: spindrift_outbound::Policy {
            allow: vec!["127.0.0.1".parse().unwrap()],
            ..spindrift_outbound::Policy::default()
        },
        clock: Arc::new(|| crate::support::START),
    })
    .await
    .unwrap();
    registry.add_built_in(AccountDefinition::named("sandbox"), client.clone());
    let options = ApiOptions {
        accounts: Some(registry.clone()),
        ..options
    };
    World {
        api: Api::with(options),
        sandbox,
        client,
        storage,
        registry,
        _controllers: controllers,
    }
}

impl World {
    fn objects(&self, api_version: &str, kind: &str) -> Objects<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Objects::namespaced_with(self.client.clone(), "default", &resource)
    }

    async fn make(&self, object: Value) {
        let api = self.objects(
            object["apiVersion"].as_str().unwrap(),
            object["kind"].as_str().unwrap(),
        );
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    /// A ReplicaSet of the application `shop` behind a service.
    async fn shop(&self) {
        self.make(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "annotations": {"moniker.spinnaker.io/application": "shop"}},
            "spec": {"selector": {"lb": "web"}, "ports": [{"port": 80}]}})).await;
        for name in ["web-v000", "web-v001"] {
            self.make(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "labels": {"app": "web"}, "annotations": {
                    "moniker.spinnaker.io/application": "shop", "moniker.spinnaker.io/cluster": "replicaSet web",
                    "traffic.spinnaker.io/load-balancers": "[\"service web\"]", "artifact.spinnaker.io/name": "web"}},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"name": name}}, "template": {
                    "metadata": {"labels": {"name": name, "lb": "web"}},
                    "spec": {"initContainers": [{"name": "prepare", "image": "busybox:1"}], "containers": [{"name": "c", "image": "nginx:1.2"}]}}}})).await;
        }
        self.until(|inventory| {
            let groups = inventory.server_groups(&spindrift_cloud_driver::Query::default());
            groups
                .iter()
                .filter(|group| group.instance_counts.up == 1)
                .count()
                == 2
        })
        .await;
    }

    async fn until(&self, holds: impl Fn(&dyn spindrift_cloud_driver::Inventory) -> bool) {
        let provider = self.registry.get("sandbox").unwrap();
        let inventory = provider.inventory();
        inventory.ready().await.unwrap();
        let mut changes = inventory.changes();
        while !holds(inventory) {
            changes.changed().await.unwrap();
        }
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.api.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }
}

/// The same without what differs from run to run.
fn stable(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    match key.as_str() {
                        "createdTime" | "launchTime" => *value = "(time)".into(),
                        "id" => *value = "(uid)".into(),
                        "name" | "humanReadableName" | "displayName" | "cluster" => shorten(value),
                        _ => walk(value),
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    fn shorten(value: &mut Value) {
        let text = value.as_str().unwrap_or_default().to_owned();
        let is_uid = text.len() == 36 && text.matches('-').count() == 4;
        *value = match (is_uid, text.rsplit_once('-')) {
            (true, _) => "(uid)".into(),
            (false, Some((head, tail))) if tail.len() == 5 => format!("{head}-(x)").into(),
            _ => text.into(),
        };
    }
    walk(&mut value);
    value
}

#[tokio::test]
async fn the_model_has_the_shapes_of_clouddriver() {
    let world = world().await;
    world.shop().await;
    let one = world
        .json("/serverGroups/sandbox/default/replicaSet%20web-v001")
        .await;
    insta::assert_json_snapshot!("server_group", stable(one.clone()));
    let of_application = "/applications/shop/serverGroups/sandbox/default/replicaSet%20web-v001";
    assert_eq!(world.json(of_application).await, one);
    let balancers = world.json("/applications/shop/loadBalancers").await;
    insta::assert_json_snapshot!("load_balancers", stable(balancers.clone()));
    assert_eq!(
        world
            .json("/loadBalancers/sandbox/default/service%20web")
            .await,
        balancers[0]
    );
    assert_eq!(world.json("/loadBalancers?provider=aws").await, json!([]));
    let clusters = world.json("/applications/shop/clusters").await;
    assert_eq!(clusters, json!({"sandbox": ["replicaSet web"]}));
    let cluster = world
        .json("/applications/shop/clusters/sandbox/replicaSet%20web/kubernetes")
        .await;
    insta::assert_json_snapshot!("cluster", stable(cluster.clone()));
    let same = world
        .json("/applications/shop/clusters/sandbox/replicaSet%20web")
        .await;
    assert_eq!(same, cluster);
    assert_eq!(
        world.json("/applications/shop/clusters/sandbox").await,
        json!([cluster])
    );
    let instance = &one["instances"][0];
    let path = format!(
        "/instances/sandbox/default/{}",
        instance["displayName"].as_str().unwrap()
    );
    assert_eq!(world.json(&path).await, *instance);
    for (target, name) in [
        ("current_asg_dynamic", "replicaSet web-v001"),
        ("ancestor_asg_dynamic", "replicaSet web-v000"),
        ("oldest_asg_dynamic", "replicaSet web-v000"),
    ] {
        let path = format!(
            "/applications/shop/clusters/sandbox/replicaSet%20web/kubernetes/default/serverGroups/target/{target}"
        );
        assert_eq!(world.json(&path).await["name"], name, "{target}");
    }
    let narrowed = world
        .json("/applications/shop/serverGroups?clusters=sandbox:replicaSet%20web")
        .await;
    assert_eq!(narrowed.as_array().unwrap().len(), 2);
    assert_eq!(
        world.json("/serverGroups?applications=shop,other").await,
        narrowed
    );
    let by_id = world
        .json("/serverGroups?ids=sandbox:default:replicaSet%20web-v000")
        .await;
    assert_eq!(by_id.as_array().unwrap().len(), 1);
    let raw = world.json("/applications/shop/rawResources").await;
    let names: Vec<&str> = raw
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|object| object["name"].as_str())
        .collect();
    assert_eq!(
        names,
        ["replicaSet web-v000", "replicaSet web-v001", "service web"]
    );
    let found = world
        .json("/search?q=web-v001&type=serverGroups,instances")
        .await;
    let totals: Vec<i64> = found
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|set| set["totalMatches"].as_i64())
        .collect();
    assert_eq!(totals, [1, 1]);
    assert_eq!(world.json("/search?q=we").await, json!([]));
}

#[tokio::test]
async fn what_is_not_there_is_404_and_nonsense_is_400() {
    let world = world().await;
    world.shop().await;
    let transcript = world
        .api
        .transcript(&[
            ("GET", "/serverGroups/sandbox/default/replicaSet%20web-v009", None),
            ("GET", "/serverGroups/nowhere/default/replicaSet%20web-v001", None),
            ("GET", "/serverGroups", None),
            ("GET", "/serverGroups?ids=x", None),
            ("GET", "/applications/other/clusters/sandbox", None),
            ("GET", "/applications/shop/clusters/sandbox/nothing", None),
            ("GET", "/applications/shop/clusters/sandbox/replicaSet%20web/kubernetes/default/serverGroups/target/middle", None),
            ("GET", "/instances/sandbox/default/nobody", None),
            ("GET", "/instances/sandbox/default/nobody/console", None),
            ("GET", "/manifests/sandbox/default/deployment%20nothing", None),
            ("GET", "/manifests/sandbox/default/deployment", None),
            ("GET", "/manifests/sandbox/default/replicaSet/cluster/shop/replicaSet%20web/dynamic/best", None),
            ("GET", "/applications/shop/jobs/sandbox/default/nothing", None),
            ("GET", "/credentials/nowhere", None),
            ("POST", "/credentials", Some(json!({"name": "a"}))),
            ("POST", "/credentials", Some(json!({"name": "sandbox", "server": "http://127.0.0.1:6443", "token": "t"}))),
            ("DELETE", "/credentials/sandbox", None),
        ])
        .await;
    insta::assert_snapshot!(transcript);
}

#[tokio::test]
async fn a_manifest_is_read_live_with_its_status_and_without_secrets() {
    let world = world().await;
    world.shop().await;
    let provider = world.registry.get("sandbox").unwrap();
    let id = ObjectId::parse("replicaSet web-v001", "default").unwrap();
    let kubernetes = provider.kubernetes().unwrap();
    let options = StabilityOptions::default();
    kubernetes
        .await_stable(&id, &options, &|_| ())
        .await
        .unwrap();
    let manifest = world
        .json("/manifests/sandbox/default/replicaSet%20web-v001")
        .await;
    assert_eq!(manifest["status"]["stable"]["state"], true, "{manifest}");
    assert_eq!(manifest["moniker"]["cluster"], "replicaSet web");
    assert_eq!(manifest["artifacts"][1]["reference"], "nginx:1.2");
    assert!(!manifest["events"].as_array().unwrap().is_empty());
    assert!(
        manifest["manifest"]["metadata"]
            .get("managedFields")
            .is_none()
    );
    let path = "/manifests/sandbox/default/replicaSet/cluster/shop/replicaSet%20web";
    assert_eq!(
        world.json(path).await[0],
        json!({"kind": "replicaSet", "namespace": "default", "name": "web-v000"})
    );
    let chosen = world.json(&format!("{path}/dynamic/second_newest")).await;
    assert_eq!(chosen["name"], "web-v000");
    world.make(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": "hunter2"}})).await;
    let secret = world
        .json("/manifests/sandbox/default/secret%20s")
        .await
        .to_string();
    assert!(
        !secret.contains("hunter2") && !secret.contains("aHVudGVyMg"),
        "{secret}"
    );
    let namespace = world
        .json("/manifests/sandbox/_/namespace%20default?includeEvents=false")
        .await;
    assert_eq!(namespace["events"], json!([]));
}

#[tokio::test]
async fn logs_are_read_and_followed() {
    let world = world().await;
    world.shop().await;
    let groups = world
        .json("/applications/shop/serverGroups?expand=true")
        .await;
    let pod = groups[0]["instances"][0]["displayName"]
        .as_str()
        .unwrap()
        .to_owned();
    world.sandbox.append_log("default", &pod, "c", "first line");
    let path = format!("/instances/sandbox/default/pod%20{pod}");
    let console = world.json(&format!("{path}/console")).await;
    let names: Vec<&str> = console["output"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|output| output["name"].as_str())
        .collect();
    assert_eq!(names, ["prepare", "c"]);
    assert!(
        console["output"][1]["output"]
            .as_str()
            .unwrap()
            .contains("first line")
    );
    let log = world
        .api
        .get(&format!("{path}/log?container=c&tail=1"))
        .await;
    assert_eq!(String::from_utf8_lossy(&log.body), "first line\n");

    let headers = [("accept", "text/event-stream")];
    let request = request(
        "GET",
        &format!("{path}/log?container=c&follow=true&tail=1"),
        &headers,
        None,
    );
    let router = spindrift_api::router(world.api.state.clone());
    let response = router.oneshot(request).await.unwrap();
    let mut body: Body = response.into_body();
    let mut read = String::new();
    world
        .sandbox
        .append_log("default", &pod, "c", "second line");
    while !read.contains("second line") {
        let frame = body.frame().await.unwrap().unwrap();
        read.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    assert!(
        read.starts_with("event: line\ndata: first line\n\n"),
        "{read}"
    );
    let pods = world.objects("v1", "Pod");
    pods.delete(&pod, &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    while !read.contains("event: end") {
        let frame = body.frame().await.unwrap().unwrap();
        read.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
}

#[tokio::test]
async fn a_job_is_shown_with_its_pods_and_properties() {
    let world = world().await;
    world.make(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {"restartPolicy": "Never",
        "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", "echo SPINNAKER_PROPERTY_Foo=bar"]}]}}}})).await;
    let path = "/applications/shop/jobs/sandbox/default/job%20j";
    let groups = |inventory: &dyn spindrift_cloud_driver::Inventory| {
        let jobs = inventory.server_groups(&spindrift_cloud_driver::Query::default());
        jobs.iter()
            .any(|job| job.display_name == "j" && job.capacity.desired == 0)
    };
    world.until(groups).await;
    let job = world.json(path).await;
    assert_eq!(job["jobState"], "Succeeded", "{job}");
    assert_eq!(job["pods"].as_array().unwrap().len(), 1);
    assert_eq!(
        world.json(&format!("{path}/c")).await,
        json!({"foo": "bar"})
    );
}

#[tokio::test]
async fn accounts_are_bound_shown_changed_and_forgotten_without_their_secrets() {
    let world = world().await;
    let served = Sandbox::new({
        let mut options = SandboxOptions::immediate();
        options.token = Some("s3cret-token".to_owned());
        options
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = served.router();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let body = json!({"name": "prod", "server": format!("http://{address}"), "token": "s3cret-token",
        "namespaces": ["default"], "permissions": {"READ": ["dev"], "WRITE": ["ops"]}});
    let answer = world
        .api
        .call("POST", "/credentials", Some(body.clone()))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["state"], "READY");
    let again = world.api.call("POST", "/credentials", Some(body)).await;
    assert_eq!(again.status, 409);
    let change = json!({"name": "prod", "server": format!("http://{address}"), "namespaces": ["default", "shop"]});
    let changed = world.api.call("PUT", "/credentials", Some(change)).await;
    assert_eq!(changed.json()["state"], "READY", "the credentials stay");
    assert_eq!(changed.json()["namespaces"], json!(["default", "shop"]));
    let list = world.json("/credentials").await;
    let names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|account| account["name"].as_str())
        .collect();
    assert_eq!(names, ["prod", "sandbox"]);
    served.faults().always(
        spindrift_sandbox::Requests::all(),
        spindrift_sandbox::Fault::Unavailable,
    );
    let verified = world
        .api
        .call("POST", "/credentials/prod/verify", None)
        .await;
    assert_eq!(verified.json()["state"], "UNREACHABLE");
    // One lost account does not hide the others.
    assert_eq!(world.json("/applications/shop/clusters").await, json!({}));
    let lost = world.api.get("/applications/shop/clusters/prod").await;
    assert_eq!(lost.status, 503);
    for path in [
        "/credentials",
        "/credentials?expand=true",
        "/credentials/prod",
    ] {
        let shown = world.json(path).await.to_string();
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let kept = world.storage.load().unwrap();
    assert!(!String::from_utf8_lossy(&kept[0].1).contains("s3cret"));
    assert_eq!(
        world
            .api
            .call("DELETE", "/credentials/prod", None)
            .await
            .status,
        204
    );
    assert_eq!(world.api.get("/credentials/prod").await.status, 404);
}

#[tokio::test]
async fn tokens_decide_who_sees_and_who_changes() {
    let token = |name: &str, roles: &[&str], admin: bool, accounts: &[&str]| ApiToken {
        hash: TokenHash::of(name),
        user: name.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        admin,
        allowed_accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
        expires_at: None,
    };
    let world = world_with(ApiOptions {
        tokens: vec![
            token("admin", &[], true, &[]),
            token("dev", &["dev"], false, &[]),
            token("guest", &["guest"], false, &[]),
            token("elsewhere", &["dev"], false, &["other"]),
        ],
        ..ApiOptions::default()
    })
    .await;
    let mut definition = AccountDefinition::named("closed");
    definition.permissions.read = vec!["dev".to_owned()];
    world
        .registry
        .add_built_in(definition, world.client.clone());
    let status = async |who: &str, method: &str, path: &str| {
        let bearer = format!("Bearer {who}");
        let headers = [("authorization", bearer.as_str())];
        let body = (method == "POST")
            .then(|| json!({"name": "x", "server": "http://127.0.0.1:6443", "token": "t"}));
        world
            .api
            .call_with(method, path, &headers, body)
            .await
            .status
            .as_u16()
    };
    let path = "/securityGroups/closed";
    for (who, expected) in [
        ("admin", 200),
        ("dev", 200),
        ("guest", 403),
        ("elsewhere", 403),
    ] {
        assert_eq!(status(who, "GET", path).await, expected, "{who}");
    }
    assert_eq!(status("dev", "POST", "/credentials").await, 403);
    assert_eq!(status("dev", "DELETE", "/credentials/closed").await, 403);
    assert_eq!(status("admin", "POST", "/credentials").await, 201);
}
