//! The task `cleanupArtifacts`: old versions beyond those to keep are deleted, and those that are left are looked at for what comes after.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use spindrift_cloud_driver::kubernetes::{Kubernetes, ObjectId, Sibling, status};
use spindrift_cloud_driver::{Accounts, CloudError};
use spindrift_engine::{BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult};

use super::super::{account, failure};
use super::traffic::{Strategy, Traffic};
use crate::fields;

/// The task.
pub(crate) struct CleanUp {
    pub(crate) accounts: Arc<dyn Accounts>,
}

/// A new version, and the others of its cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Family {
    /// The new version.
    pub(crate) new: ObjectId,
    /// The others, oldest first.
    pub(crate) others: Vec<Other>,
}

/// Another version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Other {
    /// The version.
    pub(crate) id: ObjectId,
    /// How many replicas it should have.
    pub(crate) replicas: u64,
    /// Whether it never became well, so that it is deleted and not kept.
    pub(crate) is_broken: bool,
}

impl EffectTask for CleanUp {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            match clean_up(&*self.accounts, &input).await {
                Ok(result) => result,
                Err(Ended::Failed(failure)) => TaskResult::terminal(failure),
                Err(Ended::Cloud(error)) => failure::result(&error, &input),
            }
        })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: None,
            overridable: false,
            backoff: 5_000,
        }
    }
}

enum Ended {
    Failed(Failure),
    Cloud(CloudError),
}

async fn clean_up(accounts: &dyn Accounts, input: &TaskInput) -> Result<TaskResult, Ended> {
    let context = &input.stage.context;
    let provider = account::kubernetes(accounts, context).map_err(Ended::Failed)?;
    let Some(kubernetes) = provider.kubernetes() else {
        return Err(Ended::Failed(fields::invalid(
            "account: it is none of Kubernetes",
        )));
    };
    let manifests = context
        .get("outputs.manifests")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let retained = kubernetes.clean_up(manifests).await.map_err(Ended::Cloud)?;
    let mut result = TaskResult::succeeded();
    if !retained.deleted.is_empty() {
        let deleted: Vec<Value> = retained
            .deleted
            .iter()
            .map(|id| Value::from(format!("{id} in {}", id.namespace)))
            .collect();
        result = result.with_context("deletedVersions", deleted);
    }
    let traffic = Traffic::of(context).map_err(Ended::Failed)?;
    if traffic.strategy != Strategy::None {
        let families = families(kubernetes, manifests)
            .await
            .map_err(Ended::Cloud)?;
        let families = serde_json::to_value(families).unwrap_or_default();
        result = result.with_context("siblings", families);
    }
    Ok(result)
}

async fn families(kubernetes: &Kubernetes, manifests: &[Value]) -> Result<Vec<Family>, CloudError> {
    let mut families = Vec::new();
    for manifest in manifests {
        let Some(new) = ObjectId::of(manifest).filter(|id| id.kind.is("replicaSet")) else {
            continue;
        };
        let siblings = kubernetes.siblings(manifest).await?;
        families.push(Family {
            new,
            others: siblings.into_iter().map(other).collect(),
        });
    }
    Ok(families)
}

fn other(sibling: Sibling) -> Other {
    let status = status(&sibling.object);
    Other {
        is_broken: !status.stable.state && !status.failed.state && !sibling.is_serving,
        id: sibling.id,
        replicas: sibling.replicas,
    }
}
