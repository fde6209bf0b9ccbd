//! The catalog beside a real engine, on the store in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod applications;
mod jobs;
mod projects;
mod rights;
mod templates;
mod world;
