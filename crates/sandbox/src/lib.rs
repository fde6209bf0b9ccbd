//! A Kubernetes API in this process, with controllers and scripted faults.

mod api;
mod bootstrap;
mod clock;
mod cluster;
mod controllers;
mod convert;
mod defaults;
mod discovery;
mod faults;
mod http;
mod ids;
mod json;
mod kinds;
mod logs;
mod openapi;
mod options;
mod patch;
mod protobuf;
mod quantity;
mod recorder;
mod sandbox;
mod schema;
pub mod scripts;
mod selector;
mod status;
mod store;
mod table;
mod validation;

pub use faults::{Fault, FaultId, Faults, Requests};
pub use options::SandboxOptions;
pub use recorder::RecordedRequest;
pub use sandbox::{Controllers, RestoreError, Sandbox};
