//! The stage type `determineTargetServerGroup`: which server group a dynamic target is now, in each location.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, StageType, StageView, TaskInput, TaskPolicy, TaskResult,
    TaskRunner, TaskSpec,
};

use super::clouds::{self, Clouds};
use super::place;

pub(super) const KIND: &str = "determineTargetServerGroup";

/// The member of context and outputs with what was found.
pub(super) const REFERENCES: &str = "targetReferences";

/// The stage type.
pub(crate) struct DetermineTargetServerGroup {
    pub(crate) clouds: Clouds,
}

impl StageType for DetermineTargetServerGroup {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new(KIND)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == KIND).then(|| {
            TaskRunner::Effect(Arc::new(Determine {
                clouds: self.clouds.clone(),
            }))
        })
    }
}

struct Determine {
    clouds: Clouds,
}

impl EffectTask for Determine {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.find(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(5 * 60_000),
            overridable: false,
            backoff: 1_000,
        }
    }
}

impl Determine {
    async fn find(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let provider = self.clouds.provider(context).await?;
        let target = place::target(context)?;
        let cluster = place::cluster(context)?;
        let application = place::application(context, &input.application);
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for location in place::locations(context)? {
            let members =
                clouds::cluster(provider.inventory(), Some(application), cluster, &location);
            match target.resolve(&members) {
                Some(group) => found.push(json!({
                    "serverGroupName": group.name,
                    "asgName": group.name,
                    "cluster": group.cluster,
                    "region": location,
                    "location": location,
                    "account": provider.account(),
                    "credentials": provider.account(),
                    "cloudProvider": provider.cloud(),
                })),
                None => missing.push(format!(
                    "Unable to locate {} in {}/{location}/{cluster}",
                    target.describe(),
                    provider.account()
                )),
            }
        }
        if !missing.is_empty() {
            return Err(Failure {
                errors: missing,
                ..Failure::new("TargetServerGroupNotFound", "")
            });
        }
        let found = Value::Array(found);
        Ok(TaskResult::succeeded()
            .with_context(REFERENCES, found.clone())
            .with_output(REFERENCES, found))
    }
}
