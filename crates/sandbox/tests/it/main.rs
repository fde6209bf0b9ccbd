//! The sandbox seen by its clients: kube in process and over TCP, and kubectl.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

mod access;
mod apply;
mod crud;
mod custom;
mod deletion;
mod deployments;
mod discovery;
mod faults;
mod kubectl;
mod lists;
mod patches;
mod snapshots;
mod validation;
mod watches;
mod workloads;
