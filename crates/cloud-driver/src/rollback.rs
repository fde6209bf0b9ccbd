//! How a cluster is rolled back: which server group gives way to which, and in which steps (Orca's `RollbackClusterStage` and `ExplicitRollback`).

use crate::capacity::pinned;
use crate::model::{Capacity, ServerGroup};
use crate::target::{by_age, is_active, newest_first};

/// What rolls a cluster back in one location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// One server group gives way to another.
    Swap {
        /// The full name of the one that goes out of traffic.
        rollback: String,
        /// The full name of the one that comes back.
        restore: String,
    },
    /// A server group that has no other versions beside it goes back to what it was before its last change.
    Undo {
        /// Its full name.
        group: String,
    },
}

/// Why a cluster cannot be rolled back in a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCandidate {
    /// There is nothing to go back to.
    #[error("there is no other server group to go back to")]
    Alone,
    /// None takes traffic.
    #[error("no server group is enabled, so there is none to roll back")]
    NoneEnabled,
}

/// What rolls back a cluster: its newest server group in traffic gives way to `original` if that is there, else to the newest before it, else to the
/// newest other one.
pub fn candidate(
    workloads: &[ServerGroup],
    original: Option<&str>,
) -> Result<Candidate, NoCandidate> {
    if let [only] = workloads {
        return match only.moniker.sequence {
            None if is_active(only) => Ok(Candidate::Undo {
                group: only.name.clone(),
            }),
            _ => Err(NoCandidate::Alone),
        };
    }
    let newest = newest_first(workloads.iter().collect());
    let bad = newest
        .iter()
        .find(|group| is_active(group))
        .ok_or(match workloads.is_empty() {
            true => NoCandidate::Alone,
            false => NoCandidate::NoneEnabled,
        })?;
    let others = || newest.iter().filter(|group| group.name != bad.name);
    let restore = original
        .and_then(|name| others().find(|group| group.name == name || group.display_name == name))
        .or_else(|| others().find(|group| by_age(group, bad).is_lt()))
        .or_else(|| others().next())
        .ok_or(NoCandidate::Alone)?;
    Ok(Candidate::Swap {
        rollback: bad.name.clone(),
        restore: restore.name.clone(),
    })
}

/// The share of healthy instances, in percent, that a rollback waits for when nobody says: the smaller the server group, the larger the share.
pub fn default_healthy_percentage(desired: u32) -> u32 {
    match desired {
        0..10 => 100,
        10..20 => 90,
        20.. => 95,
    }
}

/// The capacity that the restored server group needs to take over, with its lower bound pinned; `None` when it has it already.
pub fn takeover(rollback: Capacity, restore: Capacity) -> Option<Capacity> {
    let desired = rollback.desired.max(restore.desired);
    if desired == restore.desired {
        return None;
    }
    let unbounded = restore.min == restore.max;
    Some(match unbounded {
        true => pinned(desired),
        false => Capacity {
            min: desired,
            max: rollback.max.max(restore.max).max(desired),
            desired,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::workloads;
    use crate::testing::{group, manager};
    use proptest::prelude::*;

    fn swap(rollback: &str, restore: &str) -> Result<Candidate, NoCandidate> {
        Ok(Candidate::Swap {
            rollback: format!("replicaSet {rollback}"),
            restore: format!("replicaSet {restore}"),
        })
    }

    #[test]
    fn the_newest_in_traffic_gives_way() {
        let v0 = || group("web-v000", 1, 2);
        let v1 = || group("web-v001", 2, 2);
        let v2 = || group("web-v002", 3, 2);
        let table = [
            (vec![v0(), v1()], None, swap("web-v001", "web-v000")),
            (vec![v0(), v1(), v2()], None, swap("web-v002", "web-v001")),
            (
                vec![v0(), v1(), v2()],
                Some("replicaSet web-v000"),
                swap("web-v002", "web-v000"),
            ),
            (
                vec![v0(), v1(), v2()],
                Some("web-v000"),
                swap("web-v002", "web-v000"),
            ),
            // The one asked for is gone, or is the bad one itself.
            (
                vec![v0(), v1()],
                Some("web-v009"),
                swap("web-v001", "web-v000"),
            ),
            (
                vec![v0(), v1()],
                Some("web-v001"),
                swap("web-v001", "web-v000"),
            ),
            // Rolled back already: the one before, not the one it was rolled back from.
            (
                vec![v0(), v1(), v2().disabled()],
                None,
                swap("web-v001", "web-v000"),
            ),
            (
                vec![v0(), v1().disabled()],
                None,
                swap("web-v000", "web-v001"),
            ),
            (
                vec![v0().disabled(), v1().disabled()],
                None,
                Err(NoCandidate::NoneEnabled),
            ),
            (vec![v0()], None, Err(NoCandidate::Alone)),
            (vec![], None, Err(NoCandidate::Alone)),
        ];
        for (groups, original, expected) in table {
            assert_eq!(candidate(&groups, original), expected, "{original:?}");
        }
    }

    #[test]
    fn what_has_no_versions_is_undone() {
        let web = workloads(Vec::new(), vec![manager("web", 10)]);
        assert_eq!(
            candidate(&web, None),
            Ok(Candidate::Undo {
                group: "deployment web".to_owned()
            })
        );
        assert_eq!(
            candidate(&[group("web", 1, 1).disabled()], None),
            Err(NoCandidate::Alone)
        );
    }

    #[test]
    fn small_server_groups_must_be_wholly_healthy() {
        let table = [(0, 100), (9, 100), (10, 90), (19, 90), (20, 95), (500, 95)];
        for (desired, expected) in table {
            assert_eq!(default_healthy_percentage(desired), expected, "{desired}");
        }
    }

    #[test]
    fn the_restored_one_grows_to_what_it_takes_over() {
        let free = |min, max, desired| Capacity { min, max, desired };
        let table = [
            (pinned(3), pinned(0), Some(pinned(3))),
            (pinned(3), pinned(3), None),
            (pinned(1), pinned(3), None),
            (free(1, 9, 4), free(1, 5, 2), Some(free(4, 9, 4))),
            (free(1, 3, 2), free(1, 8, 4), None),
        ];
        for (rollback, restore, expected) in table {
            assert_eq!(
                takeover(rollback, restore),
                expected,
                "{rollback:?} {restore:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_rollback_never_restores_what_it_rolls_back(
            disabled in prop::collection::vec(any::<bool>(), 0..6), original in prop::option::of(0usize..6),
        ) {
            let groups: Vec<ServerGroup> = disabled
                .iter()
                .enumerate()
                .map(|(at, disabled)| {
                    let group = group(&format!("web-v{at:03}"), at as i64, 1);
                    if *disabled { group.disabled() } else { group }
                })
                .collect();
            let original = original.map(|at| format!("replicaSet web-v{at:03}"));
            match candidate(&groups, original.as_deref()) {
                Ok(Candidate::Swap { rollback, restore }) => {
                    prop_assert!(rollback != restore);
                    let bad = groups.iter().find(|group| group.name == rollback).unwrap();
                    prop_assert!(is_active(bad));
                    prop_assert!(groups.iter().any(|group| group.name == restore));
                }
                Ok(Candidate::Undo { .. }) => prop_assert!(false, "they all have versions"),
                Err(_) => prop_assert!(groups.len() < 2 || disabled.iter().all(|disabled| *disabled)),
            }
        }
    }
}
