//! The bound accounts, by name.

use std::sync::Arc;

use crate::provider::Provider;

/// The bound accounts, as stages and routes see them. What is bound may change at any time; who holds a provider keeps it.
pub trait Accounts: Send + Sync + 'static {
    /// The account of that name, if there is one.
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
