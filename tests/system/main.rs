//! The real binary, driven as its users drive it: processes, signals, sockets, disks.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod arrows;
mod bad_input;
mod client;
mod crash;
mod disk;
mod documents;
mod eval;
mod files;
mod identity;
mod kill;
mod local;
mod offline;
mod real_pipelines;
mod refusals;
mod rights;
mod sandbox;
mod spin;
mod startup;
mod stop;
#[path = "../support/mod.rs"]
mod support;
mod triggers;
