//! The stage type `cloneServerGroup`: makes the next server group of a cluster after the model of one that is there, and moves traffic as `strategy` says.
//!
//! Context: the source as `source {serverGroupName, region, account}`, as `serverGroupName`, or as `cluster` and `target`; `capacity`, `image` or
//! `images` (changes); `strategy` (`none`, `highlander`, `redblack`) with `maxRemainingAsgs`, `scaleDown`, `delayBeforeCleanup`,
//! `delayBeforeDisableSec`, `delayBeforeScaleDownSec`.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_cloud_driver::model::ServerGroupId;
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, StageType, StageView, SyntheticPlan, TaskInput,
    TaskPolicy, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use super::clouds::{self, Clouds};
use super::operation;
use super::place::{self, DEPLOYED};
use super::up::WaitForUp;
use crate::fields;

const KIND: &str = "cloneServerGroup";
const SOURCE: &str = "determineSourceServerGroup";

/// What may differ from the source.
const CHANGES: [&str; 3] = ["capacity", "image", "images"];

/// The stage type.
pub(crate) struct CloneServerGroup {
    pub(crate) clouds: Clouds,
}

impl StageType for CloneServerGroup {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let context = &view.stage().context;
        place::account(context)?;
        Strategy::of(context)?;
        let names = [
            SOURCE,
            "determineHealthProviders",
            KIND,
            "monitorDeploy",
            "forceCacheRefresh",
            "waitForUpInstances",
            "forceCacheRefresh",
        ];
        Ok(names.map(TaskSpec::new).to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        let clone = |step: Step| {
            TaskRunner::Effect(Arc::new(Clone {
                clouds: self.clouds.clone(),
                step,
            }))
        };
        match name {
            SOURCE => Some(clone(Step::DetermineSource)),
            KIND => Some(clone(Step::Clone)),
            "waitForUpInstances" => Some(WaitForUp::runner(&self.clouds)),
            _ => operation::passed(name),
        }
    }

    fn after(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let context = &view.stage().context;
        Strategy::of(context)?.plan(context, plan)
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        operation::forget()
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let written = stage
            .context
            .get("strategy")
            .is_some_and(fields::is_expression);
        let mut problems = match Strategy::of(&stage.context) {
            Err(failure) if !written => vec![Problem::warning(
                at.key("strategy"),
                "stage.cloneServerGroup.strategy",
                failure.errors.join("; "),
            )],
            Ok(_) | Err(_) => Vec::new(),
        };
        if let Err(failure) = place::account(&stage.context) {
            problems.push(Problem::warning(
                at.key("credentials"),
                "stage.cloneServerGroup.credentials",
                failure.errors.join("; "),
            ));
        }
        problems
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    DetermineSource,
    Clone,
}

struct Clone {
    clouds: Clouds,
    step: Step,
}

impl EffectTask for Clone {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            clouds::ended(match self.step {
                Step::DetermineSource => self.determine(&input).await,
                Step::Clone => self.perform(&input).await,
            })
        })
    }

    fn policy(&self) -> TaskPolicy {
        operation::POLICY
    }
}

impl Clone {
    async fn determine(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let given = match context.get("source") {
            Some(Value::Object(source)) => source.clone(),
            Some(_) | None => Map::new(),
        };
        // What the source does not say, the stage says.
        let mut place = place::inner(context);
        place.insert(
            "regions".to_owned(),
            json!(place::locations(&given).or_else(|_| place::locations(context))?),
        );
        for key in [
            "serverGroupName",
            "asgName",
            "account",
            "credentials",
            "cluster",
            "target",
        ] {
            if let Some(value) = given.get(key) {
                place.insert(key.to_owned(), value.clone());
            }
        }
        let provider = self.clouds.provider(&place).await?;
        let location = place::location(&place)?;
        let target = place::target(&place)?;
        let named = place::group_name(&place)
            .and_then(|name| clouds::group(provider.inventory(), &location, name));
        let found = match (named, place::cluster(&place)) {
            (Some(group), _) => Some(group),
            (None, Ok(cluster)) => {
                let application = place::application(&place, &input.application);
                let members =
                    clouds::cluster(provider.inventory(), Some(application), cluster, &location);
                target.resolve(&members).cloned()
            }
            (None, Err(_)) => None,
        };
        let group = found.ok_or_else(|| {
            Failure::new(
                "ServerGroupNotFound",
                format!(
                    "Unable to locate {} in {}/{location}, the source of the clone",
                    target.describe(),
                    provider.account()
                ),
            )
        })?;
        let source = json!({
            "serverGroupName": group.name,
            "asgName": group.name,
            "account": provider.account(),
            "region": location,
            "cluster": group.cluster,
            "useSourceCapacity": !context.contains_key("capacity"),
        });
        Ok(TaskResult::succeeded().with_context("source", source))
    }

    async fn perform(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let Some(Value::Object(source)) = context.get("source") else {
            return Err(fields::invalid("the stage has no source; restart it"));
        };
        let mut place = source.clone();
        if let Some(cloud) = context.get("cloudProvider") {
            place.insert("cloudProvider".to_owned(), cloud.clone());
        }
        let provider = self.clouds.provider(&place).await?;
        let id = ServerGroupId {
            account: provider.account().to_owned(),
            location: place::location(source)?,
            name: place::group_name(source).unwrap_or_default().to_owned(),
        };
        let changes: Map = CHANGES
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), context.get(*key)?.clone())))
            .collect();
        let key = clouds::stage_key(input);
        let made = provider
            .clone_group(&id, &changes, &key)
            .await
            .map_err(clouds::failure)?;
        let groups = [(made.location.clone(), made.name.clone())];
        let noted = operation::note(KIND, input, provider.account(), &groups);
        let by_location = noted.context.get(DEPLOYED).cloned().unwrap_or_default();
        Ok(TaskResult {
            outcome: TaskResult::succeeded().outcome,
            ..noted
        }
        .with_context("serverGroupName", made.name.clone())
        .with_context("asgName", made.name)
        .with_output(DEPLOYED, by_location))
    }
}

/// How traffic moves to the new server group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    None,
    Highlander,
    RedBlack,
}

impl Strategy {
    fn of(context: &Map) -> Result<Self, Failure> {
        let Some(name) = fields::text(context, "strategy") else {
            return Ok(Self::None);
        };
        match name.trim().to_lowercase().as_str() {
            "none" => Ok(Self::None),
            "highlander" => Ok(Self::Highlander),
            "redblack" | "bluegreen" => Ok(Self::RedBlack),
            _ => Err(fields::invalid(format!(
                "strategy must be none, highlander or redblack, not {name:?}"
            ))),
        }
    }

    fn plan(self, context: &Map, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let Some(Value::Object(source)) = context.get("source") else {
            return Ok(());
        };
        let mut inner = place::inner(context);
        for key in [
            "source",
            "capacity",
            "image",
            "images",
            "strategy",
            "target",
            "serverGroupName",
            "asgName",
        ] {
            inner.shift_remove(key);
        }
        for key in ["cluster", "region"] {
            if let Some(value) = source.get(key) {
                inner.insert(key.to_owned(), value.clone());
            }
        }
        let with = |members: &[(&str, Value)]| {
            let mut context = inner.clone();
            context.extend(
                members
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), value.clone())),
            );
            context
        };
        let shrink = |to: u32| {
            with(&[
                ("shrinkToSize", to.into()),
                ("allowDeleteActive", true.into()),
                ("retainLargerOverNewer", false.into()),
            ])
        };
        match self {
            Self::None => {}
            Self::Highlander => plan.then("shrinkCluster", "shrinkCluster", shrink(1)),
            Self::RedBlack => {
                let keep = context.get("maxRemainingAsgs").and_then(fields::integer);
                if let Some(keep) = keep
                    .and_then(|keep| u32::try_from(keep).ok())
                    .filter(|n| *n > 0)
                {
                    plan.then("shrinkCluster", "shrinkCluster", shrink(keep));
                }
                let before = ["delayBeforeCleanup", "delayBeforeDisableSec"];
                wait(context, &before, "Wait before disable", plan)?;
                let disable = with(&[("remainingEnabledServerGroups", 1.into())]);
                plan.then("disableCluster", "disableCluster", disable);
                if fields::flag(context.get("scaleDown")) {
                    let before = ["delayBeforeScaleDownSec"];
                    wait(context, &before, "Wait before scale down", plan)?;
                    let down = with(&[("remainingFullSizeServerGroups", 1.into())]);
                    plan.then("scaleDownCluster", "scaleDownCluster", down);
                }
            }
        }
        Ok(())
    }
}

/// Adds a wait of so many seconds, when one of those members asks for one.
pub(super) fn wait(
    context: &Map,
    keys: &[&str],
    name: &str,
    plan: &mut SyntheticPlan,
) -> Result<(), Failure> {
    for key in keys {
        if fields::seconds(key, context.get(*key))? > 0 {
            let mut inner = Map::new();
            inner.insert("waitTime".to_owned(), context[*key].clone());
            plan.then("wait", name, inner);
            return Ok(());
        }
    }
    Ok(())
}
