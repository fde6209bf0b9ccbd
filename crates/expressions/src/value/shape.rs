//! The JSON shape of executions, stages and tasks: Orca's members in Orca's order, without what only this engine keeps.

use serde::Serialize;

use super::json::Writer;
use super::{Json, JsonMap};

const EXECUTION: &[&str] = &[
    "type",
    "id",
    "application",
    "rootId",
    "name",
    "buildTime",
    "canceled",
    "canceledBy",
    "cancellationReason",
    "limitConcurrent",
    "maxConcurrentExecutions",
    "keepWaitingPipelines",
    "stages",
    "startTime",
    "endTime",
    "startTimeExpiry",
    "status",
    "authentication",
    "paused",
    "origin",
    "trigger",
    "description",
    "pipelineConfigId",
    "source",
    "notifications",
    "initialConfig",
    "systemNotifications",
    "spelEvaluator",
    "templateVariables",
    "partition",
    "additionalHeaders",
];

const STAGE: &[&str] = &[
    "id",
    "refId",
    "type",
    "name",
    "startTime",
    "endTime",
    "startTimeExpiry",
    "status",
    "context",
    "outputs",
    "tasks",
    "syntheticStageOwner",
    "parentStageId",
    "requisiteStageRefIds",
    "scheduledTime",
    "lastModified",
    "additionalMetricTags",
];

const TASK: &[&str] = &[
    "id",
    "implementingClass",
    "name",
    "startTime",
    "endTime",
    "status",
    "stageStart",
    "stageEnd",
    "loopStart",
    "loopEnd",
    "taskExceptionDetails",
];

/// An execution with its stages.
pub(super) fn execution(execution: &spindrift_model::Execution, writer: Writer) -> Json {
    let mut shaped = shaped(execution, EXECUTION, writer);
    let known = &execution.authentication;
    if known.user.is_none() && known.allowed_accounts.is_empty() {
        put(&mut shaped, "authentication", None, writer);
    }
    let stages = execution.stages.iter().map(|own| stage(own, writer));
    put(&mut shaped, "stages", Some(stages.collect()), writer);
    let headers = Some(Json::Object(JsonMap::new()));
    put(&mut shaped, "additionalHeaders", headers, writer);
    Json::Object(shaped)
}

/// A stage with its tasks.
pub(super) fn stage(stage: &spindrift_model::Stage, writer: Writer) -> Json {
    let mut shaped = shaped(stage, STAGE, writer);
    // A stage without a name has that of its type.
    let name = Some(stage.display_name())
        .filter(|name| !name.is_empty())
        .map(Json::from);
    if name.is_some() && stage.name.is_none() {
        put(&mut shaped, "name", name, writer);
    }
    let tasks = stage.tasks.iter().map(|own| task(own, writer));
    put(&mut shaped, "tasks", Some(tasks.collect()), writer);
    Json::Object(shaped)
}

/// A task.
pub(super) fn task(task: &spindrift_model::Task, writer: Writer) -> Json {
    Json::Object(shaped(task, TASK, writer))
}

fn shaped(document: &impl Serialize, members: &[&str], writer: Writer) -> JsonMap {
    let Ok(Json::Object(mut document)) = serde_json::to_value(document) else {
        return JsonMap::new();
    };
    let mut shaped = JsonMap::new();
    for name in members {
        match document.shift_remove(*name) {
            Some(value) if !value.is_null() => {
                shaped.insert((*name).to_owned(), value);
            }
            _ if writer == Writer::Helper => {
                shaped.insert((*name).to_owned(), Json::Null);
            }
            _ => {}
        }
    }
    shaped
}

/// Replaces a member where it stands. What is absent is null to the helper, and left out otherwise.
fn put(shaped: &mut JsonMap, name: &str, value: Option<Json>, writer: Writer) {
    match (value, writer) {
        (Some(value), _) => {
            shaped.insert(name.to_owned(), value);
        }
        (None, Writer::Helper) => {
            shaped.insert(name.to_owned(), Json::Null);
        }
        (None, Writer::Context) => {
            shaped.shift_remove(name);
        }
    }
}
