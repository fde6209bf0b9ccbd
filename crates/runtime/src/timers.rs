//! Durable timers: the store's rows say when a run is due; one task sleeps until the earliest of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use spindrift_model::{ExecutionId, Millis};
use tokio::sync::{Notify, oneshot};

use crate::clock::until;
use crate::engine::Shared;
use crate::shard::Message;

/// So many due runs are woken before their results are awaited.
const BATCH: usize = 1_000;

/// The longest sleep; the clock may be set while the process sleeps.
const LONGEST_SLEEP: Millis = 60_000;

/// The rest after runs could not be stored.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Timers {
    next: AtomicI64,
    sooner: Notify,
}

impl Timers {
    /// Makes sure that the sleeper wakes at that time or earlier; the row is in the store already.
    pub(crate) fn arm(&self, at: Millis) {
        if at < self.next.load(Ordering::Acquire) {
            self.sooner.notify_one();
        }
    }
}

/// Wakes runs when they are due, until the engine stops.
pub(crate) async fn keep_time(shared: Arc<Shared>) {
    let mut last = Vec::new();
    while !shared.stopping.is_cancelled() {
        let now = shared.clock.now();
        let due = match shared.store.due(now, BATCH) {
            Ok(due) => due,
            Err(error) => {
                shared.report(&error);
                Vec::new()
            }
        };
        if due.is_empty() {
            sleep(&shared, now).await;
        } else if due == last {
            // What it led to could not be stored, so that it is due still.
            pause(&shared).await;
            last.clear();
        } else {
            wake(&shared, &due).await;
            last = due;
        }
    }
}

/// Wakes runs, and returns when what that led to is on disk.
async fn wake(shared: &Shared, due: &[(Millis, ExecutionId)]) {
    let mut answers = Vec::with_capacity(due.len());
    for (_, id) in due {
        let (done, answer) = oneshot::channel();
        let id = id.clone();
        shared.send(Message::Tick { id, done }).await;
        answers.push(answer);
    }
    for answer in answers {
        // The answer is the end of the channel.
        let _ = answer.await;
    }
}

async fn pause(shared: &Shared) {
    tokio::select! {
        biased;
        () = shared.stopping.cancelled() => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

async fn sleep(shared: &Shared, now: Millis) {
    // From here on an earlier timer wakes the sleeper, also one that is stored while the next line reads.
    shared.timers.next.store(Millis::MAX, Ordering::Release);
    let next = match shared.store.next_due() {
        Ok(next) => next.unwrap_or(Millis::MAX),
        Err(error) => {
            shared.report(&error);
            Millis::MAX
        }
    };
    shared.timers.next.store(next, Ordering::Release);
    let wake = next.min(now.saturating_add(LONGEST_SLEEP));
    tokio::select! {
        biased;
        () = tokio::time::sleep(until(wake, shared.clock.now())) => {}
        () = shared.timers.sooner.notified() => {}
        () = shared.stopping.cancelled() => {}
    }
}
