//! What a cloud holds, in the words of every cloud. The JSON shapes are those of Spinnaker's Clouddriver.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which application and cluster an object belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Moniker {
    /// The application.
    pub app: Option<String>,
    /// The cluster, such as `replicaSet web`.
    pub cluster: Option<String>,
    /// The stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The number of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// How many instances a server group may have and should have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// The fewest.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// How many there should be.
    pub desired: u32,
}

/// A server group of an account: its location and full name, such as `replicaSet web-v001` in `prod`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerGroupId {
    /// The account.
    pub account: String,
    /// The region, or namespace.
    pub location: String,
    /// The full name.
    pub name: String,
}

/// The health of an instance, or of an instance by one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthState {
    /// It works.
    Up,
    /// It does not work.
    Down,
    /// It is being started.
    Starting,
    /// It has done its work.
    Succeeded,
    /// It has failed.
    Failed,
    /// It is kept out of traffic.
    OutOfService,
    /// Nobody knows.
    Unknown,
}

/// What one source says of an instance's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// What it says.
    pub state: HealthState,
    /// Who says it, such as `Pod` or `Container web`.
    pub source: String,
    /// The kind of source, such as `kubernetes/pod`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One running copy, such as a pod.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its unique id.
    pub name: String,
    /// Its full name, such as `pod web-v001-x1`.
    pub human_readable_name: String,
    /// Its name.
    pub display_name: String,
    /// Its account.
    pub account: String,
    /// Its region, or namespace.
    pub zone: String,
    /// Its health, overall.
    pub health_state: HealthState,
    /// Its health by source.
    pub health: Vec<Health>,
    /// When it began to run, milliseconds since 1970.
    pub launch_time: Option<i64>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its moniker.
    pub moniker: Moniker,
    /// The cloud.
    pub cloud_provider: &'static str,
    /// The full name of the server group it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_group: Option<String>,
}

/// How many instances are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceCounts {
    /// All.
    pub total: u32,
    /// Up.
    pub up: u32,
    /// Down.
    pub down: u32,
    /// Unknown.
    pub unknown: u32,
    /// Kept out of traffic.
    pub out_of_service: u32,
    /// Being started.
    pub starting: u32,
}

/// Instances that run the same version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerGroup {
    /// Its full name, such as `replicaSet web-v001`.
    pub name: String,
    /// Its name.
    pub display_name: String,
    /// Its account.
    pub account: String,
    /// Its region, or namespace.
    pub region: String,
    /// Its cluster, such as `replicaSet web`.
    pub cluster: String,
    /// Its application.
    pub application: Option<String>,
    /// Its moniker.
    pub moniker: Moniker,
    /// Its kind, such as `replicaSet`.
    pub kind: String,
    /// The version of its API.
    pub api_version: String,
    /// The cloud.
    pub cloud_provider: &'static str,
    /// When it was made, milliseconds since 1970.
    pub created_time: i64,
    /// Whether it takes no traffic though it is meant to.
    #[serde(rename = "isDisabled")]
    pub disabled: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The load balancers in front of it, such as `service web`.
    pub load_balancers: Vec<String>,
    /// The security groups around it.
    pub security_groups: Vec<String>,
    /// How many instances it should have.
    pub capacity: Capacity,
    /// How many it has.
    pub instance_counts: InstanceCounts,
    /// Its instances.
    pub instances: Vec<Instance>,
    /// The images it runs.
    pub images: Vec<String>,
    /// The full names of what manages it, such as `deployment web`.
    pub managers: Vec<String>,
}

impl ServerGroup {
    /// What names it.
    pub fn id(&self) -> ServerGroupId {
        ServerGroupId {
            account: self.account.clone(),
            location: self.region.clone(),
            name: self.name.clone(),
        }
    }
}

/// What manages server groups, such as a Deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerGroupManager {
    /// Its full name, such as `deployment web`.
    pub name: String,
    /// Its name.
    pub display_name: String,
    /// Its account.
    pub account: String,
    /// Its region, or namespace.
    pub region: String,
    /// Its kind.
    pub kind: String,
    /// The version of its API.
    pub api_version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its moniker.
    pub moniker: Moniker,
    /// When it was made, milliseconds since 1970.
    pub created_time: i64,
    /// The server groups it manages.
    pub server_groups: Vec<ServerGroupId>,
}

/// A server group behind a load balancer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BalancedGroup {
    /// Its full name.
    pub name: String,
    /// Its account.
    pub account: String,
    /// Its region, or namespace.
    pub region: String,
    /// Whether it takes no traffic though it is meant to.
    pub is_disabled: bool,
    /// Its instances.
    pub instances: Vec<Instance>,
}

/// What spreads traffic, such as a Service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancer {
    /// Its full name, such as `service web`.
    pub name: String,
    /// Its name.
    pub display_name: String,
    /// Its account.
    pub account: String,
    /// Its region, or namespace.
    pub region: String,
    /// Its kind.
    pub kind: String,
    /// The version of its API.
    pub api_version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its moniker.
    pub moniker: Moniker,
    /// When it was made, milliseconds since 1970.
    pub created_time: i64,
    /// The cloud.
    pub cloud_provider: &'static str,
    /// What is behind it.
    pub server_groups: Vec<BalancedGroup>,
}

/// What lets traffic in and out, such as a NetworkPolicy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroup {
    /// Its full name, such as `networkPolicy web`.
    pub name: String,
    /// Its name.
    pub display_name: String,
    /// Its account.
    pub account: String,
    /// Its region, or namespace.
    pub region: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its moniker.
    pub moniker: Moniker,
    /// The cloud.
    pub cloud_provider: &'static str,
    /// What it lets in.
    pub inbound_rules: Vec<Map<String, Value>>,
    /// What it lets out.
    pub outbound_rules: Vec<Map<String, Value>>,
}
