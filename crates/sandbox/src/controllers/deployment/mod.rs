//! Deployments: one ReplicaSet for each template, and the way from one to the next.
//!
//! Follows the controller of Kubernetes step by step (revisions, hashes, surge, proportional scaling, conditions), because clients read all
//! of it.

mod replica_sets;
mod rollout;
mod status;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Desk;
use super::common;
use crate::json::Json;

/// A Deployment with its ReplicaSets, as one reconcile sees them.
struct View {
    deployment: Arc<Value>,
    new: Option<Arc<Value>>,
    old: Vec<Arc<Value>>,
}

impl View {
    fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(&self.new)
    }

    fn replicas(&self) -> i64 {
        self.deployment.int(&["spec", "replicas"]).unwrap_or(1)
    }

    fn is_rolling(&self) -> bool {
        self.deployment.text(&["spec", "strategy", "type"]) != "Recreate"
    }

    /// How many pods may be beyond the wanted number, and how many may lack.
    fn bounds(&self) -> (i64, i64) {
        if !self.is_rolling() {
            return (0, 0);
        }
        let rolling = &self.deployment["spec"]["strategy"]["rollingUpdate"];
        let surge = common::scaled(rolling.get("maxSurge"), self.replicas(), true);
        let unavailable = common::scaled(rolling.get("maxUnavailable"), self.replicas(), false);
        // Both zero would never move.
        (
            surge,
            if surge == 0 && unavailable == 0 {
                1
            } else {
                unavailable.min(self.replicas())
            },
        )
    }
}

fn replicas(set: &Value) -> i64 {
    set.int(&["spec", "replicas"]).unwrap_or(1)
}

fn observed(set: &Value, field: &str) -> i64 {
    set.int(&["status", field]).unwrap_or(0)
}

pub(super) fn reconcile(desk: &mut Desk<'_>, deployment: &Arc<Value>) -> Option<Duration> {
    let mut view = replica_sets::look(desk, deployment);
    if !deployment.is_deleting() {
        status::note_pause(desk, &mut view);
        let paused = view.deployment.flag(&["spec", "paused"]);
        if paused || rollout::is_scaling(&view) {
            if !paused {
                replica_sets::ensure_revision(desk, &mut view);
            }
            rollout::scale(desk, &mut view);
        } else if view.is_rolling() {
            rollout::roll(desk, &mut view);
        } else {
            rollout::recreate(desk, &mut view);
        }
    }
    status::sync(desk, &view)
}
