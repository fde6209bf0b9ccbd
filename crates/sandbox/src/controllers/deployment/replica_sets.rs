//! Finding, naming and making the ReplicaSets of a Deployment.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Desk;
use super::super::common;
use super::{View, replicas, rollout, status};
use crate::ids;
use crate::json::{Json, canonical, pairs};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
const HASH: &str = "pod-template-hash";

pub(super) fn look(desk: &mut Desk<'_>, deployment: &Arc<Value>) -> View {
    let mut sets = common::claim(desk, "replicasets.apps", deployment);
    sets.sort_by_key(|set| {
        (
            set.text(&["metadata", "creationTimestamp"]).to_owned(),
            set.name().to_owned(),
        )
    });
    let template = &deployment["spec"]["template"];
    let new = sets
        .iter()
        .position(|set| !set.is_deleting() && same_template(&set["spec"]["template"], template))
        .map(|index| sets.remove(index));
    View {
        deployment: deployment.clone(),
        new,
        old: sets,
    }
}

/// Equal but for the hash label.
fn same_template(one: &Value, other: &Value) -> bool {
    let bare = |template: &Value| {
        let mut bare = template.clone();
        bare.cut(&["metadata", "labels", HASH]);
        bare.cut(&["metadata", "creationTimestamp"]);
        bare
    };
    bare(one) == bare(other)
}

pub(super) fn revision(object: &Value) -> i64 {
    object
        .annotation(REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Annotations of the Deployment that its ReplicaSets get: all but those of kubectl and of revisions.
fn inherited(deployment: &Value) -> Vec<(String, String)> {
    let own = [
        REVISION,
        HISTORY,
        DESIRED,
        MAX,
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
    ];
    pairs(deployment, &["metadata", "annotations"])
        .filter(|(key, _)| !own.contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Gives the current template's ReplicaSet the newest revision number, if there is such a set.
pub(super) fn ensure_revision(desk: &mut Desk<'_>, view: &mut View) {
    let Some(new) = view.new.clone() else { return };
    let newest = view.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let own = revision(&new);
    let number = own.max(newest);
    let deployment = view.deployment.clone();
    let seconds = deployment.at(&["spec", "minReadySeconds"]).cloned();
    let stale = own != number
        || inherited(&deployment)
            .iter()
            .any(|(key, value)| new.annotation(key) != Some(value))
        || new.at(&["spec", "minReadySeconds"]) != seconds.as_ref();
    if stale {
        let edited = common::edit(desk, "replicasets.apps", &new, |set| {
            for (key, value) in inherited(&deployment) {
                set.put(&["metadata", "annotations", &key], value);
            }
            if own != number {
                if own > 0 {
                    let past = set
                        .annotation(HISTORY)
                        .map_or_else(|| own.to_string(), |history| format!("{history},{own}"));
                    set.put(&["metadata", "annotations", HISTORY], past);
                }
                set.put(&["metadata", "annotations", REVISION], number.to_string());
            }
            match &seconds {
                Some(seconds) => set.put(&["spec", "minReadySeconds"], seconds.clone()),
                None => drop(set.cut(&["spec", "minReadySeconds"])),
            }
        });
        view.new = edited.or(view.new.take());
    }
    note_revision(desk, view, number);
}

fn note_revision(desk: &mut Desk<'_>, view: &mut View, number: i64) {
    if revision(&view.deployment) != number {
        let edited = common::edit(desk, "deployments.apps", &view.deployment, |deployment| {
            deployment.put(&["metadata", "annotations", REVISION], number.to_string())
        });
        if let Some(edited) = edited {
            view.deployment = edited;
        }
    }
}

/// Makes the ReplicaSet of the current template, or brings the one there is up to date.
pub(super) fn ensure_new(desk: &mut Desk<'_>, view: &mut View) {
    if view.new.is_some() {
        ensure_revision(desk, view);
        if common::condition(&view.deployment, "Progressing").is_none() {
            let name = view
                .new
                .as_ref()
                .map(|set| set.name().to_owned())
                .unwrap_or_default();
            status::progress(
                desk,
                view,
                "True",
                "FoundNewReplicaSet",
                &format!("Found new replica set \"{name}\""),
            );
        }
        return;
    }
    let number = view.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let set = blueprint(view, number);
    let name = set.name().to_owned();
    match common::create(desk, "replicasets.apps", view.deployment.namespace(), set) {
        Ok(set) => {
            let size = replicas(&set);
            view.new = Some(set);
            if size > 0 {
                let message = format!("Scaled up replica set {name} from 0 to {size}");
                common::event(
                    desk,
                    &view.deployment.clone(),
                    "Normal",
                    "ScalingReplicaSet",
                    &message,
                );
            }
            note_revision(desk, view, number);
            status::progress(
                desk,
                view,
                "True",
                "NewReplicaSetCreated",
                &format!("Created new replica set \"{name}\""),
            );
        }
        Err(refusal) if refusal.reason == "AlreadyExists" => {
            // Another object has the name: the next hash counts collisions.
            let collisions = view
                .deployment
                .int(&["status", "collisionCount"])
                .unwrap_or(0)
                + 1;
            let mut next = view.deployment["status"].clone();
            next.put(&["collisionCount"], collisions);
            common::write_status(desk, "deployments.apps", &view.deployment.clone(), next);
        }
        Err(refusal) => {
            let message = format!(
                "Failed to create new replica set \"{name}\": {}",
                refusal.message
            );
            common::event(
                desk,
                &view.deployment.clone(),
                "Warning",
                "ReplicaSetCreateError",
                &message,
            );
            status::progress(
                desk,
                view,
                "False",
                "ReplicaSetCreateError",
                &refusal.message,
            );
        }
    }
}

fn blueprint(view: &View, number: i64) -> Value {
    let deployment = &view.deployment;
    let template = &deployment["spec"]["template"];
    let collisions = deployment.int(&["status", "collisionCount"]).unwrap_or(0);
    let salt = if collisions > 0 {
        format!("#{collisions}")
    } else {
        String::new()
    };
    let hash = ids::encode(ids::fnv(&format!("{}{salt}", canonical(template))));
    let mut template = template.clone();
    template.put(&["metadata", "labels", HASH], hash.clone());
    let mut selector = deployment["spec"]["selector"].clone();
    selector.put(&["matchLabels", HASH], hash.clone());
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("{}-{hash}", deployment.name()), "labels": template["metadata"]["labels"], "ownerReferences": [common::owner_reference(deployment)]},
        "spec": {"replicas": rollout::first_size(view), "selector": selector, "template": template},
    });
    if let Some(seconds) = deployment.at(&["spec", "minReadySeconds"]) {
        set.put(&["spec", "minReadySeconds"], seconds.clone());
    }
    for (key, value) in inherited(deployment) {
        set.put(&["metadata", "annotations", &key], value);
    }
    set.put(&["metadata", "annotations", REVISION], number.to_string());
    let (surge, _) = view.bounds();
    set.put(
        &["metadata", "annotations", DESIRED],
        view.replicas().to_string(),
    );
    set.put(
        &["metadata", "annotations", MAX],
        (view.replicas() + surge).to_string(),
    );
    set
}

/// Sets a ReplicaSet's size and notes the Deployment's beside it.
pub(super) fn resize(desk: &mut Desk<'_>, view: &View, set: &Arc<Value>, size: i64) -> Arc<Value> {
    let (surge, _) = view.bounds();
    let (desired, most) = (
        view.replicas().to_string(),
        (view.replicas() + surge).to_string(),
    );
    let before = replicas(set);
    if before == size
        && set.annotation(DESIRED) == Some(&desired)
        && set.annotation(MAX) == Some(&most)
    {
        return set.clone();
    }
    let edited = common::edit(desk, "replicasets.apps", set, |set| {
        set.put(&["spec", "replicas"], size);
        set.put(&["metadata", "annotations", DESIRED], desired);
        set.put(&["metadata", "annotations", MAX], most);
    });
    if before != size {
        let direction = if size > before { "up" } else { "down" };
        let message = format!(
            "Scaled {direction} replica set {} from {before} to {size}",
            set.name()
        );
        common::event(
            desk,
            &view.deployment.clone(),
            "Normal",
            "ScalingReplicaSet",
            &message,
        );
    }
    edited.unwrap_or_else(|| set.clone())
}

/// Deletes the oldest sets without pods beyond the history limit.
pub(super) fn clean(desk: &mut Desk<'_>, view: &View) {
    let Some(limit) = view
        .deployment
        .int(&["spec", "revisionHistoryLimit"])
        .and_then(|limit| usize::try_from(limit).ok())
    else {
        return;
    };
    let mut idle: Vec<_> = view
        .old
        .iter()
        .filter(|set| {
            !set.is_deleting()
                && replicas(set) == 0
                && super::observed(set, "replicas") == 0
                && set.int(&["status", "observedGeneration"]).unwrap_or(0) >= set.generation()
        })
        .collect();
    if view.old.len() <= limit {
        return;
    }
    idle.sort_by_key(|set| revision(set));
    let surplus = view.old.len() - limit;
    for set in idle.into_iter().take(surplus) {
        common::delete(desk, "replicasets.apps", set);
    }
}
