//! One Kubernetes account: a client, and what it may touch.

use std::fmt;
use std::sync::Arc;

use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::from_kube;
use super::kind::Kind;
use super::object::ObjectId;
use super::resources::{Resource, Resources};
use super::stability::Remembered;
use crate::error::{CloudError, ErrorKind};

/// What an account may touch, as its owner wrote it (the reference's section 7).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesOptions {
    /// The only namespaces; empty: all.
    pub namespaces: Vec<String>,
    /// Namespaces that are left alone; not together with `namespaces`.
    pub omit_namespaces: Vec<String>,
    /// The only kinds; empty: all.
    pub kinds: Vec<String>,
    /// Kinds that are left alone; not together with `kinds`.
    pub omit_kinds: Vec<String>,
    /// Whether only objects deployed by Spinnaker or this program are shown.
    pub only_spinnaker_managed: bool,
    /// Kinds that this program does not know by itself.
    pub custom_resources: Vec<CustomResource>,
}

/// A kind that this program does not know by itself, and how it is treated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomResource {
    /// The kind, such as `Rollout.argoproj.io`.
    pub kubernetes_kind: String,
    /// What it counts as: `serverGroups`, `serverGroupManagers`, `loadBalancers`, `securityGroups`, `instances`, `configs` or `unclassified`.
    #[serde(default = "unclassified")]
    pub spinnaker_kind: String,
    /// Its place in the order of a deploy: a number, or the name of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_priority: Option<Value>,
    /// Whether each deploy makes a new version of it.
    #[serde(default)]
    pub versioned: bool,
    /// Whether its objects live in namespaces.
    #[serde(default = "yes")]
    pub namespaced: bool,
}

fn unclassified() -> String {
    "unclassified".to_owned()
}

fn yes() -> bool {
    true
}

/// One Kubernetes account. Cloning is cheap.
#[derive(Clone)]
pub struct Kubernetes {
    shared: Arc<Shared>,
}

struct Shared {
    account: String,
    client: Client,
    options: KubernetesOptions,
    resources: Resources,
    troubles: Remembered,
}

impl Kubernetes {
    /// An account of that name; the client's default namespace is that of manifests without one.
    pub fn new(account: &str, client: Client, options: KubernetesOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                account: account.to_owned(),
                client,
                options,
                resources: Resources::default(),
                troubles: Remembered::default(),
            }),
        }
    }

    /// The account's name.
    pub fn account_name(&self) -> &str {
        &self.shared.account
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// What the account may touch.
    pub fn options(&self) -> &KubernetesOptions {
        &self.shared.options
    }

    /// The troubles that waits have seen.
    pub(crate) fn troubles(&self) -> &Remembered {
        &self.shared.troubles
    }

    /// The namespace of manifests without one.
    pub fn default_namespace(&self) -> &str {
        self.shared.client.default_namespace()
    }

    /// The kind as the API server serves it; with an `apiVersion` exactly that version.
    pub async fn resource(
        &self,
        kind: &Kind,
        api_version: Option<&str>,
    ) -> Result<Resource, CloudError> {
        self.shared
            .resources
            .find(&self.shared.client, kind, api_version)
            .await
    }

    /// Every kind the API server serves.
    pub async fn resources(&self) -> Result<Arc<Vec<Resource>>, CloudError> {
        self.shared.resources.all(&self.shared.client).await
    }

    /// Asks the API server for its kinds again when they are next needed.
    pub async fn forget_resources(&self) {
        self.shared.resources.forget().await;
    }

    /// The requests for objects of that resource in that namespace; for a resource of the whole cluster the namespace is not looked at.
    pub fn api(&self, resource: &Resource, namespace: &str) -> Api<DynamicObject> {
        let client = self.shared.client.clone();
        if resource.namespaced {
            Api::namespaced_with(client, namespace, &resource.api)
        } else {
            Api::all_with(client, &resource.api)
        }
    }

    /// The same for all namespaces: for lists and watches.
    pub fn api_all(&self, resource: &Resource) -> Api<DynamicObject> {
        Api::all_with(self.shared.client.clone(), &resource.api)
    }

    /// Refuses a namespace and kind outside what the account may touch. An empty namespace is the default one.
    pub fn permit(&self, kind: &Kind, namespaced: bool, namespace: &str) -> Result<(), CloudError> {
        let options = &self.shared.options;
        let account = &self.shared.account;
        let listed = |kinds: &[String]| {
            kinds
                .iter()
                .any(|text| Kind::parse(text).as_ref() == Ok(kind))
        };
        if (!options.kinds.is_empty() && !listed(&options.kinds)) || listed(&options.omit_kinds) {
            return Err(CloudError::new(
                ErrorKind::Denied,
                format!(
                    "the account {account:?} may not touch objects of kind {kind}; its `kinds` and `omitKinds` say which"
                ),
            ));
        }
        if !namespaced {
            return Ok(());
        }
        let namespace = if namespace.is_empty() {
            self.default_namespace()
        } else {
            namespace
        };
        let has = |list: &[String]| list.iter().any(|name| name == namespace);
        if !options.namespaces.is_empty() && !has(&options.namespaces) {
            return Err(CloudError::new(
                ErrorKind::Denied,
                format!(
                    "wrongNamespace: the account {account:?} may not touch the namespace {namespace:?}, only {}",
                    options.namespaces.join(", ")
                ),
            ));
        }
        if has(&options.omit_namespaces) {
            return Err(CloudError::new(
                ErrorKind::Denied,
                format!(
                    "omittedNamespace: the account {account:?} leaves the namespace {namespace:?} alone"
                ),
            ));
        }
        Ok(())
    }

    /// An object as it is now; `None` when there is none of that name.
    pub async fn get(&self, id: &ObjectId) -> Result<Option<Value>, CloudError> {
        let resource = self.resource(&id.kind, None).await?;
        self.permit(&id.kind, resource.namespaced, &id.namespace)?;
        let found = self
            .api(&resource, self.namespace_or_default(&id.namespace))
            .get_opt(&id.name)
            .await
            .map_err(|error| {
                let prefix = format!(
                    "Failed to get: {} of kind: {} from namespace: {}: ",
                    id.name, id.kind, id.namespace
                );
                from_kube(error).prefixed(&prefix)
            })?;
        found.map(to_value).transpose()
    }

    /// The objects of a kind in a namespace that a label selector picks; an empty selector picks all.
    pub async fn list(
        &self,
        kind: &Kind,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<Value>, CloudError> {
        let parameters = match labels {
            "" => ListParams::default(),
            labels => ListParams::default().labels(labels),
        };
        let resource = self.resource(kind, None).await?;
        self.permit(kind, resource.namespaced, namespace)?;
        self.list_by(&resource, namespace, &parameters).await
    }

    /// The objects of a kind in a namespace that a field selector picks: what belongs to an object that the account may touch, of whatever kind it is.
    pub(crate) async fn list_fields(
        &self,
        kind: &Kind,
        namespace: &str,
        fields: &str,
    ) -> Result<Vec<Value>, CloudError> {
        let resource = self.resource(kind, None).await?;
        let parameters = ListParams::default().fields(fields);
        self.list_by(&resource, namespace, &parameters).await
    }

    /// The same by a label selector; an empty one picks all.
    pub(crate) async fn list_labels(
        &self,
        kind: &Kind,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<Value>, CloudError> {
        let resource = self.resource(kind, None).await?;
        let parameters = match labels {
            "" => ListParams::default(),
            labels => ListParams::default().labels(labels),
        };
        self.list_by(&resource, namespace, &parameters).await
    }

    async fn list_by(
        &self,
        resource: &Resource,
        namespace: &str,
        parameters: &ListParams,
    ) -> Result<Vec<Value>, CloudError> {
        let list = self
            .api(resource, self.namespace_or_default(namespace))
            .list(parameters)
            .await
            .map_err(from_kube)?;
        list.items
            .into_iter()
            .map(|mut object| {
                // Items of a list carry no type of their own.
                object.types.get_or_insert_with(|| kube::core::TypeMeta {
                    api_version: resource.api.api_version.clone(),
                    kind: resource.api.kind.clone(),
                });
                to_value(object)
            })
            .collect()
    }

    /// That namespace, or the default one when it is empty.
    pub fn namespace_or_default<'a>(&'a self, namespace: &'a str) -> &'a str {
        if namespace.is_empty() {
            self.default_namespace()
        } else {
            namespace
        }
    }
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubernetes")
            .field("account", &self.shared.account)
            .finish_non_exhaustive()
    }
}

/// An object as JSON.
pub(crate) fn to_value(object: DynamicObject) -> Result<Value, CloudError> {
    serde_json::to_value(object).map_err(|error| {
        CloudError::new(
            ErrorKind::Failed,
            format!("the answer of the API server cannot be read: {error}"),
        )
    })
}
