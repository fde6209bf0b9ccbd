//! The tasks that touch the world, against servers and executions made for the test.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod fake_cloud;
mod manifest_world;
mod play;
mod support;

mod cluster_size;
mod deploy;
mod manifest_conformance;
mod manifest_operations;
mod pipeline;
mod preconfigured;
mod real_pipelines;
mod registry;
mod run_job;
mod runs;
mod server_groups;
mod server_groups_sandbox;
mod webhook_cancel;
mod webhook_create;
mod webhook_monitor;
