//! The engine core against its specification in `engine-spec/`.

mod conformance;
mod model;
mod plan;
mod property;
mod scale;
mod schemas;
mod scripted;
mod states;
mod world;
