//! The expression language, from the outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod document;
mod hostile;
mod laws;
mod real_pipelines;
mod reference;
mod vectors;
mod world;
