//! Which server group a stage means (Orca's `TargetServerGroup`, Clouddriver's `ClusterController`).
//!
//! What is scaled, switched and deleted is a *workload*: a server group that nothing manages, or the manager of several, such as a Deployment.
//! A server group that has a manager stands for its manager: changing it would be undone at once.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::model::{Capacity, InstanceCounts, ServerGroup, ServerGroupManager};

/// Which server group of a cluster in a location is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one of that full name.
    Named(String),
    /// The newest.
    Newest,
    /// The newest but one; there must be two.
    Previous,
    /// The oldest; there must be two.
    Oldest,
}

impl Target {
    /// Reads a stage's `target`; its legacy names mean the same.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "current_asg_dynamic" | "current_asg" => Some(Self::Newest),
            "ancestor_asg_dynamic" | "ancestor_asg" => Some(Self::Previous),
            "oldest_asg_dynamic" | "oldest_asg" => Some(Self::Oldest),
            _ => None,
        }
    }

    /// What a person calls it: the name, or the text of a stage's `target`.
    pub fn describe(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Newest => "current_asg_dynamic",
            Self::Previous => "ancestor_asg_dynamic",
            Self::Oldest => "oldest_asg_dynamic",
        }
    }

    /// The one that is meant among the workloads of one location. Disabled ones count.
    pub fn resolve<'a>(&self, workloads: &'a [ServerGroup]) -> Option<&'a ServerGroup> {
        let newest = newest_first(workloads.iter().collect());
        match self {
            Self::Named(name) => named(workloads, name),
            Self::Newest => newest.first().copied(),
            Self::Previous => newest.get(1).copied(),
            Self::Oldest => newest.get(1..)?.last().copied(),
        }
    }
}

/// The workload of that full name; one whose plain name it is, when that is only one.
fn named<'a>(workloads: &'a [ServerGroup], name: &str) -> Option<&'a ServerGroup> {
    let full = workloads
        .iter()
        .find(|group| group.name.eq_ignore_ascii_case(name));
    full.or_else(|| {
        let mut plain = workloads.iter().filter(|group| group.display_name == name);
        match (plain.next(), plain.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    })
}

/// Sorted from the newest to the oldest. Clouds tell the time of creation by the second, so versions decide between equals, then names.
pub fn newest_first(mut groups: Vec<&ServerGroup>) -> Vec<&ServerGroup> {
    groups.sort_by(|a, b| by_age(b, a));
    groups
}

/// The older is less.
pub fn by_age(a: &ServerGroup, b: &ServerGroup) -> Ordering {
    let key = |group: &ServerGroup| (group.created_time, group.moniker.sequence);
    key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
}

/// Whether it takes traffic, as far as its cloud says.
pub fn is_active(group: &ServerGroup) -> bool {
    !group.disabled
}

/// The workloads that server groups and their managers make, oldest first. Each manager is one, with the instances of what it manages.
pub fn workloads(groups: Vec<ServerGroup>, managers: Vec<ServerGroupManager>) -> Vec<ServerGroup> {
    let known: BTreeSet<(&str, &str)> = managers
        .iter()
        .map(|manager| (manager.region.as_str(), manager.name.as_str()))
        .collect();
    let is_managed = |group: &ServerGroup| {
        let manager = |name: &String| known.contains(&(group.region.as_str(), name.as_str()));
        group.managers.iter().any(manager)
    };
    let (managed, mut free): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_managed);
    for manager in managers {
        let members: Vec<&ServerGroup> = managed
            .iter()
            .filter(|group| {
                group.region == manager.region && group.managers.contains(&manager.name)
            })
            .collect();
        free.push(whole(manager, &members));
    }
    free.sort_by(by_age);
    free
}

/// The manager with everything it manages, as one server group.
fn whole(manager: ServerGroupManager, members: &[&ServerGroup]) -> ServerGroup {
    let newest = newest_first(members.to_vec());
    // While a rollout replaces one by the other, both belong to it; what has no instances any more is history.
    let alive: Vec<&ServerGroup> = newest
        .iter()
        .copied()
        .filter(|group| group.capacity.desired > 0 || group.instance_counts.total > 0)
        .collect();
    let shown = match alive.is_empty() {
        true => &newest,
        false => &alive,
    };
    let sum = |part: fn(&ServerGroup) -> u32| shown.iter().copied().map(part).sum();
    let all = |part: fn(&ServerGroup) -> &Vec<String>| {
        let mut texts: Vec<String> = Vec::new();
        for text in shown.iter().flat_map(|group| part(group)) {
            if !texts.contains(text) {
                texts.push(text.clone());
            }
        }
        texts
    };
    ServerGroup {
        cluster: manager.moniker.cluster.clone().unwrap_or_default(),
        application: manager.moniker.app.clone(),
        cloud_provider: newest.first().map_or("", |group| group.cloud_provider),
        disabled: !shown.is_empty() && shown.iter().all(|group| group.disabled),
        load_balancers: all(|group| &group.load_balancers),
        security_groups: all(|group| &group.security_groups),
        capacity: Capacity {
            min: sum(|group| group.capacity.min),
            max: sum(|group| group.capacity.max),
            desired: sum(|group| group.capacity.desired),
        },
        instance_counts: InstanceCounts {
            total: sum(|group| group.instance_counts.total),
            up: sum(|group| group.instance_counts.up),
            down: sum(|group| group.instance_counts.down),
            unknown: sum(|group| group.instance_counts.unknown),
            out_of_service: sum(|group| group.instance_counts.out_of_service),
            starting: sum(|group| group.instance_counts.starting),
        },
        instances: shown
            .iter()
            .flat_map(|group| group.instances.clone())
            .collect(),
        // The newest says what runs; the one before it is about to go.
        images: shown
            .first()
            .map_or_else(Vec::new, |group| group.images.clone()),
        managers: Vec::new(),
        name: manager.name,
        display_name: manager.display_name,
        account: manager.account,
        region: manager.region,
        moniker: manager.moniker,
        kind: manager.kind,
        api_version: manager.api_version,
        created_time: manager.created_time,
        labels: manager.labels,
    }
}

/// The workload that a server group of that full name is part of: itself, or its manager.
pub fn redirect<'a>(groups: &'a [ServerGroup], location: &str, name: &'a str) -> &'a str {
    groups
        .iter()
        .find(|group| group.region == location && group.name.eq_ignore_ascii_case(name))
        .and_then(|group| group.managers.first())
        .map_or(name, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{group, manager};

    #[test]
    fn targets_are_found_by_age() {
        let groups = [
            group("web-v002", 30, 2),
            group("web-v000", 10, 2),
            group("web-v001", 20, 2).disabled(),
        ];
        let name = |target: Target, of: &[ServerGroup]| {
            target.resolve(of).map(|group| group.display_name.clone())
        };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(name(Target::Newest, &groups), some("web-v002"));
        assert_eq!(name(Target::Previous, &groups), some("web-v001"));
        assert_eq!(name(Target::Oldest, &groups), some("web-v000"));
        assert_eq!(name(Target::Newest, &groups[..1]), some("web-v002"));
        assert_eq!(name(Target::Previous, &groups[..1]), None);
        assert_eq!(name(Target::Oldest, &groups[..1]), None);
        assert_eq!(name(Target::Newest, &[]), None);
        let named = |text: &str| name(Target::Named(text.to_owned()), &groups);
        assert_eq!(named("replicaSet web-v001"), some("web-v001"));
        assert_eq!(named("replicaset web-v001"), some("web-v001"));
        assert_eq!(named("web-v001"), some("web-v001"));
        assert_eq!(named("web"), None);
    }

    #[test]
    fn versions_decide_between_equal_ages() {
        let groups = [group("web-v010", 10, 1), group("web-v009", 10, 1)];
        let newest = Target::Newest.resolve(&groups).unwrap();
        assert_eq!(newest.display_name, "web-v010");
    }

    #[test]
    fn a_server_group_with_a_manager_stands_for_it() {
        let old = ServerGroup {
            images: vec!["web:1".to_owned()],
            ..group("web-aaa", 20, 1)
        }
        .managed("deployment web");
        let new = ServerGroup {
            images: vec!["web:2".to_owned()],
            ..group("web-bbb", 40, 2)
        }
        .managed("deployment web");
        let history = group("web-000", 5, 0).managed("deployment web");
        let alone = group("api-v000", 30, 3);
        let orphan = group("old-ccc", 1, 1).managed("rollout gone");
        let groups = vec![old, new, history, alone, orphan];
        assert_eq!(
            redirect(&groups, "prod", "replicaSet web-aaa"),
            "deployment web"
        );
        assert_eq!(
            redirect(&groups, "prod", "replicaSet api-v000"),
            "replicaSet api-v000"
        );
        assert_eq!(
            redirect(&groups, "test", "replicaSet web-aaa"),
            "replicaSet web-aaa"
        );

        let found = workloads(groups, vec![manager("web", 10)]);
        let names: Vec<&str> = found.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "replicaSet old-ccc",
                "deployment web",
                "replicaSet api-v000"
            ]
        );
        let web = &found[1];
        assert_eq!(web.capacity.desired, 3);
        assert_eq!(web.instance_counts.up, 3);
        assert_eq!(web.images, ["web:2"]);
        assert_eq!(web.cluster, "deployment web");
        assert!(is_active(web));
    }

    #[test]
    fn a_manager_is_disabled_when_all_it_runs_is() {
        let groups = |new_disabled: bool| {
            let old = group("web-aaa", 20, 1).disabled().managed("deployment web");
            let mut new = group("web-bbb", 40, 2).managed("deployment web");
            new.disabled = new_disabled;
            vec![old, new]
        };
        let of = |disabled| workloads(groups(disabled), vec![manager("web", 10)]);
        assert!(is_active(&of(false)[0]));
        assert!(!is_active(&of(true)[0]));
        assert!(is_active(
            &workloads(Vec::new(), vec![manager("web", 10)])[0]
        ));
    }

    #[test]
    fn targets_are_read_by_name() {
        for text in [
            "current_asg_dynamic",
            "ancestor_asg_dynamic",
            "oldest_asg_dynamic",
        ] {
            assert_eq!(Target::parse(text).unwrap().describe(), text);
        }
        assert_eq!(Target::parse("current_asg"), Some(Target::Newest));
        assert_eq!(Target::parse("replicaSet web"), None);
    }
}
