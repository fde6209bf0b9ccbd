//! Stages, judgments and users.

use spindrift_model::{Execution, Status};

use super::EXECUTION;
use crate::error::{CLASS_CAST, Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::eval::Machine;
use crate::java::method::{Method, STRING, function, null_pointer};
use crate::suggest;
use crate::value::json::from_json;
use crate::value::{Json, JsonMap, MapKind, Object, Value, text_map};

/// The execution an argument stands for; a missing one is the error Java throws.
pub(super) fn execution<'a>(machine: &Machine<'a>, argument: &Value<'a>) -> Eval<&'a Execution> {
    match argument {
        Value::Object(Object::Execution) => machine.root.execution().ok_or_else(null_pointer),
        _ => Err(null_pointer()),
    }
}

/// The first stage with this name or id.
fn find(execution: &Execution, wanted: Option<&str>) -> Option<usize> {
    let wanted = wanted?;
    execution
        .stages
        .iter()
        .position(|stage| stage.display_name() == wanted || stage.id == *wanted)
}

fn shown<'v>(value: &'v Value<'_>) -> &'v str {
    value.char_sequence().unwrap_or("null")
}

fn stage_names(execution: &Execution) -> impl Iterator<Item = &str> {
    execution.stages.iter().map(|stage| stage.display_name())
}

fn judgment<'a>(machine: &mut Machine<'a>, args: &[Value<'a>]) -> Eval<Value<'a>> {
    let execution = execution(machine, &args[0])?;
    let wanted = args[1].char_sequence();
    for (index, stage) in execution.stages.iter().enumerate() {
        if stage.kind != "manualJudgment" || Some(stage.display_name()) != wanted {
            continue;
        }
        let input = stage
            .context
            .get("judgmentInput")
            .or_else(|| machine.root.ancestor_output(index, "judgmentInput"));
        match input {
            None | Some(Json::Null) => {}
            Some(Json::String(text)) => return Ok(Value::borrowed(text)),
            Some(other) => {
                return Err(Thrown::java(
                    CLASS_CAST,
                    format!(
                        "class {} cannot be cast to class java.lang.String",
                        from_json(other).class_name()
                    ),
                ));
            }
        }
    }
    let wanted = shown(&args[1]);
    let judgments = execution
        .stages
        .iter()
        .filter(|stage| stage.kind == "manualJudgment")
        .map(|stage| stage.display_name());
    Err(Thrown::helper(format!(
        "Unable to locate manual Judgment stage [{wanted}] using #judgment({wanted}) in execution {}. Stage doesn't exist or doesn't contain judgmentInput in its context ",
        execution.id
    ))
    .suggest(suggest::nearest(wanted, judgments)))
}

fn label_value<'a>(machine: &mut Machine<'a>, args: &[Value<'a>]) -> Eval<Value<'a>> {
    let kind = args[2].char_sequence();
    if !matches!(kind, Some("Deployment" | "ReplicaSet")) {
        return Err(Thrown::java(
            ILLEGAL_ARGUMENT,
            "Only Deployments and ReplicaSets are valid kinds for this function",
        ));
    }
    let Some(label) = args[3].char_sequence() else {
        return Err(Thrown::java(
            ILLEGAL_ARGUMENT,
            "A labelKey is required for this function",
        ));
    };
    let execution = execution(machine, &args[0])?;
    let stage = execution.stages.iter().position(|stage| {
        Some(stage.display_name()) == args[1].char_sequence()
            && stage.kind == "deployManifest"
            && stage.status == Status::Succeeded
    });
    let Some(index) = stage else {
        return Err(Thrown::helper(
            "A valid Deploy Manifest stage name is required for this function",
        )
        .suggest(suggest::nearest(shown(&args[1]), stage_names(execution))));
    };
    let manifests = execution.stages[index]
        .context
        .get("outputs.manifests")
        .or_else(|| machine.root.ancestor_output(index, "outputs.manifests"))
        .and_then(Json::as_array)
        .filter(|manifests| !manifests.is_empty())
        .ok_or_else(|| {
            Thrown::helper("No manifest could be found in the context of the specified stage")
        })?;
    let manifest = manifests
        .iter()
        .find(|manifest| manifest.get("kind").and_then(Json::as_str) == kind)
        .ok_or_else(|| {
            Thrown::helper(format!(
                "No manifest of kind {} could be found on the context of the specified stage",
                kind.unwrap_or_default()
            ))
        })?;
    let found = ["spec", "template", "metadata", "labels"]
        .iter()
        .try_fold(manifest, |value, key| value.get(key))
        .and_then(|labels| labels.get(label));
    match found {
        Some(Json::String(text)) => Ok(Value::borrowed(text)),
        Some(Json::Null) => Ok(Value::Null),
        Some(other) => Err(Thrown::java(
            CLASS_CAST,
            format!(
                "class {} cannot be cast to class java.lang.String",
                from_json(other).class_name()
            ),
        )),
        None => Err(Thrown::helper(
            "No label of specified key found on matching manifest spec.template.metadata.labels",
        )),
    }
}

fn service_key<'a>(machine: &mut Machine<'a>, args: &[Value<'a>]) -> Eval<Value<'a>> {
    let execution = execution(machine, &args[0])?;
    let wanted = args[1].char_sequence();
    let stage = execution.stages.iter().find(|stage| {
        stage.kind == "createServiceKey"
            && stage.status == Status::Succeeded
            && (Some(stage.display_name()) == wanted || Some(stage.id.as_str()) == wanted)
    });
    let key: Option<&'a JsonMap> = stage
        .and_then(|stage| stage.context.get("kato.tasks"))
        .and_then(|tasks| tasks.get(0))
        .and_then(|task| task.get("resultObjects"))
        .and_then(|results| results.get(0))
        .and_then(|result| result.get("serviceKey"))
        .and_then(Json::as_object);
    Ok(match key {
        Some(key) => text_map(
            MapKind::HashMap,
            key.iter()
                .map(|(name, value)| (name.as_str(), from_json(value))),
        ),
        None => text_map(MapKind::HashMap, []),
    })
}

/// The functions.
pub(super) static FUNCTIONS: &[Method] = &[
    function("stage", &[EXECUTION, STRING], |machine, _, args| {
        let execution = execution(machine, &args[0])?;
        machine.spend(execution.stages.len() / 64)?;
        match find(execution, args[1].char_sequence()) {
            Some(index) => Ok(Value::Object(Object::Stage(index))),
            None => {
                let wanted = shown(&args[1]);
                Err(Thrown::helper(format!(
                    "Unable to locate [{wanted}] using #stage({wanted}) in execution {}",
                    execution.id
                ))
                .suggest(suggest::nearest(wanted, stage_names(execution))))
            }
        }
    }),
    function("stageExists", &[EXECUTION, STRING], |machine, _, args| {
        let execution = execution(machine, &args[0])?;
        machine.spend(execution.stages.len() / 64)?;
        Ok(Value::Bool(
            find(execution, args[1].char_sequence()).is_some(),
        ))
    }),
    function("stageByRefId", &[EXECUTION, STRING], |machine, _, args| {
        let execution = execution(machine, &args[0])?;
        machine.spend(execution.stages.len() / 64)?;
        let Some(wanted) = args[1].char_sequence() else {
            return Err(Thrown::helper(format!(
                "Stage refId must not be null in #stageByRefId in execution {}",
                execution.id
            )));
        };
        execution
            .stages
            .iter()
            .position(|stage| stage.ref_id == *wanted)
            .map(|index| Value::Object(Object::Stage(index)))
            .ok_or_else(|| {
                Thrown::helper(format!(
                    "Unable to locate [{wanted}] using #stageByRefId({wanted}) in execution {}",
                    execution.id
                ))
            })
    }),
    function("currentStage", &[EXECUTION], |machine, _, args| {
        if !machine.scope.running {
            return Err(Thrown::helper(
                "An execution context is required for this function",
            ));
        }
        execution(machine, &args[0])?;
        machine
            .root
            .stage()
            .map(|index| Value::Object(Object::Stage(index)))
            .ok_or_else(|| Thrown::helper("An execution context is required for this function"))
    }),
    function("currentUser", &[], |machine, _, _| {
        Ok(Value::borrowed(
            machine.scope.environment.user().unwrap_or("anonymous"),
        ))
    }),
    function("judgment", &[EXECUTION, STRING], |machine, _, args| {
        judgment(machine, args)
    }),
    function("judgement", &[EXECUTION, STRING], |machine, _, args| {
        judgment(machine, args)
    }),
    function(
        "manifestLabelValue",
        &[EXECUTION, STRING, STRING, STRING],
        |machine, _, args| label_value(machine, args),
    ),
    function("cfServiceKey", &[EXECUTION, STRING], |machine, _, args| {
        service_key(machine, args)
    }),
];
