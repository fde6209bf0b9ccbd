//! The decision: what an event changes in a run, and what it asks of the world.
//!
//! A decision follows every consequence to its end before it returns: a finished task completes its stage, starts the
//! stages behind it, and performs their thought-only tasks. What remains afterwards is only what the world must answer: a
//! task under way, a time to come, a person. Nothing is queued anywhere else, so nothing can be lost between
//! the run and a queue.

mod cancel;
mod command;
mod completion;
mod failure;
mod fetch;
mod pause;
mod restart;
mod start;
mod synthetic;
mod tasks;
mod timeout;

use std::collections::{BTreeSet, VecDeque};

use spindrift_model::{Map, Millis, Serial, Stage, StageId, Status};

use crate::change::Change;
use crate::effect::{Deed, Effect, Promise};
use crate::evaluation::Environment;
use crate::event::{Event, Refusal};
use crate::run::{Run, is_under_way};
use crate::stage_type::Registry;
use crate::view::StageView;

pub(crate) use failure::truth;
pub use timeout::next_wake;

/// Where new stage ids come from.
pub trait Ids {
    /// An id that no stage has.
    fn stage_id(&mut self) -> StageId;
}

/// What a decision is given besides the run and the event.
pub struct Setting<'a> {
    /// The time.
    pub now: Millis,
    /// New ids.
    pub ids: &'a mut dyn Ids,
    /// The stage types.
    pub stages: &'a Registry,
    /// The IANA zone of time windows for pipelines that name none.
    pub time_zone: &'a str,
    /// What expressions may ask for.
    pub environment: &'a dyn Environment,
}

/// What an event has changed, and what it asks of the world.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// The changes, in order; the run has them already.
    pub changes: Vec<Change>,
    /// What to do once the changes are on disk.
    pub effects: Vec<Effect>,
}

/// Decides what an event means for a run.
///
/// The changes are applied to `run` as they are made, so that a run of thousands of stages costs what changes in it and
/// not what it holds; applying them to a copy of the run gives the same. Errors: a command that cannot be carried
/// out; then nothing has changed. Events that come late or twice change nothing.
pub fn decide(run: &mut Run, event: Event, setting: &mut Setting<'_>) -> Result<Decision, Refusal> {
    let mut step = Step {
        run,
        setting,
        decision: Decision::default(),
        asked: BTreeSet::new(),
        work: VecDeque::new(),
    };
    step.take(event)?;
    step.settle();
    let Step {
        mut decision,
        asked,
        ..
    } = step;
    // What was asked for and given up again within the decision never reaches the world.
    decision.effects.retain(|effect| match effect {
        Effect::Perform { stage, task } => asked.contains(&(*stage, *task)),
        Effect::Abandon { .. } | Effect::Keep(_) => true,
    });
    Ok(decision)
}

/// A consequence that is still to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    StartStage(Serial),
    StartTask(Serial, u16),
    RunTask(Serial, u16),
    CompleteStage(Serial),
    ContinueAfterBefore(Serial),
    ContinueAfterAfter(Serial),
    CompleteExecution,
}

struct Step<'r, 's, 'a> {
    run: &'r mut Run,
    setting: &'s mut Setting<'a>,
    decision: Decision,
    /// The tasks whose performance this decision asks for.
    asked: BTreeSet<(Serial, u16)>,
    work: VecDeque<Work>,
}

impl Step<'_, '_, '_> {
    fn take(&mut self, event: Event) -> Result<(), Refusal> {
        match event {
            Event::Admitted => self.admitted(),
            Event::Superseded { reason } => self.superseded(reason),
            Event::TaskDone {
                stage,
                task,
                attempt,
                result,
            } => {
                self.task_done(stage, task, attempt, *result);
            }
            Event::Tick => self.tick(),
            Event::Signal { stage } => self.signal(&stage),
            Event::Kept { number, result } => self.kept(number, result.map(|result| *result)),
            Event::Fetched { number, body } => self.fetched(number, body),
            Event::Recovered => self.recovered(),
            Event::Cancel { by, reason } => return self.cancel(by, reason),
            Event::Pause { by } => return self.pause(by),
            Event::Resume { by } => return self.resume(by),
            Event::PatchStage {
                stage,
                patch,
                caller,
            } => {
                return self.patch_stage(&stage, patch, &caller);
            }
            Event::RestartStage {
                stage,
                by,
                pipeline,
                admitted,
                look_again,
            } => {
                return self.restart_stage(&stage, by, pipeline.as_deref(), admitted, look_again);
            }
        }
        Ok(())
    }

    fn settle(&mut self) {
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::StartStage(stage) => self.start_stage(stage),
                Work::StartTask(stage, task) => self.start_task(stage, task),
                Work::RunTask(stage, task) => self.run_task(stage, task),
                Work::CompleteStage(stage) => self.complete_stage(stage),
                Work::ContinueAfterBefore(parent) => self.continue_after_before(parent),
                Work::ContinueAfterAfter(parent) => self.continue_after_after(parent),
                Work::CompleteExecution => self.complete_execution(),
            }
        }
    }

    fn now(&self) -> Millis {
        self.setting.now
    }

    fn record(&mut self, change: Change) {
        self.run.apply(change.clone());
        self.decision.changes.push(change);
    }

    fn push(&mut self, work: Work) {
        self.work.push_back(work);
    }

    fn promise(&mut self, deed: Deed) {
        let promise = Promise {
            number: self.run.ledger().next_promise,
            deed,
        };
        self.record(Change::Promised {
            promise: promise.clone(),
        });
        self.decision.effects.push(Effect::Keep(promise));
    }

    fn perform(&mut self, stage: Serial, task: u16) {
        self.asked.insert((stage, task));
        self.decision.effects.push(Effect::Perform { stage, task });
    }

    fn stage(&self, serial: Serial) -> Option<&Stage> {
        self.run.stage(serial)
    }

    /// Whether a stage is RUNNING or PAUSED. A held stage still takes what those inside it report: nobody reports twice.
    fn is_active(&self, serial: Serial) -> bool {
        self.stage(serial)
            .is_some_and(|stage| is_under_way(stage.status))
    }

    fn view<'v>(&'v self, stage: &'v Stage) -> StageView<'v> {
        StageView::new(
            self.run,
            stage,
            self.setting.now,
            self.setting.time_zone,
            self.setting.environment,
        )
    }

    fn set_context(&mut self, stage: Serial, set: Map, unset: Vec<String>) {
        if !set.is_empty() || !unset.is_empty() {
            self.record(Change::StageContext { stage, set, unset });
        }
    }

    fn set_status(&mut self, stage: Serial, status: Status) {
        let at = self.now();
        self.record(Change::StageStatus { stage, status, at });
    }

    fn is_over(&self) -> bool {
        let execution = self.run.execution();
        execution.status.is_complete() || execution.canceled
    }
}
