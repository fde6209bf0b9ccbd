//! What a store must do: one list of cases that runs on every implementation.
//!
//! ```
//! use spindrift_store::{MemoryStore, contract};
//! contract::check_all(|| Box::new(contract::Plain::new(MemoryStore::new())));
//! ```

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, in a library so that every store can run them"
)]

mod commits;
mod draft;
mod finding;
mod lists;
mod pipelines;
mod records;
mod runs;

use spindrift_engine::{Store, StoreError, Write};

pub use draft::Draft;

/// A store under test.
pub trait Subject {
    /// The store.
    fn store(&self) -> &dyn Store;

    /// Called between writing and reading. What is durable must read the same afterwards, so an implementation may move
    /// its data around here, or close and open itself, or lose whatever is not durable.
    fn disturb(&mut self) {}
}

/// A store that is left alone between writing and reading.
pub struct Plain<S>(S);

impl<S: Store> Plain<S> {
    /// Takes a store that is empty.
    pub fn new(store: S) -> Self {
        Self(store)
    }
}

impl<S: Store> Subject for Plain<S> {
    fn store(&self) -> &dyn Store {
        &self.0
    }
}

/// One thing that a store must do.
pub type Case = (&'static str, fn(&mut dyn Subject));

/// Everything that a store must do.
pub fn cases() -> Vec<Case> {
    [
        runs::CASES,
        commits::CASES,
        lists::CASES,
        finding::CASES,
        pipelines::CASES,
        records::CASES,
    ]
    .concat()
}

/// Checks every case on an empty store each.
///
/// # Panics
/// When a case fails; its name is printed before.
pub fn check_all(mut empty: impl FnMut() -> Box<dyn Subject>) {
    for (name, check) in cases() {
        println!("a store: {name}");
        check(&mut *empty());
    }
}

/// Commits and waits for the answer.
pub fn commit(store: &dyn Store, writes: Vec<Write>) -> Result<(), StoreError> {
    futures::executor::block_on(store.commit(writes))
}

/// Commits what must succeed.
fn write(subject: &dyn Subject, writes: Vec<Write>) {
    commit(subject.store(), writes).unwrap();
}

/// Commits what must be refused.
fn refuse(subject: &dyn Subject, writes: Vec<Write>) {
    let result = commit(subject.store(), writes);
    assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
}
