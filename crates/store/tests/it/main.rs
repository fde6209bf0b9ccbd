//! The stores against their contract, against each other, and against disks that fail.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod backup;
mod contract;
mod faults;
mod golden;
mod kill;
mod law;
mod opening;
mod readers;
mod support;
