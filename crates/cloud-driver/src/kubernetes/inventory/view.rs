//! The neutral model, made of the records when it is asked for.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::record::{Autoscaler, Detail, Pod, Policy, Record, Workload};
use super::selector::covers;
use super::table::{Role, Table, Tables};
use crate::model::{
    BalancedGroup, Capacity, Health, HealthState, Instance, InstanceCounts, LoadBalancer,
    SecurityGroup, ServerGroup, ServerGroupId, ServerGroupManager,
};
use crate::provider::{ObjectSummary, Query};

const CLOUD: &str = "kubernetes";

/// The records of an account at one moment.
pub(super) struct View<'a> {
    pub(super) account: &'a str,
    pub(super) tables: &'a Tables,
}

impl View<'_> {
    pub(super) fn server_groups(&self, query: &Query) -> Vec<ServerGroup> {
        let mut groups: Vec<ServerGroup> = self
            .matching(Role::ServerGroup, query)
            .map(|(table, record)| self.server_group(table, record))
            .collect();
        groups.sort_by(|a, b| {
            (a.created_time, a.moniker.sequence, &a.name).cmp(&(
                b.created_time,
                b.moniker.sequence,
                &b.name,
            ))
        });
        groups
    }

    pub(super) fn server_group_managers(&self, query: &Query) -> Vec<ServerGroupManager> {
        self.matching(Role::ServerGroupManager, query)
            .map(|(table, record)| ServerGroupManager {
                name: full_name(table, record),
                display_name: record.name.to_string(),
                account: self.account.to_owned(),
                region: record.namespace.to_string(),
                kind: table.kind.to_string(),
                api_version: table.api_version.clone(),
                labels: record.labels.as_ref().clone(),
                moniker: record.moniker.as_ref().clone(),
                created_time: record.created,
                server_groups: self.managed(record),
            })
            .collect()
    }

    pub(super) fn instances(&self, query: &Query) -> Vec<Instance> {
        self.matching(Role::Instance, query)
            .map(|(_, record)| self.instance(record))
            .collect()
    }

    pub(super) fn load_balancers(&self, query: &Query) -> Vec<LoadBalancer> {
        self.matching(Role::LoadBalancer, query)
            .map(|(table, record)| LoadBalancer {
                name: full_name(table, record),
                display_name: record.name.to_string(),
                account: self.account.to_owned(),
                region: record.namespace.to_string(),
                kind: table.kind.to_string(),
                api_version: table.api_version.clone(),
                labels: record.labels.as_ref().clone(),
                moniker: record.moniker.as_ref().clone(),
                created_time: record.created,
                cloud_provider: CLOUD,
                server_groups: self.behind(record),
            })
            .collect()
    }

    pub(super) fn security_groups(&self, query: &Query) -> Vec<SecurityGroup> {
        self.matching(Role::SecurityGroup, query)
            .map(|(table, record)| {
                let (inbound, outbound) = match &record.detail {
                    Detail::Policy(policy) => (rules(&policy.inbound), rules(&policy.outbound)),
                    _ => (Vec::new(), Vec::new()),
                };
                SecurityGroup {
                    name: full_name(table, record),
                    display_name: record.name.to_string(),
                    account: self.account.to_owned(),
                    region: record.namespace.to_string(),
                    labels: record.labels.as_ref().clone(),
                    moniker: record.moniker.as_ref().clone(),
                    cloud_provider: CLOUD,
                    inbound_rules: inbound,
                    outbound_rules: outbound,
                }
            })
            .collect()
    }

    pub(super) fn objects(&self, query: &Query) -> Vec<ObjectSummary> {
        let all = self.tables.tables.iter();
        all.flat_map(|table| self.of_table(table, query))
            .map(|(table, record)| ObjectSummary {
                account: self.account.to_owned(),
                name: full_name(table, record),
                display_name: record.name.to_string(),
                kind: table.kind.to_string(),
                api_version: table.api_version.clone(),
                location: record.namespace.to_string(),
                labels: record.labels.as_ref().clone(),
                moniker: record.moniker.as_ref().clone(),
                created_time: record.created,
            })
            .collect()
    }

    fn matching<'v>(
        &'v self,
        role: Role,
        query: &'v Query,
    ) -> impl Iterator<Item = (&'v Table, &'v Arc<Record>)> {
        let tables = self.tables.of_role(role);
        tables.flat_map(move |table| self.of_table(table, query))
    }

    fn of_table<'v>(
        &'v self,
        table: &'v Table,
        query: &'v Query,
    ) -> Box<dyn Iterator<Item = (&'v Table, &'v Arc<Record>)> + 'v> {
        let given = |text: &'v Option<String>| text.as_deref().filter(|text| !text.is_empty());
        let location = given(&query.location);
        let name = match given(&query.name) {
            None => None,
            Some(full) => match full.split_once(' ') {
                Some((kind, name)) if table.kind.to_string().eq_ignore_ascii_case(kind) => {
                    Some(name)
                }
                // Another kind, or a name of no kind.
                _ => return Box::new(std::iter::empty()),
            },
        };
        let records: Box<dyn Iterator<Item = &Arc<Record>>> = match (location, name) {
            (Some(namespace), Some(name)) => Box::new(table.get(namespace, name).into_iter()),
            _ => table.records(location),
        };
        Box::new(
            records
                .filter(move |record| {
                    let moniker = &record.moniker;
                    name.is_none_or(|name| &*record.name == name)
                        && given(&query.application).is_none_or(|wanted| {
                            let app = moniker.app.as_deref();
                            app.is_some_and(|app| app.eq_ignore_ascii_case(wanted))
                        })
                        && given(&query.cluster)
                            .is_none_or(|wanted| moniker.cluster.as_deref() == Some(wanted))
                })
                .map(move |record| (table, record)),
        )
    }

    fn server_group(&self, table: &Table, record: &Record) -> ServerGroup {
        let nothing = Workload::default();
        let workload = match &record.detail {
            Detail::Workload(workload) => workload,
            _ => &nothing,
        };
        let balancers = self.balancers(record, workload);
        let instances = self.instances_of(record);
        let manager = record
            .owner
            .as_ref()
            .filter(|owner| self.is_manager(&owner.name));
        ServerGroup {
            name: full_name(table, record),
            display_name: record.name.to_string(),
            account: self.account.to_owned(),
            region: record.namespace.to_string(),
            cluster: record.moniker.cluster.clone().unwrap_or_default(),
            application: record.moniker.app.clone(),
            moniker: record.moniker.as_ref().clone(),
            kind: table.kind.to_string(),
            api_version: table.api_version.clone(),
            cloud_provider: CLOUD,
            created_time: record.created,
            disabled: !workload.balancers.is_empty() && balancers.is_empty(),
            labels: record.labels.as_ref().clone(),
            load_balancers: balancers,
            security_groups: self.policies(record, workload),
            capacity: self.capacity(table, record, workload),
            instance_counts: counts(&instances),
            instances,
            images: workload.images.clone(),
            managers: manager
                .map(|owner| owner.name.to_string())
                .into_iter()
                .collect(),
        }
    }

    /// The services whose selector picks the pods of a workload: not those it is meant to be behind, but those it is behind.
    fn balancers(&self, record: &Record, workload: &Workload) -> Vec<String> {
        let Some(services) = self.tables.of_kind("service") else {
            return Vec::new();
        };
        services
            .records(Some(&record.namespace))
            .filter(|service| match &service.detail {
                Detail::Service { selector } => {
                    !selector.is_empty() && covers(&workload.template_labels, selector)
                }
                _ => false,
            })
            .map(|service| full_name(services, service))
            .collect()
    }

    fn policies(&self, record: &Record, workload: &Workload) -> Vec<String> {
        let Some(policies) = self.tables.of_kind("networkPolicy") else {
            return Vec::new();
        };
        policies
            .records(Some(&record.namespace))
            .filter(|policy| match &policy.detail {
                Detail::Policy(policy) => {
                    let Policy { selector, .. } = policy.as_ref();
                    selector.selects(&workload.template_labels)
                }
                _ => false,
            })
            .map(|policy| full_name(policies, policy))
            .collect()
    }

    /// The wanted number of copies, and the bounds of an autoscaler where there is one; it scales the owner of a ReplicaSet that has one.
    fn capacity(&self, table: &Table, record: &Record, workload: &Workload) -> Capacity {
        let desired = workload.replicas;
        let own = full_name(table, record);
        let scaled = |name: &str| {
            let owner = record.owner.as_ref().map(|owner| &*owner.name);
            name == own || owner == Some(name)
        };
        let autoscalers = self.tables.of_kind("horizontalpodautoscaler");
        let bounds = autoscalers
            .into_iter()
            .flat_map(|table| table.records(Some(&record.namespace)))
            .find_map(|autoscaler| match &autoscaler.detail {
                Detail::Autoscaler(found) if scaled(&found.target) => {
                    let Autoscaler { min, max, .. } = found.as_ref();
                    Some((*min, *max))
                }
                _ => None,
            });
        match bounds {
            // A ReplicaSet that its Deployment has scaled down is not the one that is scaled.
            Some((min, max)) if desired > 0 => Capacity {
                min: min.min(desired),
                max: max.max(desired),
                desired,
            },
            _ => Capacity {
                min: desired,
                max: desired,
                desired,
            },
        }
    }

    /// The server groups that a manager has made.
    fn managed(&self, manager: &Record) -> Vec<ServerGroupId> {
        let made = self.tables.children(&manager.uid).iter();
        let mut made: Vec<ServerGroupId> = made
            .filter(|record| self.tables.tables[record.table].role == Role::ServerGroup)
            .map(|record| ServerGroupId {
                account: self.account.to_owned(),
                location: record.namespace.to_string(),
                name: full_name(&self.tables.tables[record.table], record),
            })
            .collect();
        made.sort();
        made
    }

    fn is_manager(&self, full_name: &str) -> bool {
        let kind = full_name.split(' ').next().unwrap_or_default();
        self.tables
            .of_role(Role::ServerGroupManager)
            .any(|table| table.kind.to_string() == kind)
    }

    /// The pods of a server group, by name. Those of a CronJob belong to its Jobs.
    fn instances_of(&self, record: &Record) -> Vec<Instance> {
        let pods = self.tables.children(&record.uid).iter();
        let mut pods: Vec<Instance> = pods
            .filter(|pod| self.tables.tables[pod.table].role == Role::Instance)
            .map(|pod| self.instance(pod))
            .collect();
        pods.sort_by(|a, b| a.display_name.cmp(&b.display_name));
        pods
    }

    fn instance(&self, record: &Record) -> Instance {
        let table = &self.tables.tables[record.table];
        let health = match &record.detail {
            Detail::Pod(pod) => health(pod),
            _ => Vec::new(),
        };
        let started = match &record.detail {
            Detail::Pod(pod) => pod.started,
            _ => None,
        };
        Instance {
            name: record.uid.to_string(),
            human_readable_name: full_name(table, record),
            display_name: record.name.to_string(),
            account: self.account.to_owned(),
            zone: record.namespace.to_string(),
            health_state: overall(&health),
            health,
            launch_time: started,
            labels: record.labels.as_ref().clone(),
            moniker: record.moniker.as_ref().clone(),
            cloud_provider: CLOUD,
            server_group: record.owner.as_ref().map(|owner| owner.name.to_string()),
        }
    }

    /// What is behind a service, or behind the services that an ingress leads to.
    fn behind(&self, balancer: &Record) -> Vec<BalancedGroup> {
        let services: Vec<String> = match &balancer.detail {
            Detail::Ingress { services } => {
                let full = services.iter().map(|name| format!("service {name}"));
                full.collect()
            }
            _ => vec![full_name(&self.tables.tables[balancer.table], balancer)],
        };
        let here = Query {
            location: Some(balancer.namespace.to_string()),
            ..Query::default()
        };
        let mut behind = Vec::new();
        for (table, record) in self.matching(Role::ServerGroup, &here) {
            let Detail::Workload(workload) = &record.detail else {
                continue;
            };
            let found = self.balancers(record, workload);
            if found.iter().any(|service| services.contains(service)) {
                behind.push(BalancedGroup {
                    name: full_name(table, record),
                    account: self.account.to_owned(),
                    region: record.namespace.to_string(),
                    is_disabled: false,
                    instances: self.instances_of(record),
                });
            }
        }
        behind
    }
}

fn full_name(table: &Table, record: &Record) -> String {
    format!("{} {}", table.kind, record.name)
}

fn health(pod: &Pod) -> Vec<Health> {
    let own = Health {
        state: pod.state,
        source: "Pod".to_owned(),
        kind: "kubernetes/pod".to_owned(),
    };
    let containers = pod.containers.iter().map(|(name, ready)| Health {
        state: match ready {
            true => HealthState::Up,
            false => HealthState::Down,
        },
        source: format!("Container {name}"),
        kind: "kubernetes/container".to_owned(),
    });
    std::iter::once(own).chain(containers).collect()
}

/// The health of an instance by all sources together.
fn overall(health: &[Health]) -> HealthState {
    let known = || {
        let states = health.iter().map(|health| health.state);
        states.filter(|state| *state != HealthState::Unknown)
    };
    let all = |wanted| known().next().is_some() && known().all(|state| state == wanted);
    if all(HealthState::Up) {
        return HealthState::Up;
    }
    if all(HealthState::Succeeded) {
        return HealthState::Succeeded;
    }
    let order = [
        HealthState::Starting,
        HealthState::Down,
        HealthState::Failed,
        HealthState::OutOfService,
    ];
    let worst = order
        .into_iter()
        .find(|wanted| known().any(|state| state == *wanted));
    worst.unwrap_or(HealthState::Unknown)
}

fn counts(instances: &[Instance]) -> InstanceCounts {
    let mut counts = InstanceCounts::default();
    for instance in instances {
        counts.total += 1;
        match instance.health_state {
            HealthState::Up => counts.up += 1,
            HealthState::Down | HealthState::Failed => counts.down += 1,
            HealthState::Starting => counts.starting += 1,
            HealthState::OutOfService => counts.out_of_service += 1,
            HealthState::Unknown | HealthState::Succeeded => counts.unknown += 1,
        }
    }
    counts
}

/// The ports of a network policy's rules; who may use them is not shown.
fn rules(rules: &[Value]) -> Vec<Map<String, Value>> {
    let ports = rules
        .iter()
        .flat_map(|rule| rule["ports"].as_array().into_iter().flatten());
    ports
        .map(|port| {
            let start = &port["port"];
            let end = match &port["endPort"] {
                Value::Null => start,
                end => end,
            };
            let range = match start {
                Value::String(name) => json!({"startPortName": name, "endPortName": name}),
                _ => json!({"startPort": start, "endPort": end}),
            };
            let mut rule = Map::new();
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            rule.insert("protocol".into(), protocol.into());
            rule.insert("portRanges".into(), json!([range]));
            rule
        })
        .collect()
}
