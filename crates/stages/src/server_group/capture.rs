//! The stage type `captureSourceServerGroupCapacity`: remembers the capacities of server groups before they are changed.

use std::sync::Arc;

use serde_json::json;
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, StageType, StageView, TaskInput, TaskPolicy, TaskResult,
    TaskRunner, TaskSpec,
};
use spindrift_model::Map;

use super::clouds::{self, Clouds};
use super::{operation, place};
use crate::fields;

pub(super) const KIND: &str = "captureSourceServerGroupCapacity";

/// The member of the outputs with the capacities by full name.
pub(super) const SNAPSHOT: &str = "capacitySnapshots";

/// The member of the context with the full names.
pub(super) const NAMES: &str = "serverGroupNames";

/// The stage type.
pub(crate) struct CaptureCapacity {
    pub(crate) clouds: Clouds,
}

impl StageType for CaptureCapacity {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new(KIND)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == KIND).then(|| {
            TaskRunner::Effect(Arc::new(Capture {
                clouds: self.clouds.clone(),
            }))
        })
    }
}

struct Capture {
    clouds: Clouds,
}

impl Capture {
    async fn look(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let provider = self.clouds.provider(context).await?;
        let location = place::location(context)?;
        let mut found = Map::new();
        for name in fields::texts(context.get(NAMES)) {
            if let Some(group) = clouds::group(provider.inventory(), &location, &name) {
                found.insert(group.name, json!(group.capacity));
            }
        }
        Ok(TaskResult::succeeded().with_output(SNAPSHOT, found))
    }
}

impl EffectTask for Capture {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.look(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        operation::POLICY
    }
}
