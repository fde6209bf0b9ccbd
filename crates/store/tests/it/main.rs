//! The stores against their contract, against each other, and against disks that fail.

mod contract;
mod support;
