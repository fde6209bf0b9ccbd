//! The bound accounts, by name.
//!
//! [`Accounts`] is what stages and routes see. [`Registry`] is behind it: it binds accounts, verifies them at once and again when a call failed, and
//! keeps those that callers of the API have bound, their credentials sealed by the vault.
//!
//! Invariants: no credential is in an answer, a log, an error or a `Debug` form; what a caller of the API sends starts no process and reads no file, and
//! its connections pass the policy of accounts, name by name and address by address.

mod definition;
mod entry;
mod registry;
mod secret;
mod status;
mod storage;

use std::sync::Arc;

use crate::provider::Provider;

pub use definition::{Access, AccountDefinition, Credentials, Origin, Permissions};
pub use registry::{Registry, RegistryOptions};
pub use secret::Secret;
pub use status::{AccountState, AccountStatus, AccountView};
pub use storage::AccountStorage;

/// The bound accounts, as stages and routes see them. What is bound may change at any time; who holds a provider keeps it.
pub trait Accounts: Send + Sync + 'static {
    /// The account of that name, if there is one that can be used.
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>>;

    /// The names of all accounts, sorted.
    fn names(&self) -> Vec<String>;
}

/// No account at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAccounts;

impl Accounts for NoAccounts {
    fn get(&self, _: &str) -> Option<Arc<dyn Provider>> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
