//! The shell around the core.
//!
//! For every event the runtime asks the core what changes, gives the changes to the store, and only when they are on disk
//! answers the caller, publishes the news, and performs the effects. It owns no truth: after a crash everything it needs is
//! read back from the store, and what was under way is done again with the same idempotency keys.
//!
//! Runs are spread over a few *shards*. A shard is one task that alone touches its runs, so that no lock is held and no
//! two decisions about one run can cross. A run that only waits is not in memory at all.

mod admission;
mod clock;
mod engine;
mod environment;
mod error;
mod launcher;
mod loaded;
mod lookup;
mod notice;
mod perform;
mod pipelines;
mod preview;
mod recovery;
mod retention;
mod shard;
mod stats;
mod submit;
mod templates;
mod timers;

pub use clock::{Clock, Entropy, SystemClock, SystemEntropy};
pub use engine::{Engine, EngineOptions, Fetcher};
pub use error::EngineError;
pub use lookup::Lookup;
pub use notice::Notice;
pub use pipelines::{SaveRequest, Saved, check_pipeline};
pub use preview::Previewed;
pub use retention::Retention;
pub use submit::{StartRequest, Submitted};
