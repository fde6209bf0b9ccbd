//! The status of disruption budgets and quotas.

use std::time::Duration;

use serde_json::{Value, json};

use super::Desk;
use super::common::{self, is_ready};
use crate::api::admission::quota_status;
use crate::json::Json;
use crate::selector::LabelSelector;

pub(super) fn reconcile(desk: &mut Desk<'_>, budget: &Value) -> Option<Duration> {
    let selector = LabelSelector::from_value(budget.at(&["spec", "selector"]))?;
    let pods: Vec<_> = desk
        .state
        .list("pods", Some(budget.namespace()))
        .filter(|pod| selector.matches(pod) && common::is_active(pod))
        .cloned()
        .collect();
    let expected = i64::try_from(pods.len()).unwrap_or(0);
    let healthy = i64::try_from(pods.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(0);
    let desired = match (
        budget.at(&["spec", "maxUnavailable"]),
        budget.at(&["spec", "minAvailable"]),
    ) {
        (most @ Some(_), _) => expected - common::scaled(most, expected, true),
        (None, least) => common::scaled(least, expected, true),
    };
    let allowed = (healthy - desired).max(0);
    let now = desk.cluster.clock.stamp();
    let mut status = budget.get("status").cloned().unwrap_or_else(|| json!({}));
    for (field, number) in [
        ("currentHealthy", healthy),
        ("desiredHealthy", desired.max(0)),
        ("disruptionsAllowed", allowed),
        ("expectedPods", expected),
    ] {
        status.put(&[field], number);
    }
    status.put(&["observedGeneration"], budget.generation());
    let (word, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    common::set_condition(&mut status, "DisruptionAllowed", word, reason, "", &now);
    common::write_status(desk, "poddisruptionbudgets.policy", budget, status);
    None
}

pub(super) fn reconcile_quota(desk: &mut Desk<'_>, quota: &Value) -> Option<Duration> {
    let status = quota_status(desk.state, quota);
    common::write_status(desk, "resourcequotas", quota, status);
    None
}
