//! The stage types `disableCluster`, `scaleDownCluster` and `shrinkCluster`: what is beyond the server groups of a cluster that are to be kept
//! (Orca's `AbstractClusterWideClouddriverTask`).
//!
//! Context: `cluster` or `moniker.cluster`, `credentials`, `regions` or `namespaces`; `remainingEnabledServerGroups`, `preferLargerOverNewer`;
//! `remainingFullSizeServerGroups`, `allowScaleDownActive`; `shrinkToSize`, `allowDeleteActive`, `retainLargerOverNewer`, `runDisableClusterStep`;
//! `continueIfClusterNotFound`.

use std::sync::Arc;

use serde_json::Value;
use spindrift_cloud_driver::Goal;
use spindrift_cloud_driver::capacity::{instances, pinned};
use spindrift_cloud_driver::model::ServerGroupId;
use spindrift_cloud_driver::retention::Selection;
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, InlineTask, StageType, StageView, SyntheticPlan,
    TaskInput, TaskPolicy, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use super::clouds::{self, Clouds};
use super::operation::{self, Deed, noted};
use super::place::{self, DEPLOYED};
use super::wait::WaitFor;
use crate::fields;

/// The member of the context with what stages before have deployed, by location.
const DEPLOYED_BEFORE: &str = "deployedByAncestors";

/// What is done to the chosen ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterDeed {
    Disable,
    ScaleDown,
    Shrink,
}

impl ClusterDeed {
    fn kind(self) -> &'static str {
        match self {
            Self::Disable => "disableCluster",
            Self::ScaleDown => "scaleDownCluster",
            Self::Shrink => "shrinkCluster",
        }
    }

    fn monitor(self) -> &'static str {
        match self {
            Self::Disable => "monitorDisableCluster",
            Self::ScaleDown => "monitorScaleDownCluster",
            Self::Shrink => "monitorShrinkCluster",
        }
    }

    fn wait(self) -> (&'static str, Goal) {
        match self {
            Self::Disable => ("waitForClusterDisable", Goal::Disabled),
            Self::ScaleDown => ("waitForScaleDownCluster", Goal::Stable),
            Self::Shrink => ("waitForClusterShrink", Goal::Gone),
        }
    }

    fn selection(self, context: &Map) -> Result<Selection, Failure> {
        let flag = |key: &str| fields::flag(context.get(key));
        Ok(match self {
            Self::Disable => Selection::Disable {
                remaining: count(context, "remainingEnabledServerGroups")?,
                prefer_larger: flag("preferLargerOverNewer"),
            },
            Self::ScaleDown => Selection::ScaleDown {
                remaining: count(context, "remainingFullSizeServerGroups")?,
                prefer_larger: flag("preferLargerOverNewer"),
                allow_active: flag("allowScaleDownActive"),
            },
            Self::Shrink => Selection::Shrink {
                remaining: count(context, "shrinkToSize")?,
                prefer_larger: flag("retainLargerOverNewer"),
                allow_active: flag("allowDeleteActive"),
            },
        })
    }

    /// Whether a cluster that is not there is as good as done.
    fn may_be_missing(self, context: &Map) -> bool {
        let none = self == Self::Shrink && count(context, "shrinkToSize").is_ok_and(|n| n == 0);
        none || fields::flag(context.get("continueIfClusterNotFound"))
    }
}

/// A number of server groups; one when nothing is said.
fn count(context: &Map, key: &str) -> Result<u32, Failure> {
    match context.get(key) {
        None | Some(Value::Null) => Ok(1),
        Some(value) => instances(value).ok_or_else(|| {
            fields::invalid(format!(
                "{key} must be a whole number of server groups, not {}",
                fields::shorten(&value.to_string())
            ))
        }),
    }
}

/// The stage type.
pub(crate) struct ClusterStage {
    pub(crate) clouds: Clouds,
    pub(crate) deed: ClusterDeed,
}

impl StageType for ClusterStage {
    fn name(&self) -> &str {
        self.deed.kind()
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let context = &view.stage().context;
        self.deed.selection(context)?;
        place::account(context)?;
        place::cluster(context)?;
        place::locations(context)?;
        let names = [
            "determineHealthProviders",
            self.deed.kind(),
            self.deed.monitor(),
            "forceCacheRefresh",
            self.deed.wait().0,
            "forceCacheRefresh",
        ];
        Ok(names.map(TaskSpec::new).to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        let (wait, goal) = self.deed.wait();
        if name == self.deed.kind() {
            return Some(TaskRunner::Effect(Arc::new(Work {
                clouds: self.clouds.clone(),
                deed: self.deed,
            })));
        }
        if name == wait {
            return Some(WaitFor::within(&self.clouds, goal, 30 * 60_000));
        }
        match name {
            "determineHealthProviders" => Some(TaskRunner::Inline(Arc::new(NoteDeployed))),
            _ => operation::passed(name),
        }
    }

    fn before(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let context = &view.stage().context;
        let disables_first = match self.deed {
            ClusterDeed::Shrink => {
                let step = context
                    .get("runDisableClusterStep")
                    .and_then(fields::scalar);
                fields::flag(context.get("allowDeleteActive"))
                    && !step.is_some_and(|step| step.trim().eq_ignore_ascii_case("false"))
            }
            ClusterDeed::Disable | ClusterDeed::ScaleDown => false,
        };
        if disables_first {
            let mut inner = place::inner(context);
            inner.insert("regions".to_owned(), place::locations(context)?.into());
            let remaining = count(context, "shrinkToSize")?;
            inner.insert("remainingEnabledServerGroups".to_owned(), remaining.into());
            let larger = fields::flag(context.get("retainLargerOverNewer"));
            inner.insert("preferLargerOverNewer".to_owned(), larger.into());
            let missing = self.deed.may_be_missing(context);
            inner.insert("continueIfClusterNotFound".to_owned(), missing.into());
            plan.then(ClusterDeed::Disable.kind(), "disableCluster", inner);
        }
        Ok(())
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        operation::forget()
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        place::check(stage, at, |context| place::cluster(context).map(|_| ()))
    }
}

/// Notes what stages before have deployed: a cluster stage never touches it.
struct NoteDeployed;

/// The stage types that deploy.
const DEPLOYS: [&str; 3] = ["createServerGroup", "cloneServerGroup", "deployManifest"];

/// The members in which they say what.
const SAID_IN: [&str; 3] = [
    DEPLOYED,
    "outputs.manifestNamesByNamespace",
    "manifestNamesByNamespace",
];

impl InlineTask for NoteDeployed {
    fn run(&self, view: &StageView<'_>) -> TaskResult {
        let mut found = Map::new();
        for stage in view.run().ancestors(view.stage().serial) {
            let deploys = DEPLOYS.iter().any(|kind| stage.kind.starts_with(kind));
            if !deploys || !same_account(&stage.context, &view.stage().context) {
                continue;
            }
            let said = SAID_IN
                .iter()
                .flat_map(|key| [stage.outputs.get(*key), stage.context.get(*key)])
                .filter_map(|value| value?.as_object());
            for (location, names) in said.flatten() {
                let all = found
                    .entry(location.clone())
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(all) = all {
                    all.extend(fields::texts(Some(names)).into_iter().map(Value::String));
                }
            }
        }
        TaskResult::succeeded().with_context(DEPLOYED_BEFORE, found)
    }
}

fn same_account(one: &Map, other: &Map) -> bool {
    place::account(one).ok() == place::account(other).ok()
}

struct Work {
    clouds: Clouds,
    deed: ClusterDeed,
}

impl EffectTask for Work {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.perform(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        operation::POLICY
    }
}

impl Work {
    async fn perform(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        if !context.contains_key(DEPLOYED) {
            return self.choose(input).await;
        }
        let provider = self.clouds.provider(context).await?;
        let chosen = noted(context);
        let mut locations: Vec<&String> = chosen.iter().map(|(location, _)| location).collect();
        locations.dedup();
        for location in locations {
            let names: Vec<String> = chosen
                .iter()
                .filter(|(place, _)| place == location)
                .map(|(_, name)| name.clone())
                .collect();
            let operation = format!("Running {} on", self.deed.kind());
            self.clouds
                .traffic
                .permit(&*provider, &input.application, &operation, location, &names)
                .await?;
            for name in names {
                let id = ServerGroupId {
                    account: provider.account().to_owned(),
                    location: location.clone(),
                    name,
                };
                match self.deed {
                    ClusterDeed::Disable => Deed::Disable.carry_out(&*provider, &id).await?,
                    ClusterDeed::Shrink => Deed::Destroy.carry_out(&*provider, &id).await?,
                    ClusterDeed::ScaleDown => provider
                        .resize(&id, pinned(0))
                        .await
                        .map_err(clouds::failure)?,
                }
            }
        }
        Ok(TaskResult::succeeded())
    }

    /// Chooses what to work on, and notes it.
    async fn choose(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let selection = self.deed.selection(context)?;
        let provider = self.clouds.provider(context).await?;
        let application = place::application(context, &input.application);
        let cluster = place::cluster(context)?;
        let locations = place::locations(context)?;
        let (mut chosen, mut there) = (Vec::new(), false);
        for location in &locations {
            let members =
                clouds::cluster(provider.inventory(), Some(application), cluster, location);
            there |= !members.is_empty();
            let deployed = context
                .get(DEPLOYED_BEFORE)
                .and_then(|deployed| deployed.get(location));
            let groups = selection.choose(&members, &fields::texts(deployed));
            chosen.extend(
                groups
                    .iter()
                    .map(|group| (location.clone(), group.name.clone())),
            );
        }
        if !there && !self.deed.may_be_missing(context) {
            return Err(Failure::new(
                "ClusterNotFound",
                format!(
                    "Could not find cluster '{cluster}' in {}/{}",
                    provider.account(),
                    locations.join(",")
                ),
            ));
        }
        let note = operation::note(self.deed.kind(), input, provider.account(), &chosen);
        Ok(match chosen.is_empty() {
            true => TaskResult {
                outcome: TaskResult::succeeded().outcome,
                ..note
            },
            false => note,
        })
    }
}
