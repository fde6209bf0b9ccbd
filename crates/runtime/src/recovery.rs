//! Going on after a crash.
//!
//! What was under way is listed in the store's busy index. Those runs are asked to repeat it; queues are looked at once,
//! since a slot may have become free in the very moment of the crash. Everything else waits in the store.

use std::sync::Arc;

use spindrift_engine::Event;
use spindrift_model::ExecutionId;

use crate::engine::Shared;
use crate::shard::Message;

/// So many runs are read from the index at a time.
const PAGE: usize = 1_000;

/// Lets everything go on that was under way when the process ended. Answers with the number of runs.
pub(crate) async fn recover(shared: Arc<Shared>) -> usize {
    let mut count = 0;
    let mut after: Option<ExecutionId> = None;
    loop {
        let page = match shared.store.busy(after.as_ref(), PAGE) {
            Ok(page) => page,
            Err(error) => {
                shared.report(&error);
                break;
            }
        };
        let Some(last) = page.last().cloned() else {
            break;
        };
        for id in page {
            count += 1;
            let event = Box::new(Event::Recovered);
            shared
                .send(Message::Event {
                    id,
                    event,
                    reply: None,
                })
                .await;
        }
        after = Some(last);
    }
    match shared.store.queues() {
        Ok(pipelines) => pipelines
            .into_iter()
            .for_each(|pipeline| shared.turn(pipeline, None)),
        Err(error) => shared.report(&error),
    }
    tracing::info!(runs = count, "every run that was under way goes on");
    count
}
