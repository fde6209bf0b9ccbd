//! The Kubernetes provider against a cluster in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod support;

mod accounts;
mod conformance;
mod deploy;
mod inventory;
mod operations;
mod stability;
