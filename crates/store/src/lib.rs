//! The durable store of Spindrift: pipelines, executions, timers and queues on sled.
//!
//! [`SledStore`] keeps them in a directory of one process; [`MemoryStore`] keeps them in memory and is what tests and the
//! simulator use. Both do what the tests in `contract` (a feature) say.

mod codec;
mod committer;
mod disk;
mod error;
mod export;
mod faults;
mod floor;
mod format;
mod import;
mod index;
mod journal;
mod key;
mod layer;
mod memory;
mod open;
mod options;
mod prepared;
mod reader;
mod run_reader;
mod sled_store;
mod staging;
mod table;
mod verify;
mod view;

#[cfg(feature = "contract")]
pub mod contract;

pub use committer::Statistics;
pub use disk::Disk;
pub use error::OpenError;
pub use export::{Counts, ExportError};
pub use faults::{Faults, FaultyDisk};
pub use import::{ImportError, import};
pub use memory::MemoryStore;
pub use options::StoreOptions;
pub use sled_store::SledStore;
pub use verify::Verification;
