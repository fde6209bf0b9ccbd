//! The committer: the one thread that writes.
//!
//! It takes the first commit that waits and whatever else waits by then, checks them one after the other, writes what
//! they do into the journal as one batch, syncs once, lets readers see the rows, and answers. In between, when nobody
//! waits, it moves the rows of a full layer to the tree.
//!
//! Invariants: nothing is visible or answered before it is durable. After the first failure nothing is written any
//! more. A piece of the journal is removed only after a sync that came after its rows had reached the tree.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::channel::oneshot;
use sled::Batch;
use spindrift_engine::StoreError;

use crate::disk::Disk;
use crate::journal::Journal;
use crate::key::Key;
use crate::layer::{Entry, Layer};
use crate::options::StoreOptions;
use crate::prepared::Prepared;
use crate::staging::{Marks, Staging};
use crate::table::Table;
use crate::view::View;

/// What the committer can be asked.
pub(crate) enum Request {
    /// Make these writes durable, all or none.
    Commit {
        writes: Vec<Prepared>,
        answer: Answer,
    },
    /// Move everything to the tree.
    Settle(Answer),
    /// Move everything to the tree and end.
    Close(Answer),
}

/// Where the answer goes.
pub(crate) type Answer = oneshot::Sender<Result<(), StoreError>>;

/// Whether the store takes writes, and what it has done so far; shared with whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    stopped: RwLock<Option<String>>,
    commits: AtomicU64,
    syncs: AtomicU64,
    moved: AtomicU64,
    journal_bytes: AtomicU64,
}

impl Condition {
    /// Why it has stopped.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Nothing is written from now on; the first reason stays.
    pub(crate) fn stop(&self, reason: &str) {
        let mut stopped = self.stopped.write().unwrap_or_else(PoisonError::into_inner);
        if stopped.is_none() {
            *stopped = Some(reason.to_owned());
        }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            commits: self.commits.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            moved_rows: self.moved.load(Ordering::Relaxed),
            journal_bytes: self.journal_bytes.load(Ordering::Relaxed),
        }
    }
}

/// What a store has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Commits made durable.
    pub commits: u64,
    /// Syncs of the disk.
    pub syncs: u64,
    /// Rows moved from memory to the tree.
    pub moved_rows: u64,
    /// Bytes of the journal: the keys and values of what was committed.
    pub journal_bytes: u64,
}

/// Moves the rows of a frozen layer to the tree, a few at a time.
struct Move {
    layer: Arc<Layer>,
    /// The last key that was moved.
    after: Option<Key>,
    /// How many were moved.
    moved: usize,
    /// The first piece of the journal that is not about this layer.
    journal_end: u64,
}

/// See the module.
pub(crate) struct Committer {
    pub(crate) view: View,
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) condition: Arc<Condition>,
    pub(crate) options: StoreOptions,
    marks: Marks,
    journal: Journal,
    /// The first piece of the journal that is about the active layer.
    active_since: u64,
    moving: Option<Move>,
    /// The journal can begin with this piece once the disk has been synced.
    settled_until: Option<u64>,
}

/// How long nobody must have written before the rows in memory move to the tree.
const IDLE: Duration = Duration::from_secs(2);

/// What [`Committer::fullness`] says of a layer that is full.
const FULL: usize = 1000;

/// A layer is also full once it has one slot of the journal for so many bytes that it may have in memory.
const BYTES_PER_SLOT: usize = 2048;

/// Slots of the journal that stay when nobody writes: 1.5 MiB.
const KEPT_SLOTS: u64 = 256;

/// Rows and bytes moved between two looks at the queue, in one batch of sled's. Readers wait for the end of a batch, and
/// sled frees none of the pages that a batch replaces before its end: a thousand rows at a time cost 200 MiB.
const MOVED_AT_ONCE: (usize, usize) = (128, 512 * 1024);

impl Committer {
    pub(crate) fn new(
        view: View,
        disk: Box<dyn Disk>,
        condition: Arc<Condition>,
        options: StoreOptions,
        journal: Journal,
    ) -> Self {
        Self {
            view,
            disk,
            condition,
            options,
            marks: Marks::default(),
            active_since: journal.first(),
            journal,
            moving: None,
            settled_until: None,
        }
    }

    /// Serves requests until it is told to close, or until nobody is left who could ask.
    pub(crate) fn run(mut self, queue: &Receiver<Request>) {
        while let Some(first) = self.next(queue) {
            let mut commits = Vec::new();
            let mut other = None;
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Commit { writes, answer } => {
                        bytes += writes.iter().map(Prepared::bytes).sum::<usize>();
                        commits.push((writes, answer));
                    }
                    request => {
                        other = Some(request);
                        break;
                    }
                }
                let full = commits.len() >= self.options.batch_commits
                    || bytes >= self.options.batch_bytes;
                next = if full { None } else { queue.try_recv().ok() };
            }
            self.serve(commits, bytes);
            match other {
                Some(Request::Settle(answer)) => answer_with(answer, self.guarded(Self::settle)),
                Some(Request::Close(answer)) => {
                    let result = self.guarded(Self::settle);
                    self.condition.stop("it has been closed");
                    drop(self);
                    answer_with(answer, result);
                    return;
                }
                Some(Request::Commit { .. }) | None => {}
            }
        }
        let settled = self.guarded(Self::settle);
        if let Err(error) = settled {
            tracing::error!(%error, "the store could not be closed in order; its journal has everything");
        }
    }

    /// The next request. While there is none, rows are moved; after a while without any, everything is tidied up.
    fn next(&mut self, queue: &Receiver<Request>) -> Option<Request> {
        let mut patience = IDLE;
        loop {
            let is_stopped = self.condition.stopped().is_some();
            if self.moving.is_some() && !is_stopped {
                match queue.try_recv() {
                    Ok(request) => return Some(request),
                    Err(TryRecvError::Disconnected) => return None,
                    Err(TryRecvError::Empty) => {
                        // A failure has stopped the store and is told to whoever asks next.
                        let _ = self.guarded(Self::move_rows);
                    }
                }
                continue;
            }
            match queue.recv_timeout(patience) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let has_more = !is_stopped && self.guarded(Self::tidy).unwrap_or(false);
                    if !has_more {
                        return queue.recv().ok();
                    }
                    patience = Duration::ZERO;
                }
            }
        }
    }

    /// One step towards a store that takes little memory and starts quickly. Answers whether there may be another.
    fn tidy(&mut self) -> Result<bool, StoreError> {
        if !self.view.layers.stack().active.read().is_empty() {
            self.freeze();
            return Ok(true);
        }
        if self.settled_until.is_some() {
            self.sync()?;
            return Ok(true);
        }
        let mut batch = Batch::default();
        let has_shrunk = self.journal.shrink(&mut batch, KEPT_SLOTS, 64);
        if has_shrunk {
            self.apply(batch)?;
        }
        Ok(has_shrunk)
    }

    fn serve(&mut self, commits: Vec<(Vec<Prepared>, Answer)>, bytes: usize) {
        if commits.is_empty() {
            return;
        }
        let (writes, answers): (Vec<_>, Vec<_>) = commits.into_iter().unzip();
        let count = writes.len();
        let results = self
            .guarded(|it| it.commit(writes, bytes))
            .unwrap_or_else(|error| vec![Err(error); count]);
        for (answer, result) in answers.into_iter().zip(results) {
            answer_with(answer, result);
        }
        drop(self.guarded(Self::keep_pace));
    }

    /// Performs a step; a failure or a panic of it, or of any earlier one, stops the store.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(reason) = self.condition.stopped() {
            return Err(StoreError::Stopped(reason));
        }
        let result = catch_unwind(AssertUnwindSafe(|| step(self)));
        let reason = match result {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(StoreError::Stopped(reason))) => reason,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("it panicked: {}", panic_text(&*panic)),
        };
        tracing::error!(%reason, "the store has stopped");
        self.condition.stop(&reason);
        Err(StoreError::Stopped(reason))
    }

    /// Makes a batch durable and visible. The results are those of the commits; an error is one of the disk.
    fn commit(
        &mut self,
        commits: Vec<Vec<Prepared>>,
        bytes: usize,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let count = commits.len() as u64;
        let mut staging = Staging::new(&self.view, &mut self.marks);
        let results = commits
            .into_iter()
            .map(|writes| staging.stage(writes))
            .collect();
        let rows = staging.rows;
        if !rows.is_empty() {
            self.check_space(bytes)?;
            let mut batch = Batch::default();
            let bytes = self.journal.append(&mut batch, &rows);
            self.condition
                .journal_bytes
                .fetch_add(bytes as u64, Ordering::Relaxed);
            self.apply(batch)?;
            self.sync()?;
            self.view.layers.add(rows);
        }
        self.condition.commits.fetch_add(count, Ordering::Relaxed);
        Ok(results)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.condition.syncs.fetch_add(1, Ordering::Relaxed);
        self.disk.sync().map_err(|error| failed("a sync", &error))?;
        if let Some(first) = self.settled_until.take() {
            self.journal.begin_with(first);
        }
        Ok(())
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.disk
            .apply(batch)
            .map_err(|error| failed("a write", &error))
    }

    /// Everything written so far fits in the reserve several times, so sled never meets a full disk.
    fn check_space(&self, bytes: usize) -> Result<(), StoreError> {
        let free = self
            .disk
            .free()
            .map_err(|error| failed("asking for the free space", &error))?;
        let needed = self.options.reserve_bytes.saturating_add(4 * bytes as u64);
        if free < needed {
            return Err(StoreError::Stopped(format!(
                "the disk is full: {} MiB are free, and {} MiB are kept in reserve; make room and start again",
                free >> 20,
                self.options.reserve_bytes >> 20
            )));
        }
        Ok(())
    }

    /// Freezes the active layer when it is full, and moves as much as it takes to be done before the next one is.
    fn keep_pace(&mut self) -> Result<(), StoreError> {
        let fullness = self.fullness();
        if fullness >= FULL {
            while self.moving.is_some() {
                self.move_rows()?;
            }
            self.freeze();
            return Ok(());
        }
        // Done when the next layer is two thirds full, so that a larger batch does not have to wait for the rest.
        while let Some(moving) = &self.moving
            && moving.moved * FULL < moving.layer.read().len().saturating_mul(fullness * 3 / 2)
        {
            self.move_rows()?;
        }
        Ok(())
    }

    /// How full the active layer is: in memory, or in slots of the journal, of which small batches take one each.
    fn fullness(&self) -> usize {
        let bytes = self.view.layers.stack().active.read().bytes();
        let limit = self.options.layer_bytes.max(1);
        let slots = usize::try_from(self.journal.next() - self.active_since).unwrap_or(usize::MAX);
        let most_slots = (limit / BYTES_PER_SLOT).max(1);
        (bytes.saturating_mul(FULL) / limit).max(slots.saturating_mul(FULL) / most_slots)
    }

    fn freeze(&mut self) {
        debug_assert!(self.moving.is_none());
        self.active_since = self.journal.next();
        self.moving = Some(Move {
            layer: self.view.layers.freeze(),
            after: None,
            moved: 0,
            journal_end: self.active_since,
        });
    }

    /// Moves everything there is.
    fn settle(&mut self) -> Result<(), StoreError> {
        for _ in 0..2 {
            while self.moving.is_some() {
                self.move_rows()?;
            }
            if !self.view.layers.stack().active.read().is_empty() {
                self.freeze();
            }
        }
        while self.moving.is_some() {
            self.move_rows()?;
        }
        self.sync()?;
        let mut batch = Batch::default();
        if self.journal.write_first(&mut batch) {
            self.apply(batch)?;
            self.sync()?;
        }
        Ok(())
    }

    /// Moves some rows of the frozen layer to the tree; with the last of them the layer and its part of the journal go.
    fn move_rows(&mut self) -> Result<(), StoreError> {
        let Some(moving) = &mut self.moving else {
            return Ok(());
        };
        let mut batch = Batch::default();
        let mut last = None;
        let mut moved = 0;
        {
            let rows = moving.layer.read();
            let mut bytes = 0;
            for (key, entry) in rows.after(moving.after.as_deref()) {
                let fresh = matches!(entry, Entry::Put { fresh: true, .. });
                self.view
                    .table
                    .write(&mut batch, key, entry.value(), fresh)?;
                bytes += Table::size(key, entry.value());
                last = Some(key.clone());
                moved += 1;
                if moved >= MOVED_AT_ONCE.0 || bytes >= MOVED_AT_ONCE.1 {
                    break;
                }
            }
        }
        if let Some(last) = last {
            moving.after = Some(last);
            moving.moved += moved;
            self.check_space(0)?;
            self.apply(batch)?;
            self.condition
                .moved
                .fetch_add(moved as u64, Ordering::Relaxed);
            return Ok(());
        }
        self.settled_until = Some(moving.journal_end);
        self.moving = None;
        self.view.layers.drop_frozen();
        Ok(())
    }
}

fn failed(what: &str, error: &std::io::Error) -> StoreError {
    StoreError::Stopped(format!("{what} failed: {error}"))
}

fn answer_with(answer: Answer, result: Result<(), StoreError>) {
    // Whoever asked may have gone away; what they asked for is done all the same.
    let _ = answer.send(result);
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}
