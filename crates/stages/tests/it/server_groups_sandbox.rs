//! The stages of server groups, as whole runs on the cluster in this process.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{
    DeployRequest, Kind, Kubernetes, KubernetesInventory, KubernetesOptions, KubernetesProvider,
    ObjectId, StabilityOptions,
};
use spindrift_cloud_driver::model::Moniker;
use spindrift_cloud_driver::{Accounts, Provider};
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};
use spindrift_stages::{Services, registry};
use tokio::sync::Notify;

use crate::fake_cloud::everything_guarded;
use crate::play::Play;
use crate::support::map;

/// Longer than anything takes: on a paused clock it passes in no time.
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

struct World {
    kubernetes: Kubernetes,
    provider: Arc<KubernetesProvider>,
    _controllers: Controllers,
}

struct OneAccount(Arc<KubernetesProvider>);

impl Accounts for OneAccount {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        (name == "sandbox").then(|| Arc::clone(&self.0) as _)
    }

    fn names(&self) -> Vec<String> {
        vec!["sandbox".to_owned()]
    }
}

impl World {
    fn new() -> Self {
        let sandbox = Sandbox::new(SandboxOptions::default());
        let controllers = sandbox.start(&tokio::runtime::Handle::current());
        let client = Client::new(sandbox.router(), "default");
        let kubernetes = Kubernetes::new("sandbox", client, KubernetesOptions::default());
        let inventory = KubernetesInventory::new(kubernetes.clone(), Arc::new(Notify::new()));
        let provider =
            KubernetesProvider::new(kubernetes.clone(), Arc::new(inventory), Arc::new(|| 0));
        Self {
            kubernetes,
            provider: Arc::new(provider),
            _controllers: controllers,
        }
    }

    /// A Service, and so many versions of a ReplicaSet behind it, each with two replicas.
    async fn with_versions(versions: u32) -> Self {
        let world = Self::new();
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"lb": "web"}, "ports": [{"port": 80}]},
        });
        world.deploy(service, &[]).await;
        for version in 0..versions {
            let web = workload("ReplicaSet", &format!("shop/web:{version}"), 2);
            world.deploy(web, &["service web"]).await;
        }
        world
    }

    async fn deploy(&self, manifest: Value, services: &[&str]) {
        let request = DeployRequest {
            manifests: vec![manifest],
            moniker: Moniker {
                app: Some("shop".to_owned()),
                ..Moniker::default()
            },
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            ..DeployRequest::default()
        };
        let deployed = self.kubernetes.deploy(&request).await.unwrap();
        for object in &deployed.objects {
            let options = StabilityOptions::default();
            let waiting = self.kubernetes.await_stable(&object.id, &options, &|_| {});
            tokio::time::timeout(PATIENCE, waiting)
                .await
                .unwrap()
                .unwrap();
        }
    }

    fn services(&self) -> Services {
        Services {
            accounts: Arc::new(OneAccount(Arc::clone(&self.provider))),
            ..crate::support::services()
        }
    }

    async fn play(&self, stages: Value) -> Play {
        self.play_with(self.services(), stages).await
    }

    async fn play_with(&self, services: Services, stages: Value) -> Play {
        let mut play = Play::new(registry(services), stages, 1_000);
        tokio::time::timeout(PATIENCE, play.finish()).await.unwrap();
        play
    }

    /// `name desired`, of the pods that the service web leads to the number after `in traffic`.
    async fn shown(&self) -> Vec<String> {
        let list = |kind: &str, version: &str| {
            let kind = Kind::of(kind, version);
            async move { self.kubernetes.list(&kind, "default", "").await.unwrap() }
        };
        let slices = list("EndpointSlice", "discovery.k8s.io/v1").await;
        let behind: Vec<&str> = slices
            .iter()
            .filter_map(|slice| slice["endpoints"].as_array())
            .flatten()
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .filter_map(|endpoint| endpoint["targetRef"]["name"].as_str())
            .collect();
        let sets = list("ReplicaSet", "apps/v1").await;
        let shown = sets.iter().map(|set| {
            let name = set["metadata"]["name"].as_str().unwrap();
            let served = behind
                .iter()
                .filter(|pod| pod.starts_with(&format!("{name}-")))
                .count();
            format!("{name} {} in traffic {served}", set["spec"]["replicas"])
        });
        shown.collect()
    }
}

fn workload(kind: &str, image: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": image}]}}},
    })
}

fn stage(number: u32, kind: &str, members: Value) -> Value {
    let requires: Vec<String> = (number > 1)
        .then(|| (number - 1).to_string())
        .into_iter()
        .collect();
    let mut stage = map(json!({
        "refId": number.to_string(), "requisiteStageRefIds": requires, "type": kind, "name": kind, "cloudProvider": "kubernetes",
        "credentials": "sandbox", "namespaces": ["default"], "cluster": "replicaSet web",
    }));
    stage.extend(map(members));
    Value::Object(stage)
}

fn errors(play: &Play) -> Vec<String> {
    let stages = play.run.execution().stages.iter();
    let texts = stages.filter_map(|stage| {
        let details = stage.context.get("exception")?.get("details")?;
        Some(details["errors"].as_array()?.clone())
    });
    texts
        .flatten()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn succeeded(play: &Play) {
    let status = play.run.execution().status;
    assert_eq!(
        status.as_str(),
        "SUCCEEDED",
        "{} {:?}",
        play.shown(),
        errors(play)
    );
}

#[tokio::test(start_paused = true)]
async fn a_release_grows_takes_over_and_goes_back() {
    let world = World::with_versions(2).await;
    let play = world
        .play(json!([
            stage(
                1,
                "resizeServerGroup",
                json!({"target": "current_asg_dynamic", "action": "scale_up", "scalePct": 50})
            ),
            stage(2, "disableCluster", json!({})),
            stage(3, "scaleDownCluster", json!({})),
        ]))
        .await;
    succeeded(&play);
    assert_eq!(
        world.shown().await,
        ["web-v000 0 in traffic 0", "web-v001 3 in traffic 3"]
    );

    succeeded(
        &world
            .play(json!([stage(1, "rollbackCluster", json!({}))]))
            .await,
    );
    assert_eq!(
        world.shown().await,
        ["web-v000 3 in traffic 3", "web-v001 3 in traffic 0"]
    );

    let shrink = stage(1, "shrinkCluster", json!({"allowDeleteActive": true}));
    succeeded(&world.play(json!([shrink])).await);
    assert_eq!(world.shown().await, ["web-v000 3 in traffic 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_group_goes_out_of_traffic_and_comes_back() {
    let world = World::with_versions(2).await;
    let disable = stage(
        1,
        "disableServerGroup",
        json!({"target": "ancestor_asg_dynamic"}),
    );
    let play = world.play(json!([disable])).await;
    succeeded(&play);
    assert_eq!(
        world.shown().await,
        ["web-v000 2 in traffic 0", "web-v001 2 in traffic 2"]
    );
    let enable = stage(
        1,
        "enableServerGroup",
        json!({"serverGroupName": "replicaSet web-v000"}),
    );
    succeeded(&world.play(json!([enable])).await);
    assert_eq!(
        world.shown().await,
        ["web-v000 2 in traffic 2", "web-v001 2 in traffic 2"]
    );
    let destroy = stage(
        1,
        "destroyServerGroup",
        json!({"target": "oldest_asg_dynamic"}),
    );
    succeeded(&world.play(json!([destroy])).await);
    assert_eq!(world.shown().await, ["web-v001 2 in traffic 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_guard_keeps_the_last_one_in_traffic() {
    let world = World::with_versions(2).await;
    let services = Services {
        traffic: everything_guarded(),
        ..world.services()
    };
    let stages = json!([
        stage(1, "disableCluster", json!({})),
        stage(
            2,
            "disableServerGroup",
            json!({"target": "current_asg_dynamic"})
        ),
    ]);
    let play = world.play_with(services, stages).await;
    assert_eq!(
        errors(&play),
        [
            "This cluster ('replicaSet web' in sandbox/default) has traffic guards enabled. Disabling [replicaSet web-v001] would leave the cluster with \
             no instances up."
        ]
    );
    assert_eq!(
        world.shown().await,
        ["web-v000 2 in traffic 0", "web-v001 2 in traffic 2"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_guard_holds_for_manifest_stages_too() {
    let world = World::with_versions(1).await;
    let table = [
        ("disableManifest", json!({}), "Disabling"),
        ("deleteManifest", json!({}), "Destroying"),
        (
            "scaleManifest",
            json!({"replicas": 0}),
            "Removal of all instances in",
        ),
    ];
    for (kind, members, operation) in table {
        let mut members = map(members);
        members.insert("account".to_owned(), "sandbox".into());
        members.insert("manifestName".to_owned(), "replicaSet web-v000".into());
        members.insert("location".to_owned(), "default".into());
        let services = Services {
            traffic: everything_guarded(),
            ..world.services()
        };
        let stages = json!([stage(1, kind, Value::Object(members))]);
        let play = world.play_with(services, stages).await;
        let refused = format!(
            "This cluster ('replicaSet web' in sandbox/default) has traffic guards enabled. {operation} [replicaSet web-v000] would leave the cluster \
             with no instances up."
        );
        assert_eq!(errors(&play), [refused], "{kind}");
    }
    assert_eq!(world.shown().await, ["web-v000 2 in traffic 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_the_next_version_and_made_once() {
    let world = World::with_versions(1).await;
    let clone = stage(
        1,
        "cloneServerGroup",
        json!({"target": "current_asg_dynamic", "image": "shop/web:9", "capacity": {"desired": 1}, "strategy": "redblack"}),
    );
    let mut play = Play::new(registry(world.services()), json!([clone]), 1_000);
    play.dies_after = Some(("cloneServerGroup", 1));
    tokio::time::timeout(PATIENCE, play.finish()).await.unwrap();
    succeeded(&play);
    assert!(play.dies_after.is_none());
    assert_eq!(
        world.shown().await,
        ["web-v000 2 in traffic 0", "web-v001 1 in traffic 1"]
    );
    let find = stage(1, "findImage", json!({}));
    let play = world.play(json!([find])).await;
    succeeded(&play);
    let artifacts = &play.stage("findImage").outputs["artifacts"];
    assert_eq!(artifacts[0]["reference"], "shop/web:9");
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_a_deletion_deletes_nothing_more() {
    let world = World::with_versions(3).await;
    let destroy = stage(
        1,
        "destroyServerGroup",
        json!({"target": "current_asg_dynamic"}),
    );
    let mut play = Play::new(registry(world.services()), json!([destroy]), 1_000);
    play.dies_after = Some(("destroyServerGroup", 2));
    tokio::time::timeout(PATIENCE, play.finish()).await.unwrap();
    succeeded(&play);
    assert!(play.dies_after.is_none());
    assert_eq!(
        world.shown().await,
        ["web-v000 2 in traffic 2", "web-v001 2 in traffic 2"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_one_server_group_and_goes_back_by_undoing() {
    let world = World::new();
    world
        .deploy(workload("Deployment", "shop/web:1", 2), &[])
        .await;
    world
        .deploy(workload("Deployment", "shop/web:2", 2), &[])
        .await;
    let web = ObjectId::parse("deployment web", "default").unwrap();
    let sets = Kind::of("ReplicaSet", "apps/v1");
    let sets = world.kubernetes.list(&sets, "default", "").await.unwrap();
    let newest = sets
        .iter()
        .find(|set| set["spec"]["replicas"] == 2)
        .unwrap();
    let name = format!(
        "replicaSet {}",
        newest["metadata"]["name"].as_str().unwrap()
    );
    let resize = stage(
        1,
        "resizeServerGroup",
        json!({"serverGroupName": name, "action": "scale_up", "scaleNum": 1}),
    );
    let play = world.play(json!([resize])).await;
    succeeded(&play);
    let inner = play.stage("resizeServerGroup in default");
    assert_eq!(inner.context["serverGroupName"], "deployment web");
    assert_eq!(
        inner.outputs["originalCapacity.deployment web"]["desired"],
        2
    );
    let live = world.kubernetes.get(&web).await.unwrap().unwrap();
    assert_eq!(live["spec"]["replicas"], 3);

    let rollback = stage(1, "rollbackCluster", json!({"cluster": "deployment web"}));
    let mut play = Play::new(registry(world.services()), json!([rollback]), 1_000);
    play.dies_after = Some(("undoServerGroup", 2));
    tokio::time::timeout(PATIENCE, play.finish()).await.unwrap();
    succeeded(&play);
    let live = world.kubernetes.get(&web).await.unwrap().unwrap();
    let image = live
        .pointer("/spec/template/spec/containers/0/image")
        .unwrap();
    assert_eq!(image, "shop/web:1");
    assert_eq!(live["spec"]["replicas"], 3);

    let guardless = stage(
        1,
        "disableServerGroup",
        json!({"serverGroupName": "deployment web"}),
    );
    succeeded(&world.play(json!([guardless])).await);
    let enable = stage(
        1,
        "enableServerGroup",
        json!({"serverGroupName": "deployment web"}),
    );
    let play = world.play(json!([enable])).await;
    assert_eq!(
        errors(&play),
        [
            "deployment web has no annotation traffic.spinnaker.io/load-balancers, so no service can send it traffic; deploy it with services under \
             trafficManagement"
        ]
    );
    let clone = stage(
        1,
        "cloneServerGroup",
        json!({"serverGroupName": "deployment web"}),
    );
    let play = world.play(json!([clone])).await;
    assert_eq!(
        errors(&play),
        ["deployment web has no versions, so there is no next one; deploy its manifest again"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_bounds_of_an_autoscaler_move_along() {
    let world = World::with_versions(1).await;
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-v000"}, "minReplicas": 2, "maxReplicas": 4},
    });
    world.deploy(autoscaler, &[]).await;
    let capacity =
        json!({"capacity": {"min": 3, "max": 6, "desired": 5}, "target": "current_asg_dynamic"});
    succeeded(
        &world
            .play(json!([stage(1, "resizeServerGroup", capacity)]))
            .await,
    );
    let id = ObjectId::parse("hpa web", "default").unwrap();
    let live = world.kubernetes.get(&id).await.unwrap().unwrap();
    assert_eq!(
        (&live["spec"]["minReplicas"], &live["spec"]["maxReplicas"]),
        (&json!(3), &json!(6))
    );
    assert_eq!(world.shown().await, ["web-v000 5 in traffic 5"]);
}
