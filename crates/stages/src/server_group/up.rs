//! The task `waitForUpInstances`: enough instances of the server groups are up, and take traffic.

use std::sync::Arc;

use spindrift_cloud_driver::model::ServerGroup;
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult, TaskRunner,
};
use spindrift_model::Map;

use super::clouds::{self, Clouds};
use super::operation::noted;
use super::wait::{WAITING_FOR, done, health_counts, in_traffic};
use crate::fields;

/// Waits for instances.
pub(super) struct WaitForUp {
    clouds: Clouds,
}

impl WaitForUp {
    pub(super) fn runner(clouds: &Clouds) -> TaskRunner {
        TaskRunner::Effect(Arc::new(Self {
            clouds: clouds.clone(),
        }))
    }

    async fn wait(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        if !health_counts(input) {
            return Ok(done(input));
        }
        let context = &input.stage.context;
        let percentage = percentage(context)?;
        let provider = self.clouds.provider(context).await?;
        let inventory = provider.inventory();
        let known = fields::text(context, WAITING_FOR);
        let mut changes = inventory.changes();
        loop {
            changes.mark_unchanged();
            let mut missing = None;
            for (location, name) in noted(context) {
                let group = clouds::group(inventory, &location, &name).ok_or_else(|| {
                    Failure::new(
                        "ServerGroupNotFound",
                        format!("the server group {name} in {location} is gone"),
                    )
                })?;
                missing = missing.or_else(|| lacking(&group, percentage));
            }
            let Some(missing) = missing else {
                return in_traffic(&*provider, input).await;
            };
            if known != Some(&missing) {
                return Ok(TaskResult::again_in(1).with_context(WAITING_FOR, missing));
            }
            if changes.changed().await.is_err() {
                let failure = Failure::new(
                    "CloudUnavailable",
                    format!("the account {:?} is no longer watched", provider.account()),
                );
                return Err(failure.retryable());
            }
        }
    }
}

/// What is missing until so many percent of the desired instances are up and in traffic.
fn lacking(group: &ServerGroup, percentage: f64) -> Option<String> {
    let wanted = wanted(group.capacity.desired, percentage);
    let up = group.instance_counts.up;
    (up < wanted).then(|| format!("{}: {up} of {wanted} instances are up", group.name))
}

/// So many of that many: rounded, but at least one, unless none is asked for.
fn wanted(desired: u32, percentage: f64) -> u32 {
    if desired == 0 || percentage <= 0.0 {
        return 0;
    }
    // A share of a number of instances fits into one.
    ((f64::from(desired) * percentage / 100.0).round() as u32).max(1)
}

fn percentage(context: &Map) -> Result<f64, Failure> {
    match context.get("targetHealthyDeployPercentage") {
        None | Some(serde_json::Value::Null) => Ok(100.0),
        Some(value) => fields::number(value)
            .filter(|percent| (0.0..=100.0).contains(percent))
            .ok_or_else(|| {
                fields::invalid(format!(
                    "targetHealthyDeployPercentage must be a number from 0 to 100, not {}",
                    fields::shorten(&value.to_string())
                ))
            }),
    }
}

impl EffectTask for WaitForUp {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.wait(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(2 * 60 * 60_000),
            overridable: true,
            backoff: 5_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_at_least_one() {
        let table = [
            (10, 100.0, 10),
            (10, 95.0, 10),
            (10, 94.0, 9),
            (3, 10.0, 1),
            (3, 0.0, 0),
            (0, 100.0, 0),
        ];
        for (desired, percentage, expected) in table {
            assert_eq!(
                wanted(desired, percentage),
                expected,
                "{desired} {percentage}"
            );
        }
    }
}
