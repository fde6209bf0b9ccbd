//! The end of a stage and of an execution (Orca's `CompleteStageHandler`, `CompleteExecutionHandler`).

use spindrift_model::{Map, Phase, Serial, Stage, Status, SyntheticOwner, Value};

use super::failure::truth;
use super::{Step, Work};
use crate::change::Change;
use crate::effect::Deed;
use crate::run::is_under_way;
use crate::stage_type::SyntheticPlan;
use crate::task::Failure;

impl Step<'_, '_, '_> {
    pub(super) fn complete_stage(&mut self, serial: Serial) {
        let Some(stage) = self.stage(serial) else {
            return;
        };
        if !is_under_way(stage.status) || self.run.execution().status.is_complete() {
            return;
        }
        let phase = stage.phase;
        let mut status = match phase {
            Phase::OnFailure(status) => status,
            Phase::Unplanned | Phase::Work | Phase::After => self.stage_outcome(serial),
        };
        if status == Status::Running {
            // Two reports reached one decision: the stage has taken the first and works on.
            return;
        }
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
        let failed = stage
            .context
            .get("expressionEvaluationSummary")
            .and_then(Value::as_object)
            .is_some_and(|summary| !summary.is_empty());
        failed && self.minds_failed_expressions(serial)
    }

    /// Whether a failed expression fails the stage: as it says itself, else as the pipeline says, unless a stage that it
    /// was made for says no.
    fn minds_failed_expressions(&self, serial: Serial) -> bool {
        let by_itself = self.stage(serial).and_then(said_of_failed_expressions);
        by_itself.unwrap_or_else(|| self.pipeline_minds_failed_expressions(serial))
    }

    /// Whether the pipeline lets failed expressions fail its stages, and neither this one nor one that it was made for
    /// says no.
    pub(super) fn pipeline_minds_failed_expressions(&self, serial: Serial) -> bool {
        self.run.execution().fail_on_failed_expressions
            && self
                .lineage(serial)
                .find_map(said_of_failed_expressions)
                .unwrap_or(true)
    }

    /// Whether a stage after `serial` runs or is about to start. One behind a stage that ended the chain never will.
    pub(super) fn has_open_after(&self, serial: Serial) -> bool {
        self.run
            .children(serial)
            .filter(|child| child.is_after())
            .any(|child| match child.status {
                Status::NotStarted => self.run.upstream(child.serial).all(lets_next_start),
                status => is_under_way(status),
            })
    }

    /// Whether a stage after `serial` has ended in a way that ends `serial` at once.
    fn has_broken_after(&self, serial: Serial) -> bool {
        self.run
            .children(serial)
            .any(|child| child.is_after() && child.status.is_complete() && !lets_next_start(child))
    }

    /// Plans the stages after a stage, once. Whether the stage must wait for them.
    fn plan_after(&mut self, serial: Serial, phase: Phase) -> Result<bool, Failure> {
        if phase == Phase::After {
            return Ok(self.has_open_after(serial) && !self.has_broken_after(serial));
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
        match stage.parent {
            _ if lets_next_start(stage) => self.start_next(serial),
            Some(parent) => self.push(Work::CompleteStage(parent)),
            None => self.push(Work::CompleteExecution),
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
        } else if self.has_open_branch() {
            None
        } else if tally.of(Status::Stopped) > 0 {
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
            // What has not begun waits for stages that do not exist: it would wait for ever.
            Some(Status::Terminal)
        }
    }

    fn has_open_branch(&self) -> bool {
        !self.run.active().is_empty()
            || self
                .run
                .execution()
                .stages
                .iter()
                .any(|stage| self.is_startable(stage))
    }

    /// Whether nothing holds back a top-level stage that has not begun.
    pub(super) fn is_startable(&self, stage: &Stage) -> bool {
        let mut requisites = self.run.upstream(stage.serial).peekable();
        let known = stage.requisite_stage_ref_ids.is_empty() || requisites.peek().is_some();
        !stage.is_synthetic()
            && stage.status == Status::NotStarted
            && known
            && requisites.all(|before| before.status.lets_downstream_start())
    }

    /// Ends the execution, and with it everything that still runs.
    pub(super) fn end_execution(&mut self, status: Status) {
        self.cancel_active();
        if self.run.ledger().waiting.is_some() {
            self.record(Change::Pending {
                restart: None,
                waiting: None,
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

/// Whether the stages behind an ended one may start. A synthetic stage that failed and goes on ends its parent instead,
/// unless it lets its siblings go on too.
pub(super) fn lets_next_start(stage: &Stage) -> bool {
    let ends_parent = || {
        let allows = stage.context.get("allowSiblingStagesToContinueOnFailure");
        stage.is_synthetic() && allows.and_then(truth) != Some(true)
    };
    stage.status.lets_downstream_start()
        && !(stage.status == Status::FailedContinue && ends_parent())
}

fn said_of_failed_expressions(stage: &Stage) -> Option<bool> {
    stage.context.get("failOnFailedExpressions").and_then(truth)
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
