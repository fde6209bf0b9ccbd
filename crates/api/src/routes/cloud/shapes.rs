//! The JSON of the model, member by member as Clouddriver writes it (the reference's section 5).

use serde_json::{Value, json};
use spindrift_cloud_driver::ObjectSummary;
use spindrift_cloud_driver::model::{
    BalancedGroup, Health, Instance, LoadBalancer, SecurityGroup, ServerGroup, ServerGroupId,
    ServerGroupManager,
};

/// A server group with everything that is known of it.
pub(super) fn server_group(group: &ServerGroup) -> Value {
    let managers = group.managers.iter().map(|name| manager_of(group, name));
    json!({
        "name": group.name,
        "displayName": group.display_name,
        "account": group.account,
        "region": group.region,
        "namespace": group.region,
        "zones": [],
        "cluster": group.cluster,
        "application": group.application,
        "moniker": group.moniker,
        "kind": group.kind,
        "apiVersion": group.api_version,
        "type": group.cloud_provider,
        "cloudProvider": group.cloud_provider,
        "createdTime": group.created_time,
        "disabled": group.disabled,
        "isDisabled": group.disabled,
        "labels": group.labels,
        "loadBalancers": group.load_balancers,
        "securityGroups": group.security_groups,
        "launchConfig": {},
        "buildInfo": {"images": group.images},
        "capacity": {
            "min": group.capacity.min,
            "max": group.capacity.max,
            "desired": group.capacity.desired,
            "pinned": group.capacity.min == group.capacity.max,
        },
        "instanceCounts": group.instance_counts,
        "instances": group.instances.iter().map(instance).collect::<Vec<_>>(),
        "serverGroupManagers": managers.collect::<Vec<_>>(),
    })
}

/// The same for a list: its instances in few words.
pub(super) fn server_group_summary(group: &ServerGroup) -> Value {
    let mut summary = server_group(group);
    let instances = group.instances.iter().map(instance_summary);
    summary["instances"] = instances.collect();
    summary
}

fn manager_of(group: &ServerGroup, name: &str) -> Value {
    json!({"account": group.account, "location": group.region, "name": name})
}

fn instance_summary(instance: &Instance) -> Value {
    json!({
        "id": instance.name,
        "name": instance.human_readable_name,
        "zone": instance.zone,
        "healthState": instance.health_state,
        "health": health(&instance.health),
        "launchTime": instance.launch_time,
    })
}

/// An instance with everything that is known of it.
pub(super) fn instance(instance: &Instance) -> Value {
    json!({
        "name": instance.name,
        "humanReadableName": instance.human_readable_name,
        "displayName": instance.display_name,
        "account": instance.account,
        "zone": instance.zone,
        "namespace": instance.zone,
        "kind": "pod",
        "apiVersion": "v1",
        "health": health(&instance.health),
        "healthState": instance.health_state,
        "labels": instance.labels,
        "launchTime": instance.launch_time,
        "moniker": instance.moniker,
        "cloudProvider": instance.cloud_provider,
        "providerType": instance.cloud_provider,
        "serverGroup": instance.server_group,
    })
}

/// The odd member is Clouddriver's.
fn health(list: &[Health]) -> Vec<Value> {
    let one = |health: &Health| json!({"state": health.state, "source": health.source, "type": health.kind, "platform": "platform"});
    list.iter().map(one).collect()
}

/// What manages server groups, each of them with its moniker.
pub(super) fn server_group_manager(manager: &ServerGroupManager, groups: &[ServerGroup]) -> Value {
    let group = |id: &ServerGroupId| {
        let moniker = groups.iter().find(|group| group.id() == *id);
        json!({
            "name": id.name,
            "account": id.account,
            "namespace": id.location,
            "region": id.location,
            "moniker": moniker.map(|group| &group.moniker),
        })
    };
    json!({
        "name": manager.name,
        "displayName": manager.display_name,
        "account": manager.account,
        "region": manager.region,
        "namespace": manager.region,
        "kind": manager.kind,
        "apiVersion": manager.api_version,
        "labels": manager.labels,
        "moniker": manager.moniker,
        "createdTime": manager.created_time,
        "cloudProvider": "kubernetes",
        "serverGroups": manager.server_groups.iter().map(group).collect::<Vec<_>>(),
    })
}

pub(super) fn load_balancer(balancer: &LoadBalancer) -> Value {
    let instance = |instance: &Instance| {
        json!({
            "id": instance.name,
            "name": instance.human_readable_name,
            "zone": instance.zone,
            "health": {"state": instance.health_state, "platform": "platform", "source": "Pod"},
        })
    };
    let group = |group: &BalancedGroup| {
        json!({
            "name": group.name,
            "account": group.account,
            "region": group.region,
            "isDisabled": group.is_disabled,
            "cloudProvider": balancer.cloud_provider,
            "detachedInstances": [],
            "instances": group.instances.iter().map(instance).collect::<Vec<_>>(),
        })
    };
    json!({
        "name": balancer.name,
        "displayName": balancer.display_name,
        "account": balancer.account,
        "region": balancer.region,
        "namespace": balancer.region,
        "kind": balancer.kind,
        "apiVersion": balancer.api_version,
        "type": balancer.cloud_provider,
        "cloudProvider": balancer.cloud_provider,
        "labels": balancer.labels,
        "moniker": balancer.moniker,
        "createdTime": balancer.created_time,
        "serverGroups": balancer.server_groups.iter().map(group).collect::<Vec<_>>(),
    })
}

pub(super) fn security_group(group: &SecurityGroup) -> Value {
    json!({
        "id": group.name,
        "name": group.name,
        "displayName": group.display_name,
        "account": group.account,
        "accountName": group.account,
        "region": group.region,
        "namespace": group.region,
        "application": group.moniker.app,
        "type": group.cloud_provider,
        "cloudProvider": group.cloud_provider,
        "labels": group.labels,
        "moniker": group.moniker,
        "inboundRules": group.inbound_rules,
        "outboundRules": group.outbound_rules,
    })
}

/// An object of any kind.
pub(super) fn object(object: &ObjectSummary) -> Value {
    json!({
        "name": object.name,
        "displayName": object.display_name,
        "account": object.account,
        "region": object.location,
        "namespace": object.location,
        "kind": object.kind,
        "apiVersion": object.api_version,
        "labels": object.labels,
        "moniker": object.moniker,
        "createdTime": object.created_time,
        "cloudProvider": "kubernetes",
    })
}
