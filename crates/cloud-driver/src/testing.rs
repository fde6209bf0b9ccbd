//! Server groups for the tests of the neutral rules.

use std::collections::BTreeMap;

use crate::capacity::pinned;
use crate::model::{InstanceCounts, Moniker, ServerGroup, ServerGroupManager};

/// A ReplicaSet of that name in `prod`, made at that time, with so many instances, all up.
pub(crate) fn group(name: &str, created: i64, up: u32) -> ServerGroup {
    let moniker = Moniker {
        cluster: Some(format!("replicaSet {}", crate::naming::unversioned(name))),
        ..Moniker::of_name(name)
    };
    ServerGroup {
        name: format!("replicaSet {name}"),
        display_name: name.to_owned(),
        account: "sandbox".to_owned(),
        region: "prod".to_owned(),
        cluster: moniker.cluster.clone().unwrap_or_default(),
        application: moniker.app.clone(),
        moniker,
        kind: "replicaSet".to_owned(),
        api_version: "apps/v1".to_owned(),
        cloud_provider: "test",
        created_time: created,
        disabled: false,
        labels: BTreeMap::new(),
        load_balancers: Vec::new(),
        security_groups: Vec::new(),
        capacity: pinned(up),
        instance_counts: InstanceCounts {
            total: up,
            up,
            ..InstanceCounts::default()
        },
        instances: Vec::new(),
        images: Vec::new(),
        managers: Vec::new(),
    }
}

impl ServerGroup {
    /// The same, out of traffic.
    pub(crate) fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }

    /// The same, made by that manager.
    pub(crate) fn managed(mut self, by: &str) -> Self {
        self.managers.push(by.to_owned());
        self
    }
}

/// A Deployment of that name in `prod`.
pub(crate) fn manager(name: &str, created: i64) -> ServerGroupManager {
    ServerGroupManager {
        name: format!("deployment {name}"),
        display_name: name.to_owned(),
        account: "sandbox".to_owned(),
        region: "prod".to_owned(),
        kind: "deployment".to_owned(),
        api_version: "apps/v1".to_owned(),
        labels: BTreeMap::new(),
        moniker: Moniker {
            app: Some(name.to_owned()),
            cluster: Some(format!("deployment {name}")),
            ..Moniker::default()
        },
        created_time: created,
        server_groups: Vec::new(),
    }
}
