//! Sandboxes and clients for tests.

use kube::Client;
use kube::api::DynamicObject;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};

/// A running sandbox with a client in process.
pub struct World {
    pub sandbox: Sandbox,
    pub client: Client,
    _controllers: Controllers,
}

/// A sandbox whose delays are all zero.
pub fn world() -> World {
    world_with(SandboxOptions::immediate())
}

pub fn world_with(options: SandboxOptions) -> World {
    let sandbox = Sandbox::new(options);
    let controllers = sandbox.start(&tokio::runtime::Handle::current());
    let client = Client::new(sandbox.router(), "default");
    World {
        sandbox,
        client,
        _controllers: controllers,
    }
}

/// A client over TCP, made from the kubeconfig as a person would.
pub async fn over_tcp(sandbox: &Sandbox) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kubeconfig =
        Kubeconfig::from_yaml(&sandbox.kubeconfig(listener.local_addr().unwrap())).unwrap();
    let router = sandbox.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    // The client is built with TLS whether it uses it or not.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// A typed or dynamic object from JSON.
pub fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

pub fn text<'a>(object: &'a DynamicObject, pointer: &str) -> &'a str {
    object
        .data
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("")
}
