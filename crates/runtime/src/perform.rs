//! The performing of effects.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use spindrift_engine::{
    BoxFuture, Deed, Effect, EffectTask, Event, Failure, Outcome, TaskInput, TaskResult,
    TaskRunner, former_input, task_input,
};
use spindrift_model::{ExecutionId, Millis, Serial, Stage, StageId, Status};
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
        Effect::Keep(promise) => keep(shared, loaded, promise.number),
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

/// Keeps a promise in a task of its own. When the engine stops first, the promise is kept at the next start.
fn keep(shared: &Arc<Shared>, loaded: &mut Loaded, number: u32) {
    // The run may have gone on since the promise was made; what it says of it now counts.
    let promises = &loaded.run.ledger().promises;
    let Some(promise) = promises.iter().find(|promise| promise.number == number) else {
        return;
    };
    let deed = match promise.deed.clone() {
        Deed::CancelTask { stage, task } => Doing::Undo(undo_of(shared, loaded, stage, task)),
        Deed::CancelFormer {
            former,
            task,
            execution_start,
        } => Doing::Undo(undo_of_former(
            shared,
            loaded,
            &former,
            execution_start,
            task,
        )),
        Deed::TellParent { execution, stage } => Doing::Tell { execution, stage },
        Deed::Fetch { url, .. } => Doing::Fetch(url),
        Deed::RestartParent {
            execution,
            stage,
            by,
        } => Doing::Restart {
            execution,
            stage,
            by,
        },
    };
    loaded.keeping.insert(number);
    let id = loaded.run.execution().id.clone();
    let inner = Arc::clone(shared);
    shared.tracker.spawn(async move {
        let event = tokio::select! {
            biased;
            event = inner.kept(number, deed) => event,
            () = inner.stopping.cancelled() => return,
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

/// A deed with what it takes.
enum Doing {
    Undo(Option<Undo>),
    Tell {
        execution: ExecutionId,
        stage: StageId,
    },
    Fetch(String),
    Restart {
        execution: ExecutionId,
        stage: StageId,
        by: String,
    },
}

/// What stops or undoes a task.
struct Undo {
    effect: Arc<dyn EffectTask>,
    input: Box<TaskInput>,
}

impl Undo {
    /// Undoes it, again and again after failures that may pass, for as long as that may take.
    async fn perform(self) -> Option<TaskResult> {
        let backoff = self.effect.policy().backoff.max(1);
        let pause = Duration::from_millis(u64::try_from(backoff).unwrap_or(1));
        let attempts = async {
            loop {
                let effect = Arc::clone(&self.effect);
                let result = guarded(effect.cancel((*self.input).clone())?).await;
                match &result.outcome {
                    Outcome::Terminal(Some(failure)) if failure.retryable => {
                        tokio::time::sleep(pause).await;
                    }
                    _ => return Some(result),
                }
            }
        };
        let result = tokio::time::timeout(CANCEL_TIMEOUT, attempts).await;
        result.unwrap_or_else(|_| {
            let key = &self.input.key;
            tracing::warn!(%key, "what this performance has begun could not be undone in time");
            None
        })
    }
}

fn undo_of(shared: &Arc<Shared>, loaded: &Loaded, stage: Serial, task: u16) -> Option<Undo> {
    let TaskRunner::Effect(effect) = runner(shared, loaded, stage, task)? else {
        return None;
    };
    let input = Box::new(input(shared, loaded, stage, task, &*effect)?);
    Some(Undo { effect, input })
}

fn undo_of_former(
    shared: &Arc<Shared>,
    loaded: &Loaded,
    former: &Stage,
    execution_start: Option<Millis>,
    task: u16,
) -> Option<Undo> {
    let name = &former.tasks.get(usize::from(task))?.name;
    let TaskRunner::Effect(effect) = shared.stages.of(former)?.task(name)? else {
        return None;
    };
    let input = former_input(
        &loaded.run,
        former,
        execution_start,
        task,
        &*effect,
        shared.clock.now(),
        Arc::new(RuntimeLauncher::new(shared)),
    );
    let input = Box::new(input?);
    Some(Undo { effect, input })
}

impl Shared {
    async fn kept(self: &Arc<Self>, number: u32, deed: Doing) -> Event {
        let result = match deed {
            Doing::Undo(Some(undo)) => undo.perform().await,
            Doing::Undo(None) => None,
            Doing::Tell { execution, stage } => {
                let event = Box::new(Event::Signal { stage });
                self.send(Message::Event {
                    id: execution,
                    event,
                    reply: None,
                })
                .await;
                None
            }
            Doing::Fetch(url) => {
                let body = self.fetch(url).await;
                return Event::Fetched { number, body };
            }
            Doing::Restart {
                execution,
                stage,
                by,
            } => {
                self.restart_parent(execution, stage, by).await;
                None
            }
        };
        Event::Kept {
            number,
            result: result.map(Box::new),
        }
    }

    /// What an expression reads from a URL.
    pub(crate) async fn fetch(&self, url: String) -> Result<String, String> {
        match &self.options.fetcher {
            Some(fetcher) => fetcher.fetch(url).await,
            None => Err("expressions may not fetch anything here".to_owned()),
        }
    }

    /// Lets the stage that started a run look again, since the run goes on; a parent that still runs needs no telling.
    async fn restart_parent(&self, execution: ExecutionId, stage: StageId, by: String) {
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
