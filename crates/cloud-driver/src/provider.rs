//! One bound account of one cloud, as everything outside this crate sees it.

use std::collections::BTreeMap;
use std::pin::Pin;

use serde::Serialize;
use spindrift_model::Millis;
use tokio::sync::watch;

use crate::error::CloudError;
use crate::kubernetes::Kubernetes;
use crate::model::{
    Capacity, Instance, LoadBalancer, Moniker, SecurityGroup, ServerGroup, ServerGroupId,
    ServerGroupManager,
};

/// A future that borrows its provider.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a verification of an account found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether the account can be used.
    pub reachable: bool,
    /// The cloud's version, when it said one.
    pub version: Option<String>,
    /// What went wrong, or what the account may not do.
    pub problems: Vec<String>,
    /// When it was looked at.
    pub at: Millis,
}

/// What a server group is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// It has its capacity, and every instance is well.
    Stable,
    /// Its instances take traffic.
    Enabled,
    /// None of its instances takes traffic.
    Disabled,
    /// It does not exist any more.
    Gone,
}

/// One bound account of one cloud.
///
/// Operations return when the cloud has accepted them; [`Provider::wait`] returns when they have taken effect. Every operation may be repeated.
pub trait Provider: Send + Sync + 'static {
    /// The cloud's name in a stage's `cloudProvider`, such as `kubernetes`.
    fn cloud(&self) -> &'static str;

    /// The account's name.
    fn account(&self) -> &str;

    /// Asks the cloud whether the account can be used and what it may do.
    fn verify(&self) -> BoxFuture<'_, Verification>;

    /// What the account holds, kept current by watches.
    fn inventory(&self) -> &dyn Inventory;

    /// Gives a server group another capacity.
    fn resize<'a>(
        &'a self,
        group: &'a ServerGroupId,
        capacity: Capacity,
    ) -> BoxFuture<'a, Result<(), CloudError>>;

    /// Lets a server group take traffic.
    fn enable<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>>;

    /// Takes a server group out of traffic.
    fn disable<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>>;

    /// Deletes a server group and its instances.
    fn destroy<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>>;

    /// Makes the next server group of the same cluster after the model of another; answers its id. `key` is the same for every repetition.
    fn clone_group<'a>(
        &'a self,
        source: &'a ServerGroupId,
        changes: &'a serde_json::Map<String, serde_json::Value>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<ServerGroupId, CloudError>>;

    /// What a server group without siblings was before its last change, as a text for [`Provider::undo`].
    fn previous<'a>(
        &'a self,
        group: &'a ServerGroupId,
    ) -> BoxFuture<'a, Result<String, CloudError>>;

    /// Makes a server group what it was; nothing happens when it is that already.
    fn undo<'a>(
        &'a self,
        group: &'a ServerGroupId,
        previous: &'a str,
    ) -> BoxFuture<'a, Result<(), CloudError>>;

    /// Ends when the goal is reached and the inventory shows it, or with the reason why it will not be.
    ///
    /// `progress` is told what is still missing whenever that changes.
    fn wait<'a>(
        &'a self,
        group: &'a ServerGroupId,
        goal: Goal,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), CloudError>>;

    /// The Kubernetes account this is, if it is one: what manifest stages work with.
    fn kubernetes(&self) -> Option<&Kubernetes> {
        None
    }
}

/// Which objects are asked for; what is absent or empty does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The application in their moniker.
    pub application: Option<String>,
    /// The cluster in their moniker.
    pub cluster: Option<String>,
    /// Their region, or namespace.
    pub location: Option<String>,
    /// Their full name, such as `replicaSet web-v001`.
    pub name: Option<String>,
}

/// What an account holds, answered from memory.
pub trait Inventory: Send + Sync {
    /// Ends when the first listing of everything is in memory, or with the reason why there is none.
    fn ready(&self) -> BoxFuture<'_, Result<(), CloudError>>;

    /// A number that grows with every change.
    fn changes(&self) -> watch::Receiver<u64>;

    /// The server groups, disabled ones too, oldest first.
    fn server_groups(&self, query: &Query) -> Vec<ServerGroup>;

    /// What manages server groups, such as a Deployment.
    fn server_group_managers(&self, query: &Query) -> Vec<ServerGroupManager>;

    /// The instances, such as pods.
    fn instances(&self, query: &Query) -> Vec<Instance>;

    /// The load balancers.
    fn load_balancers(&self, query: &Query) -> Vec<LoadBalancer>;

    /// The security groups.
    fn security_groups(&self, query: &Query) -> Vec<SecurityGroup>;

    /// Everything that is in memory, of whatever kind.
    fn objects(&self, query: &Query) -> Vec<ObjectSummary> {
        let _ = query;
        Vec::new()
    }

    /// What is missing, and why: what the account may not list.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}

/// An object of any kind, in few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectSummary {
    /// Its account.
    pub account: String,
    /// Its full name, such as `service web`.
    pub name: String,
    /// Its name.
    pub display_name: String,
    /// Its kind.
    pub kind: String,
    /// The version of its API.
    pub api_version: String,
    /// Its region, or namespace.
    pub location: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its moniker.
    pub moniker: Moniker,
    /// When it was made, milliseconds since 1970.
    pub created_time: Millis,
}
