//! `undoRolloutManifest`, `pauseRolloutManifest`, `resumeRolloutManifest` and `rollingRestartManifest`.
//!
//! Context besides a static target: `numRevisionsBack`, or `revision`, of an undo.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{Kubernetes, Revision, Undo};
use spindrift_engine::{TaskInput, TaskResult};
use spindrift_model::Map;

use super::operation::{Done, Operation};
use super::target::{self, Target};
use super::wait;
use crate::fields;

/// The revision that an undo goes back to: going back changes the numbers, so it is noted before.
const REVISION: &str = "rollbackRevision";

pub(crate) struct UndoRollout;
pub(crate) struct PauseRollout;
pub(crate) struct ResumeRollout;
pub(crate) struct RollingRestart;

impl Operation for UndoRollout {
    const TYPE: &'static str = "undoRolloutManifest";
    const TASKS: &'static [&'static str] =
        &["undoRolloutManifest", "monitorUndoRollout", wait::WAIT];
    const MONITOR: &'static str = "monitorUndoRollout";
    const NOTES: &'static [&'static str] = &[REVISION];

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let context = &input.stage.context;
        let id = target::object(&input)?;
        let noted = context
            .get(REVISION)
            .and_then(|noted| serde_json::from_value::<Revision>(noted.clone()).ok());
        let Some(revision) = noted else {
            let undo =
                undo(context).map_err(|(key, why)| fields::invalid(format!("{key}: {why}")))?;
            let revision = kubernetes.find_revision(&id, undo).await?;
            return Ok(TaskResult::again_in(0).with_context(REVISION, json!(revision)));
        };
        kubernetes.undo_rollout(&id, &revision).await?;
        Ok(target::changed(&kubernetes, &[id]))
    }

    fn check(context: &Map) -> Vec<(&'static str, String)> {
        undo(context).err().into_iter().collect()
    }

    fn takes(target: &Target) -> bool {
        matches!(target, Target::Static(_))
    }
}

fn undo(context: &Map) -> Result<Undo, (&'static str, String)> {
    let number = |key: &'static str| -> Result<Option<i64>, (&'static str, String)> {
        match context.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(value) => fields::integer(value).map(Some).ok_or_else(|| {
                (
                    key,
                    format!(
                        "it must be a whole number, not {}",
                        fields::shorten(&value.to_string())
                    ),
                )
            }),
        }
    };
    match (number("numRevisionsBack")?, number("revision")?) {
        (Some(back), _) => u64::try_from(back).map(Undo::Back).map_err(|_| {
            (
                "numRevisionsBack",
                format!("it must be 0 or more, not {back}"),
            )
        }),
        (None, Some(revision)) => Ok(Undo::To(revision)),
        (None, None) => Err((
            "numRevisionsBack",
            "it is missing; write it, or a revision".to_owned(),
        )),
    }
}

impl Operation for PauseRollout {
    const TYPE: &'static str = "pauseRolloutManifest";
    const TASKS: &'static [&'static str] = &["pauseRolloutManifest", "monitorPauseRollout"];
    const MONITOR: &'static str = "monitorPauseRollout";

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let id = target::object(&input)?;
        kubernetes.pause_rollout(&id).await?;
        Ok(target::changed(&kubernetes, &[id]))
    }

    fn takes(target: &Target) -> bool {
        matches!(target, Target::Static(_))
    }
}

impl Operation for ResumeRollout {
    const TYPE: &'static str = "resumeRolloutManifest";
    const TASKS: &'static [&'static str] =
        &["resumeRolloutManifest", "monitorResumeRollout", wait::WAIT];
    const MONITOR: &'static str = "monitorResumeRollout";

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let id = target::object(&input)?;
        kubernetes.resume_rollout(&id).await?;
        Ok(target::changed(&kubernetes, &[id]))
    }

    fn takes(target: &Target) -> bool {
        matches!(target, Target::Static(_))
    }
}

impl Operation for RollingRestart {
    const TYPE: &'static str = "rollingRestartManifest";
    const TASKS: &'static [&'static str] = &["rollingRestartManifest", "monitorRollingRestart"];
    const MONITOR: &'static str = "monitorRollingRestart";

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let id = target::object(&input)?;
        // The time at which the task began is the same when it is performed again, so the pods are replaced once.
        let at = DateTime::from_timestamp_millis(input.task_start)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Secs, true);
        kubernetes.restart_rollout(&id, &at).await?;
        Ok(target::changed(&kubernetes, &[id]))
    }

    fn takes(target: &Target) -> bool {
        matches!(target, Target::Static(_))
    }
}
