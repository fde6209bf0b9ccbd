//! What a task that touches the world is given, read from its run.

use std::sync::Arc;

use spindrift_model::{Map, Millis, Serial};

use crate::authority::acting_as;
use crate::effect::IdempotencyKey;
use crate::launch::Launcher;
use crate::run::Run;
use crate::task::{EffectTask, TaskInput};

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
    let performed = stage.tasks.get(usize::from(task))?;
    let execution = run.execution();
    let inherited: Map = effect
        .reads()
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), run.inherited(serial, key)?.clone())))
        .collect();
    let identity = acting_as(run, serial);
    let key = IdempotencyKey::new(
        &execution.id,
        &stage.id,
        stage.restarts,
        &performed.name,
        performed.attempt,
    );
    Some(TaskInput {
        execution: execution.id.clone(),
        application: execution.application.clone(),
        pipeline_name: execution.name.clone(),
        pipeline: execution.pipeline_config_id.clone(),
        execution_start: execution.start_time.unwrap_or(now),
        trigger: execution.trigger.clone(),
        stage: stage.clone(),
        stage_index: usize::try_from(serial.0).unwrap_or(usize::MAX),
        inherited,
        user: identity.user,
        allowed_accounts: identity.allowed_accounts,
        key,
        task_start: performed.start_time.unwrap_or(now),
        now,
        launcher,
    })
}
