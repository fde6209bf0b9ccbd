//! The trigger that a run carries: the configured one, with what the event says.

use spindrift_model::{Artifact, ExecutionId, Map, Millis, PipelineId, Value};

use super::trigger::Trigger;
use crate::events::{Detail, Event};

/// Who acts when the trigger names nobody.
const ANONYMOUS: &str = "anonymous";

/// The `trigger` of an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTrigger {
    /// The document, with its `correlationId`.
    pub document: Map,
    /// As whom the run acts; `None`: nobody in particular.
    pub run_as: Option<String>,
}

impl Trigger {
    /// What the run that an event starts carries. Configured patterns give way to the event's values, as in Echo
    /// (`branch`, `tag`, `version`).
    pub fn filled(&self, event: &Event, event_id: &str) -> RunTrigger {
        let mut run = self.begun(event_id);
        let put = &mut run.document;
        match &event.detail {
            Detail::Git(git) => {
                put.insert("hash".into(), git.hash.as_str().into());
                put.insert("branch".into(), git.branch.as_str().into());
                put.insert("action".into(), git.action.as_str().into());
                let mut properties = Map::new();
                if let Some(request) = &git.pull_request {
                    properties.insert("number".into(), request.number.as_str().into());
                    properties.insert("draft".into(), request.draft.as_str().into());
                    properties.insert("state".into(), request.state.as_str().into());
                    properties.insert("title".into(), request.title.as_str().into());
                }
                put.insert("properties".into(), properties.into());
            }
            Detail::Image(image) => {
                put.insert("tag".into(), image.tag.clone().into());
                put.insert("digest".into(), image.digest.clone().into());
            }
            Detail::Helm(chart) => {
                put.insert("artifactName".into(), chart.chart.as_str().into());
                put.insert("version".into(), chart.version.as_str().into());
                put.insert("digest".into(), chart.digest.as_str().into());
            }
            Detail::Build(build) => {
                put.insert("buildNumber".into(), build.number.into());
                put.insert("buildInfo".into(), build.info.clone());
                put.insert("properties".into(), build.properties.clone().into());
            }
            Detail::Pubsub(message) => {
                put.insert("payload".into(), message.payload.clone());
                if let Some(parameters) = message
                    .payload
                    .get("parameters")
                    .filter(|value| value.is_object())
                {
                    put.insert("parameters".into(), parameters.clone());
                }
            }
            Detail::Webhook | Detail::CdEvent(_) => {
                put.insert("payload".into(), (*event.payload).clone());
                if let Some(parameters) = event.parameters() {
                    put.insert("parameters".into(), parameters.clone().into());
                }
            }
            Detail::Plugin => {
                for key in [
                    "pluginId",
                    "version",
                    "releaseDate",
                    "requires",
                    "binaryUrl",
                    "sha512sum",
                    "preferred",
                ] {
                    if let Some(value) = event.payload.get(key) {
                        put.insert(key.into(), value.clone());
                    }
                }
            }
            Detail::Artifactory(_) | Detail::Nexus(_) => {}
        }
        put.insert("artifacts".into(), list(&event.artifacts));
        run
    }

    /// What the run at a scheduled time carries.
    pub fn at_time(&self, scheduled: Millis) -> RunTrigger {
        let mut run = self.begun(&tick_id(self, scheduled));
        run.document
            .insert("scheduledTime".into(), scheduled.into());
        run
    }

    /// What the run carries that the end of another one starts. `parent` is what is kept of it; its artifacts are offered.
    pub fn after_run(
        &self,
        parent_id: &ExecutionId,
        parent_start: Option<Millis>,
        parent: Map,
        artifacts: &[Artifact],
        parent_user: Option<&str>,
    ) -> RunTrigger {
        let event_id = run_event_id(parent_id, parent_start);
        let mut run = self.begun(&event_id);
        if self.run_as.is_none()
            && let Some(user) = parent_user
        {
            run.document.insert("user".into(), user.into());
            run.run_as = Some(user.to_owned());
        }
        run.document.insert("parentExecution".into(), parent.into());
        run.document
            .insert("parentPipelineId".into(), parent_id.as_str().into());
        run.document
            .insert("parentPipelineStageId".into(), Value::Null);
        run.document.insert("artifacts".into(), list(artifacts));
        run
    }

    fn begun(&self, event_id: &str) -> RunTrigger {
        let mut document = self.document.clone();
        let user = self.run_as.as_deref().unwrap_or(ANONYMOUS);
        document.insert("user".into(), user.into());
        document.insert("eventId".into(), event_id.into());
        document.insert("correlationId".into(), self.correlation_id(event_id).into());
        RunTrigger {
            document,
            run_as: self.run_as.clone(),
        }
    }
}

fn list(artifacts: &[Artifact]) -> Value {
    let values = artifacts
        .iter()
        .map(|artifact| serde_json::to_value(artifact).unwrap_or_default());
    Value::Array(values.collect())
}

/// A tick is named by its trigger and its time: found twice, it is the same tick.
fn tick_id(trigger: &Trigger, scheduled: Millis) -> String {
    let pipeline: &PipelineId = &trigger.pipeline;
    format!("tick:{pipeline}:{}:{scheduled}", trigger.id)
}

/// The end of a run is named by the run and its start: a restarted run that ends again is another end.
pub(crate) fn run_event_id(parent: &ExecutionId, started: Option<Millis>) -> String {
    format!("run:{parent}:{}", started.unwrap_or(0))
}
