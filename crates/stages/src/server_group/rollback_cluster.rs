//! The stage type `rollbackCluster`: in each location the newest server group in traffic gives way to the one before.
//!
//! Context: `cluster` or `moniker.cluster`, `credentials`, `regions`; `originalServerGroup`, `targetHealthyRollbackPercentage`,
//! `waitTimeBetweenRegions`, `additionalRollbackContext`. Outputs: `rollbackTypes`, `rollbackContexts`, and `rollbackSkipped` with the reason for each
//! location in which there is nothing to go back to.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_cloud_driver::rollback::{Candidate, candidate, default_healthy_percentage};
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, StageType, StageView, SyntheticPlan, TaskInput, TaskPolicy,
    TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, StageConfig};

use super::clone::wait;
use super::clouds::{self, Clouds};
use super::rollback_group::{self, EXPLICIT, UNDO};
use super::{operation, place};
use crate::fields;

const KIND: &str = "rollbackCluster";
const DETERMINE: &str = "determineRollbackCandidates";
const TYPES: &str = "rollbackTypes";
const CONTEXTS: &str = "rollbackContexts";

/// The stage type.
pub(crate) struct RollbackCluster {
    pub(crate) clouds: Clouds,
}

impl StageType for RollbackCluster {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let context = &view.stage().context;
        place::account(context)?;
        place::locations(context)?;
        Ok(vec![TaskSpec::new(DETERMINE)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            DETERMINE => Some(TaskRunner::Effect(Arc::new(Determine {
                clouds: self.clouds.clone(),
            }))),
            _ => operation::passed(name),
        }
    }

    fn after(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let stage = view.stage();
        let empty = Map::new();
        let found = |key: &str| stage.outputs.get(key).and_then(Value::as_object);
        let contexts = found(CONTEXTS).unwrap_or(&empty);
        let types = found(TYPES).unwrap_or(&empty);
        for (position, (location, kind)) in types.iter().enumerate() {
            if position > 0 {
                let before = format!("Wait before rolling back {location}");
                wait(&stage.context, &["waitTimeBetweenRegions"], &before, plan)?;
            }
            let mut inner = place::inner(&stage.context);
            inner.insert("region".to_owned(), location.as_str().into());
            inner.insert("rollbackType".to_owned(), kind.clone());
            let context = contexts.get(location).cloned().unwrap_or_default();
            if let Some(name) = context.get("serverGroupName") {
                inner.insert("serverGroupName".to_owned(), name.clone());
            }
            inner.insert("rollbackContext".to_owned(), context);
            plan.then(rollback_group::KIND, &format!("Rollback {location}"), inner);
        }
        Ok(())
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        place::check(stage, at, |context| match place::cluster(context) {
            Ok(_) => Ok(()),
            Err(_) if fields::text(context, "serverGroup").is_some() => Ok(()),
            Err(failure) => Err(failure),
        })
    }
}

struct Determine {
    clouds: Clouds,
}

impl Determine {
    async fn find(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let provider = self.clouds.provider(context).await?;
        let application = place::application(context, &input.application);
        let original = fields::text(context, "originalServerGroup");
        let (mut types, mut contexts, mut skipped) = (Map::new(), Map::new(), Map::new());
        for location in place::locations(context)? {
            let cluster = match (
                place::cluster(context),
                fields::text(context, "serverGroup"),
            ) {
                (Ok(cluster), _) => cluster.to_owned(),
                (Err(_), Some(name)) => clouds::group(provider.inventory(), &location, name)
                    .map(|group| group.cluster)
                    .unwrap_or_default(),
                (Err(failure), None) => return Err(failure),
            };
            let members =
                clouds::cluster(provider.inventory(), Some(application), &cluster, &location);
            match candidate(&members, original) {
                Ok(Candidate::Undo { group }) => {
                    types.insert(location.clone(), UNDO.into());
                    contexts.insert(location, json!({"serverGroupName": group}));
                }
                Ok(Candidate::Swap { rollback, restore }) => {
                    let bad = members.iter().find(|group| group.name == rollback);
                    let desired = bad.map_or(0, |group| group.capacity.desired);
                    let healthy = match context.get("targetHealthyRollbackPercentage") {
                        None | Some(Value::Null) => default_healthy_percentage(desired).into(),
                        Some(given) => given.clone(),
                    };
                    let mut rolled = json!({
                        "rollbackServerGroupName": rollback,
                        "restoreServerGroupName": restore,
                        "targetHealthyRollbackPercentage": healthy,
                    });
                    if let (Value::Object(rolled), Some(Value::Object(more))) =
                        (&mut rolled, context.get("additionalRollbackContext"))
                    {
                        rolled.extend(more.clone());
                    }
                    types.insert(location.clone(), EXPLICIT.into());
                    contexts.insert(location, rolled);
                }
                Err(reason) => {
                    skipped.insert(location, reason.to_string().into());
                }
            }
        }
        let result = TaskResult::succeeded()
            .with_output(TYPES, types)
            .with_output(CONTEXTS, contexts);
        Ok(match skipped.is_empty() {
            true => result,
            false => result
                .with_context("rollbackSkipped", skipped.clone())
                .with_output("rollbackSkipped", skipped),
        })
    }
}

impl EffectTask for Determine {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.find(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(5 * 60_000),
            overridable: false,
            backoff: 5_000,
        }
    }
}
