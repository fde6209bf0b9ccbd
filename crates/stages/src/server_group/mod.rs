//! The stages that move server groups: enable, disable, destroy, resize, clone, roll back, and those that work on a whole cluster.
//!
//! They know [`Provider`](spindrift_cloud_driver::Provider) and nothing of any cloud; what they decide is decided by the functions of
//! `spindrift-cloud-driver` that know no cloud either.
//!
//! Invariants:
//! - What an operation works on is in the stage's context, on disk, before the operation is asked for. So a repetition after a crash works on the same
//!   server groups, with the same capacities, and finds its work done.
//! - Traffic guards are asked immediately before an operation that takes instances away.
//! - A server group that something manages stands for its manager.

mod capture;
mod clone;
mod clouds;
mod cluster;
mod create;
mod destroy;
mod determine;
mod disable;
mod enable;
mod find_image;
mod guards;
mod linear;
mod operation;
mod place;
mod resize;
mod rollback_cluster;
mod rollback_group;
mod sizes;
mod types;
mod up;
mod wait;

pub use guards::{Guards, NoGuards, TrafficRules};
pub use sizes::AccountClusterSizes;

pub(crate) use clouds::Clouds;
pub(crate) use types::types;
