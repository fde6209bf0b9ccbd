//! The shapes of answers, as the OpenAPI document describes them.
//!
//! Executions and pipelines are documents with members of their own besides; what is described here is what every one has.

use serde::Serialize;
use spindrift_model::{Map, Millis, Problem, Value};
use utoipa::ToSchema;

/// Every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// When it was refused (ISO 8601).
    pub(crate) timestamp: String,
    /// The status code.
    pub(crate) status: u16,
    /// What the status code is called.
    pub(crate) error: String,
    /// What is wrong and what to do about it.
    pub(crate) message: String,
    /// The places in the body that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<DocumentProblem>)]
    pub(crate) errors: Vec<Problem>,
}

/// One thing that is wrong with a document.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes `spindrift_model::Problem`")]
pub(crate) struct DocumentProblem {
    /// Where it is (RFC 6901).
    #[schema(example = "/stages/3/refId")]
    pointer: String,
    /// A stable name of the rule.
    #[schema(example = "stage.refId.duplicate")]
    code: String,
    /// What is wrong and what to do about it.
    message: String,
    /// `error`: the document is refused. `warning`: a person should look at it.
    #[schema(example = "error")]
    severity: String,
}

/// Where to find what was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reference {
    /// The path of the execution or task.
    #[serde(rename = "ref")]
    #[schema(example = "/pipelines/01J9ZD2M6X3V5Q7W9Y1B3D5F7H")]
    pub(crate) path: String,
}

/// Where to find what was started by an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventReference {
    /// The id of the event, which is in the execution's trigger.
    pub(crate) event_id: String,
    /// The path of the execution.
    #[serde(rename = "ref")]
    pub(crate) path: String,
}

/// A pipeline that was saved.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedPipeline {
    /// Its id.
    pub(crate) id: String,
    /// Its application.
    pub(crate) application: String,
    /// Its name.
    pub(crate) name: String,
    /// The number of its newest revision.
    pub(crate) revision: u64,
    /// Whether there is a new revision: saving what is there already makes none.
    pub(crate) changed: bool,
    /// What its author should look at.
    #[schema(value_type = Vec<DocumentProblem>)]
    pub(crate) warnings: Vec<Problem>,
}

/// What became of the pipelines of a bulk save.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct BulkSaved {
    pub(crate) successful_pipelines_count: usize,
    /// The names of those that were saved.
    pub(crate) successful_pipelines: Vec<String>,
    pub(crate) failed_pipelines_count: usize,
    /// Those that were not, each with an `errorMsg`.
    #[schema(value_type = Vec<Object>)]
    pub(crate) failed_pipelines: Vec<Value>,
}

/// A pipeline as its author wrote it; members besides these are kept as they are.
#[derive(ToSchema)]
#[schema(as = Pipeline)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes a document")]
pub(crate) struct PipelineDocument {
    /// Given by the server when absent.
    id: Option<String>,
    /// Unique within the application, whatever the case.
    name: String,
    application: String,
    #[schema(value_type = Vec<Object>)]
    stages: Option<Vec<Map>>,
    #[schema(value_type = Vec<Object>)]
    triggers: Option<Vec<Map>>,
    #[schema(value_type = Vec<Object>)]
    parameter_config: Option<Vec<Map>>,
    /// A disabled pipeline cannot be started.
    disabled: Option<bool>,
    limit_concurrent: Option<bool>,
    max_concurrent_executions: Option<u32>,
    keep_waiting_pipelines: Option<bool>,
    /// A failed expression fails its stage, where the stage does not say itself.
    fail_on_failed_expressions: Option<bool>,
    /// Where it stands in lists.
    index: Option<i64>,
    /// Set by the server: milliseconds, as a text.
    update_ts: Option<String>,
    /// Set by the server.
    last_modified_by: Option<String>,
}

/// One run of a pipeline, or one ad-hoc task.
#[derive(ToSchema)]
#[schema(as = Execution)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes `spindrift_model::Execution`")]
pub(crate) struct ExecutionDocument {
    /// `PIPELINE` or `ORCHESTRATION`.
    r#type: String,
    id: String,
    root_id: Option<String>,
    application: String,
    name: Option<String>,
    description: Option<String>,
    pipeline_config_id: Option<String>,
    /// Times are milliseconds since the Unix epoch.
    build_time: Option<Millis>,
    start_time: Option<Millis>,
    end_time: Option<Millis>,
    start_time_expiry: Option<Millis>,
    status: StatusName,
    canceled: bool,
    canceled_by: Option<String>,
    cancellation_reason: Option<String>,
    limit_concurrent: bool,
    max_concurrent_executions: u32,
    keep_waiting_pipelines: bool,
    #[schema(value_type = Object)]
    trigger: Map,
    #[schema(value_type = Vec<Object>)]
    notifications: Vec<Map>,
    #[schema(value_type = Object)]
    initial_config: Map,
    #[schema(value_type = Vec<Object>)]
    system_notifications: Vec<Map>,
    spel_evaluator: Option<String>,
    #[schema(value_type = Option<Object>)]
    template_variables: Option<Map>,
    /// Absent: false.
    fail_on_failed_expressions: Option<bool>,
    time_zone: Option<String>,
    stages: Vec<StageDocument>,
    /// As whom it acts: `{user, allowedAccounts}`.
    #[schema(value_type = Object)]
    authentication: Map,
    /// Its last pause: `{pausedBy, pauseTime, resumedBy, resumeTime}`.
    #[schema(value_type = Option<Object>)]
    paused: Option<Map>,
    origin: Option<String>,
    #[schema(value_type = Option<Object>)]
    source: Option<Map>,
    /// How often it has changed.
    version: u64,
}

/// One stage of an execution.
#[derive(ToSchema)]
#[schema(as = Stage)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes `spindrift_model::Stage`")]
pub(crate) struct StageDocument {
    id: String,
    ref_id: String,
    r#type: String,
    name: Option<String>,
    start_time: Option<Millis>,
    end_time: Option<Millis>,
    start_time_expiry: Option<Millis>,
    status: StatusName,
    #[schema(value_type = Object)]
    context: Map,
    #[schema(value_type = Object)]
    outputs: Map,
    #[schema(value_type = Vec<Object>)]
    tasks: Vec<Map>,
    /// `STAGE_BEFORE` or `STAGE_AFTER`, when it was made for another stage.
    synthetic_stage_owner: Option<String>,
    parent_stage_id: Option<String>,
    requisite_stage_ref_ids: Vec<String>,
    scheduled_time: Option<Millis>,
    #[schema(value_type = Option<Object>)]
    last_modified: Option<Map>,
    /// Its position in the execution, which nothing else ever gets.
    serial: u32,
}

/// The state of an execution, a stage or a task.
#[derive(ToSchema)]
#[schema(as = Status)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "describes `spindrift_model::Status`")]
pub(crate) enum StatusName {
    NotStarted,
    Running,
    Paused,
    Suspended,
    Succeeded,
    FailedContinue,
    Terminal,
    Canceled,
    Redirect,
    Stopped,
    Skipped,
    Buffered,
}
