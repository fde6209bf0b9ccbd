//! What a task that touches the world is given, read from its run.

use std::sync::Arc;

use spindrift_model::{Execution, Map, Millis, Serial, Stage, StageId, Status, Task, Value};

use crate::authority::acting_as;
use crate::effect::IdempotencyKey;
use crate::launch::Launcher;
use crate::run::{Run, is_under_way};
use crate::task::{ARTIFACTS, EffectTask, RESOLVED, TaskInput};

/// The input of a task; `None` when the run has no such task.
pub fn task_input(
    run: &Run,
    serial: Serial,
    task: u16,
    effect: &dyn EffectTask,
    now: Millis,
    launcher: Arc<dyn Launcher>,
) -> Option<TaskInput> {
    let stage = run.stage(serial)?;
    let start = run.execution().start_time;
    former_input(run, stage, start, task, effect, now, launcher)
}

/// The input of a task of a stage that has been reset or removed since, and of which `stage` is what it was when the
/// execution had begun at `execution_start`; `None` when it had no such task.
pub fn former_input(
    run: &Run,
    stage: &Stage,
    execution_start: Option<Millis>,
    task: u16,
    effect: &dyn EffectTask,
    now: Millis,
    launcher: Arc<dyn Launcher>,
) -> Option<TaskInput> {
    let performed = stage.tasks.get(usize::from(task))?;
    let execution = run.execution();
    let identity = acting_as(run, stage.serial);
    Some(TaskInput {
        execution: execution.id.clone(),
        application: execution.application.clone(),
        pipeline_name: execution.name.clone(),
        pipeline: execution.pipeline_config_id.clone(),
        execution_start: execution_start.unwrap_or(now),
        trigger: execution.trigger.clone(),
        stage: stage.clone(),
        stage_index: usize::try_from(stage.serial.0).unwrap_or(usize::MAX),
        inherited: inherited(run, stage.serial, effect.reads()),
        user: identity.user,
        allowed_accounts: identity.allowed_accounts,
        key: key_of(execution, stage, performed),
        task_start: performed.start_time.unwrap_or(now),
        now,
        launcher,
    })
}

/// Whether a performance is still waited for: its task is under way and has not been begun anew.
pub fn is_performing(execution: &Execution, stage: &StageId, key: &IdempotencyKey) -> bool {
    let stage = execution.stage_by_id(stage);
    let stage = stage.filter(|stage| is_under_way(stage.status));
    let mut tasks = stage.into_iter().flat_map(|stage| {
        let in_flight = |task: &&Task| task.status == Status::Running && task.wait.is_none();
        let tasks = stage.tasks.iter().filter(in_flight);
        tasks.map(|task| key_of(execution, stage, task))
    });
    !execution.status.is_complete() && tasks.any(|performed| performed == *key)
}

fn key_of(execution: &Execution, stage: &Stage, task: &Task) -> IdempotencyKey {
    IdempotencyKey::new(
        &execution.id,
        &stage.id,
        stage.restarts,
        &task.name,
        task.attempt,
    )
}

fn inherited(run: &Run, serial: Serial, keys: &[&str]) -> Map {
    let mut found = Map::new();
    for key in keys {
        let value = match *key {
            ARTIFACTS | RESOLVED => lists_before(run, serial, key).map(Value::Array),
            key => run.inherited(serial, key).cloned(),
        };
        found.extend(value.map(|value| ((*key).to_owned(), value)));
    }
    found
}

/// What all stages before have put out, nearest first: artifacts add up, where another member hides those further away
/// (Orca's `StageContext.getAll`, as `ArtifactUtils` asks it).
fn lists_before(run: &Run, serial: Serial, key: &str) -> Option<Vec<Value>> {
    let mut lists = run
        .ancestors(serial)
        .filter_map(|stage| stage.outputs.get(key)?.as_array())
        .peekable();
    lists.peek()?;
    Some(lists.flatten().cloned().collect())
}
