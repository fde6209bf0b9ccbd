//! One run of a pipeline.

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{ExecutionId, PipelineId, Serial, StageId};
use crate::json::{Map, Value};
use crate::stage::Stage;
use crate::status::Status;
use crate::trigger::Trigger;

/// Whether an execution came from a pipeline or is an ad-hoc task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionKind {
    /// A run of a pipeline.
    #[default]
    Pipeline,
    /// An ad-hoc task (`POST /tasks`).
    Orchestration,
}

/// As whom an execution acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Authentication {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The cloud accounts it may use.
    pub allowed_accounts: Vec<String>,
}

/// The last pause of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Paused {
    /// Who paused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// When.
    pub pause_time: Millis,
    /// Who resumed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_time: Option<Millis>,
}

impl Paused {
    /// How long this pause has lasted up to `now`, counted from `since` when that is later.
    pub fn duration_since(&self, since: Millis, now: Millis) -> Millis {
        let begin = self.pause_time.max(since);
        (self.resume_time.unwrap_or(now) - begin).max(0)
    }
}

/// Who ended an execution early, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Cancellation {
    /// Who.
    pub by: String,
    /// Why, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A message of the engine about an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemNotification {
    /// When it was written.
    pub created_at: Millis,
    /// What it is about.
    pub group: String,
    /// The text.
    pub message: String,
    /// Whether it ends the earlier ones of its group.
    pub closed: bool,
}

/// One run of a pipeline, or one ad-hoc task (Orca's `PipelineExecution`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Execution {
    /// Pipeline or ad-hoc task.
    #[serde(rename = "type")]
    pub kind: ExecutionKind,
    /// Its id.
    pub id: ExecutionId,
    /// The id of the topmost ancestor; its own when it has no parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_id: Option<ExecutionId>,
    /// The application it belongs to.
    pub application: String,
    /// The name of its pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What an ad-hoc task does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The pipeline it is a run of; absent for ad-hoc runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_config_id: Option<PipelineId>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_time: Option<Millis>,
    /// When it last began to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Millis>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Millis>,
    /// After this it is canceled instead of started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_expiry: Option<Millis>,
    /// Its state.
    pub status: Status,
    /// Whether somebody ended it.
    pub canceled: bool,
    /// Who ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<String>,
    /// Whether only one run of its pipeline may run.
    pub limit_concurrent: bool,
    /// How many runs of its pipeline may run; 0 is no limit.
    pub max_concurrent_executions: u32,
    /// Whether waiting runs are kept when a newer one waits.
    pub keep_waiting_pipelines: bool,
    /// What started it.
    pub trigger: Trigger,
    /// Whom to tell.
    pub notifications: Vec<Value>,
    /// What the caller overrode.
    pub initial_config: Map,
    /// Messages of the engine.
    pub system_notifications: Vec<SystemNotification>,
    /// Which rules its expressions follow: `v3` (also when absent) or `v4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spel_evaluator: Option<String>,
    /// The values of a template's variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_variables: Option<Map>,
    /// Whether a failed expression fails its stage, where the stage does not say itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fail_on_failed_expressions: bool,
    /// The IANA zone of its time windows; absent: the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Its stages, sorted by serial.
    pub stages: Vec<Stage>,
    /// As whom it acts.
    pub authentication: Authentication,
    /// Its last pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// Where it was started from, such as `api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The template it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Value>,
    /// How often it has changed: the guard of every write.
    pub version: u64,
}

impl Execution {
    /// The stage at that position.
    pub fn stage(&self, serial: Serial) -> Option<&Stage> {
        self.stages
            .binary_search_by_key(&serial, |stage| stage.serial)
            .ok()
            .map(|position| &self.stages[position])
    }

    /// The stage at that position, to be changed.
    pub fn stage_mut(&mut self, serial: Serial) -> Option<&mut Stage> {
        let position = self
            .stages
            .binary_search_by_key(&serial, |stage| stage.serial)
            .ok()?;
        Some(&mut self.stages[position])
    }

    /// The stage with that id.
    pub fn stage_by_id(&self, id: &StageId) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == *id)
    }

    /// Whether its expressions follow the rules of `v4`.
    pub fn is_v4(&self) -> bool {
        self.spel_evaluator.as_deref() == Some("v4")
    }

    /// The pipeline's name, else the task's description, else the id.
    pub fn display_name(&self) -> &str {
        self.name
            .as_deref()
            .or(self.description.as_deref())
            .unwrap_or(self.id.as_str())
    }

    /// The execution and the stage of it that started this one, when another run did.
    pub fn parent(&self) -> Option<(&str, &str)> {
        let execution = self.trigger.text("parentExecutionId")?;
        let stage = self.trigger.text("parentPipelineStageId")?;
        Some((execution, stage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_execution_reads_back_what_it_wrote() {
        let value = json!({
            "type": "PIPELINE", "id": "01J", "application": "shop", "name": "release", "status": "RUNNING",
            "trigger": {"type": "manual"},
            "stages": [{"id": "s1", "refId": "1", "type": "wait", "context": {"waitTime": 3}, "serial": 0}],
        });
        let execution: Execution = serde_json::from_value(value).unwrap();
        assert_eq!(execution.stages[0].context["waitTime"], 3);
        let written = serde_json::to_value(&execution).unwrap();
        assert_eq!(
            serde_json::from_value::<Execution>(written.clone()).unwrap(),
            execution
        );
        insta::assert_snapshot!(serde_json::to_string(&written).unwrap(), @r#"{"type":"PIPELINE","id":"01J","application":"shop","name":"release","status":"RUNNING","canceled":false,"limitConcurrent":false,"maxConcurrentExecutions":0,"keepWaitingPipelines":false,"trigger":{"type":"manual","user":"[anonymous]","parameters":{},"artifacts":[],"notifications":[],"resolvedExpectedArtifacts":[],"rebake":false,"dryRun":false,"strategy":false},"notifications":[],"initialConfig":{},"systemNotifications":[],"stages":[{"id":"s1","refId":"1","type":"wait","status":"NOT_STARTED","context":{"waitTime":3},"outputs":{},"tasks":[],"requisiteStageRefIds":[],"serial":0}],"authentication":{"allowedAccounts":[]},"version":0}"#);
    }

    #[test]
    fn a_pause_counts_only_from_the_moment_that_matters() {
        let paused = Paused {
            pause_time: 100,
            resume_time: Some(160),
            ..Paused::default()
        };
        assert_eq!(paused.duration_since(0, 500), 60);
        assert_eq!(paused.duration_since(130, 500), 30);
        assert_eq!(paused.duration_since(200, 500), 0);
        let open = Paused {
            pause_time: 100,
            ..Paused::default()
        };
        assert_eq!(open.duration_since(0, 140), 40);
    }
}
