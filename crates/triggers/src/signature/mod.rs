//! Whether a delivery comes from who it says: signatures over the raw bytes, and tokens.
//!
//! Invariants: secrets are compared in constant time; a delivery that shows a strong signature is never accepted for a
//! weak one; an absent signature is never accepted where a secret is set; neither secrets nor signatures are in messages.

mod secrets;
mod verify;

pub use secrets::{Secret, Secrets};
pub use verify::{Proof, SignatureError, SignaturePolicy, verify};
