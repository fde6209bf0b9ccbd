//! The service on an engine with a store in memory and a clock that tests move.

mod conformance;
mod crashes;
mod deliveries;
mod registries;
mod run_ends;
mod schedules;
mod scripted;
mod world;
