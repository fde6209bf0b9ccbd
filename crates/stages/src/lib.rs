//! The stage types: what each kind of stage plans and does, one file each, and the one registry of them.
//!
//! Invariants:
//! - A task that touches nothing outside is an `InlineTask`: it is decided within the engine, without a clock, a random number or I/O.
//! - A task that touches the world may be performed again after a crash, with the same key.
//! - Nothing polls that can be told: waits name the time at which they end, judgments and children signal their stage.
//! - A stage that cannot be carried out as it is written fails with a message that names the member and what to do.

mod artifacts;
mod catalog;
mod depends_on_execution;
mod evaluate_variables;
mod fields;
mod manifest;
mod manual_judgment;
mod noop;
mod pipeline;
mod precondition;
mod registry;
mod server_group;
#[cfg(test)]
mod testing;
mod wait;
mod wait_until;
mod webhook;
pub mod window;

pub use catalog::{CatalogJob, CatalogJobs, JobAuthor, JobDone};
pub use precondition::{ClusterQuery, ClusterSizes};
pub use registry::{Services, check, registry};
pub use server_group::{AccountClusterSizes, Guards, NoGuards, TrafficRules};
pub use webhook::{PreconfiguredWebhook, Roles, WebhookParameter, WebhookSettings};
