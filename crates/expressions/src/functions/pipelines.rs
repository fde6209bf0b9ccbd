//! Pipelines, applications and canary configurations, by name.

use super::EXECUTION;
use super::stages::execution;
use crate::error::{Eval, Thrown};
use crate::eval::Machine;
use crate::java::method::{Method, STRING, function};
use crate::value::Value;
use crate::value::json::owned;

fn lookup<'a>(machine: &mut Machine<'a>, args: &[Value<'a>]) -> Eval<Option<Value<'a>>> {
    let name = args[1].char_sequence().unwrap_or_default();
    if name.is_empty() {
        return Err(Thrown::helper(
            "pipelineName must be specified for function #pipelineId",
        ));
    }
    let application = &execution(machine, &args[0])?.application;
    Ok(machine
        .scope
        .environment
        .pipeline_id(application, name)
        .map(Value::text))
}

/// The functions.
pub(super) static FUNCTIONS: &[Method] = &[
    function(
        "pipelineId",
        &[EXECUTION, STRING],
        |machine, _, args| match lookup(machine, args)? {
            Some(id) => Ok(id),
            None => Err(Thrown::helper(format!(
                "Pipeline with name '{}' could not be found on application {}",
                args[1].char_sequence().unwrap_or_default(),
                execution(machine, &args[0])?.application
            ))),
        },
    ),
    function(
        "pipelineIdOrNull",
        &[EXECUTION, STRING],
        |machine, _, args| Ok(lookup(machine, args)?.unwrap_or(Value::Null)),
    ),
    function(
        "pipelineIdInApplication",
        &[EXECUTION, STRING, STRING],
        |machine, _, args| {
            let application = args[2].char_sequence().unwrap_or_default();
            if application.is_empty() {
                return Err(Thrown::helper(
                    "applicationName must be specified for function #pipelineIdInApplication",
                ));
            }
            let name = args[1].char_sequence().unwrap_or_default();
            Ok(machine
                .scope
                .environment
                .pipeline_id(application, name)
                .map_or(Value::Null, Value::text))
        },
    ),
    function("applicationMetadata", &[STRING], |machine, _, args| {
        let application = args[0].char_sequence().unwrap_or("null");
        machine
            .scope
            .environment
            .application_attributes(application)
            .map(|attributes| owned(serde_json::Value::Object(attributes)))
            .ok_or_else(|| {
                Thrown::helper(format!(
                    "Application metadata for application '{application}' could not be retrieved"
                ))
            })
    }),
    function(
        "canaryConfigNameToId",
        &[STRING, STRING],
        |machine, _, args| {
            let name = args[0].char_sequence().unwrap_or("null");
            let application = args[1].char_sequence().unwrap_or("null");
            machine
                .scope
                .environment
                .canary_config_id(application, name)
                .map(Value::text)
                .ok_or_else(|| {
                    Thrown::helper(format!(
                        "Unable to find canary config with name {name} in application {application}"
                    ))
                })
        },
    ),
];
