//! A Kubernetes API in this process, with controllers and scripted faults.
//!
//! [`Sandbox`] is a small cluster without containers: it stores objects, checks and defaults them, serves watches, and runs the controllers that
//! make workloads live. Its API is one [`axum::Router`]: `kube::Client::new` takes it in process, and `axum::serve` makes it a real HTTP API for
//! `kubectl` and for a kubeconfig. Clients cannot tell it from a cluster by what they read and write.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use spindrift_sandbox::{Fault, Requests, Sandbox, SandboxOptions};
//!
//! let sandbox = Sandbox::new(SandboxOptions::default());
//! let controllers = sandbox.start(&tokio::runtime::Handle::current());
//! sandbox.faults().next(2, Requests::on("deployments.apps").verbs(["patch"]), Fault::Unavailable);
//! let router: axum::Router = sandbox.router();
//! // … serve the router, or hand it to a client …
//! # drop(router);
//! controllers.shutdown().await;
//! # }
//! ```
//!
//! # How it fails
//!
//! - **Requests** fail by rules set through [`Sandbox::faults`]: delays, refusals of every kind, broken connections, dropped and expired watches.
//!   A standing [`Fault::Forbidden`] also makes access reviews say no.
//! - **Workloads** fail by annotations, images and commands of their pods: see [`scripts`].
//! - **Old watches** fail after [`SandboxOptions::watch_history`] changes, or at once after [`Sandbox::compact`].
//!
//! # What it is not
//!
//! Nobody is kept out but by [`SandboxOptions::token`] and by faults: roles are stored and not enforced. Webhook configurations are stored and not
//! called. There is no `exec`, no port forwarding, no proxy, no metrics. Containers run nothing.
//!
//! # Invariants
//!
//! - Every change of an object has its own revision, which is the object's `resourceVersion`.
//! - Everything a request changes is changed under one lock, so a refused request changes nothing.
//! - Controllers look at the present state only; they may run any number of times.
//! - Time in objects and timers is tokio's time: a paused clock steps the whole cluster.

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
