//! Where bound accounts are kept.

use crate::provider::BoxFuture;

/// Keeps the accounts that were bound while the program ran. Values hold no secret that is not sealed.
pub trait AccountStorage: Send + Sync + 'static {
    /// Every kept account: its name and its value. Errors: what went wrong.
    fn load(&self) -> Result<Vec<(String, Vec<u8>)>, String>;

    /// Keeps an account, in the place of what was kept under that name. Ends when it is on disk.
    fn put(&self, name: &str, value: Vec<u8>) -> BoxFuture<'_, Result<(), String>>;

    /// Forgets an account. Ends when that is on disk.
    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), String>>;
}
