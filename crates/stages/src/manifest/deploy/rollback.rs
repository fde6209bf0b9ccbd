//! What a failed deploy brings back, when the stage asks for it (`rollback`).
//!
//! Only what this deploy has changed is brought back, in reverse order: a versioned workload gives its traffic back to the version before it; a workload with
//! a history is undone; anything else gets the manifest that it was made from before. What was created stays, since nothing was there before. Secrets are not
//! brought back, because nothing of them is kept.

use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{DeployedObject, Effect, ObjectId};
use spindrift_engine::{Failure, StageView, SyntheticPlan};
use spindrift_model::Map;

use super::after::{Operations, read};
use super::traffic::Traffic;
use crate::fields;

/// What a stage says of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollback {
    /// None.
    Never,
    /// In the way that fits each object.
    Automatic,
    /// Only by undoing rollouts.
    Undo,
    /// Only by giving traffic back to the versions before.
    EnablePrevious,
    /// Only by applying the manifests of before again.
    Restore,
}

impl Rollback {
    pub(crate) fn of(context: &Map) -> Result<Self, Failure> {
        let wrong = |found: &Value| {
            fields::invalid(format!(
                "rollback: {} is unknown; write true, or {{\"onFailure\": true, \"mode\": \"auto\"}} with the mode auto, undo, enablePrevious or restore",
                fields::shorten(&found.to_string())
            ))
        };
        let mode = match context.get("rollback") {
            None | Some(Value::Null) => return Ok(Rollback::Never),
            Some(Value::Object(rollback)) => {
                if !fields::flag(rollback.get("onFailure")) {
                    return Ok(Rollback::Never);
                }
                fields::text(rollback, "mode").unwrap_or("auto").to_owned()
            }
            Some(value) => match fields::scalar(value) {
                Some(text) => text,
                None => return Err(wrong(value)),
            },
        };
        match mode.to_ascii_lowercase().as_str() {
            "false" | "none" | "" => Ok(Rollback::Never),
            "true" | "auto" => Ok(Rollback::Automatic),
            "undo" => Ok(Rollback::Undo),
            "enableprevious" => Ok(Rollback::EnablePrevious),
            "restore" => Ok(Rollback::Restore),
            _ => Err(wrong(&mode.into())),
        }
    }

    fn enables(self) -> bool {
        matches!(self, Rollback::Automatic | Rollback::EnablePrevious)
    }

    fn undoes(self) -> bool {
        matches!(self, Rollback::Automatic | Rollback::Undo)
    }

    fn restores(self) -> bool {
        matches!(self, Rollback::Automatic | Rollback::Restore)
    }
}

/// Plans the stages that bring back what was.
pub(super) fn on_failure(view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
    let context = &view.stage().context;
    let rollback = Rollback::of(context)?;
    if rollback == Rollback::Never {
        return Ok(());
    }
    let traffic = Traffic::of(context)?;
    let objects: Vec<DeployedObject> = read(context, "deployedObjects")?;
    let operations = Operations { context };
    let mut restored = Vec::new();
    for object in objects.iter().rev() {
        let id = &object.id;
        match &object.previous {
            Some(previous) if rollback.enables() && id.kind.is("replicaSet") => {
                if object.effect != Effect::Created || traffic.services.is_empty() {
                    continue;
                }
                let before = ObjectId {
                    name: previous.clone(),
                    ..id.clone()
                };
                operations.enable(plan, &before)?;
                operations.disable(plan, id)?;
            }
            Some(_) => {}
            None if object.effect != Effect::Changed => {}
            None if rollback.undoes() && object.rolls && has_history(id) => {
                operations.undo(plan, id)?
            }
            None if rollback.restores() => restored.extend(object.before.clone()),
            None => {}
        }
    }
    if !restored.is_empty() {
        plan.then(
            "deployManifest",
            "Restore what was there before",
            restore(context, restored),
        );
    }
    Ok(())
}

fn has_history(id: &ObjectId) -> bool {
    ["deployment", "statefulSet", "daemonSet"]
        .iter()
        .any(|kind| id.kind.is(kind))
}

/// A deploy of manifests as they were: nothing in them is bound or evaluated again.
fn restore(context: &Map, manifests: Vec<Value>) -> Map {
    let mut restore = Map::new();
    for key in super::super::account::MEMBERS
        .iter()
        .chain(&["moniker", "cloudProvider"])
    {
        if let Some(value) = context.get(*key) {
            restore.insert((*key).to_owned(), value.clone());
        }
    }
    let members = [
        ("source", json!("text")),
        ("manifests", manifests.into()),
        ("skipExpressionEvaluation", json!(true)),
        ("enableArtifactBinding", json!(false)),
        ("versioned", json!(false)),
        // Where it takes traffic is written in the manifests, pods' labels too.
        (
            "trafficManagement",
            json!({"enabled": true, "options": {"enableTraffic": false}}),
        ),
    ];
    for (key, value) in members {
        restore.insert(key.to_owned(), value);
    }
    restore
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    #[test]
    fn what_is_brought_back_is_read() {
        let table = [
            (json!({}), Some(Rollback::Never)),
            (json!({"rollback": true}), Some(Rollback::Automatic)),
            (json!({"rollback": "true"}), Some(Rollback::Automatic)),
            (json!({"rollback": false}), Some(Rollback::Never)),
            (json!({"rollback": "undo"}), Some(Rollback::Undo)),
            (
                json!({"rollback": {"onFailure": true}}),
                Some(Rollback::Automatic),
            ),
            (
                json!({"rollback": {"onFailure": false, "mode": "x"}}),
                Some(Rollback::Never),
            ),
            (
                json!({"rollback": {"onFailure": true, "mode": "enablePrevious"}}),
                Some(Rollback::EnablePrevious),
            ),
            (
                json!({"rollback": {"onFailure": true, "mode": "restore"}}),
                Some(Rollback::Restore),
            ),
            (json!({"rollback": "maybe"}), None),
            (json!({"rollback": [1]}), None),
        ];
        for (context, expected) in table {
            let found = Rollback::of(&map(context.clone()));
            assert_eq!(found.ok(), expected, "{context}");
        }
    }
}
