//! The stage type `rollbackServerGroup`: one server group gives way to another, or goes back to what it was.
//!
//! Context: `rollbackType` (`EXPLICIT` when absent, or `UNDO`), and `rollbackContext {rollbackServerGroupName, restoreServerGroupName,
//! targetHealthyRollbackPercentage, delayBeforeDisableSeconds, disableOnly, enableAndDisableOnly}`.
//!
//! The restored server group takes traffic, and is as large as the one it replaces, before that one is taken out.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_cloud_driver::Goal;
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, StageType, StageView, SyntheticPlan, TaskInput,
    TaskPolicy, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Stage};

use super::clone::wait;
use super::clouds::{self, Clouds};
use super::operation::{self, Chosen};
use super::wait::WaitFor;
use super::{capture, place, resize};
use crate::fields;

pub(super) const KIND: &str = "rollbackServerGroup";

/// What is rolled back by undoing the last change.
pub(super) const UNDO: &str = "UNDO";
/// What is rolled back by bringing another server group back.
pub(super) const EXPLICIT: &str = "EXPLICIT";

/// The member of the context with what the server group goes back to.
const UNDO_TO: &str = "undoTo";

const UNDO_TASK: &str = "undoServerGroup";

/// The stage type.
pub(crate) struct RollbackServerGroup {
    pub(crate) clouds: Clouds,
}

impl StageType for RollbackServerGroup {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(match Rollback::of(&view.stage().context)? {
            Rollback::Undo => [UNDO_TASK, "monitorServerGroup", "waitForStableServerGroup"]
                .map(TaskSpec::new)
                .to_vec(),
            Rollback::Explicit { .. } => Vec::new(),
        })
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            UNDO_TASK => Some(TaskRunner::Effect(Arc::new(Undo {
                clouds: self.clouds.clone(),
            }))),
            "waitForStableServerGroup" => Some(WaitFor::runner(&self.clouds, Goal::Stable)),
            _ => operation::passed(name),
        }
    }

    fn before(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let context = &view.stage().context;
        match Rollback::of(context)? {
            Rollback::Undo => Ok(()),
            Rollback::Explicit { rollback, restore } => swap(context, &rollback, &restore, plan),
        }
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        let mut edit = operation::forget();
        edit.unset.push(UNDO_TO.to_owned());
        edit
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Rollback {
    Explicit { rollback: String, restore: String },
    Undo,
}

impl Rollback {
    fn of(context: &Map) -> Result<Self, Failure> {
        let kind = fields::text(context, "rollbackType").unwrap_or(EXPLICIT);
        if kind.eq_ignore_ascii_case(UNDO) {
            return Ok(Self::Undo);
        }
        if !kind.eq_ignore_ascii_case(EXPLICIT) {
            return Err(fields::invalid(format!(
                "rollbackType must be EXPLICIT or UNDO, not {kind:?}"
            )));
        }
        let inner = rollback_context(context);
        let name = |key: &str| {
            fields::text(&inner, key)
                .map(str::to_owned)
                .ok_or_else(|| fields::invalid(format!("rollbackContext has no {key}")))
        };
        Ok(Self::Explicit {
            rollback: name("rollbackServerGroupName")?,
            restore: name("restoreServerGroupName")?,
        })
    }
}

fn rollback_context(context: &Map) -> Map {
    match context.get("rollbackContext") {
        Some(Value::Object(inner)) => inner.clone(),
        Some(_) | None => Map::new(),
    }
}

/// The steps in which one server group replaces another.
fn swap(
    context: &Map,
    rollback: &str,
    restore: &str,
    plan: &mut SyntheticPlan,
) -> Result<(), Failure> {
    let location = place::location(context)?;
    let inner = rollback_context(context);
    let flag = |key: &str| fields::flag(inner.get(key));
    let mut base = place::inner(context);
    for key in [
        "rollbackType",
        "rollbackContext",
        "cluster",
        "target",
        "serverGroup",
    ] {
        base.shift_remove(key);
    }
    let of = |name: &str, members: Value| {
        let mut context = place::for_group(&base, &location, name);
        if let Value::Object(members) = members {
            context.extend(members);
        }
        context
    };
    let disable = of(rollback, json!({}));
    if !flag("disableOnly") {
        let resizes = !flag("enableAndDisableOnly");
        if resizes {
            let mut capture = base.clone();
            capture.insert("region".to_owned(), location.as_str().into());
            capture.insert(capture::NAMES.to_owned(), json!([rollback, restore]));
            plan.then(capture::KIND, "Snapshot capacities", capture);
        }
        let healthy =
            json!({"targetHealthyDeployPercentage": inner.get("targetHealthyRollbackPercentage")});
        plan.then(
            "enableServerGroup",
            &format!("Enable {restore}"),
            of(restore, healthy),
        );
        if resizes {
            let grow = json!({
                "action": "scale_to_server_group",
                "source": {"serverGroupName": rollback, "region": location},
                resize::GROW_ONLY: true,
            });
            plan.then(resize::KIND, &format!("Grow {restore}"), of(restore, grow));
        }
        let before = ["delayBeforeDisableSeconds"];
        wait(
            &inner,
            &before,
            &format!("Wait before disabling {rollback}"),
            plan,
        )?;
        plan.then(
            "disableServerGroup",
            &format!("Disable {rollback}"),
            disable,
        );
        if resizes {
            let unpin = of(restore, json!({"unpinMinimumCapacity": true}));
            plan.then(
                resize::KIND,
                &format!("Restore the minimum of {restore}"),
                unpin,
            );
        }
        return Ok(());
    }
    plan.then(
        "disableServerGroup",
        &format!("Disable {rollback}"),
        disable,
    );
    Ok(())
}

struct Undo {
    clouds: Clouds,
}

impl Undo {
    async fn perform(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let chosen = Chosen::of(&self.clouds, input).await?;
        chosen.existing()?;
        let id = chosen.id();
        let noted = fields::text(&input.stage.context, UNDO_TO).filter(|_| chosen.noted);
        let Some(previous) = noted else {
            let previous = chosen.provider.previous(&id).await;
            let previous = previous.map_err(clouds::failure)?;
            return Ok(chosen.note(KIND, input).with_context(UNDO_TO, previous));
        };
        let undone = chosen.provider.undo(&id, previous).await;
        undone.map_err(clouds::failure)?;
        Ok(TaskResult::succeeded())
    }
}

impl EffectTask for Undo {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.perform(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        operation::POLICY
    }
}
