//! The end of a stage and of an execution (Orca's `CompleteStageHandler`, `CompleteExecutionHandler`).

use spindrift_model::{Map, Phase, Serial, Status, SyntheticOwner, Value};

use super::failure::truth;
use super::{Step, Work};
use crate::change::Change;
use crate::effect::Deed;
use crate::stage_type::SyntheticPlan;
use crate::task::Failure;

impl Step<'_, '_, '_> {
    pub(super) fn complete_stage(&mut self, serial: Serial) {
        let Some(stage) = self.stage(serial) else {
            return;
        };
        if stage.status != Status::Running || self.run.execution().status.is_complete() {
            return;
        }
        let phase = stage.phase;
        let mut status = match phase {
            Phase::OnFailure(status) => status,
            Phase::Unplanned | Phase::Work | Phase::After => self.stage_outcome(serial),
        };
        if self.has_failed_expressions(serial) {
            status = Status::Terminal;
        }
        let planned = match (phase, status) {
            (Phase::OnFailure(_), _) => Ok(self.has_open_after(serial)),
            (_, Status::Terminal | Status::Stopped) => self.plan_on_failure(serial, status),
            (_, Status::Canceled) => Ok(false),
            (_, _) => self.plan_after(serial, phase),
        };
        match planned {
            Ok(true) => return,
            Ok(false) => {}
            Err(failure) => {
                self.note_exception(serial, &failure, "planning");
                status = Status::Terminal;
            }
        }
        match status {
            Status::NotStarted => self.end_stage(serial, Status::Skipped),
            Status::Running => {}
            ended => self.end_stage(serial, ended),
        }
    }

    /// What the tasks and synthetic stages of a stage amount to; the first rule that applies.
    fn stage_outcome(&self, serial: Serial) -> Status {
        let Some(stage) = self.stage(serial) else {
            return Status::Terminal;
        };
        let mut statuses: Vec<Status> = stage.tasks.iter().map(|task| task.status).collect();
        statuses.extend(self.run.children(serial).map(|child| child.status));
        if stage.flag("beforeStagePlanningFailed") == Some(true) {
            statuses.push(self.failure_status(serial, Status::Terminal));
        }
        let any = |status: Status| statuses.contains(&status);
        if statuses.is_empty() {
            Status::NotStarted
        } else if any(Status::Terminal) {
            self.failure_status(serial, Status::Terminal)
        } else if any(Status::Stopped) {
            Status::Stopped
        } else if any(Status::Canceled) {
            Status::Canceled
        } else if any(Status::FailedContinue) {
            Status::FailedContinue
        } else if statuses
            .iter()
            .all(|s| matches!(s, Status::Succeeded | Status::Skipped))
        {
            Status::Succeeded
        } else {
            Status::Running
        }
    }

    fn has_failed_expressions(&self, serial: Serial) -> bool {
        let Some(stage) = self.stage(serial) else {
            return false;
        };
        let asked = stage.context.get("failOnFailedExpressions").and_then(truth) == Some(true);
        let failed = stage
            .context
            .get("expressionEvaluationSummary")
            .and_then(Value::as_object)
            .is_some_and(|summary| !summary.is_empty());
        asked && failed
    }

    fn has_open_after(&self, serial: Serial) -> bool {
        self.run
            .children(serial)
            .any(|child| child.is_after() && !child.status.is_complete())
    }

    /// Plans the stages after a stage, once. Whether the stage must wait for them.
    fn plan_after(&mut self, serial: Serial, phase: Phase) -> Result<bool, Failure> {
        if phase == Phase::After {
            // A child that failed and goes on ends its parent at once: the siblings behind it never start.
            let started = self
                .run
                .children(serial)
                .any(|c| c.is_after() && matches!(c.status, Status::Running | Status::Paused));
            return Ok(started);
        }
        let (Some(stage), Some(stage_type)) = (self.stage(serial), self.stage_type(serial)) else {
            return Ok(false);
        };
        let mut plan = SyntheticPlan::default();
        stage_type.after(&self.view(stage), &mut plan)?;
        if plan.stages.is_empty() {
            return Ok(false);
        }
        self.record(Change::StagePhase {
            stage: serial,
            phase: Phase::After,
        });
        let initial = self.add_synthetic(serial, plan, SyntheticOwner::StageAfter);
        for child in &initial {
            self.push(Work::StartStage(*child));
        }
        Ok(true)
    }

    /// Plans the stages for the failure of a stage, once. Whether the stage must wait for them.
    fn plan_on_failure(&mut self, serial: Serial, status: Status) -> Result<bool, Failure> {
        let (Some(stage), Some(stage_type)) = (self.stage(serial), self.stage_type(serial)) else {
            return Ok(false);
        };
        let mut asked = SyntheticPlan::default();
        stage_type.on_failure(&self.view(stage), &mut asked)?;
        let done = |name: &str| {
            self.run.children(serial).any(|child| {
                child.is_after() && child.status.is_complete() && child.display_name() == name
            })
        };
        if asked.stages.is_empty() || asked.stages.iter().any(|stage| done(&stage.name)) {
            return Ok(false);
        }
        let mut chain = SyntheticPlan::default();
        for stage in asked.stages {
            chain.then(&stage.kind, &stage.name, stage.context);
        }
        self.cancel_family(serial, false);
        self.remove_synthetic(serial, |child| child.status == Status::NotStarted);
        self.record(Change::StagePhase {
            stage: serial,
            phase: Phase::OnFailure(status),
        });
        for child in self.add_synthetic(serial, chain, SyntheticOwner::StageAfter) {
            self.push(Work::StartStage(child));
        }
        Ok(true)
    }

    fn note_exception(&mut self, serial: Serial, failure: &Failure, operation: &str) {
        let mut set = Map::new();
        set.insert(
            "exception".into(),
            failure.to_exception(operation, self.now()).into(),
        );
        self.set_context(serial, set, Vec::new());
    }

    fn end_stage(&mut self, serial: Serial, status: Status) {
        self.note_failed_expressions(serial);
        // What still runs inside it has nobody left to answer to.
        self.cancel_family(serial, false);
        self.set_status(serial, status);
        let Some(stage) = self.stage(serial) else {
            return;
        };
        let parent = stage.parent;
        let siblings_go_on = stage
            .context
            .get("allowSiblingStagesToContinueOnFailure")
            .and_then(truth)
            .unwrap_or(false);
        match (status, parent) {
            (Status::FailedContinue, Some(parent)) if !siblings_go_on => {
                self.push(Work::CompleteStage(parent));
            }
            (ended, _) if ended.lets_downstream_start() => self.start_next(serial),
            (_, Some(parent)) => self.push(Work::CompleteStage(parent)),
            (_, None) => self.push(Work::CompleteExecution),
        }
    }

    fn note_failed_expressions(&mut self, serial: Serial) {
        let Some(stage) = self.stage(serial) else {
            return;
        };
        let messages = summary_messages(&stage.context);
        if messages.is_empty() {
            return;
        }
        let mut exception = stage
            .context
            .get("exception")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let details = exception
            .entry("details")
            .or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(details) = details else {
            return;
        };
        details
            .entry("error")
            .or_insert_with(|| "Failed Expression Evaluation".into());
        let errors = details
            .entry("errors")
            .or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(errors) = errors else { return };
        for message in messages {
            if !errors.contains(&message) {
                errors.push(message);
            }
        }
        let mut set = Map::new();
        set.insert("exception".into(), Value::Object(exception));
        self.set_context(serial, set, Vec::new());
    }

    pub(super) fn complete_execution(&mut self) {
        let status = self.run.execution().status;
        if status.is_complete() || status == Status::NotStarted {
            return;
        }
        if let Some(status) = self.final_status() {
            self.end_execution(status);
        }
    }

    /// What the top-level stages amount to; the first rule that applies; `None` while something can still happen.
    fn final_status(&self) -> Option<Status> {
        let tally = self.run.top_level();
        let good = tally.of(Status::Succeeded)
            + tally.of(Status::Skipped)
            + tally.of(Status::FailedContinue);
        if good == tally.total() {
            Some(Status::Succeeded)
        } else if tally.of(Status::Terminal) > 0 {
            Some(Status::Terminal)
        } else if tally.of(Status::Canceled) > 0 {
            Some(Status::Canceled)
        } else if tally.of(Status::Stopped) > 0 && !self.has_open_branch() {
            let fails = self.run.execution().stages.iter().any(|stage| {
                stage.status == Status::Stopped
                    && stage
                        .context
                        .get("completeOtherBranchesThenFail")
                        .and_then(truth)
                        == Some(true)
            });
            Some(if fails {
                Status::Terminal
            } else {
                Status::Succeeded
            })
        } else {
            None
        }
    }

    fn has_open_branch(&self) -> bool {
        if !self.run.active().is_empty() {
            return true;
        }
        self.run.execution().stages.iter().any(|stage| {
            !stage.is_synthetic()
                && stage.status == Status::NotStarted
                && self
                    .run
                    .upstream(stage.serial)
                    .all(|before| before.status.lets_downstream_start())
        })
    }

    /// Ends the execution, and with it everything that still runs.
    pub(super) fn end_execution(&mut self, status: Status) {
        self.cancel_active();
        if self.run.ledger().waiting {
            self.record(Change::Pending {
                restart: None,
                waiting: false,
            });
        }
        let at = self.now();
        self.record(Change::ExecutionStatus { status, at });
        let execution = self.run.execution();
        let parent = execution
            .parent()
            .map(|(execution, stage)| (execution.into(), stage.into()));
        if let Some((execution, stage)) = parent {
            self.promise(Deed::TellParent { execution, stage });
        }
    }
}

fn summary_messages(context: &Map) -> Vec<Value> {
    context
        .get("expressionEvaluationSummary")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|entry| entry.get("description").cloned())
        .collect()
}
