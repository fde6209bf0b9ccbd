//! The stores against their contract, against each other, and against disks that fail.

mod contract;
mod faults;
mod kill;
mod law;
mod opening;
mod support;
