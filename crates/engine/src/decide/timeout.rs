//! Times at which something is due: a sleeping task wakes, a task or stage has taken too long
//! (Orca's `RunTaskHandler.checkForTimeout`).

use spindrift_model::{Execution, Millis, Serial, Stage, Status, Task, Value};

use super::failure::truth;
use super::start::start_expiry;
use super::synthetic::WINDOW_STAGE;
use super::{Step, Work};
use crate::run::Run;
use crate::stage_type::Registry;
use crate::task::{Failure, TaskPolicy};

impl Step<'_, '_, '_> {
    pub(super) fn tick(&mut self) {
        match self.run.execution().status {
            Status::NotStarted if self.is_past_start() => self.expire(),
            Status::Running => self.run_due_tasks(),
            _ => {}
        }
    }

    fn run_due_tasks(&mut self) {
        let now = self.now();
        for serial in self.run.active().to_vec() {
            let Some(stage) = self.stage(serial) else {
                continue;
            };
            let running: Vec<(u16, bool, bool)> = (0..)
                .zip(&stage.tasks)
                .filter(|(_, task)| task.status == Status::Running)
                .map(|(at, task)| {
                    let due = task
                        .wait
                        .and_then(|wait| wait.until)
                        .is_some_and(|until| until <= now);
                    (at, due, task.wait.is_none())
                })
                .collect();
            for (task, due, in_flight) in running {
                if due {
                    self.push(Work::RunTask(serial, task));
                } else if let Some(failure) = self.overdue(serial, task) {
                    if in_flight {
                        self.leave_task(serial, task, true, false);
                    }
                    self.time_out(serial, task, failure);
                }
            }
        }
    }

    /// Why a task has taken too long, when it has.
    pub(super) fn overdue(&self, serial: Serial, task: u16) -> Option<Failure> {
        let stage = self.stage(serial)?;
        let running = stage.tasks.get(usize::from(task))?;
        let policy = self
            .runner(serial, task)
            .map(|runner| runner.policy())
            .unwrap_or_default();
        deadlines(self.run, stage, running, policy)
            .into_iter()
            .flatten()
            .find(|deadline| self.now() > deadline.at)
            .map(|deadline| deadline.failure(stage, running))
    }

    pub(super) fn time_out(&mut self, serial: Serial, task: u16, failure: Failure) {
        let forgiven = self
            .stage(serial)
            .and_then(|stage| stage.context.get("markSuccessfulOnTimeout"))
            .and_then(truth)
            == Some(true);
        self.leave_task(serial, task, false, true);
        if forgiven {
            self.complete_task(serial, task, Status::Succeeded, None);
        } else {
            let status = self.failure_status(serial, Status::Terminal);
            self.complete_task(serial, task, status, Some(failure));
        }
    }
}

/// The latest time at which a task may still go on.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Millis,
    limit: Millis,
    of_stage: bool,
}

impl Deadline {
    fn failure(self, stage: &Stage, task: &Task) -> Failure {
        let what = if self.of_stage {
            format!("Stage {}", stage.display_name())
        } else {
            format!("Task {} of stage {}", task.name, stage.display_name())
        };
        let message = format!("{what} timed out after {}", human(self.limit));
        Failure {
            error: message.clone(),
            ..Failure::new("TimeoutException", message)
        }
    }
}

fn deadlines(run: &Run, stage: &Stage, task: &Task, policy: TaskPolicy) -> [Option<Deadline>; 2] {
    if stage.kind == WINDOW_STAGE {
        return [None, None];
    }
    let limited = std::iter::successors(Some(stage), |stage| {
        stage.parent.and_then(|parent| run.stage(parent))
    })
    .find_map(|stage| stage_limit(stage).map(|limit| (stage, limit)));
    let of_stage = limited.and_then(|(owner, limit)| {
        let start = owner.start_time?;
        let held = paused(run.execution(), start) + window_time(run, owner);
        Some(Deadline {
            at: start.saturating_add(limit).saturating_add(held),
            limit,
            of_stage: true,
        })
    });
    let replaced = policy.overridable && of_stage.is_some();
    let of_task = policy.timeout.filter(|_| !replaced).and_then(|limit| {
        let start = task.start_time?;
        let held = paused(run.execution(), start);
        Some(Deadline {
            at: start.saturating_add(limit).saturating_add(held),
            limit,
            of_stage: false,
        })
    });
    [of_stage, of_task]
}

fn stage_limit(stage: &Stage) -> Option<Millis> {
    let value = stage.context.get("stageTimeoutMs")?;
    let limit = match value {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|n| n as Millis)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    limit.filter(|limit| *limit > 0)
}

fn paused(execution: &Execution, since: Millis) -> Millis {
    execution.paused.as_ref().map_or(0, |paused| {
        paused.duration_since(since, paused.resume_time.unwrap_or(paused.pause_time))
    })
}

fn window_time(run: &Run, owner: &Stage) -> Millis {
    run.children(owner.serial)
        .filter(|child| child.is_before() && child.kind == WINDOW_STAGE)
        .filter_map(|child| Some(child.end_time? - child.start_time?))
        .sum()
}

/// The next time at which [`Event::Tick`](crate::Event::Tick) may change a run.
pub fn next_wake(run: &Run, stages: &Registry) -> Option<Millis> {
    let execution = run.execution();
    match execution.status {
        Status::NotStarted => start_expiry(run).map(|expiry| expiry.saturating_add(1)),
        Status::Running => run
            .active()
            .iter()
            .filter_map(|serial| run.stage(*serial))
            .flat_map(|stage| stage.tasks.iter().map(move |task| (stage, task)))
            .filter(|(_, task)| task.status == Status::Running)
            .filter_map(|(stage, task)| next_due(run, stage, task, stages))
            .min(),
        _ => None,
    }
}

fn next_due(run: &Run, stage: &Stage, task: &Task, stages: &Registry) -> Option<Millis> {
    let policy = stages
        .of(stage)
        .and_then(|stage_type| stage_type.task(&task.name))
        .map(|runner| runner.policy())
        .unwrap_or_default();
    let deadlines = deadlines(run, stage, task, policy);
    let overdue = deadlines
        .into_iter()
        .flatten()
        .map(|deadline| deadline.at.saturating_add(1))
        .min();
    let wakes = task.wait.and_then(|wait| wait.until);
    overdue.into_iter().chain(wakes).min()
}

/// A duration in the words of Orca's time-out messages: `2 hours`, `1 minute 30 seconds`.
fn human(milliseconds: Millis) -> String {
    let parts = [
        (milliseconds / 86_400_000, "day"),
        (milliseconds / 3_600_000 % 24, "hour"),
        (milliseconds / 60_000 % 60, "minute"),
        (milliseconds / 1_000 % 60, "second"),
    ];
    let words: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() {
        format!("{milliseconds} milliseconds")
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_a_person_says_it() {
        let table = [
            (500, "500 milliseconds"),
            (60_000, "1 minute"),
            (5_400_000, "1 hour 30 minutes"),
        ];
        for (milliseconds, expected) in table {
            assert_eq!(human(milliseconds), expected);
        }
    }
}
