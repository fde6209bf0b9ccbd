//! Accounts: bound, verified, kept without their secrets in the clear, lost and found.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use spindrift_cloud_driver::accounts::{
    AccountDefinition, AccountState, AccountStorage, AccountView, Accounts, Credentials, Registry,
    RegistryOptions,
};
use spindrift_cloud_driver::kubernetes::{Kind, ObjectId};
use spindrift_cloud_driver::{BoxFuture, CloudError, ErrorKind};
use spindrift_sandbox::{Fault, Requests, Sandbox, SandboxOptions};
use spindrift_vault::Vault;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const TOKEN: &str = "s3cret-bearer-token";

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
    storage: Arc<Memory>,
    vault: Arc<Vault>,
    allow: Vec<String>,
}

impl World {
    fn new() -> Self {
        Self {
            storage: Arc::default(),
            vault: Arc::new(Vault::ephemeral()),
            allow: vec!["127.0.0.1".to_owned()],
        }
    }

    async fn registry(&self) -> Registry {
        let allow = self.allow.iter().map(|entry| entry.parse().unwrap());
        let options = RegistryOptions {
            storage: self.storage.clone(),
            vault: self.vault.clone(),
            policy: spindrift_outbound::Policy {
                allow: allow.collect(),
                ..spindrift_outbound::Policy::default()
            },
            clock: Arc::new(|| 1_780_000_000_000),
        };
        Registry::open(options).await.unwrap()
    }

    fn kept(&self) -> String {
        let kept = self.storage.0.lock().unwrap();
        kept.values()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }
}

/// An API server on a port of this machine that asks for the token.
struct Server {
    sandbox: Sandbox,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn at(address: SocketAddr) -> Self {
        let mut options = SandboxOptions::immediate();
        options.token = Some(TOKEN.to_owned());
        let sandbox = Sandbox::new(options);
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = sandbox.router();
        let serving = async { axum::serve(listener, router).await.unwrap() };
        Self {
            sandbox,
            address,
            task: tokio::spawn(serving),
        }
    }

    fn definition(&self, extra: Value) -> (AccountDefinition, Credentials) {
        let mut document =
            json!({"name": "prod", "server": format!("http://{}", self.address), "token": TOKEN});
        for (key, value) in extra.as_object().unwrap() {
            document[key] = value.clone();
        }
        parse(document)
    }
}

fn parse(document: Value) -> (AccountDefinition, Credentials) {
    AccountDefinition::parse(document.as_object().unwrap().clone()).unwrap()
}

async fn bind(registry: &Registry, document: Value) -> Result<AccountView, CloudError> {
    let (definition, credentials) = parse(document);
    registry.bind(definition, credentials).await
}

async fn until(registry: &Registry, state: AccountState) -> AccountView {
    let mut changes = registry.changes();
    let wanted = async {
        loop {
            let view = registry.view("prod").unwrap();
            if view.status.state == state {
                return view;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wanted)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_account_is_verified_kept_sealed_and_there_after_a_restart() {
    let (world, server) = (World::new(), Server::start().await);
    let registry = world.registry().await;
    let (definition, credentials) = server.definition(json!({"namespaces": ["default"]}));
    let view = registry.bind(definition, credentials).await.unwrap();
    assert_eq!(view.status.state, AccountState::Ready, "{view:?}");
    assert!(view.status.version.is_some());
    assert_eq!(view.status.verified_at, Some(1_780_000_000_000));
    assert_eq!(view.namespaces, ["default"]);
    assert!(
        world.kept().contains("\"sealed\":\"v1."),
        "{}",
        world.kept()
    );
    for shown in [world.kept(), format!("{view:?}"), format!("{registry:?}")] {
        assert!(!shown.contains(TOKEN), "{shown}");
    }

    let again = world.registry().await;
    assert_eq!(again.names(), ["prod"]);
    again.verify_all().await;
    let view = again.view("prod").unwrap();
    assert_eq!(view.status.state, AccountState::Ready, "{view:?}");
    let provider = again.get("prod").unwrap();
    let namespace = ObjectId {
        kind: Kind::parse("namespace").unwrap(),
        namespace: String::new(),
        name: "default".to_owned(),
    };
    let found = provider
        .kubernetes()
        .unwrap()
        .get(&namespace)
        .await
        .unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn an_account_without_rights_says_which() {
    let (world, server) = (World::new(), Server::start().await);
    let forbidden = Requests::on("deployments.apps").verbs(["create", "delete"]);
    server.sandbox.faults().always(forbidden, Fault::Forbidden);
    let registry = world.registry().await;
    let (definition, credentials) = server.definition(json!({}));
    let view = registry.bind(definition, credentials).await.unwrap();
    assert_eq!(view.status.state, AccountState::Limited);
    assert_eq!(
        view.status.problems,
        ["it may not create, delete deployments.apps in the namespace \"default\""]
    );
    server.sandbox.faults().clear();
    let view = registry.verify("prod").await.unwrap();
    assert_eq!(view.status.state, AccountState::Ready);
}

#[tokio::test]
async fn a_wrong_token_is_told_and_kept_and_can_be_put_right() {
    let (world, server) = (World::new(), Server::start().await);
    let registry = world.registry().await;
    let (definition, credentials) = server.definition(json!({"token": "wrong-t0ken"}));
    let view = registry.bind(definition, credentials).await.unwrap();
    assert_eq!(view.status.state, AccountState::Unreachable);
    assert!(!format!("{view:?}").contains("wrong-t0ken"));
    let (definition, credentials) = server.definition(json!({}));
    let twice = registry.bind(definition.clone(), credentials.clone()).await;
    assert_eq!(twice.unwrap_err().kind, ErrorKind::Conflict);
    let view = registry.rebind(definition, credentials).await.unwrap();
    assert_eq!(view.status.state, AccountState::Ready);
    // What a change does not mention of the secrets stays.
    let (definition, mut credentials) = server.definition(json!({"environment": "live"}));
    credentials.token = None;
    let view = registry.rebind(definition, credentials).await.unwrap();
    assert_eq!(view.status.state, AccountState::Ready);
    assert_eq!(view.definition.environment.as_deref(), Some("live"));
    registry.remove("prod").await.unwrap();
    assert!(registry.get("prod").is_none() && world.kept().is_empty());
    let gone = registry.remove("prod").await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_lost_api_server_is_noticed_by_who_uses_it_and_found_again() {
    let (world, server) = (World::new(), Server::start().await);
    let registry = world.registry().await;
    let (definition, credentials) = server.definition(json!({}));
    registry.bind(definition, credentials).await.unwrap();
    let provider = registry.get("prod").unwrap();
    provider.inventory().ready().await.unwrap();
    let address = server.address;
    server.task.abort();
    server.sandbox.close_streams();
    drop(server);
    let view = until(&registry, AccountState::Unreachable).await;
    let reason = view.status.reason.unwrap();
    assert!(reason.contains("cannot be reached"), "{reason}");
    let _server = Server::at(address).await;
    let view = registry.verify("prod").await.unwrap();
    assert_eq!(view.status.state, AccountState::Ready);
}

#[tokio::test]
async fn an_address_outside_the_policy_is_not_connected_to() {
    let (mut world, server) = (World::new(), Server::start().await);
    world.allow.clear();
    let registry = world.registry().await;
    let (definition, credentials) = server.definition(json!({}));
    let error = registry.bind(definition, credentials).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("[accounts]"), "{error}");
    let metadata = json!({"name": "m", "server": "http://169.254.169.254", "token": "t"});
    assert!(bind(&registry, metadata).await.is_err());
    let inside = json!({"name": "i", "server": "https://localhost:6443", "token": "t"});
    assert!(bind(&registry, inside).await.is_err());
    assert!(server.sandbox.requests().is_empty());
    assert!(world.kept().is_empty());
}

#[tokio::test]
async fn what_a_caller_sends_starts_no_process_and_reads_no_file() {
    let world = World::new();
    let registry = world.registry().await;
    let directory = tempfile::tempdir().unwrap();
    let proof = directory.path().join("started");
    let kubeconfig = |user: Value, cluster: Value| {
        let mut whole = json!({"server": "http://127.0.0.1:1"});
        for (key, value) in cluster.as_object().unwrap() {
            whole[key] = value.clone();
        }
        json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": whole}], "users": [{"name": "c", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]})
        .to_string()
    };
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [proof]}});
    let provider = json!({"auth-provider": {"name": "gcp", "config": {"cmd-path": "touch", "cmd-args": proof}}});
    let attempts = [
        kubeconfig(exec, json!({})),
        kubeconfig(provider, json!({})),
        kubeconfig(json!({"tokenFile": "/etc/hostname"}), json!({})),
        kubeconfig(
            json!({"client-key": "/etc/hostname", "client-certificate": "/etc/hostname"}),
            json!({}),
        ),
        kubeconfig(json!({}), json!({"certificate-authority": "/etc/hostname"})),
        kubeconfig(json!({}), json!({"proxy-url": "http://127.0.0.1:3128"})),
        "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b".to_owned(),
    ];
    for text in attempts {
        let answer = bind(
            &registry,
            json!({"name": "evil", "kubeconfigContents": text}),
        )
        .await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{text}: {error}");
    }
    let file = json!({"name": "evil", "kubeconfigFile": "/etc/hostname"});
    assert!(bind(&registry, file).await.is_err());
    assert!(!proof.exists());
    assert!(world.kept().is_empty() && registry.names().is_empty());
}

#[tokio::test]
async fn an_operator_may_name_files_and_plugins_and_only_the_file_changes_the_account() {
    let (world, server) = (World::new(), Server::start().await);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": TOKEN}});
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "none",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", server.address)}}],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
            "command": "echo", "args": [credential.to_string()]}}}],
        "contexts": [{"name": "live", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}]});
    std::fs::write(&file, config.to_string()).unwrap();
    let mut world = world;
    world.allow.clear();
    let registry = world.registry().await;
    let (definition, credentials) =
        parse(json!({"name": "prod", "kubeconfigFile": file, "context": "live"}));
    registry.configure(definition.clone(), &credentials).await;
    registry.verify_all().await;
    let view = registry.view("prod").unwrap();
    assert_eq!(view.status.state, AccountState::Ready, "{view:?}");
    let provider = registry.get("prod").unwrap();
    assert_eq!(provider.kubernetes().unwrap().default_namespace(), "shop");
    let changed = registry.rebind(definition, credentials).await.unwrap_err();
    assert_eq!(changed.kind, ErrorKind::Conflict);
    assert!(registry.remove("prod").await.is_err());
    let (definition, credentials) = parse(json!({"name": "lost", "kubeconfigFile": "/nowhere"}));
    registry.configure(definition, &credentials).await;
    let view = registry.view("lost").unwrap();
    assert_eq!(view.status.state, AccountState::Broken);
    assert!(view.status.reason.unwrap().contains("/nowhere"));
    assert!(registry.get("lost").is_none());
}

#[tokio::test]
async fn credentials_under_a_lost_key_are_told_of_and_entered_again() {
    let (mut world, server) = (World::new(), Server::start().await);
    let (definition, credentials) = server.definition(json!({}));
    let registry = world.registry().await;
    registry
        .bind(definition.clone(), credentials.clone())
        .await
        .unwrap();
    world.vault = Arc::new(Vault::ephemeral());
    let registry = world.registry().await;
    let view = registry.view("prod").unwrap();
    assert_eq!(view.status.state, AccountState::Broken);
    assert!(
        view.status
            .reason
            .unwrap()
            .contains("was sealed under the key")
    );
    assert!(registry.get("prod").is_none());
    let view = registry.rebind(definition, credentials).await.unwrap();
    assert_eq!(view.status.state, AccountState::Ready);
}
