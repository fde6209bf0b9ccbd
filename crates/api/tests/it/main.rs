//! The API, driven as its callers drive it, over an engine on the store in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod bad_input;
mod catalog;
mod cloud;
mod configs;
mod evaluate;
mod events;
mod executions;
mod health;
mod hooks;
mod identity;
mod judgments;
mod openapi;
mod published;
mod search;
mod server;
mod starting;
mod support;
mod tasks;
