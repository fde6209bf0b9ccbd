//! Fetching, from servers on loopback that answer as they were told.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod accounts;
mod charts;
mod files;
mod support;
