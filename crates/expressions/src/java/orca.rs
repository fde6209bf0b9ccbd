//! Methods of executions and stages besides their getters.

use super::method::{Method, STRING, method};
use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::eval::Machine;
use crate::value::text::to_text;
use crate::value::{Object, Value};

/// Of an execution.
pub(crate) static EXECUTION: &[Method] = &[
    method("stageById", &[STRING], |machine, _, args| {
        find(machine, &args[0], "id", |stage| stage.id.as_str())
    }),
    method("stageByRef", &[STRING], |machine, _, args| {
        find(machine, &args[0], "refId", |stage| stage.ref_id.as_str())
    }),
];

/// Of a stage.
pub(crate) static STAGE: &[Method] = &[method("toString", &[], |machine, this, _| {
    Ok(text_of_stage(machine, this).map_or(Value::Null, Value::text))
})];

fn find<'a>(
    machine: &mut Machine<'a>,
    wanted: &Value<'a>,
    what: &str,
    key: fn(&spindrift_model::Stage) -> &str,
) -> Eval<Value<'a>> {
    let execution = machine.root.execution();
    let wanted = wanted.char_sequence().unwrap_or("null");
    let found = execution.and_then(|execution| {
        let mut stages = execution.stages.iter();
        stages.position(|stage| key(stage) == wanted)
    });
    found
        .map(|position| Value::Object(Object::Stage(position)))
        .ok_or_else(|| {
            let id = execution.map_or("", |execution| execution.id.as_str());
            Thrown::java(
                ILLEGAL_ARGUMENT,
                format!("No stage with {what} {wanted} exists on execution {id}"),
            )
        })
}

fn text_of_stage(machine: &Machine<'_>, this: &Value<'_>) -> Option<String> {
    let Value::Object(Object::Stage(position)) = this else {
        return to_text(this);
    };
    let stage = machine.root.stage_at(*position)?;
    let execution = machine.root.execution()?;
    Some(format!(
        "Stage {{id='{}', executionId='{}'}}",
        stage.id, execution.id
    ))
}
