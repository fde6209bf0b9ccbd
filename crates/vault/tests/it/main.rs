//! The vault as its users see it.

mod keys;
mod sealing;
