//! Moving pods from old ReplicaSets to the new one, and scaling in between.

use std::sync::Arc;

use serde_json::Value;

use super::super::Desk;
use super::super::common;
use super::replica_sets::{self, DESIRED, MAX};
use super::{View, observed, replicas};
use crate::json::Json;

/// Size of a new ReplicaSet at its creation.
pub(super) fn first_size(view: &View) -> i64 {
    grown_size(view, 0)
}

/// How large the new ReplicaSet may be now.
fn grown_size(view: &View, present: i64) -> i64 {
    let wanted = view.replicas();
    if !view.is_rolling() {
        return wanted;
    }
    let (surge, _) = view.bounds();
    let total: i64 = view.all().map(|set| replicas(set)).sum();
    let room = wanted + surge - total;
    if room <= 0 {
        present
    } else {
        present + room.min(wanted - present).max(0)
    }
}

/// Whether the Deployment was scaled since its sets were last sized.
pub(super) fn is_scaling(view: &View) -> bool {
    let wanted = view.replicas().to_string();
    view.all().any(|set| {
        replicas(set) > 0
            && set
                .annotation(DESIRED)
                .is_some_and(|desired| desired != wanted)
    })
}

fn is_saturated(view: &View) -> bool {
    view.new.as_ref().is_some_and(|set| {
        let wanted = view.replicas();
        replicas(set) == wanted
            && set.annotation(DESIRED) == Some(wanted.to_string().as_str())
            && observed(set, "availableReplicas") == wanted
    })
}

fn set_size(desk: &mut Desk<'_>, view: &mut View, name: &str, size: i64) {
    let Some(set) = view.all().find(|set| set.name() == name).cloned() else {
        return;
    };
    let resized = replica_sets::resize(desk, view, &set, size);
    match view.new.as_mut().filter(|new| new.name() == name) {
        Some(new) => *new = resized,
        None => view
            .old
            .iter_mut()
            .filter(|old| old.name() == name)
            .for_each(|old| *old = resized.clone()),
    }
}

/// Brings the sets to the Deployment's size without moving pods between them.
pub(super) fn scale(desk: &mut Desk<'_>, view: &mut View) {
    let wanted = view.replicas();
    let active: Vec<Arc<Value>> = view
        .all()
        .filter(|set| replicas(set) > 0)
        .cloned()
        .collect();
    if active.len() <= 1 {
        let latest = active
            .first()
            .cloned()
            .or_else(|| view.new.clone())
            .or_else(|| view.old.last().cloned());
        if let Some(set) = latest {
            set_size(desk, view, set.name(), wanted);
        }
        return;
    }
    if is_saturated(view) {
        for set in view.old.clone().iter().filter(|set| replicas(set) > 0) {
            set_size(desk, view, set.name(), 0);
        }
        return;
    }
    if view.is_rolling() {
        scale_in_proportion(desk, view, active);
    }
}

/// Shares a change of size among the active sets by their sizes; what rounding leaves goes to the largest.
fn scale_in_proportion(desk: &mut Desk<'_>, view: &mut View, mut active: Vec<Arc<Value>>) {
    let (surge, _) = view.bounds();
    let allowed = if view.replicas() > 0 {
        view.replicas() + surge
    } else {
        0
    };
    let total: i64 = active.iter().map(|set| replicas(set)).sum();
    let mut to_add = allowed - total;
    // Growing starts with the newest of the largest, shrinking with the oldest.
    active.sort_by_key(|set| {
        (
            std::cmp::Reverse(replicas(set)),
            set.text(&["metadata", "creationTimestamp"]).to_owned(),
        )
    });
    if to_add > 0 {
        active.sort_by_key(|set| {
            (
                std::cmp::Reverse(replicas(set)),
                std::cmp::Reverse(set.text(&["metadata", "creationTimestamp"]).to_owned()),
            )
        });
    }
    let mut sizes: Vec<(String, i64)> = Vec::new();
    let change = to_add;
    for set in &active {
        let most: i64 = set
            .annotation(MAX)
            .and_then(|text| text.parse().ok())
            .unwrap_or(view.replicas())
            .max(1);
        let share =
            (replicas(set) as f64 * allowed as f64 / most as f64).round() as i64 - replicas(set);
        let share = if change > 0 {
            share.clamp(0, to_add.max(0))
        } else {
            share.clamp(to_add.min(0), 0)
        };
        to_add -= share;
        sizes.push((set.name().to_owned(), replicas(set) + share));
    }
    if let Some((_, size)) = sizes.first_mut() {
        *size = (*size + to_add).max(0);
    }
    for (name, size) in sizes {
        set_size(desk, view, &name, size);
    }
}

/// One step of a rolling update.
pub(super) fn roll(desk: &mut Desk<'_>, view: &mut View) {
    replica_sets::ensure_new(desk, view);
    let Some(new) = view.new.clone() else { return };
    let wanted = view.replicas();
    let size = if replicas(&new) > wanted {
        wanted
    } else {
        grown_size(view, replicas(&new))
    };
    let moved = size != replicas(&new);
    set_size(desk, view, new.name(), size);
    if !moved && !shrink_old(desk, view) && is_complete(view) {
        replica_sets::clean(desk, view);
    }
}

/// Takes pods from old sets: unhealthy ones first, then as many as availability allows.
fn shrink_old(desk: &mut Desk<'_>, view: &mut View) -> bool {
    let Some(new) = view.new.clone() else {
        return false;
    };
    let old_total: i64 = view.old.iter().map(|set| replicas(set)).sum();
    if old_total == 0 {
        return false;
    }
    let (_, unavailable) = view.bounds();
    let least = view.replicas() - unavailable;
    let new_lacking = replicas(&new) - observed(&new, "availableReplicas");
    let total = old_total + replicas(&new);
    let mut room = total - least - new_lacking;
    if room <= 0 {
        return false;
    }
    let mut sizes: Vec<(String, i64, i64)> = view
        .old
        .iter()
        .map(|set| {
            (
                set.name().to_owned(),
                replicas(set),
                observed(set, "availableReplicas"),
            )
        })
        .collect();
    let before: Vec<i64> = sizes.iter().map(|(_, size, _)| *size).collect();
    for (_, size, available) in &mut sizes {
        let sick = (*size - *available).clamp(0, room);
        *size -= sick;
        room -= sick;
    }
    let available: i64 = sizes
        .iter()
        .map(|(_, _, available)| *available)
        .sum::<i64>()
        + observed(&new, "availableReplicas");
    let mut spare = (available - least).max(0);
    for (_, size, _) in &mut sizes {
        let taken = (*size).min(spare);
        *size -= taken;
        spare -= taken;
    }
    let changed = sizes.iter().map(|(_, size, _)| *size).ne(before);
    for (name, size, _) in sizes {
        set_size(desk, view, &name, size);
    }
    changed
}

/// All old pods go before the first new one comes.
pub(super) fn recreate(desk: &mut Desk<'_>, view: &mut View) {
    let mut shrunk = false;
    for set in view.old.clone().iter().filter(|set| replicas(set) > 0) {
        set_size(desk, view, set.name(), 0);
        shrunk = true;
    }
    if shrunk || old_pods_remain(desk, view) {
        return;
    }
    replica_sets::ensure_new(desk, view);
    if let Some(new) = view.new.clone() {
        set_size(desk, view, new.name(), view.replicas());
    }
    if is_complete(view) {
        replica_sets::clean(desk, view);
    }
}

fn old_pods_remain(desk: &Desk<'_>, view: &View) -> bool {
    let mut pods = view
        .old
        .iter()
        .flat_map(|set| common::controlled(desk.state, "pods", set));
    pods.any(|pod| !common::is_finished(&pod))
}

/// The rollout is done: every pod is of the new template and available, and none is left of the old.
pub(super) fn is_complete(view: &View) -> bool {
    let wanted = view.replicas();
    let total: i64 = view.all().map(|set| observed(set, "replicas")).sum();
    let Some(new) = &view.new else { return false };
    observed(new, "replicas") == wanted
        && total == wanted
        && view
            .all()
            .map(|set| observed(set, "availableReplicas"))
            .sum::<i64>()
            == wanted
}
