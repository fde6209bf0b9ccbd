//! Cloud accounts, and what the stages and the API may ask of them.
//!
//! - [`Provider`] is one bound account of one cloud, as everything outside this crate sees it. It is small: a second cloud is a module beside
//!   [`kubernetes`] that implements it, and neither the engine nor the server-group stages change.
//! - What holds for every cloud (monikers, capacities, target resolution, traffic guards, retention) is plain functions over [`model`], tested without a
//!   cluster.
//! - [`kubernetes`] is the provider on the `kube` crate. Manifest stages, which exist for Kubernetes only, use it by [`Provider::kubernetes`].

pub mod accounts;
pub mod capacity;
mod error;
pub mod guard;
pub mod kubernetes;
pub mod model;
pub mod moniker;
pub mod naming;
mod provider;
pub mod retention;
pub mod rollback;
pub mod target;
#[cfg(test)]
mod testing;

pub use accounts::{Accounts, NoAccounts};
pub use error::{CloudError, ErrorKind};
pub use provider::{BoxFuture, Goal, Inventory, ObjectSummary, Provider, Query, Verification};
