//! The tasks of a stage, one after the other (Orca's `StartTaskHandler`, `RunTaskHandler`, `CompleteTaskHandler`).

use std::sync::Arc;

use spindrift_expressions::Fetch;
use spindrift_model::{Map, Phase, Serial, StageId, Status, Value, Wait};

use super::{Step, Work};
use crate::change::Change;
use crate::effect::{Deed, Effect, Promise};
use crate::evaluation;
use crate::run::is_under_way;
use crate::stage_type::StageType;
use crate::task::{Failure, Outcome, Sleep, TaskResult, TaskRunner};

impl Step<'_, '_, '_> {
    pub(super) fn start_task(&mut self, serial: Serial, task: u16) {
        let its_turn = self
            .stage(serial)
            .is_some_and(|stage| is_under_way(stage.status) && stage.phase == Phase::Work)
            && self.task_status(serial, task) == Some(Status::NotStarted);
        if self.is_over() || !its_turn {
            return;
        }
        let mut needs = self.evaluate(serial);
        needs.extend(self.asks(serial, task));
        if self.ask_for(serial, needs) {
            return;
        }
        self.set_task_status(serial, task, Status::Running, None);
        self.run_task(serial, task);
    }

    /// Performs a running task, unless the run is held, or the task is skipped or has timed out.
    pub(super) fn run_task(&mut self, serial: Serial, task: u16) {
        if self.is_over() || self.task_status(serial, task) != Some(Status::Running) {
            return;
        }
        if self.run.execution().status == Status::Paused {
            self.pause_task(serial, task);
            return;
        }
        if let Some(failure) = self.overdue(serial, task) {
            self.time_out(serial, task, failure);
            return;
        }
        match self.runner(serial, task) {
            Some(TaskRunner::Inline(inline)) => {
                let Some(stage) = self.stage(serial) else {
                    return;
                };
                let result = inline.run(&self.view(stage));
                self.take_result(serial, task, result);
            }
            Some(TaskRunner::Effect(_)) => {
                let performed = self
                    .stage(serial)
                    .and_then(|stage| stage.tasks.get(usize::from(task)));
                let attempt = performed.map_or(0, |task| task.attempt) + 1;
                self.record(Change::TaskPerformed {
                    stage: serial,
                    task,
                    attempt,
                });
                self.perform(serial, task);
            }
            None => {
                let result = TaskResult::terminal(self.unknown_task(serial, task));
                self.take_result(serial, task, result);
            }
        }
    }

    pub(super) fn task_done(
        &mut self,
        serial: Serial,
        task: u16,
        attempt: u32,
        result: TaskResult,
    ) {
        let expected = self.stage(serial).and_then(|stage| {
            let task = stage.tasks.get(usize::from(task))?;
            let in_flight = task.status == Status::Running && task.wait.is_none();
            (is_under_way(stage.status) && in_flight).then_some(task.attempt)
        });
        if expected == Some(attempt) && !self.is_over() {
            self.take_result(serial, task, result);
        }
    }

    fn take_result(&mut self, serial: Serial, task: u16, result: TaskResult) {
        self.keep_result(
            serial,
            result.context,
            result.outputs,
            result.unset,
            result.unset_outputs,
        );
        match result.outcome {
            Outcome::Running(sleep) => self.sleep(serial, task, self.until(sleep)),
            Outcome::Succeeded => self.complete_task(serial, task, Status::Succeeded, None),
            Outcome::FailedContinue => {
                self.complete_task(serial, task, Status::FailedContinue, None)
            }
            Outcome::Stopped => self.complete_task(serial, task, Status::Stopped, None),
            Outcome::Skipped => self.complete_task(serial, task, Status::Skipped, None),
            Outcome::Redirect => self.redirect(serial, task),
            Outcome::Terminal(Some(failure)) if failure.retryable => {
                let backoff = self.backoff(serial, task);
                self.sleep(serial, task, Some(self.now().saturating_add(backoff)));
            }
            Outcome::Terminal(failure) => {
                let status = self.failure_status(serial, Status::Terminal);
                self.complete_task(serial, task, status, failure);
            }
            Outcome::Canceled(failure) => {
                let status = self.failure_status(serial, Status::Canceled);
                self.complete_task(serial, task, status, failure);
            }
        }
    }

    pub(super) fn keep_result(
        &mut self,
        serial: Serial,
        mut context: Map,
        mut outputs: Map,
        unset: Vec<String>,
        unset_outputs: Vec<String>,
    ) {
        let scheduled = context.shift_remove("scheduledTime");
        if let Some(at) = scheduled {
            let parent = self.stage(serial).and_then(|stage| stage.parent);
            for stage in std::iter::once(serial).chain(parent) {
                self.record(Change::StageScheduled {
                    stage,
                    at: at.as_i64(),
                });
            }
        }
        self.set_context(serial, context, unset);
        // The time a stage may take is its author's choice, never a result.
        outputs.shift_remove("stageTimeoutMs");
        if !outputs.is_empty() || !unset_outputs.is_empty() {
            self.record(Change::StageOutputs {
                stage: serial,
                set: outputs,
                unset: unset_outputs,
            });
        }
    }

    fn until(&self, sleep: Sleep) -> Option<i64> {
        match sleep {
            Sleep::Signal => None,
            Sleep::For(milliseconds) => Some(self.now().saturating_add(milliseconds.max(1))),
            Sleep::Until(time) => Some(time.max(self.now().saturating_add(1))),
        }
    }

    fn sleep(&mut self, serial: Serial, task: u16, until: Option<i64>) {
        let signaled = self
            .stage(serial)
            .and_then(|stage| stage.tasks.get(usize::from(task)))
            .is_some_and(|task| task.signaled);
        self.record(Change::TaskWaits {
            stage: serial,
            task,
            wait: Wait { until },
        });
        if self.run.execution().status == Status::Paused {
            self.pause_task(serial, task);
        } else if signaled {
            self.push(Work::RunTask(serial, task));
        }
    }

    fn backoff(&self, serial: Serial, task: u16) -> i64 {
        let policy = self
            .runner(serial, task)
            .map_or(0, |runner| runner.policy().backoff);
        let stage = self
            .stage(serial)
            .and_then(|stage| stage.context.get("backoffPeriodMs").and_then(Value::as_i64));
        policy.max(stage.unwrap_or(0)).max(1)
    }

    pub(super) fn complete_task(
        &mut self,
        serial: Serial,
        task: u16,
        status: Status,
        failure: Option<Failure>,
    ) {
        let name = self.task_name(serial, task);
        let exception = failure.map(|failure| failure.to_exception(&name, self.now()));
        if let Some(exception) = &exception {
            let mut set = Map::new();
            set.insert("exception".into(), Value::Object(exception.clone()));
            self.set_context(serial, set, Vec::new());
        }
        self.set_task_status(serial, task, status, exception);
        let last = self
            .stage(serial)
            .is_none_or(|stage| usize::from(task) + 1 >= stage.tasks.len());
        if last || status.is_halt() {
            self.push(Work::CompleteStage(serial));
        } else {
            self.push(Work::StartTask(serial, task + 1));
        }
    }

    /// Does the loop around a task again: from the nearest loop start at or before it up to the task.
    fn redirect(&mut self, serial: Serial, task: u16) {
        let Some(stage) = self.stage(serial) else {
            return;
        };
        let first = (0..=task)
            .rev()
            .find(|position| stage.tasks[usize::from(*position)].loop_start)
            .unwrap_or(task);
        for task in first..=task {
            self.record(Change::TaskRewound {
                stage: serial,
                task,
            });
        }
        self.push(Work::StartTask(serial, first));
    }

    pub(super) fn signal(&mut self, id: &StageId) {
        let Some(serial) = self
            .run
            .execution()
            .stage_by_id(id)
            .map(|stage| stage.serial)
        else {
            return;
        };
        self.wake(serial);
    }

    /// Lets the running tasks of a stage look again.
    pub(super) fn wake(&mut self, serial: Serial) {
        let Some(stage) = self.stage(serial) else {
            return;
        };
        let running: Vec<(u16, bool)> = (0..)
            .zip(&stage.tasks)
            .filter(|(_, task)| task.status == Status::Running)
            .map(|(position, task)| (position, task.wait.is_some()))
            .collect();
        for (task, waits) in running {
            if waits {
                self.push(Work::RunTask(serial, task));
            } else {
                self.record(Change::TaskSignaled {
                    stage: serial,
                    task,
                });
            }
        }
    }

    pub(super) fn kept(&mut self, number: u32, result: Option<TaskResult>) {
        let promise = self
            .run
            .ledger()
            .promises
            .iter()
            .find(|promise| promise.number == number);
        let Some(promise) = promise.cloned() else {
            return;
        };
        if let (Deed::CancelTask { stage, .. }, Some(result)) = (&promise.deed, result) {
            let TaskResult {
                context,
                outputs,
                unset,
                unset_outputs,
                ..
            } = result;
            self.keep_result(*stage, context, outputs, unset, unset_outputs);
        }
        self.record(Change::Kept { number });
    }

    /// What must still be undone of a stage that is about to be reset or removed is found by the stage as it is now.
    pub(super) fn keep_former(&mut self, serial: Serial) {
        let promises = self.run.ledger().promises.iter();
        let open: Vec<(u32, u16)> = promises
            .filter_map(|promise| match promise.deed {
                Deed::CancelTask { stage, task } if stage == serial => Some((promise.number, task)),
                _ => None,
            })
            .collect();
        let execution_start = self.run.execution().start_time;
        for (number, task) in open {
            let Some(former) = self.stage(serial).cloned().map(Box::new) else {
                return;
            };
            let deed = Deed::CancelFormer {
                former,
                task,
                execution_start,
            };
            self.record(Change::Kept { number });
            // Under the same number: whoever is keeping it already goes on.
            let promise = Promise { number, deed };
            self.record(Change::Promised { promise });
        }
    }

    /// Asks again for everything that was under way when the process ended.
    pub(super) fn recovered(&mut self) {
        let mut asked = Vec::new();
        for serial in self.run.active() {
            let Some(stage) = self.stage(*serial) else {
                continue;
            };
            for (position, task) in (0..).zip(&stage.tasks) {
                if task.status == Status::Running && task.wait.is_none() {
                    asked.push((*serial, position));
                }
            }
        }
        for (stage, task) in asked {
            self.perform(stage, task);
        }
        let promises = self.run.ledger().promises.iter().cloned();
        self.decision.effects.extend(promises.map(Effect::Keep));
    }

    pub(super) fn set_task_status(
        &mut self,
        stage: Serial,
        task: u16,
        status: Status,
        exception: Option<Map>,
    ) {
        let at = self.now();
        self.record(Change::TaskStatus {
            stage,
            task,
            status,
            at,
            exception,
        });
    }

    pub(super) fn task_status(&self, serial: Serial, task: u16) -> Option<Status> {
        self.stage(serial)?
            .tasks
            .get(usize::from(task))
            .map(|task| task.status)
    }

    fn task_name(&self, serial: Serial, task: u16) -> String {
        self.stage(serial)
            .and_then(|stage| stage.tasks.get(usize::from(task)))
            .map(|task| task.name.clone())
            .unwrap_or_default()
    }

    pub(super) fn stage_type(&self, serial: Serial) -> Option<Arc<dyn StageType>> {
        self.stage(serial)
            .and_then(|stage| self.setting.stages.of(stage))
            .cloned()
    }

    pub(super) fn runner(&self, serial: Serial, task: u16) -> Option<TaskRunner> {
        let stage = self.stage(serial)?;
        let task = stage.tasks.get(usize::from(task))?;
        self.setting.stages.of(stage)?.task(&task.name)
    }

    fn asks(&self, serial: Serial, task: u16) -> Vec<Fetch> {
        let (Some(stage), Some(stage_type)) = (self.stage(serial), self.stage_type(serial)) else {
            return Vec::new();
        };
        stage_type.asks(&self.view(stage), &self.task_name(serial, task))
    }

    fn unknown_task(&self, serial: Serial, task: u16) -> Failure {
        let name = self.task_name(serial, task);
        let kind = self
            .stage(serial)
            .map(|stage| stage.kind.clone())
            .unwrap_or_default();
        Failure::new(
            "NoSuchTaskException",
            format!("stage type {kind:?} has no task {name:?} in this version; restart the stage"),
        )
    }

    /// Replaces expressions in a stage's context by their values, and notes those that failed. Answers with what some ask
    /// for first.
    pub(super) fn evaluate(&mut self, serial: Serial) -> Vec<Fetch> {
        let Some(stage) = self.stage(serial) else {
            return Vec::new();
        };
        let edit = evaluation::evaluate_stage(&self.view(stage), self.setting.stages);
        self.set_context(serial, edit.set, edit.unset);
        edit.needs
    }
}
