//! The Kubernetes provider, on the `kube` crate.
//!
//! [`Kubernetes`] is one account: a client, what it may touch, and what kinds its API server knows. Each operation is a file of its own that adds one
//! method to it. Objects are JSON values: what users wrote reaches the API server as they wrote it, kinds this program has never heard of too.

mod account;
mod causes;
mod events;
mod failure;
mod kind;
mod object;
mod provider;
mod resources;
mod retry;
mod selector;
mod stability;
mod watch;

pub use account::{Kubernetes, KubernetesOptions};
pub use causes::{Trouble, TroubleKind};
pub use failure::{from_kube, from_status};
pub use kind::{Kind, KindError};
pub use object::ObjectId;
pub use provider::KubernetesProvider;
pub use resources::Resource;
pub use stability::{
    Condition, EarlyFailure, StabilityOptions, Status, is_always_stable, status, strict_status,
};
