//! Which server groups of a cluster a cluster stage works on (Orca's `AbstractClusterWideClouddriverTask` and what derives from it).
//!
//! All functions look at the workloads of one location. What an earlier stage of the same run has deployed, and whatever is newer, is never
//! chosen, but counts among those that are kept.

use std::cmp::Ordering;

use crate::model::ServerGroup;
use crate::target::{by_age, is_active};

/// Who is kept before whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preference {
    /// Those in traffic before those out of it.
    pub active: bool,
    /// Larger ones before newer ones.
    pub larger: bool,
}

/// The choice of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Those in traffic beyond the first so many.
    Disable {
        /// How many stay in traffic.
        remaining: u32,
        /// Whether larger ones stay before newer ones.
        prefer_larger: bool,
    },
    /// Those with instances beyond the first so many.
    ScaleDown {
        /// How many keep their size.
        remaining: u32,
        /// Whether larger ones stay before newer ones.
        prefer_larger: bool,
        /// Whether those in traffic may be chosen too.
        allow_active: bool,
    },
    /// Those beyond the first so many.
    Shrink {
        /// How many stay.
        remaining: u32,
        /// Whether larger ones stay before newer ones.
        prefer_larger: bool,
        /// Whether those in traffic may be chosen too.
        allow_active: bool,
    },
}

impl Selection {
    /// The chosen ones, the one that would be kept last first. `deployed` are the full names of what this run has deployed.
    pub fn choose<'a>(
        &self,
        workloads: &'a [ServerGroup],
        deployed: &[String],
    ) -> Vec<&'a ServerGroup> {
        let (remaining, preference, may_choose): (u32, Preference, fn(&ServerGroup) -> bool) =
            match *self {
                Self::Disable {
                    remaining,
                    prefer_larger,
                } => {
                    // Those out of traffic neither count nor can be disabled.
                    let active: Vec<&ServerGroup> =
                        workloads.iter().filter(|group| is_active(group)).collect();
                    let preference = Preference {
                        active: false,
                        larger: prefer_larger,
                    };
                    return beyond(active, deployed, workloads, remaining, preference, |_| true);
                }
                Self::ScaleDown {
                    remaining,
                    prefer_larger,
                    allow_active,
                }
                | Self::Shrink {
                    remaining,
                    prefer_larger,
                    allow_active,
                } => {
                    let preference = Preference {
                        active: allow_active,
                        larger: prefer_larger,
                    };
                    let may: fn(&ServerGroup) -> bool = match allow_active {
                        true => |_| true,
                        false => |group| !is_active(group),
                    };
                    (remaining, preference, may)
                }
            };
        let all = workloads.iter().collect();
        beyond(all, deployed, workloads, remaining, preference, may_choose)
    }
}

/// Those that may be chosen beyond the first so many. What may not be chosen is kept, and takes its place among those.
fn beyond<'a>(
    candidates: Vec<&'a ServerGroup>,
    deployed: &[String],
    workloads: &'a [ServerGroup],
    remaining: u32,
    preference: Preference,
    may_choose: impl Fn(&ServerGroup) -> bool,
) -> Vec<&'a ServerGroup> {
    let protected_from = workloads
        .iter()
        .filter(|group| deployed.contains(&group.name))
        .min_by(|a, b| by_age(a, b));
    let is_protected = |group: &ServerGroup| {
        protected_from.is_some_and(|oldest| by_age(group, oldest) != Ordering::Less)
    };
    let (mut open, kept): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|group| may_choose(group) && !is_protected(group));
    open.sort_by(|a, b| preference.compare(a, b));
    let places = usize::try_from(remaining).unwrap_or(usize::MAX);
    let keep = places.saturating_sub(kept.len()).min(open.len());
    let mut chosen = open.split_off(keep);
    chosen.reverse();
    chosen
}

impl Preference {
    /// The one to keep is less.
    fn compare(self, a: &ServerGroup, b: &ServerGroup) -> Ordering {
        let active = match self.active {
            true => is_active(b).cmp(&is_active(a)),
            false => Ordering::Equal,
        };
        let size = |group: &ServerGroup| group.instance_counts.total;
        let larger = match self.larger {
            true => size(b).cmp(&size(a)),
            false => Ordering::Equal,
        };
        active.then(larger).then_with(|| by_age(b, a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::group;
    use proptest::prelude::*;

    /// From the oldest to the newest: sizes, those out of traffic negative.
    fn cluster(sizes: &[i32]) -> Vec<ServerGroup> {
        sizes
            .iter()
            .enumerate()
            .map(|(at, size)| {
                let group = group(&format!("web-v{at:03}"), at as i64, size.unsigned_abs());
                if *size < 0 { group.disabled() } else { group }
            })
            .collect()
    }

    fn chosen(selection: Selection, sizes: &[i32], deployed: &[usize]) -> Vec<u64> {
        let groups = cluster(sizes);
        let deployed: Vec<String> = deployed.iter().map(|at| groups[*at].name.clone()).collect();
        selection
            .choose(&groups, &deployed)
            .iter()
            .map(|group| group.moniker.sequence.unwrap())
            .collect()
    }

    fn disable(remaining: u32, prefer_larger: bool) -> Selection {
        Selection::Disable {
            remaining,
            prefer_larger,
        }
    }

    fn scale_down(remaining: u32, allow_active: bool, prefer_larger: bool) -> Selection {
        Selection::ScaleDown {
            remaining,
            prefer_larger,
            allow_active,
        }
    }

    fn shrink(remaining: u32, allow_active: bool, prefer_larger: bool) -> Selection {
        Selection::Shrink {
            remaining,
            prefer_larger,
            allow_active,
        }
    }

    #[test]
    fn each_stage_chooses_by_its_rules() {
        type Case = (Selection, &'static [i32], &'static [usize], &'static [u64]);
        let table: [Case; 22] = [
            (disable(1, false), &[1, 1, 1], &[], &[0, 1]),
            (disable(2, false), &[1, 1, 1], &[], &[0]),
            (disable(0, false), &[1, 1], &[], &[0, 1]),
            (disable(1, false), &[-1, 1, -1], &[], &[]),
            (disable(1, false), &[], &[], &[]),
            (disable(1, true), &[9, 1, 1], &[], &[1, 2]),
            // The deployed one and the newer one keep a place each.
            (disable(1, false), &[1, 1, 1, 1], &[2], &[0, 1]),
            (disable(2, false), &[1, 1, 1, 1], &[2], &[0, 1]),
            (disable(3, false), &[1, 1, 1, 1], &[2], &[0]),
            (disable(1, true), &[9, 1, 1], &[2], &[1, 0]),
            (scale_down(1, false, false), &[-1, -1, 1], &[], &[0, 1]),
            (scale_down(2, false, false), &[-1, -1, 1], &[], &[0]),
            (scale_down(1, false, false), &[1, 1], &[], &[]),
            (scale_down(1, true, false), &[1, -1, -1], &[], &[1, 2]),
            (scale_down(1, true, true), &[1, -9, 2], &[], &[1, 0]),
            (shrink(1, false, false), &[-1, -1, 1], &[], &[0, 1]),
            (shrink(1, true, false), &[1, 1, 1], &[], &[0, 1]),
            (shrink(2, true, false), &[1, -1, -1], &[], &[1]),
            (shrink(1, true, true), &[1, 5, 2], &[], &[0, 2]),
            (shrink(0, true, false), &[1, 1], &[], &[0, 1]),
            (shrink(1, true, false), &[1, 1, 1], &[2], &[0, 1]),
            (shrink(9, true, false), &[1, 1], &[], &[]),
        ];
        for (selection, sizes, deployed, expected) in table {
            assert_eq!(
                chosen(selection, sizes, deployed),
                expected,
                "{selection:?} {sizes:?} {deployed:?}"
            );
        }
    }

    fn any_selection() -> impl Strategy<Value = Selection> {
        (0u32..4, any::<bool>(), any::<bool>(), 0u8..3).prop_map(
            |(remaining, prefer_larger, allow_active, kind)| match kind {
                0 => Selection::Disable {
                    remaining,
                    prefer_larger,
                },
                1 => Selection::ScaleDown {
                    remaining,
                    prefer_larger,
                    allow_active,
                },
                _ => Selection::Shrink {
                    remaining,
                    prefer_larger,
                    allow_active,
                },
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_to_be_kept_is_never_chosen(
            selection in any_selection(), sizes in prop::collection::vec(-5i32..6, 0..7), deployed in prop::option::of(0usize..7),
        ) {
            let deployed: Vec<usize> = deployed.into_iter().filter(|at| *at < sizes.len()).collect();
            let found = chosen(selection, &sizes, &deployed);
            let active = |at: u64| sizes[usize::try_from(at).unwrap()] >= 0;
            // Nobody is chosen twice, and nothing deployed here or later.
            let mut once = found.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), found.len());
            if let Some(first) = deployed.first() {
                prop_assert!(found.iter().all(|at| *at < *first as u64));
            }
            let (counted, remaining) = match selection {
                Selection::Disable { remaining, .. } => {
                    prop_assert!(found.iter().all(|at| active(*at)));
                    (sizes.iter().filter(|size| **size >= 0).count(), remaining)
                }
                Selection::ScaleDown { remaining, allow_active, .. } | Selection::Shrink { remaining, allow_active, .. } => {
                    if !allow_active {
                        prop_assert!(found.iter().all(|at| !active(*at)));
                    }
                    (sizes.len(), remaining)
                }
            };
            let kept = counted - found.len();
            prop_assert!(kept >= counted.min(remaining as usize), "{found:?} of {sizes:?}");
        }

        /// After a stage has done its work, the same stage finds nothing more to do.
        #[test]
        fn a_repetition_finds_nothing(remaining in 0u32..4, larger: bool, sizes in prop::collection::vec(-5i32..6, 0..7)) {
            let groups = cluster(&sizes);
            let selection = shrink(remaining, true, larger);
            let gone: Vec<String> = selection.choose(&groups, &[]).iter().map(|group| group.name.clone()).collect();
            let left: Vec<ServerGroup> = groups.iter().filter(|group| !gone.contains(&group.name)).cloned().collect();
            prop_assert!(selection.choose(&left, &[]).is_empty());
        }
    }
}
