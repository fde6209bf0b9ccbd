//! Running an execution again from one of its stages (Orca's `RestartStageHandler`).

use serde_json::json;
use spindrift_model::{Map, Serial, StageId, Status, Value};

use super::{Step, Work};
use crate::change::{Change, Restart};
use crate::effect::Deed;
use crate::event::Refusal;

impl Step<'_, '_, '_> {
    pub(super) fn restart_stage(
        &mut self,
        id: &StageId,
        by: String,
        pipeline: Option<&Map>,
        admitted: bool,
        look_again: bool,
    ) -> Result<(), Refusal> {
        let asked = self.find(id)?;
        let Some(top) = self.lineage(asked).last() else {
            return Ok(());
        };
        let (serial, status) = (top.serial, top.status);
        if !(status.is_complete() || status == Status::NotStarted) {
            return Err(Refusal::Conflict(format!(
                "stage {:?} is {status}; only a stage that has ended can be restarted",
                top.display_name()
            )));
        }
        let execution = self.run.execution();
        if !execution.status.is_complete() && execution.status != Status::Running {
            return Err(Refusal::Conflict(format!(
                "execution {} is {}; its stages cannot be restarted now",
                execution.id, execution.status
            )));
        }
        if let Some(pipeline) = pipeline {
            self.refresh_preconditions(serial, pipeline);
        }
        // A run that goes on holds its slot already.
        if admitted || self.run.execution().status == Status::Running {
            self.begin_restart(serial, &by, look_again);
        } else {
            let restart = Box::new(Restart {
                stage: serial,
                by,
                look_again,
            });
            let at = self.now();
            self.record(Change::Pending {
                restart: Some(restart),
                waiting: Some(at),
            });
            self.record(Change::ExecutionStatus {
                status: Status::NotStarted,
                at,
            });
        }
        Ok(())
    }

    pub(super) fn begin_restart(&mut self, serial: Serial, by: &str, look_again: bool) {
        if look_again {
            let mut set = Map::new();
            set.insert("_skipPipelineRestart".into(), true.into());
            self.set_context(serial, set, Vec::new());
        }
        for stage in self.run.downstream_closure(serial) {
            if stage == serial || self.stage(stage).is_some_and(|s| s.status.is_complete()) {
                self.reset(stage, by);
            }
        }
        let at = self.now();
        if self.run.execution().status != Status::Running {
            self.record(Change::ExecutionStatus {
                status: Status::Running,
                at,
            });
            let parent = self
                .run
                .execution()
                .parent()
                .map(|(execution, stage)| (execution.into(), stage.into()));
            if let Some((execution, stage)) = parent {
                self.promise(Deed::RestartParent {
                    execution,
                    stage,
                    by: by.to_owned(),
                });
            }
        }
        self.push(Work::StartStage(serial));
        // A run that ended early may have left other stages that were about to start.
        let left: Vec<Serial> = self
            .run
            .execution()
            .stages
            .iter()
            .filter(|stage| stage.serial != serial && self.is_startable(stage))
            .map(|stage| stage.serial)
            .collect();
        for stage in left {
            self.push(Work::StartStage(stage));
        }
    }

    fn reset(&mut self, serial: Serial, by: &str) {
        self.forget_fetches(serial);
        self.keep_former(serial);
        let Some(stage) = self.stage(serial) else {
            return;
        };
        let mut edit = self
            .stage_type(serial)
            .map(|kind| kind.restart(stage))
            .unwrap_or_default();
        let mut details = edit
            .set
            .shift_remove("restartDetails")
            .or_else(|| stage.context.get("restartDetails").cloned())
            .and_then(|details| match details {
                Value::Object(details) => Some(details),
                _ => None,
            })
            .unwrap_or_default();
        details.insert(
            "restartedBy".into(),
            if by.is_empty() { "anonymous" } else { by }.into(),
        );
        details.insert("restartTime".into(), json!(self.now()));
        if let Some(exception) = stage.context.get("exception") {
            details.insert("previousException".into(), exception.clone());
        }
        edit.set
            .insert("restartDetails".into(), Value::Object(details));
        for key in [
            "exception",
            "beforeStagePlanningFailed",
            "expressionEvaluationSummary",
            "manualSkip",
        ] {
            if stage.context.contains_key(key) {
                edit.unset.push(key.to_owned());
            }
        }
        let outputs: Vec<String> = stage.outputs.keys().cloned().collect();
        self.remove_synthetic(serial, |_| true);
        self.set_context(serial, edit.set, edit.unset);
        if !outputs.is_empty() {
            self.record(Change::StageOutputs {
                stage: serial,
                set: Map::new(),
                unset: outputs,
            });
        }
        self.record(Change::StageReset { stage: serial });
    }

    /// Gives `checkPreconditions` stages that run again the preconditions that the pipeline has now.
    fn refresh_preconditions(&mut self, serial: Serial, pipeline: &Map) {
        let Some(current) = pipeline.get("stages").and_then(Value::as_array) else {
            return;
        };
        for stage in self.run.downstream_closure(serial) {
            let Some(stage) = self
                .stage(stage)
                .filter(|stage| stage.kind == "checkPreconditions")
            else {
                continue;
            };
            let preconditions = current
                .iter()
                .find(|other| {
                    other.get("refId").and_then(Value::as_str) == Some(stage.ref_id.as_str())
                        && other.get("type").and_then(Value::as_str) == Some(stage.kind.as_str())
                })
                .and_then(|other| other.get("preconditions"));
            if let Some(preconditions) = preconditions {
                let serial = stage.serial;
                let mut set = Map::new();
                set.insert("preconditions".into(), preconditions.clone());
                self.set_context(serial, set, Vec::new());
            }
        }
    }
}
