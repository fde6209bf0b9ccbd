//! The properties of executions, stages, triggers and what hangs on them.
//!
//! Names are those of Orca's getters; what its expression sandbox refuses by return type is refused here too.

use spindrift_model::{Execution, Stage};

use crate::error::{Eval, ILLEGAL_ARGUMENT, ILLEGAL_STATE, Thrown};
use crate::eval::Machine;
use crate::value::json::{from_json, owned};
use crate::value::{Json, JsonMap, Object, Value};

type Found<'a> = Option<Eval<Value<'a>>>;

/// The property of an object; `None` where the object has no such getter.
pub(crate) fn property<'a>(
    machine: &mut Machine<'a>,
    object: &Object<'a>,
    name: &str,
) -> Found<'a> {
    let mut letters = name.chars();
    let first = letters.next()?;
    let name: String = first.to_lowercase().chain(letters).collect();
    read(machine, object, &name)
}

/// A method without arguments: a getter, or one of the few others.
pub(crate) fn call<'a>(machine: &mut Machine<'a>, object: &Object<'a>, name: &str) -> Found<'a> {
    let decapitalized = |suffix: &str| -> String {
        let mut letters = suffix.chars();
        letters
            .next()
            .into_iter()
            .flat_map(char::to_lowercase)
            .chain(letters)
            .collect()
    };
    let getter = name
        .strip_prefix("get")
        .or_else(|| name.strip_prefix("is"))
        .filter(|suffix| suffix.starts_with(char::is_uppercase))
        .map(decapitalized);
    match getter {
        Some(property) if !PLAIN.contains(&property.as_str()) => read(machine, object, &property),
        _ if PLAIN.contains(&name) => read(machine, object, name),
        _ => None,
    }
}

/// Methods that are not called `get…` or `is…`.
const PLAIN: &[&str] = &[
    "ancestors",
    "directAncestors",
    "allDownstreamStages",
    "downstreamStages",
    "directChildren",
    "withPropagateAuthentication",
];

const EXECUTION: &[&str] = &[
    "id",
    "rootId",
    "name",
    "application",
    "status",
    "startTime",
    "endTime",
    "startTimeExpiry",
    "buildTime",
    "stages",
    "trigger",
    "authentication",
    "pipelineConfigId",
    "origin",
    "canceled",
    "canceledBy",
    "cancellationReason",
    "paused",
    "description",
    "notifications",
    "limitConcurrent",
    "maxConcurrentExecutions",
    "keepWaitingPipelines",
    "initialConfig",
    "templateVariables",
    "spelEvaluator",
    "partition",
    "context",
];

const STAGE: &[&str] = &[
    "id",
    "refId",
    "type",
    "name",
    "status",
    "startTime",
    "endTime",
    "startTimeExpiry",
    "context",
    "outputs",
    "tasks",
    "parentStageId",
    "requisiteStageRefIds",
    "scheduledTime",
    "execution",
    "parent",
    "topLevelStage",
    "hasSucceeded",
    "hasFailed",
    "ancestors",
];

const TRIGGER: &[&str] = &[
    "type",
    "correlationId",
    "user",
    "parameters",
    "artifacts",
    "notifications",
    "rebake",
    "dryRun",
    "strategy",
    "resolvedExpectedArtifacts",
    "other",
];

pub(crate) const ARTIFACT: &[&str] = &[
    "type",
    "customKind",
    "name",
    "version",
    "location",
    "reference",
    "metadata",
    "artifactAccount",
    "provenance",
    "uuid",
];

/// The names a person can have meant.
pub(crate) fn names(object: &Object<'_>) -> &'static [&'static str] {
    match object {
        Object::Execution | Object::ParentExecution(_) => EXECUTION,
        Object::Stage(_) | Object::ParentStage(_) => STAGE,
        Object::Trigger(_) => TRIGGER,
        Object::Artifact(_) => ARTIFACT,
        Object::Authentication => &["user", "allowedAccounts"],
        Object::Task(..) => &["id", "name", "status", "startTime", "endTime"],
        _ => &[],
    }
}

fn read<'a>(machine: &mut Machine<'a>, object: &Object<'a>, name: &str) -> Found<'a> {
    match object {
        Object::Execution => execution(machine, machine.root.execution()?, name),
        Object::Stage(index) => stage(machine, *index, name),
        Object::Task(stage, task) => {
            let task = machine.root.stage_at(*stage)?.tasks.get(*task)?;
            Some(Ok(match name {
                "id" => Value::borrowed(&task.id),
                "implementingClass" => Value::borrowed(&task.implementing_class),
                "name" => Value::borrowed(&task.name),
                "startTime" => time(task.start_time),
                "endTime" => time(task.end_time),
                "status" => Value::Object(Object::Status(task.status)),
                "stageStart" => Value::Bool(task.stage_start),
                "stageEnd" => Value::Bool(task.stage_end),
                "loopStart" => Value::Bool(task.loop_start),
                "loopEnd" => Value::Bool(task.loop_end),
                "taskExceptionDetails" => map(&task.task_exception_details),
                _ => return None,
            }))
        }
        Object::Authentication => {
            let authentication = &machine.root.execution()?.authentication;
            Some(Ok(match name {
                "user" => Value::optional(authentication.user.as_deref()),
                "allowedAccounts" => Value::array_list(
                    authentication
                        .allowed_accounts
                        .iter()
                        .map(|account| Value::borrowed(account))
                        .collect(),
                ),
                _ => return None,
            }))
        }
        Object::Paused => {
            let paused = machine.root.execution()?.paused.as_ref()?;
            Some(Ok(match name {
                "pausedBy" => Value::optional(paused.paused_by.as_deref()),
                "resumedBy" => Value::optional(paused.resumed_by.as_deref()),
                "pauseTime" => Value::Long(paused.pause_time),
                "resumeTime" => time(paused.resume_time),
                "paused" => Value::Bool(paused.resume_time.is_none()),
                _ => return None,
            }))
        }
        Object::Trigger(trigger) => trigger_property(trigger, name).map(Ok),
        Object::ParentExecution(parent) => parent_execution(parent, name),
        Object::ParentStage(stage) => parent_stage(stage, name),
        Object::Artifact(artifact) => Some(Ok(match name {
            "type" | "name" | "version" | "location" | "reference" | "artifactAccount"
            | "provenance" | "uuid" => field(artifact, name),
            "customKind" => flag(artifact, name),
            "metadata" => crate::value::text_map(
                crate::value::MapKind::HashMap,
                metadata(artifact).map(|(key, value)| (key, from_json(value))),
            ),
            _ => return None,
        })),
        Object::ExpectedArtifact(expected) => Some(Ok(match name {
            "id" => field(expected, name),
            "useDefaultArtifact" | "usePriorArtifact" => flag(expected, name),
            "matchArtifact" | "defaultArtifact" | "boundArtifact" => {
                object_field(expected, name, Object::Artifact)
            }
            _ => return None,
        })),
        Object::BuildInfo(build) => Some(Ok(match name {
            "name" | "number" | "url" | "result" | "timestamp" | "fullDisplayName" => {
                field(build, name)
            }
            "building" => flag(build, name),
            "artifacts" => objects(build, name, Object::BuildArtifact),
            "scm" => objects(build, name, Object::SourceControl),
            _ => return None,
        })),
        Object::BuildArtifact(artifact) => {
            matches!(name, "fileName" | "relativePath").then(|| Ok(field(artifact, name)))
        }
        Object::SourceControl(control) => {
            matches!(name, "name" | "branch" | "sha1").then(|| Ok(field(control, name)))
        }
        Object::NotEvaluable(_) => {
            (name == "expression").then(|| Err(denied(name, "class java.lang.Object")))
        }
        Object::Status(_)
        | Object::Date(_)
        | Object::DateFormat(_)
        | Object::LocalDate(_)
        | Object::LocalDateTime(_)
        | Object::Instant(_)
        | Object::DayOfWeek(_)
        | Object::ChronoUnit(_)
        | Object::Uuid(_)
        | Object::Random(_)
        | Object::Zone(_)
        | Object::TextStyle(_)
        | Object::Locale(_)
        | Object::Charset(_)
        | Object::Month(_) => None,
    }
}

fn denied(name: &str, class: &str) -> Thrown {
    Thrown::java(
        ILLEGAL_ARGUMENT,
        format!("found getter for requested {name} but rejected due to return type {class}"),
    )
}

fn time<'a>(millis: Option<i64>) -> Value<'a> {
    millis.map_or(Value::Null, Value::Long)
}

fn map(map: &JsonMap) -> Value<'_> {
    Value::Map(crate::value::Map::Json(map))
}

/// The metadata of an artifact: its own, and every field no artifact has.
fn metadata(artifact: &JsonMap) -> impl Iterator<Item = (&str, &Json)> {
    let own = artifact.get("metadata").and_then(Json::as_object);
    let unknown = artifact
        .iter()
        .filter(|(key, _)| !ARTIFACT.contains(&key.as_str()) && *key != "kind");
    own.into_iter()
        .flatten()
        .chain(unknown)
        .map(|(key, value)| (key.as_str(), value))
}

/// An artifact as it is stored: absent fields are left out, unknown ones are metadata.
pub(crate) fn artifact_json(artifact: &JsonMap) -> JsonMap {
    let mut stored = JsonMap::new();
    for name in ARTIFACT {
        let value = match *name {
            "customKind" => Json::Bool(artifact.get(*name) == Some(&Json::Bool(true))),
            "metadata" => Json::Object(
                metadata(artifact)
                    .map(|(key, value)| (key.to_owned(), value.clone()))
                    .collect(),
            ),
            _ => match artifact.get(*name) {
                Some(value) if !value.is_null() => value.clone(),
                _ => continue,
            },
        };
        stored.insert((*name).to_owned(), value);
    }
    stored
}

/// An expected artifact as it is stored. What is absent is null to the helper.
pub(crate) fn expected_artifact_json(expected: &JsonMap, nulls: bool) -> JsonMap {
    let artifact = |name: &str| match expected.get(name) {
        Some(Json::Object(own)) => Some(Json::Object(artifact_json(own))),
        _ => None,
    };
    let flag = |name: &str| Some(Json::Bool(expected.get(name) == Some(&Json::Bool(true))));
    let members = [
        ("matchArtifact", artifact("matchArtifact")),
        ("usePriorArtifact", flag("usePriorArtifact")),
        ("useDefaultArtifact", flag("useDefaultArtifact")),
        ("defaultArtifact", artifact("defaultArtifact")),
        ("id", expected.get("id").filter(|id| !id.is_null()).cloned()),
        ("boundArtifact", artifact("boundArtifact")),
    ];
    let shown = members
        .into_iter()
        .filter(|(_, value)| nulls || value.is_some());
    shown
        .map(|(name, value)| (name.to_owned(), value.unwrap_or(Json::Null)))
        .collect()
}

fn field<'a>(map: &'a JsonMap, name: &str) -> Value<'a> {
    map.get(name).map_or(Value::Null, from_json)
}

fn flag<'a>(map: &JsonMap, name: &str) -> Value<'a> {
    Value::Bool(map.get(name).and_then(Json::as_bool).unwrap_or(false))
}

fn object_field<'a>(
    map: &'a JsonMap,
    name: &str,
    make: fn(&'a JsonMap) -> Object<'a>,
) -> Value<'a> {
    match map.get(name) {
        Some(Json::Object(inner)) => Value::Object(make(inner)),
        _ => Value::Null,
    }
}

fn objects<'a>(map: &'a JsonMap, name: &str, make: fn(&'a JsonMap) -> Object<'a>) -> Value<'a> {
    let items = match map.get(name) {
        Some(Json::Array(items)) => items.as_slice(),
        _ => &[],
    };
    Value::object_list(
        items
            .iter()
            .filter_map(Json::as_object)
            .map(|item| Value::Object(make(item)))
            .collect(),
    )
}

/// A list of maps, as a getter declares it.
fn listed<'a>(map: &'a JsonMap, name: &str) -> Value<'a> {
    match map.get(name) {
        Some(Json::Array(items)) => Value::object_list(items.iter().map(from_json).collect()),
        _ => Value::Null,
    }
}

fn text_or_null(text: &str) -> Value<'_> {
    if text.is_empty() {
        Value::Null
    } else {
        Value::borrowed(text)
    }
}

fn execution<'a>(machine: &mut Machine<'a>, execution: &'a Execution, name: &str) -> Found<'a> {
    Some(Ok(match name {
        "id" => text_or_null(execution.id.as_str()),
        "rootId" => Value::optional(execution.root_id.as_ref().map(|id| id.as_str())),
        "name" => Value::optional(execution.name.as_deref()),
        "application" => text_or_null(&execution.application),
        "status" => Value::Object(Object::Status(execution.status)),
        "startTime" => time(execution.start_time),
        "endTime" => time(execution.end_time),
        "startTimeExpiry" => time(execution.start_time_expiry),
        "buildTime" => time(execution.build_time),
        "stages" => {
            let count = execution.stages.len();
            if let Err(error) = machine.spend(count / 64) {
                return Some(Err(error));
            }
            Value::object_list(
                (0..count)
                    .map(|index| Value::Object(Object::Stage(index)))
                    .collect(),
            )
        }
        "trigger" => Value::Object(Object::Trigger(machine.root.trigger()?)),
        "authentication" => {
            // Who has neither a name nor accounts has not been authenticated.
            let known = &execution.authentication;
            match known.user.is_none() && known.allowed_accounts.is_empty() {
                true => Value::Null,
                false => Value::Object(Object::Authentication),
            }
        }
        "pipelineConfigId" => {
            Value::optional(execution.pipeline_config_id.as_ref().map(|id| id.as_str()))
        }
        "origin" => Value::optional(execution.origin.as_deref()),
        "canceled" => Value::Bool(execution.canceled),
        "canceledBy" => Value::optional(execution.canceled_by.as_deref()),
        "cancellationReason" => Value::optional(execution.cancellation_reason.as_deref()),
        "paused" => match execution.paused {
            Some(_) => Value::Object(Object::Paused),
            None => Value::Null,
        },
        "description" => Value::optional(execution.description.as_deref()),
        "notifications" => {
            Value::object_list(execution.notifications.iter().map(from_json).collect())
        }
        "systemNotifications" => Value::object_list(
            execution
                .system_notifications
                .iter()
                .filter_map(|notification| serde_json::to_value(notification).ok())
                .map(owned)
                .collect(),
        ),
        "limitConcurrent" => Value::Bool(execution.limit_concurrent),
        "maxConcurrentExecutions" => Value::Int(execution.max_concurrent_executions as i32),
        "keepWaitingPipelines" => Value::Bool(execution.keep_waiting_pipelines),
        "initialConfig" => map(&execution.initial_config),
        "templateVariables" => execution
            .template_variables
            .as_ref()
            .map_or(Value::Null, map),
        "spelEvaluator" => Value::optional(execution.spel_evaluator.as_deref()),
        "partition" => Value::Null,
        "additionalHeaders" => crate::value::text_map(crate::value::MapKind::HashMap, []),
        "context" => match machine.root.merged_outputs() {
            Ok(merged) => crate::value::text_map(crate::value::MapKind::HashMap, merged),
            Err(message) => return Some(Err(Thrown::java(ILLEGAL_STATE, message))),
        },
        "type" => {
            return Some(Err(denied(
                name,
                "class com.netflix.spinnaker.orca.api.pipeline.models.ExecutionType",
            )));
        }
        "source" => {
            return Some(Err(denied(
                name,
                "class com.netflix.spinnaker.orca.api.pipeline.models.PipelineExecution$PipelineSource",
            )));
        }
        "size" | "totalSize" => return Some(Err(denied(name, "class java.util.Optional"))),
        _ => return None,
    }))
}

fn stages<'a>(positions: impl IntoIterator<Item = usize>) -> Value<'a> {
    Value::object_list(
        positions
            .into_iter()
            .map(|index| Value::Object(Object::Stage(index)))
            .collect(),
    )
}

fn parent_of(execution: &Execution, stage: &Stage) -> Option<usize> {
    let parent = stage.parent_stage_id.as_ref()?;
    execution
        .stages
        .iter()
        .position(|other| other.id == *parent)
}

fn stage<'a>(machine: &mut Machine<'a>, index: usize, name: &str) -> Found<'a> {
    let owner = machine.root.execution()?;
    let stage: &'a Stage = machine.root.stage_at(index)?;
    Some(Ok(match name {
        "id" => text_or_null(stage.id.as_str()),
        "refId" => text_or_null(stage.ref_id.as_str()),
        "type" => text_or_null(&stage.kind),
        "name" => text_or_null(stage.display_name()),
        "status" => Value::Object(Object::Status(stage.status)),
        "startTime" => time(stage.start_time),
        "endTime" => time(stage.end_time),
        "startTimeExpiry" => time(stage.start_time_expiry),
        "scheduledTime" => time(stage.scheduled_time),
        "context" => {
            let context = machine.root.stage_context(index);
            machine.current(context)
        }
        "outputs" => machine.current(map(&stage.outputs)),
        "tasks" => Value::object_list(
            (0..stage.tasks.len())
                .map(|task| Value::Object(Object::Task(index, task)))
                .collect(),
        ),
        "parentStageId" => Value::optional(stage.parent_stage_id.as_ref().map(|id| id.as_str())),
        "requisiteStageRefIds" => Value::array_list(
            stage
                .requisite_stage_ref_ids
                .iter()
                .map(|id| Value::borrowed(id.as_str()))
                .collect(),
        ),
        "execution" => Value::Object(Object::Execution),
        "hasSucceeded" => Value::Bool(stage.status == spindrift_model::Status::Succeeded),
        "hasFailed" => Value::Bool(stage.status == spindrift_model::Status::Terminal),
        "ancestors" => stages(machine.root.ancestors(index).iter().copied()),
        "directAncestors" => stages({
            let mut found = vec![index];
            let mut current = stage;
            while let Some(parent) = parent_of(owner, current) {
                if found.contains(&parent) {
                    break;
                }
                found.push(parent);
                current = &owner.stages[parent];
            }
            found
        }),
        "downstreamStages" => stages(
            owner
                .stages
                .iter()
                .enumerate()
                .filter(|(_, other)| other.requisite_stage_ref_ids.contains(&stage.ref_id))
                .map(|(position, _)| position),
        ),
        "allDownstreamStages" => stages(downstream(owner, index)),
        "directChildren" => stages(
            owner
                .stages
                .iter()
                .enumerate()
                .filter(|(_, other)| other.parent_stage_id.as_ref() == Some(&stage.id))
                .map(|(position, _)| position),
        ),
        "parent" => parent_of(owner, stage)
            .map_or(Value::Null, |parent| Value::Object(Object::Stage(parent))),
        "topLevelStage" => {
            let mut seen = vec![index];
            let mut top = index;
            while let Some(parent) = parent_of(owner, &owner.stages[top]) {
                if seen.contains(&parent) {
                    break;
                }
                seen.push(parent);
                top = parent;
            }
            Value::Object(Object::Stage(top))
        }
        "join" => Value::Bool(stage.requisite_stage_ref_ids.len() > 1),
        "manualJudgmentType" => Value::Bool(stage.kind == "manualJudgment"),
        "additionalMetricTags" => Value::Null,
        "allowSiblingStagesToContinueOnFailure" => Value::Bool(stage.flag(name).unwrap_or(false)),
        "continuePipelineOnFailure" => Value::Bool(stage.flag("continuePipeline").unwrap_or(false)),
        "withPropagateAuthentication" => Value::Bool(
            stage
                .flag("propagateAuthenticationContext")
                .unwrap_or(false),
        ),
        "syntheticStageOwner" => {
            return Some(Err(denied(
                name,
                "class com.netflix.spinnaker.orca.api.pipeline.SyntheticStageOwner",
            )));
        }
        "lastModified" => {
            return Some(Err(denied(
                name,
                "class com.netflix.spinnaker.orca.api.pipeline.models.StageExecution$LastModifiedDetails",
            )));
        }
        "size" | "timeout" | "backoffPeriod" | "parentWithTimeout" => {
            return Some(Err(denied(name, "class java.util.Optional")));
        }
        _ => return None,
    }))
}

fn downstream(execution: &Execution, index: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut waiting = std::collections::VecDeque::from([index]);
    while let Some(current) = waiting.pop_front() {
        let reference = &execution.stages[current].ref_id;
        for (position, other) in execution.stages.iter().enumerate() {
            if other.requisite_stage_ref_ids.contains(reference)
                && position != index
                && !found.contains(&position)
            {
                found.push(position);
                waiting.push_back(position);
            }
        }
    }
    found
}

/// Which class Orca reads a trigger as; it goes by the fields that are there.
fn trigger_property<'a>(trigger: &'a JsonMap, name: &str) -> Option<Value<'a>> {
    let present = |key: &str| trigger.get(key).is_some_and(|value| !value.is_null());
    match name {
        "type" | "correlationId" | "user" | "parameters" => {
            return Some(field(trigger, name));
        }
        "notifications" => return Some(listed(trigger, name)),
        "rebake" | "dryRun" | "strategy" => return Some(flag(trigger, name)),
        "artifacts" => return Some(objects(trigger, name, Object::Artifact)),
        "resolvedExpectedArtifacts" => {
            return Some(objects(trigger, name, Object::ExpectedArtifact));
        }
        "other" => return Some(map(trigger)),
        _ => {}
    }
    let all = |keys: &[&str]| keys.iter().all(|key| present(key));
    let plain: &[&str] = if all(&["account", "repository", "tag"]) {
        &["account", "repository", "tag"]
    } else if trigger.get("type").and_then(Json::as_str) == Some("concourse") {
        &["buildInfo", "properties"]
    } else if all(&["master", "job", "buildNumber"]) {
        &[
            "master",
            "job",
            "buildNumber",
            "propertyFile",
            "buildInfo",
            "properties",
        ]
    } else if present("parentExecution") {
        &["parentExecution", "parentPipelineStageId", "parentStage"]
    } else if present("artifactorySearchName") {
        &["artifactorySearchName"]
    } else if present("nexusSearchName") {
        &["nexusSearchName"]
    } else if all(&["source", "project", "branch", "slug", "hash"]) {
        &["source", "project", "branch", "slug", "hash", "action"]
    } else if present("pluginId") {
        &[
            "pluginId",
            "description",
            "provider",
            "version",
            "releaseDate",
            "requires",
            "binaryUrl",
            "preferred",
        ]
    } else {
        &[]
    };
    if !plain.contains(&name) {
        return None;
    }
    Some(match name {
        "buildInfo" => object_field(trigger, name, Object::BuildInfo),
        "parentExecution" => object_field(trigger, name, Object::ParentExecution),
        "parentStage" => parent_pipeline_stage(trigger),
        "properties" => match trigger.get(name) {
            Some(Json::Object(properties)) => map(properties),
            _ => crate::value::text_map(crate::value::MapKind::LinkedHashMap, []),
        },
        "action" if !present(name) => Value::borrowed("undefined"),
        _ => field(trigger, name),
    })
}

fn parent_pipeline_stage(trigger: &JsonMap) -> Value<'_> {
    let wanted = trigger.get("parentPipelineStageId").and_then(Json::as_str);
    trigger
        .get("parentExecution")
        .and_then(|parent| parent.get("stages"))
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_object)
        .find(|stage| stage.get("id").and_then(Json::as_str) == wanted && wanted.is_some())
        .map_or(Value::Null, |stage| {
            Value::Object(Object::ParentStage(stage))
        })
}

fn status<'a>(map: &JsonMap) -> Value<'a> {
    map.get("status")
        .and_then(Json::as_str)
        .and_then(spindrift_model::Status::parse)
        .map_or(Value::Null, |status| Value::Object(Object::Status(status)))
}

fn parent_execution<'a>(parent: &'a JsonMap, name: &str) -> Found<'a> {
    if !EXECUTION.contains(&name) {
        return match name {
            "type" | "source" => Some(Err(denied(name, "an unsupported class"))),
            _ => None,
        };
    }
    Some(Ok(match name {
        "status" => status(parent),
        "stages" => objects(parent, name, Object::ParentStage),
        "trigger" => object_field(parent, name, Object::Trigger),
        "canceled" | "limitConcurrent" | "keepWaitingPipelines" => flag(parent, name),
        "context" => {
            let mut merged = Vec::new();
            for stage in parent
                .get("stages")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
            {
                let outputs = stage.get("outputs").and_then(Json::as_object);
                merged.extend(
                    outputs
                        .into_iter()
                        .flatten()
                        .map(|(key, value)| (key.as_str(), from_json(value))),
                );
            }
            crate::value::text_map(crate::value::MapKind::HashMap, merged)
        }
        _ => field(parent, name),
    }))
}

fn parent_stage<'a>(stage: &'a JsonMap, name: &str) -> Found<'a> {
    if !STAGE.contains(&name) {
        return match name {
            "syntheticStageOwner" | "lastModified" => {
                Some(Err(denied(name, "an unsupported class")))
            }
            _ => None,
        };
    }
    Some(Ok(match name {
        "status" => status(stage),
        "name" => match stage.get("name") {
            Some(Json::Null) | None => field(stage, "type"),
            Some(name) => from_json(name),
        },
        "hasSucceeded" => {
            Value::Bool(stage.get("status").and_then(Json::as_str) == Some("SUCCEEDED"))
        }
        "hasFailed" => Value::Bool(stage.get("status").and_then(Json::as_str) == Some("TERMINAL")),
        "context" | "outputs" => match stage.get(name) {
            Some(Json::Object(inner)) => map(inner),
            _ => crate::value::text_map(crate::value::MapKind::HashMap, []),
        },
        _ => field(stage, name),
    }))
}
