//! A stage for certain server groups: one stage inside for each, one after the other (Orca's `TargetServerGroupLinearStageSupport`).
//!
//! The stage that people write has no tasks. A stage inside has them all, and knows its one server group by name; for a dynamic target by what the stage
//! `determineTargetServerGroup` before it has found.

use serde_json::Value;
use spindrift_cloud_driver::target::Target;
use spindrift_engine::{Failure, StageView, SyntheticPlan};
use spindrift_model::{Map, Pointer, Problem, StageConfig};

use super::{determine, place};
use crate::fields;

/// Whether the stage does the work itself.
pub(super) fn is_inner(view: &StageView<'_>) -> bool {
    view.stage().is_synthetic()
}

/// Adds the stages inside.
pub(super) fn plan(
    kind: &str,
    view: &StageView<'_>,
    plan: &mut SyntheticPlan,
) -> Result<(), Failure> {
    let stage = view.stage();
    let context = &stage.context;
    place::account(context)?;
    let locations = place::locations(context)?;
    let name = |location: &str| format!("{} in {location}", stage.display_name());
    match place::target(context)? {
        Target::Named(group) => {
            for location in &locations {
                let inner = place::for_group(context, location, &group);
                plan.then(kind, &name(location), inner);
            }
        }
        Target::Newest | Target::Previous | Target::Oldest => {
            place::cluster(context)?;
            let mut inner = place::inner(context);
            inner.insert("regions".to_owned(), locations.clone().into());
            plan.then(determine::KIND, determine::KIND, inner);
            for location in &locations {
                let mut inner = place::inner(context);
                inner.insert("region".to_owned(), location.as_str().into());
                plan.then(kind, &name(location), inner);
            }
        }
    }
    Ok(())
}

/// The full name of the one server group of a stage inside.
pub(super) fn group_name(context: &Map, references: Option<&Value>) -> Result<String, Failure> {
    if let Some(name) = place::group_name(context) {
        return Ok(name.to_owned());
    }
    let location = place::location(context)?;
    let found = references
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|reference| reference.get("region").and_then(Value::as_str) == Some(&location))
        .and_then(|reference| reference.get("serverGroupName")?.as_str());
    found.map(str::to_owned).ok_or_else(|| {
        fields::invalid(format!(
            "no server group was determined in {location}; restart the stage"
        ))
    })
}

/// What is missing in such a stage as it is saved.
pub(super) fn check(stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
    place::check(stage, at, |context| {
        let written = context.get("target").is_some_and(fields::is_expression);
        match place::target(context) {
            Ok(Target::Named(_)) => Ok(()),
            Ok(Target::Newest | Target::Previous | Target::Oldest) => {
                place::cluster(context).map(|_| ())
            }
            Err(_) if written => Ok(()),
            Err(failure) => Err(failure),
        }
    })
}
