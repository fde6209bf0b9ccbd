//! A second cloud, in memory: it proves that the stages of server groups know nothing of the first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use spindrift_cloud_driver::capacity::pinned;
use spindrift_cloud_driver::guard::TrafficGuard;
use spindrift_cloud_driver::model::{
    Capacity, Instance, InstanceCounts, LoadBalancer, Moniker, SecurityGroup, ServerGroup,
    ServerGroupId, ServerGroupManager,
};
use spindrift_cloud_driver::{
    Accounts, BoxFuture, CloudError, ErrorKind, Goal, Inventory, Provider, Query, Verification,
    naming,
};
use spindrift_engine::Failure;
use spindrift_stages::{Guards, Services, TrafficRules};
use tokio::sync::watch;

pub struct FakeCloud {
    groups: Mutex<Vec<ServerGroup>>,
    managers: Mutex<Vec<ServerGroupManager>>,
    /// What was asked for, in order.
    calls: Mutex<Vec<String>>,
    /// What was made for which key.
    made: Mutex<BTreeMap<String, ServerGroupId>>,
    /// What the next operations answer instead.
    failures: Mutex<Vec<CloudError>>,
    /// Whether instances come up only when told.
    slow: bool,
    revision: watch::Sender<u64>,
}

/// A server group in `prod`, with so many instances, all up and in traffic.
pub fn group(name: &str, created: i64, up: u32) -> ServerGroup {
    let moniker = Moniker {
        cluster: Some(naming::unversioned(name).to_owned()),
        ..Moniker::of_name(name)
    };
    ServerGroup {
        name: name.to_owned(),
        display_name: name.to_owned(),
        account: "nimbus".to_owned(),
        region: "prod".to_owned(),
        cluster: moniker.cluster.clone().unwrap(),
        application: Some("shop".to_owned()),
        moniker,
        kind: "fleet".to_owned(),
        api_version: "v1".to_owned(),
        cloud_provider: "nimbus",
        created_time: created,
        disabled: false,
        labels: BTreeMap::new(),
        load_balancers: vec!["balancer web".to_owned()],
        security_groups: Vec::new(),
        capacity: pinned(up),
        instance_counts: counts(up),
        instances: Vec::new(),
        images: vec![format!("shop/{name}:1")],
        managers: Vec::new(),
    }
}

pub fn disabled(group: ServerGroup) -> ServerGroup {
    ServerGroup {
        disabled: true,
        ..group
    }
}

pub fn within(region: &str, group: ServerGroup) -> ServerGroup {
    ServerGroup {
        region: region.to_owned(),
        ..group
    }
}

fn counts(up: u32) -> InstanceCounts {
    InstanceCounts {
        total: up,
        up,
        ..InstanceCounts::default()
    }
}

impl FakeCloud {
    pub fn of(groups: impl IntoIterator<Item = ServerGroup>) -> Arc<Self> {
        Arc::new(Self::new(groups.into_iter().collect(), false))
    }

    /// Instances come up only when told.
    pub fn slow(groups: impl IntoIterator<Item = ServerGroup>) -> Arc<Self> {
        Arc::new(Self::new(groups.into_iter().collect(), true))
    }

    fn new(groups: Vec<ServerGroup>, slow: bool) -> Self {
        Self {
            groups: Mutex::new(groups),
            managers: Mutex::default(),
            calls: Mutex::default(),
            made: Mutex::default(),
            failures: Mutex::default(),
            slow,
            revision: watch::Sender::new(0),
        }
    }

    pub fn manage(&self, manager: ServerGroupManager) {
        self.managers.lock().unwrap().push(manager);
    }

    /// The next operation answers this.
    pub fn fail_next(&self, error: CloudError) {
        self.failures.lock().unwrap().push(error);
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// `name desired up` of every server group, `-` before those out of traffic.
    pub fn shown(&self) -> Vec<String> {
        let groups = self.groups.lock().unwrap();
        let shown = groups.iter().map(|group| {
            let mark = if group.disabled { "-" } else { "" };
            let place = if group.region == "prod" {
                String::new()
            } else {
                format!("{}/", group.region)
            };
            format!("{mark}{place}{} {}", group.name, group.capacity.desired)
        });
        shown.collect()
    }

    /// The first image of the first server group.
    pub fn image(&self) -> String {
        self.groups.lock().unwrap()[0].images[0].clone()
    }

    /// Every instance that should be up is.
    pub fn bring_up(&self) {
        for group in self.groups.lock().unwrap().iter_mut() {
            group.instance_counts = counts(group.capacity.desired);
        }
        self.revision.send_modify(|revision| *revision += 1);
    }

    pub fn set_up(&self, name: &str, up: u32) {
        self.change(name, |group| group.instance_counts = counts(up));
    }

    fn change(&self, name: &str, change: impl Fn(&mut ServerGroup)) {
        let mut groups = self.groups.lock().unwrap();
        groups
            .iter_mut()
            .filter(|group| group.name == name)
            .for_each(change);
        drop(groups);
        self.revision.send_modify(|revision| *revision += 1);
    }

    fn operate(
        &self,
        what: &str,
        id: &ServerGroupId,
        change: impl FnOnce(&mut Vec<ServerGroup>, usize),
    ) -> Result<(), CloudError> {
        assert_eq!(id.account, "nimbus");
        let mut calls = self.calls.lock().unwrap();
        calls.push(format!("{what} {}/{}", id.location, id.name));
        if let Some(error) = self.failures.lock().unwrap().pop() {
            return Err(error);
        }
        let mut groups = self.groups.lock().unwrap();
        let at = groups
            .iter()
            .position(|group| group.name == id.name && group.region == id.location);
        match at {
            Some(at) => change(&mut groups, at),
            // To destroy what is gone is no failure.
            None if what == "destroy" => {}
            None => return Err(CloudError::not_found(format!("there is no {}", id.name))),
        }
        drop(groups);
        self.revision.send_modify(|revision| *revision += 1);
        Ok(())
    }

    fn lacking(&self, id: &ServerGroupId, goal: Goal) -> Result<Option<String>, CloudError> {
        let groups = self.groups.lock().unwrap();
        let group = groups
            .iter()
            .find(|group| group.name == id.name && group.region == id.location);
        let Some(group) = group else {
            return match goal {
                Goal::Gone => Ok(None),
                Goal::Stable | Goal::Enabled | Goal::Disabled => {
                    Err(CloudError::not_found(format!("{} is gone", id.name)))
                }
            };
        };
        let (up, desired) = (group.instance_counts.up, group.capacity.desired);
        let reached = match goal {
            Goal::Stable => up == desired,
            Goal::Enabled => !group.disabled || group.load_balancers.is_empty(),
            Goal::Disabled => group.disabled || group.load_balancers.is_empty(),
            Goal::Gone => false,
        };
        Ok((!reached).then(|| format!("{} has {up} of {desired}", group.name)))
    }
}

fn done<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Provider for FakeCloud {
    fn cloud(&self) -> &'static str {
        "nimbus"
    }

    fn account(&self) -> &str {
        "nimbus"
    }

    fn verify(&self) -> BoxFuture<'_, Verification> {
        done(Verification {
            reachable: true,
            version: None,
            problems: Vec::new(),
            at: 0,
        })
    }

    fn inventory(&self) -> &dyn Inventory {
        self
    }

    fn resize<'a>(
        &'a self,
        group: &'a ServerGroupId,
        capacity: Capacity,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        let Capacity { min, max, desired } = capacity;
        let what = format!("resize {min}/{max}/{desired}");
        done(self.operate(&what, group, |groups, at| {
            groups[at].capacity = capacity;
            if !self.slow {
                groups[at].instance_counts = counts(desired);
            }
        }))
    }

    fn enable<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        done(self.operate("enable", group, |groups, at| groups[at].disabled = false))
    }

    fn disable<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        done(self.operate("disable", group, |groups, at| groups[at].disabled = true))
    }

    fn destroy<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        done(self.operate("destroy", group, |groups, at| {
            groups.remove(at);
        }))
    }

    fn clone_group<'a>(
        &'a self,
        source: &'a ServerGroupId,
        changes: &'a Map<String, Value>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<ServerGroupId, CloudError>> {
        let mut made = self.made.lock().unwrap();
        if let Some(id) = made.get(key) {
            return done(Ok(id.clone()));
        }
        let changes = Value::Object(changes.clone());
        let mut id = source.clone();
        let result = self.operate(&format!("clone {changes}"), source, |groups, at| {
            let source = groups[at].clone();
            let names = groups.iter().map(|group| group.name.clone()).collect();
            id.name = naming::next_name(&source.cluster, &names);
            let created = groups.iter().map(|group| group.created_time).max().unwrap() + 1;
            groups.push(ServerGroup {
                region: source.region,
                capacity: source.capacity,
                ..group(&id.name, created, source.capacity.desired)
            });
        });
        made.insert(key.to_owned(), id.clone());
        done(result.map(|()| id))
    }

    fn previous<'a>(
        &'a self,
        group: &'a ServerGroupId,
    ) -> BoxFuture<'a, Result<String, CloudError>> {
        let groups = self.groups.lock().unwrap();
        let found = groups.iter().find(|found| found.name == group.name);
        let image = found.and_then(|found| found.images.last());
        let image = image.cloned();
        done(image.ok_or_else(|| CloudError::not_found("there is nothing before")))
    }

    fn undo<'a>(
        &'a self,
        group: &'a ServerGroupId,
        previous: &'a str,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        done(
            self.operate(&format!("undo to {previous}"), group, |groups, at| {
                if groups[at].images[0] != previous {
                    groups[at].images.reverse();
                }
            }),
        )
    }

    fn wait<'a>(
        &'a self,
        group: &'a ServerGroupId,
        goal: Goal,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        let mut changes = self.revision.subscribe();
        Box::pin(async move {
            loop {
                match self.lacking(group, goal)? {
                    None => return Ok(()),
                    Some(missing) => progress(missing),
                }
                changes
                    .changed()
                    .await
                    .map_err(|error| CloudError::new(ErrorKind::Unavailable, error.to_string()))?;
            }
        })
    }
}

impl Inventory for FakeCloud {
    fn ready(&self) -> BoxFuture<'_, Result<(), CloudError>> {
        done(Ok(()))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    fn server_groups(&self, query: &Query) -> Vec<ServerGroup> {
        let groups = self.groups.lock().unwrap();
        let fits = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let found = groups.iter().filter(|group| {
            fits(&query.location, &group.region)
                && fits(&query.name, &group.name)
                && fits(&query.cluster, &group.cluster)
        });
        found.cloned().collect()
    }

    fn server_group_managers(&self, query: &Query) -> Vec<ServerGroupManager> {
        let managers = self.managers.lock().unwrap();
        let found = managers.iter().filter(|manager| {
            let location = query.location.as_deref();
            location.is_none_or(|location| location == manager.region)
        });
        found.cloned().collect()
    }

    fn instances(&self, _: &Query) -> Vec<Instance> {
        Vec::new()
    }

    fn load_balancers(&self, _: &Query) -> Vec<LoadBalancer> {
        Vec::new()
    }

    fn security_groups(&self, _: &Query) -> Vec<SecurityGroup> {
        Vec::new()
    }
}

/// One account, named as its cloud.
pub struct OneAccount(pub Arc<FakeCloud>);

impl Accounts for OneAccount {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        (name == "nimbus").then(|| Arc::clone(&self.0) as _)
    }

    fn names(&self) -> Vec<String> {
        vec!["nimbus".to_owned()]
    }
}

/// Every application has these guards.
struct Everywhere(Vec<TrafficGuard>);

impl Guards for Everywhere {
    fn of(
        &self,
        application: &str,
    ) -> spindrift_engine::BoxFuture<Result<Vec<TrafficGuard>, Failure>> {
        assert_eq!(application, "shop");
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

pub fn services(cloud: &Arc<FakeCloud>) -> Services {
    Services {
        accounts: Arc::new(OneAccount(Arc::clone(cloud))),
        ..crate::support::services()
    }
}

/// A guard over every cluster.
pub fn everything_guarded() -> TrafficRules {
    let guard = TrafficGuard {
        account: "*".to_owned(),
        location: "*".to_owned(),
        stack: Some("*".to_owned()),
        detail: Some("*".to_owned()),
        enabled: true,
    };
    TrafficRules {
        guards: Arc::new(Everywhere(vec![guard])),
        min_capacity_ratio: 0.0,
    }
}

/// The same with a guard over every cluster.
pub fn guarded(cloud: &Arc<FakeCloud>) -> Services {
    Services {
        traffic: everything_guarded(),
        ..services(cloud)
    }
}
