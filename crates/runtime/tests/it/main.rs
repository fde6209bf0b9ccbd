//! The runtime over the in-memory store, in virtual time.

mod admission;
mod children;
mod expressions;
mod lives;
mod simulation;
mod tasks;
mod world;
