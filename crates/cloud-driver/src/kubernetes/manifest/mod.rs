//! Manifests as people write them: read from JSON and YAML, and judged before anything is sent.

mod judge;
mod names;
mod read;

pub(crate) use judge::{Judged, judge};
pub(crate) use read::read_documents;
pub use read::read_yaml;
