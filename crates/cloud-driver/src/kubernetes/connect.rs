//! The client of an account.
//!
//! It is `kube`'s own stack with two changes: it dials only addresses that the policy of accounts has passed (for accounts that callers of the API have
//! bound), and it tells when a call failed in a way that says something about the account. It repeats nothing by itself; who calls decides that.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Response, StatusCode, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use kube::client::{AuthError, Body, ConfigExt};
use kube::config::{
    AuthInfo, Cluster, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use kube::{Client, Config};
use spindrift_outbound::{Admitted, Gate};
use tokio::sync::Notify;
use tower::{BoxError, Service, ServiceBuilder};

use super::kubeconfig;
use crate::accounts::{Access, Origin};
use crate::error::{CloudError, ErrorKind};

/// An API server that works has accepted a connection within that time.
const CONNECT: Duration = Duration::from_secs(15);

/// What a client is made with.
#[derive(Debug, Clone)]
pub struct Connection<'a> {
    /// How the API server is reached.
    pub access: &'a Access,
    /// Who asks for it.
    pub origin: Origin,
    /// Where accounts may connect that callers of the API have bound.
    pub gate: &'a Gate,
    /// The namespace of manifests without one, if it is not that of the context.
    pub default_namespace: Option<&'a str>,
    /// Told when a call failed because the API server cannot be reached or does not accept the credentials.
    pub failures: Arc<Notify>,
}

/// Makes the client of an account. Nothing is sent. Errors never repeat a secret.
pub async fn connect(connection: Connection<'_>) -> Result<Client, CloudError> {
    spindrift_outbound::install_crypto_provider();
    let mut config = config(connection.access, connection.origin).await?;
    if let Some(namespace) = connection.default_namespace {
        namespace.clone_into(&mut config.default_namespace);
    }
    // A proxy of the environment would hide the addresses.
    config.proxy_url = None;
    let admitted = match connection.origin {
        Origin::Api => Some(admit(connection.gate, &config.cluster_url)?),
        Origin::Configuration | Origin::BuiltIn => None,
    };
    build(config, admitted, connection.failures)
}

fn admit(gate: &Gate, server: &Uri) -> Result<Admitted, CloudError> {
    gate.admit(&server.to_string()).map_err(|error| {
        CloudError::new(
            ErrorKind::Denied,
            format!(
                "the API server may not be reached: {error}. For accounts that is decided by `allow` and `deny` under [accounts]"
            ),
        )
    })
}

async fn config(access: &Access, origin: Origin) -> Result<Config, CloudError> {
    match access {
        Access::Kubeconfig { text, context } => {
            let picked = kubeconfig::pick(text.expose(), context.as_deref())?;
            if origin == Origin::Api {
                kubeconfig::check_harmless(&picked)?;
            }
            from_kubeconfig(picked).await
        }
        Access::KubeconfigFile { path, context } => {
            if origin == Origin::Api {
                return Err(CloudError::invalid(
                    "`kubeconfigFile` names a file of the server's machine; send `kubeconfigContents`, or let the operator configure the account",
                ));
            }
            let read = Kubeconfig::read_from(path).map_err(kubeconfig::unreadable)?;
            from_kubeconfig(kubeconfig::reduce(read, context.as_deref())?).await
        }
        Access::Token {
            server,
            token,
            authority,
        } => {
            let authority = authority.as_deref().map(authority_data);
            let cluster = Cluster {
                server: Some(server.clone()),
                certificate_authority_data: authority,
                ..Cluster::default()
            };
            let user = AuthInfo {
                token: Some(token.expose().trim().to_owned().into()),
                ..AuthInfo::default()
            };
            from_kubeconfig(single(cluster, user)).await
        }
        Access::InCluster => Config::incluster().map_err(|error| {
            CloudError::invalid(format!(
                "this program does not run in a pod with a service account: {error}"
            ))
        }),
    }
}

/// The certificates of an authority as a kubeconfig has them: PEM in base64.
fn authority_data(text: &str) -> String {
    match text.contains("-----BEGIN") {
        true => STANDARD.encode(text.trim()),
        false => text.split_whitespace().collect(),
    }
}

fn single(cluster: Cluster, user: AuthInfo) -> Kubeconfig {
    let name = "account".to_owned();
    Kubeconfig {
        clusters: vec![NamedCluster {
            name: name.clone(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: name.clone(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: name.clone(),
            context: Some(kube::config::Context {
                cluster: name.clone(),
                user: Some(name.clone()),
                ..kube::config::Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some(name),
        ..Kubeconfig::default()
    }
}

async fn from_kubeconfig(picked: Kubeconfig) -> Result<Config, CloudError> {
    kubeconfig::check_direct(&picked)?;
    let url = kubeconfig::server(&picked).unwrap_or_default();
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(CloudError::invalid(
            "the URL of the API server begins with https://, such as https://k8s.example.com:6443",
        ));
    }
    Config::from_custom_kubeconfig(picked, &KubeConfigOptions::default())
        .await
        .map_err(kubeconfig::unreadable)
}

fn build(
    config: Config,
    admitted: Option<Admitted>,
    failures: Arc<Notify>,
) -> Result<Client, CloudError> {
    let mut connector = HttpConnector::new_with_resolver(Resolver { admitted });
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    let connector = config
        .rustls_https_connector_with_connector(connector)
        .map_err(unusable)?;
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .map_result(move |result: Result<Response<_>, BoxError>| {
            let failed = match &result {
                Ok(response) => response.status() == StatusCode::UNAUTHORIZED,
                Err(_) => true,
            };
            if failed {
                failures.notify_one();
            }
            result
        })
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(unusable)?)
        .layer(config.extra_headers_layer().map_err(unusable)?)
        .map_err(BoxError::from)
        .service(client);
    Ok(Client::new(service, config.default_namespace))
}

/// Credentials that make no client. What a credential plugin printed may be a token.
fn unusable(error: kube::Error) -> CloudError {
    let reason = match error {
        kube::Error::Auth(AuthError::AuthExecRun { cmd, out }) => {
            format!("the credential plugin {cmd:?} failed with {}", out.status)
        }
        kube::Error::Auth(AuthError::AuthExecParse(_)) => {
            "the credential plugin printed no credentials".to_owned()
        }
        other => other.to_string(),
    };
    CloudError::invalid(format!("the credentials cannot be used: {reason}"))
}

/// Finds addresses: for an account under the policy only those that it has passed.
#[derive(Clone)]
struct Resolver {
    admitted: Option<Admitted>,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let admitted = self.admitted.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = match admitted {
                Some(admitted) => {
                    let addresses = admitted.addresses().await?;
                    addresses.into_iter().map(|ip| (ip, 0).into()).collect()
                }
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(found.into_iter())
        })
    }
}
