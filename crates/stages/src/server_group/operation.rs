//! What the tasks that change one server group share: which one it is, what they note of it, and the tasks themselves.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_cloud_driver::model::{ServerGroup, ServerGroupId};
use spindrift_cloud_driver::{ErrorKind, Provider};
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, InlineTask, StageView, TaskInput, TaskPolicy,
    TaskResult, TaskRunner,
};
use spindrift_model::Map;

use super::clouds::{self, Clouds};
use super::place::{self, DEPLOYED};
use super::{determine, linear};

/// How long an operation is tried again while its cloud cannot be reached.
pub(super) const TRIED_FOR: i64 = 10 * 60_000;

/// The limits of a task that asks a cloud for an operation.
pub(super) const POLICY: TaskPolicy = TaskPolicy {
    timeout: Some(TRIED_FOR),
    overridable: false,
    backoff: 2_000,
};

/// Set in a stage that clears the way for a destruction: what cannot be taken out of traffic is destroyed all the same.
pub(super) const BEFORE_DESTROY: &str = "disableBeforeDestroy";

/// The one server group of a stage.
pub(super) struct Chosen {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) location: String,
    name: String,
    group: Option<ServerGroup>,
    /// Whether the context says already that this is what the stage works on.
    pub(super) noted: bool,
}

impl Chosen {
    pub(super) async fn of(clouds: &Clouds, input: &TaskInput) -> Result<Self, Failure> {
        let context = &input.stage.context;
        let provider = clouds.provider(context).await?;
        let location = place::location(context)?;
        let name = linear::group_name(context, input.get(determine::REFERENCES))?;
        let group = clouds::group(provider.inventory(), &location, &name);
        let noted = noted(context)
            .iter()
            .any(|(place, noted)| *place == location && *noted == name);
        Ok(Self {
            provider,
            location,
            name,
            group,
            noted,
        })
    }

    /// The server group, if it is still there.
    pub(super) fn existing(&self) -> Result<&ServerGroup, Failure> {
        self.group.as_ref().ok_or_else(|| {
            let account = self.provider.account();
            let all = clouds::all(self.provider.inventory(), &self.location);
            let names: Vec<&str> = all.iter().map(|group| group.name.as_str()).collect();
            Failure::new(
                "ServerGroupNotFound",
                format!(
                    "Could not find server group '{}' in {account}/{}, found [{}]",
                    self.name,
                    self.location,
                    crate::fields::shorten(&names.join(", "))
                ),
            )
        })
    }

    pub(super) fn id(&self) -> ServerGroupId {
        let name = self.group.as_ref().map_or(&self.name, |group| &group.name);
        ServerGroupId {
            account: self.provider.account().to_owned(),
            location: self.location.clone(),
            name: name.clone(),
        }
    }

    /// The result that notes what is about to be changed, and goes on at once.
    pub(super) fn note(&self, operation: &str, input: &TaskInput) -> TaskResult {
        let id = self.id();
        let result = note(
            operation,
            input,
            &id.account,
            &[(id.location, id.name.clone())],
        );
        result
            .with_context("serverGroupName", id.name.clone())
            .with_context("asgName", id.name)
    }
}

/// The result that notes the server groups that are about to be changed, and goes on at once: the operation itself follows when the note is on disk.
pub(super) fn note(
    operation: &str,
    input: &TaskInput,
    account: &str,
    groups: &[(String, String)],
) -> TaskResult {
    let mut by_location = Map::new();
    for (location, name) in groups {
        let names = by_location
            .entry(location.clone())
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(names) = names {
            names.push(name.as_str().into());
        }
    }
    TaskResult::again_in(1)
        .with_context("notification.type", operation.to_lowercase())
        .with_context("kato.last.task.id", json!({"id": input.key.to_string()}))
        .with_context("deploy.account.name", account)
        .with_context(DEPLOYED, by_location)
}

/// The server groups that a stage works on, as it has noted them: location and full name.
pub(super) fn noted(context: &Map) -> Vec<(String, String)> {
    let by_location = context.get(DEPLOYED).and_then(Value::as_object);
    by_location
        .into_iter()
        .flatten()
        .flat_map(|(location, names)| {
            crate::fields::texts(Some(names))
                .into_iter()
                .map(|name| (location.clone(), name))
        })
        .collect()
}

/// What is done to a server group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Enable,
    Disable,
    Destroy,
}

impl Deed {
    pub(super) fn task(self) -> &'static str {
        match self {
            Self::Enable => "enableServerGroup",
            Self::Disable => "disableServerGroup",
            Self::Destroy => "destroyServerGroup",
        }
    }

    /// How a traffic guard calls it; none asks no guard.
    fn guarded(self) -> Option<&'static str> {
        match self {
            Self::Enable => None,
            Self::Disable => Some("Disabling"),
            Self::Destroy => Some("Destroying"),
        }
    }

    pub(super) async fn carry_out(
        self,
        provider: &dyn Provider,
        id: &ServerGroupId,
    ) -> Result<(), Failure> {
        let done = match self {
            Self::Enable => provider.enable(id).await,
            Self::Disable => provider.disable(id).await,
            Self::Destroy => provider.destroy(id).await,
        };
        done.map_err(clouds::failure)
    }
}

/// The task that enables, disables or destroys one server group.
pub(super) struct Operate {
    pub(super) clouds: Clouds,
    pub(super) deed: Deed,
}

impl Operate {
    pub(super) fn runner(clouds: &Clouds, deed: Deed) -> TaskRunner {
        TaskRunner::Effect(Arc::new(Self {
            clouds: clouds.clone(),
            deed,
        }))
    }

    async fn perform(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let chosen = Chosen::of(&self.clouds, input).await?;
        if !chosen.noted {
            chosen.existing()?;
            return Ok(chosen.note(self.deed.task(), input));
        }
        let id = chosen.id();
        let provider = &*chosen.provider;
        if let Some(operation) = self.deed.guarded() {
            let names = [id.name.clone()];
            self.clouds
                .traffic
                .permit(
                    provider,
                    &input.application,
                    operation,
                    &id.location,
                    &names,
                )
                .await?;
        }
        if self.deed != Deed::Destroy {
            chosen.existing()?;
        }
        match self.deed.carry_out(provider, &id).await {
            Ok(()) => Ok(TaskResult::succeeded()),
            Err(failure) if self.may_go_on(input, &failure) => Ok(TaskResult::succeeded()
                .with_context("warnings", failure.errors)
                .with_context(DEPLOYED, Map::new())),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the server group is about to be destroyed and simply cannot be taken out of traffic before.
    fn may_go_on(&self, input: &TaskInput, failure: &Failure) -> bool {
        self.deed == Deed::Disable
            && crate::fields::flag(input.stage.context.get(BEFORE_DESTROY))
            && failure.kind == clouds::kind_name(ErrorKind::Unsupported)
    }
}

impl EffectTask for Operate {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.perform(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        POLICY
    }

    fn reads(&self) -> &'static [&'static str] {
        &[determine::REFERENCES]
    }
}

/// Tasks that Orca has and that have nothing to do here: operations answer when they are accepted, health is what the inventory says, and the
/// inventory is kept current by watches. They stay because clients know them by name.
const PASSED: [&str; 8] = [
    "determineHealthProviders",
    "monitorServerGroup",
    "monitorDeploy",
    "monitorDisableCluster",
    "monitorScaleDownCluster",
    "monitorShrinkCluster",
    "forceCacheRefresh",
    "waitForServerGroupDisabled",
];

struct Passed;

impl InlineTask for Passed {
    fn run(&self, _: &StageView<'_>) -> TaskResult {
        TaskResult::succeeded()
    }
}

/// What performs a task that has nothing to do.
pub(super) fn passed(name: &str) -> Option<TaskRunner> {
    PASSED
        .contains(&name)
        .then(|| TaskRunner::Inline(Arc::new(Passed)))
}

/// What a restart of a stage forgets, so that it chooses anew what it works on.
pub(super) fn forget() -> ContextEdit {
    let members = [
        DEPLOYED,
        "deploy.account.name",
        "kato.last.task.id",
        "lastError",
        "warnings",
        super::wait::WAITING_FOR,
    ];
    ContextEdit {
        unset: members.iter().map(|key| (*key).to_owned()).collect(),
        ..ContextEdit::default()
    }
}
