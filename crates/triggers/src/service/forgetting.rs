//! What keeps the events from filling the disk.
//!
//! Every event is forgotten when it is old. Hooks come from anybody, so of those that started nothing only so many are kept, and
//! of a large one only what it says; those that started runs stay until they are old, for their redeliveries are known by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spindrift_engine::StoreError;
use tokio::sync::Notify;

use super::record::Cause;
use super::shared::Shared;
use super::storage;

/// Events looked at in one go when old ones are forgotten.
const PAGE: usize = 500;

/// Events looked at in one go when all are; those that started runs have their whole bodies.
const SMALL_PAGE: usize = 100;

/// The time between two rounds of forgetting.
const PERIOD: Duration = Duration::from_secs(3_600);

/// The hooks that started nothing since they were last counted.
#[derive(Default)]
pub(super) struct Surplus {
    new: AtomicUsize,
    crowded: Notify,
}

impl Surplus {
    /// One more; every tenth part of `most` they are counted.
    pub(super) fn add(&self, most: usize) {
        let new = self.new.fetch_add(1, Ordering::Relaxed) + 1;
        if most / 10 < new {
            self.crowded.notify_one();
        }
    }
}

pub(super) async fn prune(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = shared.surplus.crowded.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
        match shared.forget_some().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old events are forgotten"),
            Err(error) => tracing::warn!(%error, "old events cannot be forgotten"),
        }
    }
}

impl Shared {
    async fn forget_some(&self) -> Result<usize, StoreError> {
        let old = self.forget_old_events().await?;
        Ok(old + self.forget_surplus().await?)
    }

    /// Forgets the events that are older than they are kept. Answers with how many.
    async fn forget_old_events(&self) -> Result<usize, StoreError> {
        let store = self.engine.store();
        let before = self.now().saturating_sub(self.options.keep_events);
        // Everything that sorts behind the first id of that time is older.
        let mut after = storage::stable_id(before, "");
        let mut count = 0;
        loop {
            let old = storage::events(store, Some(&after), PAGE)?;
            let Some(last) = old.last() else {
                return Ok(count);
            };
            after.clone_from(&last.id);
            count += old.len();
            let mut writes = Vec::with_capacity(2 * old.len());
            for record in &old {
                writes.extend(storage::forget(store, record)?);
            }
            store.commit(writes).await?;
        }
    }

    /// Forgets the hooks that started nothing, but for the newest. Answers with how many.
    async fn forget_surplus(&self) -> Result<usize, StoreError> {
        self.surplus.new.store(0, Ordering::Relaxed);
        let store = self.engine.store();
        let mut after: Option<String> = None;
        let (mut kept, mut count) = (0, 0);
        loop {
            let page = storage::events(store, after.as_deref(), SMALL_PAGE)?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after = Some(last.id.clone());
            let mut writes = Vec::new();
            for record in &page {
                let idle = matches!(record.cause, Cause::Delivery(_)) && record.is_without_effect();
                if idle && kept < self.options.max_idle_events {
                    kept += 1;
                } else if idle {
                    count += 1;
                    writes.extend(storage::forget(store, record)?);
                }
            }
            if !writes.is_empty() {
                store.commit(writes).await?;
            }
            // Who waits for an answer comes first.
            tokio::task::yield_now().await;
        }
    }
}
