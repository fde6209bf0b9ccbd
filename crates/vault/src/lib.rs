//! Secrets at rest.
//!
//! A [`Vault`] seals what a store keeps and nobody may read there: credentials of clusters, secrets of hooks. A sealed text is
//! `v1.<id of the key>.<nonce and ciphertext>` (XChaCha20-Poly1305); its purpose, such as `account/prod`, is authenticated with it, so that a sealed
//! text copied to another place does not open there.
//!
//! The keys are in the file [`KEY_FILE`] of the data directory, made at the first start and readable by its owner only, or in the environment. The
//! first key seals; every key opens. [`Vault::rotate`] puts a new key in front, and [`Vault::reseal`] moves a sealed text to it.
//!
//! Invariants: no key and no plain text is ever in an error or in a `Debug` form, and both are overwritten when they are dropped; a key file is never
//! replaced by one that lacks a key it had.

mod error;
mod file;
mod key;
mod vault;

pub use error::VaultError;
pub use file::KEY_FILE;
pub use vault::Vault;
pub use zeroize::Zeroizing;
