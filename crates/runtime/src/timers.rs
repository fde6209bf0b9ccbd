//! Durable timers: the store's rows say when a run is due; one task sleeps until the earliest of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use spindrift_model::Millis;
use tokio::sync::{Notify, oneshot};

use crate::clock::until;
use crate::engine::Shared;
use crate::shard::Message;

/// So many due runs are woken before their results are awaited.
const BATCH: usize = 1_000;

/// The longest sleep; the clock may be set while the process sleeps.
const LONGEST_SLEEP: Millis = 60_000;

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
    loop {
        let now = shared.clock.now();
        match shared.store.due(now, BATCH) {
            Ok(due) if due.is_empty() => {
                if sleep(&shared, now).await.is_break() {
                    return;
                }
            }
            Ok(due) => {
                let mut answers = Vec::with_capacity(due.len());
                for (_, id) in due {
                    let (done, answer) = oneshot::channel();
                    shared.send(Message::Tick { id, done }).await;
                    answers.push(answer);
                }
                for answer in answers {
                    // The answer is the end of the channel.
                    let _ = answer.await;
                }
                if shared.stopping.is_cancelled() {
                    return;
                }
                // A row that stays due (its run could not be stored) must not keep a core busy.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                shared.report(&error);
                shared.stopping.cancelled().await;
                return;
            }
        }
    }
}

async fn sleep(shared: &Shared, now: Millis) -> std::ops::ControlFlow<()> {
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
        () = shared.stopping.cancelled() => return std::ops::ControlFlow::Break(()),
    }
    std::ops::ControlFlow::Continue(())
}
