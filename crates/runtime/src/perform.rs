//! The performing of effects.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use spindrift_engine::{
    BoxFuture, Deed, Effect, Event, Failure, Promise, TaskInput, TaskResult, TaskRunner, task_input,
};
use spindrift_model::{Serial, Status};
use tokio_util::sync::CancellationToken;

use crate::engine::Shared;
use crate::launcher::RuntimeLauncher;
use crate::loaded::Loaded;
use crate::shard::Message;

/// The longest time that stopping or undoing something outside may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(60);

/// Performs an effect whose decision is on disk.
pub(crate) fn perform(shared: &Arc<Shared>, loaded: &mut Loaded, effect: Effect) {
    match effect {
        Effect::Perform { stage, task } => perform_task(shared, loaded, stage, task),
        // Its token was cancelled with the decision.
        Effect::Abandon { .. } => {}
        Effect::Keep(promise) => keep(shared, loaded, promise),
    }
}

fn perform_task(shared: &Arc<Shared>, loaded: &mut Loaded, stage: Serial, task: u16) {
    let Some((future, attempt)) = task_future(shared, loaded, stage, task) else {
        return;
    };
    let token = CancellationToken::new();
    loaded
        .performing
        .insert((stage, task), (attempt, token.clone()));
    let id = loaded.run.execution().id.clone();
    let inner = Arc::clone(shared);
    shared.tracker.spawn(async move {
        let result = tokio::select! {
        biased;
            result = guarded(future) => result,
            () = token.cancelled() => return,
            () = inner.stopping.cancelled() => return,
        };
        let event = Event::TaskDone {
            stage,
            task,
            attempt,
            result: Box::new(result),
        };
        inner
            .send(Message::Event {
                id,
                event: Box::new(event),
                reply: None,
            })
            .await;
    });
}

fn task_future(
    shared: &Arc<Shared>,
    loaded: &Loaded,
    stage: Serial,
    task: u16,
) -> Option<(BoxFuture<TaskResult>, u32)> {
    let performed = loaded.run.stage(stage)?.tasks.get(usize::from(task))?;
    let attempt = performed.attempt;
    match runner(shared, loaded, stage, task) {
        Some(TaskRunner::Effect(effect)) => {
            let input = input(shared, loaded, stage, task, &*effect)?;
            Some((effect.run(input), attempt))
        }
        // Another version of this program planned it: say so, rather than hold the run for ever.
        Some(TaskRunner::Inline(_)) | None => {
            let message = format!(
                "this version cannot perform {:?}; restart the stage",
                performed.name
            );
            let failure = Failure::new("NoSuchTaskException", message);
            Some((Box::pin(async { TaskResult::terminal(failure) }), attempt))
        }
    }
}

fn runner(shared: &Shared, loaded: &Loaded, stage: Serial, task: u16) -> Option<TaskRunner> {
    let stage = loaded.run.stage(stage)?;
    let name = &stage.tasks.get(usize::from(task))?.name;
    shared.stages.of(stage)?.task(name)
}

fn input(
    shared: &Arc<Shared>,
    loaded: &Loaded,
    stage: Serial,
    task: u16,
    effect: &dyn spindrift_engine::EffectTask,
) -> Option<TaskInput> {
    let launcher = Arc::new(RuntimeLauncher::new(shared));
    task_input(
        &loaded.run,
        stage,
        task,
        effect,
        shared.clock.now(),
        launcher,
    )
}

/// A panic in a task fails that task, never the process.
async fn guarded(future: BoxFuture<TaskResult>) -> TaskResult {
    AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            TaskResult::terminal(Failure::new(
                "Panic",
                format!("the task broke down: {message}"),
            ))
        })
}

fn keep(shared: &Arc<Shared>, loaded: &mut Loaded, promise: Promise) {
    loaded.keeping.insert(promise.number);
    let id = loaded.run.execution().id.clone();
    let Promise { number, deed } = promise;
    let undo = match &deed {
        Deed::CancelTask { stage, task } => cancel_future(shared, loaded, *stage, *task),
        Deed::TellParent { .. } | Deed::RestartParent { .. } | Deed::Fetch { .. } => None,
    };
    let inner = Arc::clone(shared);
    shared.tracker.spawn(async move {
        let result = match deed {
            Deed::CancelTask { .. } => match undo {
                Some(undo) => tokio::time::timeout(CANCEL_TIMEOUT, guarded(undo))
                    .await
                    .ok(),
                None => None,
            },
            Deed::TellParent { execution, stage } => {
                let event = Box::new(Event::Signal { stage });
                inner
                    .send(Message::Event {
                        id: execution,
                        event,
                        reply: None,
                    })
                    .await;
                None
            }
            Deed::Fetch { url, .. } => {
                let body = inner.fetch(url).await;
                let event = Box::new(Event::Fetched { number, body });
                inner
                    .send(Message::Event {
                        id,
                        event,
                        reply: None,
                    })
                    .await;
                return;
            }
            Deed::RestartParent {
                execution,
                stage,
                by,
            } => {
                inner.restart_parent(execution, stage, by).await;
                None
            }
        };
        let event = Event::Kept {
            number,
            result: result.map(Box::new),
        };
        inner
            .send(Message::Event {
                id,
                event: Box::new(event),
                reply: None,
            })
            .await;
    });
}

fn cancel_future(
    shared: &Arc<Shared>,
    loaded: &Loaded,
    stage: Serial,
    task: u16,
) -> Option<BoxFuture<TaskResult>> {
    let Some(TaskRunner::Effect(effect)) = runner(shared, loaded, stage, task) else {
        return None;
    };
    let input = input(shared, loaded, stage, task, &*effect)?;
    effect.cancel(input)
}

impl Shared {
    /// What an expression reads from a URL.
    pub(crate) async fn fetch(&self, url: String) -> Result<String, String> {
        match &self.options.fetcher {
            Some(fetcher) => fetcher.fetch(url).await,
            None => Err("expressions may not fetch anything here".to_owned()),
        }
    }

    /// Lets the stage that started a run look again, since the run goes on; a parent that still runs needs no telling.
    async fn restart_parent(
        &self,
        execution: spindrift_model::ExecutionId,
        stage: spindrift_model::StageId,
        by: String,
    ) {
        let ended = self
            .store
            .outline(&execution)
            .ok()
            .flatten()
            .and_then(|parent| parent.stage_by_id(&stage).map(|stage| stage.status))
            .is_some_and(Status::is_complete);
        if ended {
            let event = Event::RestartStage {
                stage,
                by,
                pipeline: None,
                admitted: true,
                look_again: true,
            };
            self.send(Message::Event {
                id: execution,
                event: Box::new(event),
                reply: None,
            })
            .await;
        }
    }
}
