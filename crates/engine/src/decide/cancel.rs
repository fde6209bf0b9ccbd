//! Ending work before its time: by a person, or because a neighbour failed.
//!
//! A cancellation takes effect inside the decision. What a task has begun outside is stopped afterwards, as a promise
//! that survives a crash.

use spindrift_model::{Serial, Status};

use super::Step;
use crate::change::Change;
use crate::effect::{Deed, Effect};
use crate::event::Refusal;
use crate::run::is_under_way;
use crate::task::TaskRunner;

impl Step<'_, '_, '_> {
    pub(super) fn cancel(&mut self, by: String, reason: Option<String>) -> Result<(), Refusal> {
        let execution = self.run.execution();
        match execution.status {
            status if status.is_complete() && execution.canceled => return Ok(()),
            status if status.is_complete() => {
                return Err(Refusal::Conflict(format!(
                    "execution {} has already ended: it is {status}",
                    execution.id
                )));
            }
            _ => {}
        }
        self.record(Change::Canceled { by, reason });
        self.cancel_active();
        let failed = self.run.top_level().of(Status::Terminal) > 0;
        self.end_execution(if failed {
            Status::Terminal
        } else {
            Status::Canceled
        });
        Ok(())
    }

    /// Cancels every stage that runs or is held.
    pub(super) fn cancel_active(&mut self) {
        for serial in self.run.active().to_vec() {
            self.cancel_stage(serial);
        }
    }

    /// Cancels what runs inside a stage, and the stage itself when `itself` is set.
    pub(super) fn cancel_family(&mut self, serial: Serial, itself: bool) {
        for member in self.family(serial) {
            if (itself || member != serial) && self.is_active(member) {
                self.cancel_stage(member);
            }
        }
    }

    fn cancel_stage(&mut self, serial: Serial) {
        self.end_tasks(serial, Status::Canceled, true);
        self.set_status(serial, Status::Canceled);
    }

    /// Ends the tasks of a stage that run or are held; with `undo`, what they have begun outside is stopped too.
    pub(super) fn end_tasks(&mut self, serial: Serial, status: Status, undo: bool) {
        let Some(stage) = self.stage(serial) else {
            return;
        };
        let open: Vec<(u16, bool)> = (0..)
            .zip(&stage.tasks)
            .filter(|(_, task)| is_under_way(task.status))
            .map(|(position, task)| {
                let in_flight = task.status == Status::Running && task.wait.is_none();
                (position, in_flight)
            })
            .collect();
        for (task, in_flight) in open {
            self.leave_task(serial, task, in_flight, undo);
            self.set_task_status(serial, task, status, None);
        }
    }

    /// Stops caring about a task that touches the world.
    pub(super) fn leave_task(&mut self, serial: Serial, task: u16, in_flight: bool, undo: bool) {
        let Some(TaskRunner::Effect(effect)) = self.runner(serial, task) else {
            return;
        };
        let never_begun = in_flight && self.asked.remove(&(serial, task));
        if in_flight && !never_begun {
            self.decision.effects.push(Effect::Abandon {
                stage: serial,
                task,
            });
        }
        let Some(stage) = self.stage(serial) else {
            return;
        };
        let performed = stage
            .tasks
            .get(usize::from(task))
            .map_or(0, |task| task.attempt);
        let earlier = self.run.ledger().performed.get(&serial).unwrap_or(&0);
        let begun = performed > earlier + u32::from(never_begun);
        if undo && begun && effect.has_cancel(stage) {
            self.promise(Deed::CancelTask {
                stage: serial,
                task,
            });
        }
    }
}
