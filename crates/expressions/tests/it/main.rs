//! The expression language, from the outside.

mod api;
mod document;
mod hostile;
mod laws;
mod vectors;
mod world;
