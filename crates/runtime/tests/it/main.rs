//! The runtime over the in-memory store, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod admission;
mod bytes;
mod children;
mod expressions;
mod lives;
mod orphans;
mod saves;
mod simulation;
mod tasks;
mod through;
mod world;
