//! A shard: the one task that touches its runs.
//!
//! It decides on each message in turn and hands the changes to the store without waiting, so that many runs share one
//! write to the disk. What depends on the changes being durable (answers, news, effects) follows when their
//! ticket resolves, in the same order. The store keeps that order, so a decision may build on one that is not on disk yet.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use spindrift_engine::{
    Change, Decision, Effect, Event, RunState, Setting, StoreError, Write, decide,
};
use spindrift_model::{Execution, ExecutionId};
use tokio::sync::{mpsc, oneshot};

use crate::admission::Admission;
use crate::clock::FreshIds;
use crate::engine::Shared;
use crate::error::EngineError;
use crate::loaded::{Loaded, index_row};
use crate::notice::Notice;
use crate::perform::perform;

/// Answers a caller once what they asked for is on disk.
pub(crate) type Reply = oneshot::Sender<Result<Arc<Execution>, EngineError>>;

/// What a shard is asked to do.
pub(crate) enum Message {
    /// Take a new run, and start it if it has a slot.
    Create {
        state: Box<RunState>,
        admitted: bool,
        reply: Reply,
    },
    /// Something has happened to a run.
    Event {
        id: ExecutionId,
        event: Box<Event>,
        reply: Option<Reply>,
    },
    /// A time has come for a run; the sender learns when it has been dealt with.
    Tick {
        id: ExecutionId,
        done: oneshot::Sender<()>,
    },
    /// Forget a run that has ended.
    Forget { id: ExecutionId, reply: Reply },
}

impl Message {
    pub(crate) fn id(&self) -> &ExecutionId {
        match self {
            Message::Create { state, .. } => &state.execution.id,
            Message::Event { id, .. } | Message::Tick { id, .. } | Message::Forget { id, .. } => id,
        }
    }
}

/// What follows a commit.
struct Pending {
    id: ExecutionId,
    result: Result<(), StoreError>,
    effects: Vec<Effect>,
    notice: Option<Notice>,
    reply: Option<(Reply, Arc<Execution>)>,
    done: Option<oneshot::Sender<()>>,
    forgotten: bool,
}

pub(crate) struct Shard {
    shared: Arc<Shared>,
    runs: HashMap<ExecutionId, Box<Loaded>>,
    pending: FuturesOrdered<BoxFuture<'static, Pending>>,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            runs: HashMap::new(),
            pending: FuturesOrdered::new(),
        }
    }

    /// Works until the engine stops, and then until everything decided is on disk.
    pub(crate) async fn work(mut self, mut inbox: mpsc::Receiver<Message>) {
        let stopping = self.shared.stopping.clone();
        // Asked for each time: an inbox that is never empty would hide it below.
        while !stopping.is_cancelled() {
            tokio::select! {
                biased;
                Some(pending) = self.pending.next(), if !self.pending.is_empty() => self.settle(pending),
                message = inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
                () = stopping.cancelled() => break,
            }
        }
        inbox.close();
        while let Some(pending) = self.pending.next().await {
            self.settle(pending);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Create {
                state,
                admitted,
                reply,
            } => self.create(*state, admitted, reply),
            Message::Event { id, event, reply } => self.event(&id, *event, reply, None),
            Message::Tick { id, done } => self.event(&id, Event::Tick, None, Some(done)),
            Message::Forget { id, reply } => self.forget(&id, reply),
        }
    }

    fn create(&mut self, state: RunState, admitted: bool, reply: Reply) {
        let id = state.execution.id.clone();
        let mut loaded = Box::new(Loaded::new(state, &self.shared.stages));
        let event = admitted.then_some(Event::Admitted);
        let decision = match event.map(|event| self.decide(&mut loaded, event)) {
            None => Decision::default(),
            Some(Ok(decision)) => decision,
            Some(Err(refusal)) => {
                answer(Some(reply), Err(refusal.into()));
                return;
            }
        };
        // The run is new: what the decision changed is part of its first row.
        loaded.index = index_row(&loaded.run, &self.shared.stages);
        let state = Box::new(loaded.run.to_state());
        let write = Write::Create {
            state,
            index: loaded.index.clone(),
        };
        let notice = Notice::new(id.clone(), 0, None, &loaded.index, Arc::default());
        loaded.uncommitted += 1;
        let execution = Arc::new(loaded.run.execution().clone());
        self.shared.stats.count(&decision.changes);
        self.runs.insert(id.clone(), loaded);
        self.commit(
            vec![write],
            Pending {
                effects: decision.effects,
                notice: Some(notice),
                reply: Some((reply, execution)),
                ..Pending::of(id)
            },
        );
    }

    fn event(
        &mut self,
        id: &ExecutionId,
        event: Event,
        reply: Option<Reply>,
        done: Option<oneshot::Sender<()>>,
    ) {
        let mut loaded = match self.load(id) {
            Ok(loaded) => loaded,
            Err(error) => {
                answer(reply, Err(error));
                return;
            }
        };
        match &event {
            Event::TaskDone {
                stage,
                task,
                attempt,
                ..
            } => {
                let key = (*stage, *task);
                if loaded
                    .performing
                    .get(&key)
                    .is_some_and(|(latest, _)| latest == attempt)
                {
                    loaded.performing.remove(&key);
                }
            }
            Event::Kept { number, .. } | Event::Fetched { number, .. } => {
                loaded.keeping.remove(number);
            }
            _ => {}
        }
        let event = match self.admit(&loaded, event) {
            Ok(event) => event,
            Err(error) => {
                self.put_back(id, loaded);
                answer(reply, Err(error));
                return;
            }
        };
        let restarting = matches!(event, Event::RestartStage { .. });
        match self.decide(&mut loaded, event) {
            Ok(decision) => self.persist(id, loaded, decision, reply, done),
            Err(refusal) => {
                if restarting && loaded.run.execution().status.is_complete() {
                    self.release(&loaded);
                }
                self.put_back(id, loaded);
                answer(reply, Err(refusal.into()));
            }
        }
    }

    /// A restart of a run that has ended needs a slot of its pipeline again.
    fn admit(&self, loaded: &Loaded, event: Event) -> Result<Event, EngineError> {
        let execution = loaded.run.execution();
        match event {
            Event::RestartStage {
                stage,
                by,
                pipeline,
                look_again,
                ..
            } if execution.status.is_complete() => {
                let admission = self
                    .shared
                    .admission
                    .ask(execution, self.shared.clock.now())?;
                let admitted = match admission {
                    Admission::Admitted => true,
                    Admission::Waits => false,
                    Admission::Full => return Err(crate::submit::queue_full(execution)),
                };
                Ok(Event::RestartStage {
                    stage,
                    by,
                    pipeline,
                    admitted,
                    look_again,
                })
            }
            event => Ok(event),
        }
    }

    fn release(&self, loaded: &Loaded) {
        let execution = loaded.run.execution();
        if let Some(pipeline) = &execution.pipeline_config_id {
            self.shared.admission.leave(pipeline, &execution.id);
        }
    }

    fn persist(
        &mut self,
        id: &ExecutionId,
        mut loaded: Box<Loaded>,
        decision: Decision,
        reply: Option<Reply>,
        done: Option<oneshot::Sender<()>>,
    ) {
        let Decision { changes, effects } = decision;
        let before = loaded.index.status;
        let changes: Arc<[Change]> = changes.into();
        let write = loaded.advance(&changes, &self.shared.stages);
        let silent = write.is_none() && effects.is_empty() && loaded.uncommitted == 0;
        if silent {
            let reply = reply.map(|reply| (reply, loaded.run.execution().clone()));
            self.put_back(id, loaded);
            if let Some((reply, execution)) = reply {
                answer(Some(reply), Ok(Arc::new(execution)));
            }
            return;
        }
        self.shared.stats.count(&changes);
        let watched = self.shared.notices.receiver_count() > 0 || loaded.index.status != before;
        let notice = (write.is_some() && watched).then(|| {
            let version = loaded.run.execution().version;
            Notice::new(id.clone(), version, Some(before), &loaded.index, changes)
        });
        loaded.uncommitted += 1;
        let reply = reply.map(|reply| (reply, Arc::new(loaded.run.execution().clone())));
        let writes: Vec<Write> = write.into_iter().collect();
        for effect in &effects {
            if let Effect::Abandon { stage, task } = effect
                && let Some((_, token)) = loaded.performing.remove(&(*stage, *task))
            {
                token.cancel();
            }
        }
        self.runs.insert(id.clone(), loaded);
        self.commit(
            writes,
            Pending {
                effects,
                notice,
                reply,
                done,
                ..Pending::of(id.clone())
            },
        );
    }

    fn forget(&mut self, id: &ExecutionId, reply: Reply) {
        let mut loaded = match self.load(id) {
            Ok(loaded) => loaded,
            Err(error) => return answer(Some(reply), Err(error)),
        };
        let execution = loaded.run.execution();
        if !execution.status.is_complete() || loaded.index.busy {
            let message = format!(
                "execution {id} is {}; cancel it before you delete it",
                execution.status
            );
            self.put_back(id, loaded);
            return answer(Some(reply), Err(EngineError::Conflict(message)));
        }
        let execution = Arc::new(execution.clone());
        let write = Write::Forget {
            id: id.clone(),
            version: execution.version,
            index: loaded.index.clone(),
        };
        loaded.uncommitted += 1;
        self.runs.insert(id.clone(), loaded);
        self.commit(
            vec![write],
            Pending {
                reply: Some((reply, execution)),
                forgotten: true,
                ..Pending::of(id.clone())
            },
        );
    }

    fn commit(&mut self, writes: Vec<Write>, pending: Pending) {
        let ticket = self.shared.store.commit(writes);
        self.pending.push_back(Box::pin(async move {
            let result = ticket.await;
            Pending { result, ..pending }
        }));
    }

    /// Does what had to wait for the disk.
    fn settle(&mut self, pending: Pending) {
        let Pending {
            id,
            result,
            effects,
            notice,
            reply,
            done,
            forgotten,
        } = pending;
        if let Some(loaded) = self.runs.get_mut(&id) {
            loaded.uncommitted -= 1;
        }
        if let Err(error) = result {
            self.shared.report(&error);
            // What is in memory may be ahead of the disk now: read it again when it is needed.
            self.runs.remove(&id);
            if let Some((reply, _)) = reply {
                answer(Some(reply), Err(error.into()));
            }
            return;
        }
        if forgotten {
            self.runs.remove(&id);
        }
        for effect in effects {
            self.perform(&id, effect);
        }
        if let Some(loaded) = self.runs.get(&id)
            && let Some(wake) = loaded.index.wake
        {
            self.shared.timers.arm(wake);
        }
        if let Some(notice) = notice {
            self.announce(notice);
        }
        if let Some((reply, execution)) = reply {
            answer(Some(reply), Ok(execution));
        }
        drop(done);
        if self.runs.get(&id).is_some_and(|loaded| loaded.is_idle()) {
            self.runs.remove(&id);
        }
    }

    fn announce(&self, notice: Notice) {
        if notice.has_ended() {
            self.shared.stats.ended(notice.status);
        }
        if let (true, Some(pipeline)) = (notice.has_ended(), &notice.pipeline) {
            self.shared
                .turn(pipeline.clone(), Some(notice.execution.clone()));
        }
        // Nobody may be watching.
        let _ = self.shared.notices.send(Arc::new(notice));
    }

    fn perform(&mut self, id: &ExecutionId, effect: Effect) {
        let Some(loaded) = self.runs.get_mut(id).filter(|loaded| loaded.wants(&effect)) else {
            return;
        };
        perform(&self.shared, loaded, effect);
    }

    fn load(&mut self, id: &ExecutionId) -> Result<Box<Loaded>, EngineError> {
        if let Some(loaded) = self.runs.remove(id) {
            return Ok(loaded);
        }
        let loaded = Loaded::read(&*self.shared.store, id, &self.shared.stages)?;
        loaded
            .map(Box::new)
            .ok_or_else(|| EngineError::UnknownExecution(id.clone()))
    }

    fn put_back(&mut self, id: &ExecutionId, loaded: Box<Loaded>) {
        if !loaded.is_idle() {
            self.runs.insert(id.clone(), loaded);
        }
    }

    fn decide(
        &self,
        loaded: &mut Loaded,
        event: Event,
    ) -> Result<Decision, spindrift_engine::Refusal> {
        let now = self.shared.clock.now();
        let mut ids = FreshIds {
            entropy: &*self.shared.entropy,
            now,
        };
        let mut setting = Setting {
            now,
            ids: &mut ids,
            stages: &self.shared.stages,
            time_zone: &self.shared.options.time_zone,
            environment: &self.shared.environment(now),
        };
        decide(&mut loaded.run, event, &mut setting)
    }
}

impl Pending {
    fn of(id: ExecutionId) -> Self {
        Self {
            id,
            result: Ok(()),
            effects: Vec::new(),
            notice: None,
            reply: None,
            done: None,
            forgotten: false,
        }
    }
}

fn answer(reply: Option<Reply>, result: Result<Arc<Execution>, EngineError>) {
    if let Some(reply) = reply {
        // The caller may have gone away; what they asked for has happened all the same.
        let _ = reply.send(result);
    }
}
