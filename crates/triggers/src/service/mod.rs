//! Triggers at work, on the engine and its store.
//!
//! Who owns what: the index of triggers is in memory and follows every save; events, their verdicts and the last tick of
//! every schedule are in the store. Three tasks run: one per accepted delivery, one that keeps the schedules, and one
//! that watches for the ends of runs.
//!
//! Invariants:
//! - A delivery is on disk before it is acknowledged, and is worked on again after a crash until it is done.
//! - An event starts at most one run through a trigger: the run's id is made of both, so a repeated start finds it.
//! - A tick is named by its trigger and its time, the end of a run by the run and its start; both are done once.
//! - Saving a pipeline takes effect with the next event and the next tick.

mod accept;
mod error;
mod forgetting;
mod hooks;
mod known_images;
mod polling;
mod process;
mod record;
mod rights;
mod run_ends;
mod saving;
mod scheduler;
mod sealing;
mod shared;
mod starting;
mod storage;

pub use accept::{Preview, Receipt};
pub use error::AcceptError;
pub use record::{Cause, EventRecord, EventState, VerdictOutcome, VerdictRecord};
pub use rights::ExecuteRights;
pub use saving::check_triggers;
pub use sealing::{MASK, SecretSealer, mask_secrets};
pub use shared::{TriggerOptions, Triggers};
