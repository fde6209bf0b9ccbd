//! Traffic guards: rules of an application that a cluster is never left without instances (Orca's `TrafficGuard`).

use serde::{Deserialize, Serialize};

use crate::capacity::is_pinned;
use crate::error::{CloudError, ErrorKind};
use crate::model::{Moniker, ServerGroup};

/// One rule: which clusters it guards. `*` stands for any; an absent or blank stack or detail for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrafficGuard {
    /// The account.
    pub account: String,
    /// The region, or namespace.
    pub location: String,
    /// The stack.
    pub stack: Option<String>,
    /// The detail.
    pub detail: Option<String>,
    /// Whether it holds.
    pub enabled: bool,
}

impl Default for TrafficGuard {
    fn default() -> Self {
        Self {
            account: String::new(),
            location: String::new(),
            stack: None,
            detail: None,
            enabled: true,
        }
    }
}

impl TrafficGuard {
    /// Whether it holds for a cluster of that moniker in that account and location.
    pub fn holds_for(&self, account: &str, location: &str, moniker: &Moniker) -> bool {
        let fits = |rule: Option<&str>, found: Option<&str>| {
            let rule = rule.unwrap_or_default().trim();
            rule == "*" || rule == found.unwrap_or_default().trim()
        };
        self.enabled
            && fits(Some(&self.account), Some(account))
            && fits(Some(&self.location), Some(location))
            && fits(self.stack.as_deref(), moniker.stack.as_deref())
            && fits(self.detail.as_deref(), moniker.detail.as_deref())
    }
}

/// What is about to happen to some server groups of one cluster in one location.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// The operation as the message calls it: `Disabling`, `Destroying`, `Removal of all instances in`, `Running shrinkCluster on`.
    pub operation: &'a str,
    /// The account.
    pub account: &'a str,
    /// The region, or namespace.
    pub location: &'a str,
    /// The cluster.
    pub cluster: &'a str,
    /// The full names of the server groups that go away.
    pub leaving: &'a [String],
    /// Every server group of the cluster there.
    pub members: &'a [ServerGroup],
}

/// The smallest share of instances that must stay up, as an operator sets it: from 0 up to but not including 0.5, else 0.
pub fn min_capacity_ratio(configured: f64) -> f64 {
    match (0.0..0.5).contains(&configured) {
        true => configured,
        false => 0.0,
    }
}

/// Refuses a removal that would leave a guarded cluster with too few instances in traffic. A cluster that has none already may lose them all.
pub fn check(
    guards: &[TrafficGuard],
    min_ratio: f64,
    removal: Removal<'_>,
) -> Result<(), CloudError> {
    let Removal {
        account, location, ..
    } = removal;
    let mut leaving = Vec::new();
    for name in removal.leaving {
        let found = removal.members.iter().find(|group| group.name == *name);
        leaving.push(found.ok_or_else(|| missing(&removal, name))?);
    }
    let guarded = leaving.iter().any(|group| {
        guards
            .iter()
            .any(|guard| guard.holds_for(account, location, &group.moniker))
    });
    if !guarded {
        return Ok(());
    }
    let capacity = |groups: &mut dyn Iterator<Item = &ServerGroup>| -> u64 {
        groups.map(|group| u64::from(in_traffic(group))).sum()
    };
    let current = capacity(&mut removal.members.iter());
    let staying = |group: &&ServerGroup| !removal.leaving.contains(&group.name);
    let future = capacity(&mut removal.members.iter().filter(staying));
    if current == 0 || (future > 0 && all_pinned_alike(removal.members, &leaving)) {
        return Ok(());
    }
    let min_ratio = min_capacity_ratio(min_ratio);
    // Both are numbers of instances, far below what a float holds exactly.
    let ratio = future as f64 / current as f64;
    match ratio <= min_ratio {
        true => Err(refusal(&removal, future, current, min_ratio)),
        false => Ok(()),
    }
}

/// How many instances of a server group take traffic.
fn in_traffic(group: &ServerGroup) -> u32 {
    match group.disabled {
        true => 0,
        false => group.instance_counts.up,
    }
}

/// Several that go away, all held at the one size that every member has: a release that replaces them one by one.
fn all_pinned_alike(members: &[ServerGroup], leaving: &[&ServerGroup]) -> bool {
    let size = |group: &ServerGroup| group.capacity.desired;
    let first = leaving.first().map(|group| size(group));
    leaving.len() > 1
        && members
            .iter()
            .filter(|group| !group.disabled)
            .all(|group| is_pinned(&group.capacity) && Some(size(group)) == first)
}

fn missing(removal: &Removal<'_>, name: &str) -> CloudError {
    let Removal {
        account,
        location,
        cluster,
        members,
        ..
    } = removal;
    if members.is_empty() {
        return CloudError::not_found(format!(
            "Could not find cluster '{cluster}' in {account}/{location}"
        ));
    }
    let found: Vec<&str> = members.iter().map(|group| group.name.as_str()).collect();
    CloudError::not_found(format!(
        "Could not find server group '{name}' in {account}/{location}, found [{}]",
        found.join(",")
    ))
}

fn refusal(removal: &Removal<'_>, future: u64, current: u64, min_ratio: f64) -> CloudError {
    let left = match future {
        0 => "no instances up.".to_owned(),
        _ => format!(
            "{future} instance{} up ({:.1}% of {current} instances currently up). The configured minimum is {:.1}%.",
            if future == 1 { "" } else { "s" },
            100.0 * future as f64 / current as f64,
            100.0 * min_ratio
        ),
    };
    CloudError::new(
        ErrorKind::Denied,
        format!(
            "This cluster ('{}' in {}/{}) has traffic guards enabled. {} [{}] would leave the cluster with {left}",
            removal.cluster,
            removal.account,
            removal.location,
            removal.operation,
            removal.leaving.join(",")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Capacity;
    use crate::testing::group;
    use proptest::prelude::*;

    fn guard() -> TrafficGuard {
        TrafficGuard {
            account: "sandbox".to_owned(),
            location: "*".to_owned(),
            stack: Some("*".to_owned()),
            ..TrafficGuard::default()
        }
    }

    fn ask(members: &[ServerGroup], leaving: &[&str], ratio: f64) -> Result<(), String> {
        let leaving: Vec<String> = leaving
            .iter()
            .map(|name| format!("replicaSet {name}"))
            .collect();
        let removal = Removal {
            operation: "Disabling",
            account: "sandbox",
            location: "prod",
            cluster: "replicaSet web",
            leaving: &leaving,
            members,
        };
        check(&[guard()], ratio, removal).map_err(|error| error.message)
    }

    #[test]
    fn a_guard_holds_for_what_it_describes() {
        let moniker = |stack: Option<&str>, detail: Option<&str>| Moniker {
            stack: stack.map(str::to_owned),
            detail: detail.map(str::to_owned),
            ..Moniker::default()
        };
        let rule = |location: &str, stack: Option<&str>, detail: Option<&str>| TrafficGuard {
            account: "sandbox".to_owned(),
            location: location.to_owned(),
            stack: stack.map(str::to_owned),
            detail: detail.map(str::to_owned),
            enabled: true,
        };
        let table = [
            (rule("prod", None, None), moniker(None, None), true),
            (rule("prod", Some(""), None), moniker(None, None), true),
            (rule("prod", None, None), moniker(Some("eu"), None), false),
            (
                rule("prod", Some("eu"), None),
                moniker(Some("eu"), None),
                true,
            ),
            (
                rule("prod", Some("*"), None),
                moniker(Some("eu"), None),
                true,
            ),
            (
                rule("prod", Some("*"), Some("*")),
                moniker(None, None),
                true,
            ),
            (rule("*", None, Some("a")), moniker(None, Some("b")), false),
            (
                rule("test", Some("*"), Some("*")),
                moniker(None, None),
                false,
            ),
        ];
        for (rule, moniker, expected) in table {
            let holds = rule.holds_for("sandbox", "prod", &moniker);
            assert_eq!(holds, expected, "{rule:?} {moniker:?}");
            assert!(!rule.holds_for("other", "prod", &moniker));
            let off = TrafficGuard {
                enabled: false,
                ..rule
            };
            assert!(!off.holds_for("sandbox", "prod", &moniker));
        }
        let read: TrafficGuard =
            serde_json::from_str(r#"{"account": "sandbox", "location": "prod"}"#).unwrap();
        assert!(read.enabled && read.stack.is_none());
    }

    #[test]
    fn the_last_instances_in_traffic_stay() {
        let pair = [group("web-v000", 1, 2), group("web-v001", 2, 2)];
        let dark = [group("web-v000", 1, 2), group("web-v001", 2, 2).disabled()];
        let text = "This cluster ('replicaSet web' in sandbox/prod) has traffic guards enabled. \
                    Disabling [replicaSet web-v000] would leave the cluster with";
        let no_instances = Err(format!("{text} no instances up."));
        assert_eq!(ask(&pair, &["web-v000"], 0.0), Ok(()));
        assert_eq!(ask(&dark, &["web-v000"], 0.0), no_instances);
        assert_eq!(ask(&dark, &["web-v001"], 0.0), Ok(()));
        assert_eq!(ask(&pair[..1], &["web-v000"], 0.0), no_instances);
        // There is nothing to guard.
        assert_eq!(ask(&[group("web-v000", 1, 0)], &["web-v000"], 0.0), Ok(()));
        assert_eq!(ask(&dark[1..], &["web-v001"], 0.0), Ok(()));
        assert_eq!(ask(&pair, &[], 0.0), Ok(()));
    }

    #[test]
    fn a_configured_share_must_stay() {
        let uneven = [group("web-v000", 1, 9), group("web-v001", 2, 1)];
        let text = "This cluster ('replicaSet web' in sandbox/prod) has traffic guards enabled. \
                    Disabling [replicaSet web-v000] would leave the cluster with";
        let one =
            "1 instance up (10.0% of 10 instances currently up). The configured minimum is 40.0%.";
        assert_eq!(
            ask(&uneven, &["web-v000"], 0.4),
            Err(format!("{text} {one}"))
        );
        let two = [group("web-v000", 1, 4), group("web-v001", 2, 2)];
        let some =
            "2 instances up (33.3% of 6 instances currently up). The configured minimum is 45.0%.";
        assert_eq!(
            ask(&two, &["web-v000"], 0.45),
            Err(format!("{text} {some}"))
        );
        assert_eq!(ask(&uneven, &["web-v000"], 0.0), Ok(()));
        // Half and more is no share that can be asked for.
        assert_eq!(ask(&uneven, &["web-v000"], 0.5), Ok(()));
        assert_eq!(ask(&uneven, &["web-v000"], -1.0), Ok(()));
    }

    #[test]
    fn several_of_one_pinned_size_may_go_while_something_remains() {
        let three = [
            group("web-v000", 1, 2),
            group("web-v001", 2, 2),
            group("web-v002", 3, 2),
        ];
        assert_eq!(ask(&three, &["web-v000", "web-v001"], 0.4), Ok(()));
        let mut free = three.clone();
        free[2].capacity = Capacity {
            min: 0,
            max: 5,
            desired: 2,
        };
        assert!(ask(&free, &["web-v000", "web-v001"], 0.4).is_err());
        let all = ["web-v000", "web-v001", "web-v002"];
        let refused = ask(&three, &all, 0.4).unwrap_err();
        assert!(
            refused.contains("[replicaSet web-v000,replicaSet web-v001,replicaSet web-v002]"),
            "{refused}"
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert_eq!(
            ask(&[], &["web-v000"], 0.0),
            Err("Could not find cluster 'replicaSet web' in sandbox/prod".to_owned())
        );
        let one = [group("web-v001", 1, 1)];
        assert_eq!(
            ask(&one, &["web-v000"], 0.0),
            Err("Could not find server group 'replicaSet web-v000' in sandbox/prod, found [replicaSet web-v001]".to_owned())
        );
    }

    proptest! {
        /// Whatever the sizes are: a cluster with instances in traffic never loses the last of them.
        #[test]
        fn the_last_one_up_never_goes(
            sizes in prop::collection::vec((0u32..4, any::<bool>()), 1..6), leaving in prop::collection::vec(any::<bool>(), 6), ratio in -1.0f64..1.0,
        ) {
            let members: Vec<ServerGroup> = sizes
                .iter()
                .enumerate()
                .map(|(at, (up, disabled))| {
                    let mut group = group(&format!("web-v{at:03}"), at as i64, *up);
                    group.disabled = *disabled;
                    group
                })
                .collect();
            let names: Vec<&str> = members
                .iter()
                .zip(&leaving)
                .filter(|(_, leaves)| **leaves)
                .map(|(group, _)| group.display_name.as_str())
                .collect();
            let up = |stays: bool| -> u32 {
                let counted = members.iter().zip(&leaving).filter(|(_, leaves)| !stays || !**leaves);
                counted.map(|(group, _)| in_traffic(group)).sum()
            };
            let allowed = ask(&members, &names, ratio).is_ok();
            if allowed && !names.is_empty() && up(false) > 0 {
                prop_assert!(up(true) > 0, "{names:?} of {sizes:?}");
            }
            if up(false) == 0 {
                prop_assert!(allowed);
            }
        }
    }
}
