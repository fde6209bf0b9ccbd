//! The stage type `resizeServerGroup`: gives a server group another capacity, and waits until it has it.
//!
//! Context: `action` (`scale_exact` when absent), `scalePct`, `scaleNum`, `capacity {min, max, desired}`, `source`, `pinCapacity`,
//! `pinMinimumCapacity`, `unpinMinimumCapacity`. The capacity it is given is computed once, and noted as `resizeTo`.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_cloud_driver::capacity::{
    AskedCapacity, Pin, Resize, ResizeAction, Step, Surroundings, instances,
};
use spindrift_cloud_driver::model::{Capacity, ServerGroup};
use spindrift_cloud_driver::rollback::takeover;
use spindrift_cloud_driver::{Goal, Provider};
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, StageType, StageView, SyntheticPlan, TaskInput,
    TaskPolicy, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use super::capture::SNAPSHOT;
use super::clouds::{self, Clouds};
use super::operation::{self, Chosen};
use super::wait::WaitFor;
use super::{determine, linear, place};
use crate::fields;

pub(super) const KIND: &str = "resizeServerGroup";

/// The member of the context with the capacity that was decided on.
const RESIZE_TO: &str = "resizeTo";

/// Set in a stage that prepares a takeover: the server group grows to the size of its source, and never shrinks.
pub(super) const GROW_ONLY: &str = "growOnly";

/// The stage type.
pub(crate) struct ResizeServerGroup {
    pub(crate) clouds: Clouds,
}

impl StageType for ResizeServerGroup {
    fn name(&self) -> &str {
        KIND
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        resize(&view.stage().context)?;
        if !linear::is_inner(view) {
            return Ok(Vec::new());
        }
        let names = [
            "determineHealthProviders",
            KIND,
            "monitorServerGroup",
            "forceCacheRefresh",
            "waitForCapacityMatch",
        ];
        Ok(names.map(TaskSpec::new).to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            KIND => Some(TaskRunner::Effect(Arc::new(ResizeTask {
                clouds: self.clouds.clone(),
            }))),
            "waitForCapacityMatch" => Some(WaitFor::runner(&self.clouds, Goal::Stable)),
            _ => operation::passed(name),
        }
    }

    fn before(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        match linear::is_inner(view) {
            true => Ok(()),
            false => linear::plan(KIND, view, plan),
        }
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        let mut edit = operation::forget();
        edit.unset.push(RESIZE_TO.to_owned());
        edit
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let mut problems = linear::check(stage, at);
        let written = |key: &str| stage.context.get(key).is_some_and(fields::is_expression);
        if let Err(failure) = resize(&stage.context)
            && !["action", "capacity", "scalePct", "scaleNum"]
                .into_iter()
                .any(written)
        {
            problems.push(Problem::warning(
                at.key("action"),
                "stage.resizeServerGroup.action",
                failure.errors.join("; "),
            ));
        }
        problems
    }
}

struct ResizeTask {
    clouds: Clouds,
}

impl EffectTask for ResizeTask {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.perform(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        operation::POLICY
    }

    fn reads(&self) -> &'static [&'static str] {
        &[determine::REFERENCES, SNAPSHOT]
    }
}

impl ResizeTask {
    async fn perform(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let chosen = Chosen::of(&self.clouds, input).await?;
        let group = chosen.existing()?;
        let decided = context.get(RESIZE_TO).filter(|_| chosen.noted);
        let decided: Option<Capacity> =
            decided.and_then(|to| serde_json::from_value(to.clone()).ok());
        let Some(capacity) = decided else {
            let to = self.decide(input, &*chosen.provider, group).await?;
            return Ok(chosen
                .note(KIND, input)
                .with_context(RESIZE_TO, json!(to))
                .with_output(
                    &format!("originalCapacity.{}", group.name),
                    json!(group.capacity),
                ));
        };
        let id = chosen.id();
        if capacity.desired == 0 {
            let operation = "Removal of all instances in";
            let names = [id.name.clone()];
            self.clouds
                .traffic
                .permit(
                    &*chosen.provider,
                    &input.application,
                    operation,
                    &id.location,
                    &names,
                )
                .await?;
        }
        chosen
            .provider
            .resize(&id, capacity)
            .await
            .map_err(clouds::failure)?;
        Ok(TaskResult::succeeded().with_context("capacity", json!(capacity)))
    }

    async fn decide(
        &self,
        input: &TaskInput,
        provider: &dyn Provider,
        group: &ServerGroup,
    ) -> Result<Capacity, Failure> {
        let context = &input.stage.context;
        let mut resize = resize(context)?;
        if let Pin::UnpinMinimum(original) = &mut resize.pin {
            *original = original.or_else(|| {
                let saved = input.get(SNAPSHOT)?.get(&group.name)?.get("min")?;
                instances(saved)
            });
        }
        let cluster: Vec<Capacity> = clouds::family(provider.inventory(), group)
            .iter()
            .map(|member| member.capacity)
            .collect();
        let source = self.source(context, &group.region).await?;
        if let (true, Some(source)) = (fields::flag(context.get(GROW_ONLY)), source) {
            return Ok(takeover(source, group.capacity).unwrap_or(group.capacity));
        }
        let of = Surroundings {
            current: group.capacity,
            cluster: &cluster,
            source,
        };
        resize.apply(of).map_err(clouds::failure)
    }

    /// The capacity of the server group that `source` names.
    async fn source(&self, context: &Map, location: &str) -> Result<Option<Capacity>, Failure> {
        let Some(Value::Object(source)) = context.get("source") else {
            return Ok(None);
        };
        let name = place::group_name(source)
            .ok_or_else(|| fields::invalid("source names no server group; set serverGroupName"))?;
        let location = place::location(source).unwrap_or_else(|_| location.to_owned());
        let account = match place::account(source) {
            Ok(_) => source,
            Err(_) => context,
        };
        let mut place = account.clone();
        place.shift_remove("cloudProvider");
        let provider = self.clouds.provider(&place).await?;
        let group = clouds::group(provider.inventory(), &location, name).ok_or_else(|| {
            Failure::new(
                "ServerGroupNotFound",
                format!(
                    "Could not find server group '{name}' in {}/{location}, the source of the resize",
                    provider.account()
                ),
            )
        })?;
        Ok(Some(group.capacity))
    }
}

/// What a stage asks for.
fn resize(context: &Map) -> Result<Resize, Failure> {
    let text = |key: &str| fields::text(context, key);
    let exact = text("resizeType").is_some_and(|kind| kind.eq_ignore_ascii_case("exact"));
    let action = match exact {
        true => Some(ResizeAction::Exact),
        false => ResizeAction::parse(text("action")),
    };
    let action = action.ok_or_else(|| {
        fields::invalid(format!(
            "action must be scale_exact, scale_up, scale_down, scale_to_cluster or scale_to_server_group, not {:?}",
            text("action").unwrap_or_default()
        ))
    })?;
    let flag = |key: &str| fields::flag(context.get(key));
    let pin = if flag("pinCapacity") {
        Pin::All
    } else if flag("pinMinimumCapacity") {
        Pin::Minimum
    } else if flag("unpinMinimumCapacity") {
        Pin::UnpinMinimum(whole(context, "originalMinimum")?)
    } else {
        Pin::Free
    };
    Ok(Resize {
        action,
        step: step(context)?,
        capacity: asked(context)?,
        pin,
    })
}

fn step(context: &Map) -> Result<Option<Step>, Failure> {
    match context.get("scalePct") {
        None | Some(Value::Null) => {}
        Some(value) => {
            let percent = fields::number(value).ok_or_else(|| {
                fields::invalid(format!(
                    "scalePct must be a number of percent, not {}",
                    fields::shorten(&value.to_string())
                ))
            })?;
            return Ok(Some(Step::Percent(percent)));
        }
    }
    let number = match context.get("scaleNum").and_then(fields::integer) {
        Some(number) => Some(u32::try_from(number.unsigned_abs()).unwrap_or(u32::MAX)),
        None => whole(context, "scaleNum")?,
    };
    Ok(number.map(Step::Number))
}

fn asked(context: &Map) -> Result<AskedCapacity, Failure> {
    let empty = Map::new();
    let capacity = match context.get("capacity") {
        Some(Value::Object(capacity)) => capacity,
        None | Some(Value::Null) => &empty,
        Some(other) => {
            return Err(fields::invalid(format!(
                "capacity must be an object of min, max and desired, not {}",
                fields::shorten(&other.to_string())
            )));
        }
    };
    Ok(AskedCapacity {
        min: whole(capacity, "min")?,
        max: whole(capacity, "max")?,
        desired: whole(capacity, "desired")?,
    })
}

fn whole(map: &Map, key: &str) -> Result<Option<u32>, Failure> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => instances(value).map(Some).ok_or_else(|| {
            fields::invalid(format!(
                "{key} must be a whole number of instances, not {}",
                fields::shorten(&value.to_string())
            ))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    #[test]
    fn what_is_asked_for_is_read_as_people_write_it() {
        let table = [
            (json!({}), Ok((ResizeAction::Exact, None, Pin::Free))),
            (
                json!({"action": "scale_up", "scaleNum": "2"}),
                Ok((ResizeAction::Up, Some(Step::Number(2)), Pin::Free)),
            ),
            (
                json!({"action": "scale_down", "scalePct": 50, "scaleNum": 2}),
                Ok((ResizeAction::Down, Some(Step::Percent(50.0)), Pin::Free)),
            ),
            (
                json!({"action": "scale_to_cluster", "scaleNum": -2}),
                Ok((ResizeAction::ToCluster, Some(Step::Number(2)), Pin::Free)),
            ),
            (
                json!({"action": "scale_up", "resizeType": "exact", "pinCapacity": "true"}),
                Ok((ResizeAction::Exact, None, Pin::All)),
            ),
            (
                json!({"unpinMinimumCapacity": true, "originalMinimum": 1}),
                Ok((ResizeAction::Exact, None, Pin::UnpinMinimum(Some(1)))),
            ),
            (json!({"action": "explode"}), Err(())),
            (json!({"scalePct": "lots"}), Err(())),
            (json!({"capacity": {"desired": "${n}"}}), Err(())),
            (json!({"capacity": 3}), Err(())),
        ];
        for (context, expected) in table {
            let found = resize(&map(context.clone()))
                .map(|resize| (resize.action, resize.step, resize.pin))
                .map_err(drop);
            assert_eq!(found, expected, "{context}");
        }
        let context = map(json!({"capacity": {"min": 0, "max": "2", "desired": ""}}));
        let expected = AskedCapacity {
            min: Some(0),
            max: Some(2),
            desired: None,
        };
        assert_eq!(resize(&context).unwrap().capacity, expected);
    }
}
