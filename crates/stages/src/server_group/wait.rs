//! Tasks that wait until what was asked of a cloud has taken effect.
//!
//! They do not poll: the provider watches. Whenever what is still missing changes, it is noted in the context as `waitingFor`.

use std::sync::Arc;

use serde_json::Value;
use spindrift_cloud_driver::model::ServerGroupId;
use spindrift_cloud_driver::{Goal, Provider};
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult, TaskRunner,
};
use tokio::sync::watch;

use super::clouds::{self, Clouds};
use super::operation::noted;
use crate::fields;

/// The member of the context that says what is still missing.
pub(super) const WAITING_FOR: &str = "waitingFor";

/// Waits until every server group that the stage has noted has reached a goal.
pub(super) struct WaitFor {
    clouds: Clouds,
    goal: Goal,
    policy: TaskPolicy,
}

const HOUR: i64 = 60 * 60_000;

impl WaitFor {
    pub(super) fn runner(clouds: &Clouds, goal: Goal) -> TaskRunner {
        let timeout = match goal {
            Goal::Stable | Goal::Enabled | Goal::Disabled => 2 * HOUR,
            Goal::Gone => HOUR / 2,
        };
        Self::within(clouds, goal, timeout)
    }

    /// The same within that many milliseconds, unless the stage says otherwise.
    pub(super) fn within(clouds: &Clouds, goal: Goal, timeout: i64) -> TaskRunner {
        TaskRunner::Effect(Arc::new(Self {
            clouds: clouds.clone(),
            goal,
            policy: TaskPolicy {
                timeout: Some(timeout),
                overridable: true,
                backoff: 5_000,
            },
        }))
    }

    async fn wait(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let provider = self.clouds.provider(&input.stage.context).await?;
        reach(&*provider, input, self.goal).await
    }
}

/// Waits until every server group that the stage has noted takes traffic.
pub(super) async fn in_traffic(
    provider: &dyn Provider,
    input: &TaskInput,
) -> Result<TaskResult, Failure> {
    reach(provider, input, Goal::Enabled).await
}

async fn reach(
    provider: &dyn Provider,
    input: &TaskInput,
    goal: Goal,
) -> Result<TaskResult, Failure> {
    let context = &input.stage.context;
    for (location, name) in noted(context) {
        let id = ServerGroupId {
            account: provider.account().to_owned(),
            location,
            name,
        };
        let known = fields::text(context, WAITING_FOR);
        if let Some(text) = until(provider, &id, goal, known).await? {
            return Ok(TaskResult::again_in(1).with_context(WAITING_FOR, text));
        }
    }
    Ok(done(input))
}

/// The end of a wait.
pub(super) fn done(input: &TaskInput) -> TaskResult {
    let mut result = TaskResult::succeeded();
    if input.stage.context.contains_key(WAITING_FOR) {
        result.unset.push(WAITING_FOR.to_owned());
    }
    result
}

/// Ends when the goal is reached, with nothing, or when something else is missing than before, with that.
async fn until(
    provider: &dyn Provider,
    id: &ServerGroupId,
    goal: Goal,
    known: Option<&str>,
) -> Result<Option<String>, Failure> {
    let (tell, mut told) = watch::channel(known.unwrap_or_default().to_owned());
    let progress = move |text: String| {
        tell.send_if_modified(|shown| {
            let new = *shown != text;
            *shown = text;
            new
        });
    };
    tokio::select! {
        biased;
        reached = provider.wait(id, goal, &progress) => reached.map(|()| None).map_err(clouds::failure),
        Ok(()) = told.changed() => Ok(Some(told.borrow().clone())),
    }
}

impl EffectTask for WaitFor {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.wait(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        self.policy
    }
}

/// Whether instances are looked at at all: an empty list of health providers says that nobody's opinion counts.
pub(super) fn health_counts(input: &TaskInput) -> bool {
    let interesting = input.stage.context.get("interestingHealthProviderNames");
    !matches!(interesting, Some(Value::Array(names)) if names.is_empty())
}
