//! Taking deliveries.

use std::sync::Arc;

use spindrift_engine::StoreError;
use spindrift_model::Millis;

use super::error::AcceptError;
use super::record::{Cause, EventRecord, EventState};
use super::shared::{Shared, Triggers};
use super::storage;
use crate::events::{
    Delivery, DeliveryError, Event, Ignored, Interpreted, interpret, recognise_body,
};
use crate::matching::{Occasion, Verdict};

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It is on disk, and every trigger has its verdict.
    Done(Box<EventRecord>),
    /// It is on disk; the service stops and goes on with it at its next start.
    Stored(String),
    /// It came before: this is what became of it.
    Repeated(Box<EventRecord>),
    /// It is a ping, a deletion or the like: nothing is stored.
    Ignored(Ignored),
}

impl Receipt {
    /// The event's id.
    pub fn event_id(&self) -> Option<&str> {
        match self {
            Receipt::Done(record) | Receipt::Repeated(record) => Some(&record.id),
            Receipt::Stored(id) => Some(id),
            Receipt::Ignored(_) => None,
        }
    }
}

/// What a delivery would do.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Its events, each with what every candidate says to it.
    pub events: Vec<(Event, Vec<Verdict>)>,
    /// Why it would be ignored.
    pub ignored: Option<Ignored>,
}

/// A repeated delivery is known by its id for as long as events are kept, and by its content alone for this long.
const REPEATED_WITHIN: Millis = 10 * 60_000;

impl Triggers {
    /// Takes a delivery: stores it, matches it, starts runs.
    ///
    /// When this returns the delivery is on disk. It is worked on even when the caller goes away.
    /// Credentials among the headers are not kept.
    pub async fn accept(&self, mut delivery: Delivery) -> Result<Receipt, AcceptError> {
        delivery.headers = std::mem::take(&mut delivery.headers).without_credentials();
        let shared = &self.shared;
        if shared.stopping.is_cancelled() {
            return Err(AcceptError::Unavailable(
                "the service is stopping".to_owned(),
            ));
        }
        let interpreted = interpret(&delivery, &shared.options.templates)?;
        if let Some(reason) = interpreted.ignored {
            return Ok(Receipt::Ignored(reason));
        }
        let record = match shared.store_delivery(delivery, &interpreted).await? {
            Stored::New(record) => record,
            Stored::Done(record) => return Ok(Receipt::Done(record)),
            Stored::Known(record) => return Ok(Receipt::Repeated(record)),
        };
        let id = record.id.clone();
        let working = Arc::clone(shared);
        let work = shared
            .tracker
            .spawn(async move { working.process(*record).await });
        match work.await {
            Ok(Ok(record)) => Ok(Receipt::Done(Box::new(record))),
            Ok(Err(error)) => {
                tracing::warn!(event = id, %error, "an event is left for the next start");
                Ok(Receipt::Stored(id))
            }
            Err(error) => {
                tracing::error!(event = id, %error, "the work on an event broke down; it is left for the next start");
                Ok(Receipt::Stored(id))
            }
        }
    }

    /// What a delivery would do; nothing is stored or started.
    pub fn preview(&self, delivery: &Delivery) -> Result<Preview, DeliveryError> {
        let shared = &self.shared;
        let interpreted = interpret(delivery, &shared.options.templates)?;
        let occasion = shared.occasion(delivery);
        let index = shared.index();
        let judged = |event: Event| {
            let mut verdicts = index.verdicts(&event, &occasion);
            for verdict in &mut verdicts {
                let user = verdict.trigger.run_as.as_deref();
                // A store that cannot be read refuses the hook itself.
                if verdict.is_match()
                    && let Ok(Some(reason)) = shared.forbidden(&verdict.trigger, user)
                {
                    verdict.outcome = Err(reason);
                }
            }
            (event, verdicts)
        };
        Ok(Preview {
            events: interpreted.events.into_iter().map(judged).collect(),
            ignored: interpreted.ignored,
        })
    }

    /// Goes on with the events that were stored but not done when the process ended.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let pending = storage::pending(self.shared.engine.store(), after.as_deref(), PAGE)?;
            let Some(last) = pending.last() else {
                return Ok(());
            };
            after = Some(last.id.clone());
            for record in pending {
                let shared = Arc::clone(&self.shared);
                self.shared.tracker.spawn(async move {
                    let id = record.id.clone();
                    if let Err(error) = shared.process(record).await {
                        tracing::warn!(event = id, %error, "an event is left for the next start");
                    }
                });
            }
        }
    }
}

/// Events read in one go.
const PAGE: usize = 500;

enum Stored {
    New(Box<EventRecord>),
    /// Nothing waits for it: there is nothing left to do.
    Done(Box<EventRecord>),
    Known(Box<EventRecord>),
}

impl Shared {
    pub(super) fn occasion<'d>(&self, delivery: &'d Delivery) -> Occasion<'d> {
        Occasion::new(
            delivery,
            self.options.signatures,
            self.options.shared_secrets.clone(),
        )
    }

    /// Stores a delivery. One that no trigger matches is stored once, with its verdicts; any other is stored before its runs
    /// are started, and once more when they are.
    async fn store_delivery(
        &self,
        delivery: Delivery,
        interpreted: &Interpreted,
    ) -> Result<Stored, AcceptError> {
        let store = self.engine.store();
        let now = self.now();
        let repeatable = Repeatable::of(&delivery);
        let fingerprint = delivery.fingerprint();
        let name = format!(
            "{fingerprint}:{:016x}{:016x}",
            self.entropy.bits(),
            self.entropy.bits()
        );
        let id = storage::stable_id(now, &name);
        let rejections = self.rejections(&delivery, interpreted);
        let mut record = EventRecord::new(id, now, Cause::Delivery(delivery));
        if let Some(rejections) = rejections {
            record.summaries = interpreted.events.iter().map(Event::summary).collect();
            record.complete(Vec::new(), rejections);
            record.shed();
        }
        loop {
            let mut writes = match record.state {
                EventState::Received => storage::received(&record)?,
                EventState::Done => storage::done_at_once(&record)?,
            };
            if repeatable != Repeatable::Never {
                let earlier = storage::seen(store, &fingerprint)?;
                let replaces = match earlier {
                    // What started nothing may be sent again when the secret or the trigger has been put right; and a
                    // stranger's copy without a signature must not stand in the way of the original.
                    Some((_, event))
                        if repeatable.is_repeat(event.received_at, now)
                            && !event.is_without_effect() =>
                    {
                        return Ok(Stored::Known(Box::new(event)));
                    }
                    Some((value, _)) => Some(value),
                    None => None,
                };
                // What has no effect may come again, so nobody needs to recognise it.
                if record.state == EventState::Received {
                    writes.push(storage::remember(&fingerprint, &record.id, replaces));
                }
            }
            match store.commit(writes).await {
                Ok(()) => {
                    let record = Box::new(record);
                    return Ok(match record.state {
                        EventState::Received => Stored::New(record),
                        EventState::Done => {
                            self.surplus.add(self.options.max_idle_events);
                            Stored::Done(record)
                        }
                    });
                }
                // The same delivery was stored a moment ago: look again.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether the same content again is the same event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeatable {
    /// The sender names its deliveries.
    ById,
    /// The content names a commit, an image or a message: soon after, it is a retry.
    ByContent,
    /// Whoever posts the same words twice means it twice.
    Never,
}

impl Repeatable {
    fn of(delivery: &Delivery) -> Self {
        if delivery.delivery_id().is_some() {
            return Repeatable::ById;
        }
        match delivery.kind.to_ascii_lowercase().as_str() {
            "git" | "pubsub" | "cdevents" => Repeatable::ByContent,
            "docker" if recognise_body(&delivery.body) => Repeatable::ByContent,
            _ => Repeatable::Never,
        }
    }

    fn is_repeat(self, earlier: Millis, now: Millis) -> bool {
        match self {
            Repeatable::ById => true,
            Repeatable::ByContent => now.saturating_sub(earlier) <= REPEATED_WITHIN,
            Repeatable::Never => false,
        }
    }
}
