//! Random identifiers.

use uuid::Uuid;

/// Letters that make no words, as Kubernetes picks them for generated names.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A new object's uid.
pub(crate) fn uid() -> String {
    Uuid::new_v4().to_string()
}

/// Five random letters for a generated name.
pub(crate) fn suffix() -> String {
    Uuid::new_v4().as_bytes()[10..15]
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

/// A number as text in the same letters, as `pod-template-hash` shows hashes.
pub(crate) fn encode(hash: u32) -> String {
    hash.to_string()
        .bytes()
        .map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()]))
        .collect()
}

/// 32-bit FNV-1a: stable across runs and platforms, which names derived from templates must be.
pub(crate) fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
