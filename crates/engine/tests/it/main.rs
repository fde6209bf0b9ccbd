//! The engine core against its specification in `engine-spec/`.

mod conformance;
mod scripted;
mod world;
