//! What the client refuses, survives and delivers, against servers on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod addresses;
mod limits;
mod policy;
mod redirects;
mod secrets;
mod sending;
mod support;
mod tls;
mod urls;
