//! The expression language, from the outside.

mod vectors;
mod world;
