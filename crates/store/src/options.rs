//! What can be chosen about a store.

/// What can be chosen about a [`SledStore`](crate::SledStore).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes that sled may use to keep parts of its file in memory. It is a hint: sled takes up to three times that
    /// while much is being written.
    pub cache_bytes: u64,
    /// The store stops taking writes when the disk has less than that many bytes free, so that it never fails half-way.
    pub reserve_bytes: u64,
    /// Bytes of rows that collect in memory before they move to the tree; there may be twice that many at a time. More
    /// means that more of what is short-lived never reaches the tree, and a longer start after a crash.
    pub layer_bytes: usize,
    /// The most commits that share one sync.
    pub batch_commits: usize,
    /// The most bytes that share one sync; a single commit may be larger.
    pub batch_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 16 << 20,
            reserve_bytes: 64 << 20,
            layer_bytes: 16 << 20,
            batch_commits: 1024,
            batch_bytes: 1 << 20,
        }
    }
}
