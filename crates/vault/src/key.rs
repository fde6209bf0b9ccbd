//! A key and its id.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of a key.
const LENGTH: usize = 32;

/// A key. Its id tells keys apart and nothing else about them.
pub(crate) struct Key {
    id: String,
    bytes: Zeroizing<[u8; LENGTH]>,
}

impl Key {
    /// A new key.
    pub(crate) fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        rand::rng().fill_bytes(bytes.as_mut());
        Self::new(bytes)
    }

    /// Reads a key in base64, with or without padding; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = Zeroizing::new(text.trim().trim_end_matches('=').to_owned());
        let decoded = Zeroizing::new(
            base64::engine::general_purpose::STANDARD_NO_PAD
                .decode(text.as_bytes())
                .ok()?,
        );
        let mut bytes = Zeroizing::new([0; LENGTH]);
        if decoded.len() != LENGTH {
            return None;
        }
        bytes.copy_from_slice(&decoded);
        Some(Self::new(bytes))
    }

    /// The key in base64.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.bytes.as_ref()))
    }

    fn new(bytes: Zeroizing<[u8; LENGTH]>) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"spindrift vault key id\0");
        digest.update(bytes.as_ref());
        let digest = digest.finalize();
        let id = digest[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self { id, bytes }
    }

    /// Eight hexadecimal digits.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.id).finish()
    }
}
