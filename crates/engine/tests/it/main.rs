//! The engine core against its specification in `engine-spec/`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod conformance;
mod input;
mod model;
mod plan;
mod property;
mod scale;
mod schemas;
mod scripted;
mod states;
mod world;
