//! The start of an execution and of a stage (Orca's `StartExecutionHandler`, `StartStageHandler`).

use std::collections::HashSet;

use spindrift_expressions::SUMMARY_KEY;
use spindrift_model::{Map, Millis, Phase, Serial, Status, Task, Value};

use super::completion::lets_next_start;
use super::failure::truth;
use super::{Step, Work};
use crate::change::Change;
use crate::evaluation::{self, Enabled};
use crate::run::Run;
use crate::stage_type::{SyntheticPlan, TaskSpec};
use crate::task::Failure;

/// What the engine calls itself where Orca writes a user name.
pub(super) const ENGINE_USER: &str = "spinnaker";

impl Step<'_, '_, '_> {
    pub(super) fn admitted(&mut self) {
        let execution = self.run.execution();
        if execution.status != Status::NotStarted || execution.canceled {
            return;
        }
        if self.is_past_start() {
            self.expire();
            return;
        }
        let restart = self.run.ledger().restart.clone();
        if self.run.ledger().waiting.is_some() || restart.is_some() {
            self.record(Change::Pending {
                restart: None,
                waiting: None,
            });
        }
        match restart {
            Some(restart) => self.begin_restart(restart.stage, &restart.by, restart.look_again),
            None => self.begin(),
        }
    }

    fn begin(&mut self) {
        let at = self.now();
        self.record(Change::ExecutionStatus {
            status: Status::Running,
            at,
        });
        let roots: Vec<Serial> = self
            .run
            .execution()
            .stages
            .iter()
            .filter(|stage| stage.requisite_stage_ref_ids.is_empty())
            .map(|stage| stage.serial)
            .collect();
        if roots.is_empty() {
            self.end_execution(Status::Terminal);
        }
        for root in roots {
            self.push(Work::StartStage(root));
        }
    }

    pub(super) fn is_past_start(&self) -> bool {
        start_expiry(self.run).is_some_and(|expiry| self.now() > expiry)
    }

    pub(super) fn expire(&mut self) {
        let reason = "Could not begin execution before start time expiry".to_owned();
        self.record(Change::Canceled {
            by: ENGINE_USER.to_owned(),
            reason: Some(reason),
        });
        self.end_execution(Status::Canceled);
    }

    pub(super) fn superseded(&mut self, reason: String) {
        let execution = self.run.execution();
        if execution.status != Status::NotStarted || execution.canceled {
            return;
        }
        self.record(Change::Canceled {
            by: ENGINE_USER.to_owned(),
            reason: Some(reason),
        });
        self.end_execution(Status::Canceled);
    }

    pub(super) fn start_stage(&mut self, serial: Serial) {
        if self.is_over() {
            return;
        }
        let Some(stage) = self.stage(serial) else {
            return;
        };
        // Before anything that looks at all it requires: a join is told of each of its branches.
        if stage.status != Status::NotStarted {
            if stage.status.is_complete() && !stage.is_synthetic() {
                // It ran on while a stage before it was restarted: this branch ends here.
                self.push(Work::CompleteExecution);
            }
            return;
        }
        if self.run.has_halted() && self.is_cut_off(serial) {
            self.push(Work::CompleteExecution);
            return;
        }
        let Some(stage) = self.stage(serial) else {
            return;
        };
        if !self.parent_lets_start(stage) || !self.run.upstream(serial).all(lets_next_start) {
            return;
        }
        let expired = stage
            .start_time_expiry
            .is_some_and(|expiry| self.now() > expiry);
        let skipped_by_hand = stage.context.get("manualSkip").and_then(truth) == Some(true);
        if expired || skipped_by_hand {
            self.skip_stage(serial);
            return;
        }
        match evaluation::enabled(&self.view(stage)) {
            Enabled::Yes => {
                self.begin_stage(serial);
                self.prepare(serial);
            }
            Enabled::No => self.skip_stage(serial),
            Enabled::Asks(needs) => {
                // One that may not ask any more has no answer.
                if !self.ask_for(serial, needs) {
                    self.leave_undecided(serial, Map::new());
                }
            }
            Enabled::Undecided(summary) => self.leave_undecided(serial, summary),
        }
    }

    fn begin_stage(&mut self, serial: Serial) {
        self.set_status(serial, Status::Running);
        self.record(Change::StagePhase {
            stage: serial,
            phase: Phase::Work,
        });
    }

    /// A condition without an answer skips its stage, or fails it where the pipeline minds failed expressions.
    fn leave_undecided(&mut self, serial: Serial, summary: Map) {
        if summary.is_empty() || !self.pipeline_minds_failed_expressions(serial) {
            self.skip_stage(serial);
            return;
        }
        self.begin_stage(serial);
        let set = Map::from_iter([(SUMMARY_KEY.to_owned(), Value::Object(summary))]);
        self.set_context(serial, set, Vec::new());
        self.push(Work::CompleteStage(serial));
    }

    /// Plans the stage, once its expressions have what they ask for.
    pub(super) fn prepare(&mut self, serial: Serial) {
        let needs = self.evaluate(serial);
        if self.ask_for(serial, needs) {
            return;
        }
        match self.plan(serial) {
            Ok(()) => self.enter(serial),
            Err(failure) => self.fail_planning(serial, &failure),
        }
    }

    /// Whether a stage that this one needs has ended in a state that stops it, directly or before stages that have not
    /// started.
    fn is_cut_off(&self, serial: Serial) -> bool {
        let mut seen = HashSet::from([serial]);
        let mut open = vec![serial];
        while let Some(serial) = open.pop() {
            for stage in self.run.upstream(serial) {
                if stage.status.is_halt() {
                    return true;
                }
                if stage.status == Status::NotStarted && seen.insert(stage.serial) {
                    open.push(stage.serial);
                }
            }
        }
        false
    }

    fn plan(&mut self, serial: Serial) -> Result<(), Failure> {
        let Some(stage) = self.stage(serial) else {
            return Ok(());
        };
        let Some(stage_type) = self.setting.stages.of(stage).cloned() else {
            return Err(unknown_type(&stage.kind));
        };
        let view = self.view(stage);
        let specs = stage_type.tasks(&view)?;
        let mut before = SyntheticPlan::default();
        stage_type.before(&view, &mut before)?;
        let tasks = tasks(stage_type.name(), &specs);
        if !tasks.is_empty() {
            self.record(Change::TasksPlanned {
                stage: serial,
                tasks,
            });
        }
        self.add_before(serial, before);
        Ok(())
    }

    fn enter(&mut self, serial: Serial) {
        let initial: Vec<Serial> = self
            .run
            .children(serial)
            .filter(|child| child.is_before() && child.requisite_stage_ref_ids.is_empty())
            .map(|child| child.serial)
            .collect();
        if initial.is_empty() {
            self.enter_tasks(serial);
        }
        for child in initial {
            self.push(Work::StartStage(child));
        }
    }

    pub(super) fn enter_tasks(&mut self, serial: Serial) {
        let has_tasks = self
            .stage(serial)
            .is_some_and(|stage| !stage.tasks.is_empty());
        self.push(if has_tasks {
            Work::StartTask(serial, 0)
        } else {
            Work::CompleteStage(serial)
        });
    }

    fn fail_planning(&mut self, serial: Serial, failure: &Failure) {
        let exception = failure.to_exception("planning", self.now());
        let mut set = Map::new();
        set.insert("exception".into(), Value::Object(exception));
        set.insert("beforeStagePlanningFailed".into(), true.into());
        self.set_context(serial, set, Vec::new());
        self.push(Work::CompleteStage(serial));
    }

    pub(super) fn skip_stage(&mut self, serial: Serial) {
        self.set_status(serial, Status::Skipped);
        self.start_next(serial);
    }

    pub(super) fn start_next(&mut self, serial: Serial) {
        let next: Vec<Serial> = self
            .run
            .downstream(serial)
            .map(|stage| stage.serial)
            .collect();
        if next.is_empty() {
            self.continue_above(serial);
        }
        for serial in next {
            self.push(Work::StartStage(serial));
        }
    }

    fn continue_above(&mut self, serial: Serial) {
        let Some(stage) = self.stage(serial) else {
            return;
        };
        match stage.parent {
            Some(parent) if stage.is_before() => self.push(Work::ContinueAfterBefore(parent)),
            Some(parent) => self.push(Work::ContinueAfterAfter(parent)),
            None => self.push(Work::CompleteExecution),
        }
    }
}

/// After this a waiting execution is canceled. One that waits to be restarted has begun in time, once.
pub(super) fn start_expiry(run: &Run) -> Option<Millis> {
    let first_start = run.ledger().restart.is_none();
    run.execution().start_time_expiry.filter(|_| first_start)
}

fn unknown_type(kind: &str) -> Failure {
    Failure {
        error: "Unknown stage type".to_owned(),
        ..Failure::new(
            "NoSuchStageDefinitionBuilderException",
            format!(
                "no stage type {kind:?} is known here; correct the stage's \"type\", or remove the stage"
            ),
        )
    }
}

fn tasks(stage_type: &str, specs: &[TaskSpec]) -> Vec<Task> {
    let last = specs.len().saturating_sub(1);
    specs
        .iter()
        .enumerate()
        .map(|(position, spec)| Task {
            id: (position + 1).to_string(),
            implementing_class: format!("{stage_type}.{}", spec.name),
            name: spec.name.to_owned(),
            stage_start: position == 0,
            stage_end: position == last,
            loop_start: spec.loop_start,
            loop_end: spec.loop_end,
            ..Task::default()
        })
        .collect()
}
