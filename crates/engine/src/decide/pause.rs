//! Holding an execution and letting it go on.
//!
//! A task that is being performed when its execution is held ends what it does; the run stops before the next one.

use spindrift_model::{Serial, Status};

use super::{Step, Work};
use crate::change::Change;
use crate::event::Refusal;

impl Step<'_, '_, '_> {
    pub(super) fn pause(&mut self, by: String) -> Result<(), Refusal> {
        let execution = self.run.execution();
        if execution.status != Status::Running {
            return Err(Refusal::Conflict(format!(
                "execution {} is {}; only a RUNNING one can be paused",
                execution.id, execution.status
            )));
        }
        let at = self.now();
        self.record(Change::Paused { by, at });
        self.record(Change::ExecutionStatus {
            status: Status::Paused,
            at,
        });
        for (serial, task) in self.tasks_in(Status::Running) {
            let waits = self
                .stage(serial)
                .and_then(|stage| stage.tasks.get(usize::from(task)))
                .is_some_and(|task| task.wait.is_some());
            if waits {
                self.pause_task(serial, task);
            }
        }
        Ok(())
    }

    pub(super) fn pause_task(&mut self, serial: Serial, task: u16) {
        self.set_task_status(serial, task, Status::Paused, None);
        let held: Vec<Serial> = self
            .lineage(serial)
            .filter(|stage| stage.status == Status::Running)
            .map(|stage| stage.serial)
            .collect();
        for stage in held {
            self.set_status(stage, Status::Paused);
        }
    }

    pub(super) fn resume(&mut self, by: String) -> Result<(), Refusal> {
        let execution = self.run.execution();
        if execution.status != Status::Paused {
            return Err(Refusal::Conflict(format!(
                "execution {} is {}; only a PAUSED one can be resumed",
                execution.id, execution.status
            )));
        }
        let at = self.now();
        self.record(Change::Resumed { by, at });
        self.record(Change::ExecutionStatus {
            status: Status::Running,
            at,
        });
        let tasks = self.tasks_in(Status::Paused);
        for serial in self.run.active().to_vec() {
            if self
                .stage(serial)
                .is_some_and(|stage| stage.status == Status::Paused)
            {
                self.set_status(serial, Status::Running);
            }
        }
        for (serial, task) in tasks {
            self.set_task_status(serial, task, Status::Running, None);
            self.push(Work::RunTask(serial, task));
        }
        Ok(())
    }

    fn tasks_in(&self, status: Status) -> Vec<(Serial, u16)> {
        self.run
            .active()
            .iter()
            .filter_map(|serial| self.stage(*serial))
            .flat_map(|stage| {
                (0..)
                    .zip(&stage.tasks)
                    .map(move |(at, task)| (stage.serial, at, task))
            })
            .filter(|(_, _, task)| task.status == status)
            .map(|(serial, at, _)| (serial, at))
            .collect()
    }
}
