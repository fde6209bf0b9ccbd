//! Artifacts of the trigger and of stages.

use super::EXECUTION;
use super::stages::execution;
use crate::error::{Eval, Thrown};
use crate::eval::Machine;
use crate::java::method::{Method, STRING, function, null_pointer};
use crate::value::json::from_json;
use crate::value::{Json, Object, Value};

fn resolved<'a>(machine: &mut Machine<'a>, args: &[Value<'a>], field: &str) -> Eval<Value<'a>> {
    let execution = execution(machine, &args[0])?;
    let wanted = args[1].char_sequence();
    let expected = execution
        .trigger
        .map()
        .get("resolvedExpectedArtifacts")
        .and_then(Json::as_array);
    for artifact in expected.into_iter().flatten() {
        let Some(bound) = artifact.get("boundArtifact").and_then(Json::as_object) else {
            continue;
        };
        let wanted = wanted.ok_or_else(null_pointer)?;
        if bound.get(field).and_then(Json::as_str) == Some(wanted) {
            return Ok(Value::Object(Object::Artifact(bound)));
        }
    }
    Err(Thrown::helper(format!(
        "Unable to locate resolved artifact {} in trigger execution {}.",
        wanted.unwrap_or("null"),
        execution.id
    )))
}

/// The functions.
pub(super) static FUNCTIONS: &[Method] = &[
    function(
        "triggerResolvedArtifact",
        &[EXECUTION, STRING],
        |machine, _, args| resolved(machine, args, "name"),
    ),
    function(
        "triggerResolvedArtifactByType",
        &[EXECUTION, STRING],
        |machine, _, args| resolved(machine, args, "type"),
    ),
    function("resolvedArtifacts", &[EXECUTION], |machine, _, args| {
        let execution = execution(machine, &args[0])?;
        let artifacts: Vec<Value<'_>> = execution
            .stages
            .iter()
            .filter_map(|stage| stage.outputs.get("artifacts").and_then(Json::as_array))
            .flatten()
            .map(from_json)
            .collect();
        machine.spend(artifacts.len() / 64)?;
        Ok(Value::object_list(artifacts))
    }),
];
