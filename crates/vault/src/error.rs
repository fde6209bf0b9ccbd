//! Why a vault cannot be opened, or a sealed text not be read.

use std::io;
use std::path::PathBuf;

/// Why a vault cannot be opened, or a sealed text not be read. None of them tells anything of a key or of what is sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The key file cannot be read or written.
    #[error("the key file {} cannot be used: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others than its owner can read the key file.
    #[error("the key file {} can be read by others (mode {mode:o}); `chmod 600` it", path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Something that should be a key is none.
    #[error(
        "{place} is not a key: a key is 32 random bytes in base64, such as `openssl rand -base64 32` prints"
    )]
    NotAKey {
        /// Where it stands.
        place: String,
    },
    /// Keys that are given by the environment are rotated there.
    #[error(
        "the keys come from the environment; put a new key in front of them there, separated by a comma"
    )]
    NotRotatable,
    /// The text was not sealed by this program, or by a later version.
    #[error("this is not a sealed text of a version that this program reads")]
    Malformed,
    /// It was sealed under a key that is not here.
    #[error(
        "it was sealed under the key {wanted}, and there are only {known}; bring back that key, or enter the secret again"
    )]
    UnknownKey {
        /// The id of the key.
        wanted: String,
        /// The ids of the keys that are here.
        known: String,
    },
    /// It has been changed, or was sealed for another purpose.
    #[error(
        "it has been changed since it was sealed, or was sealed for something else than {purpose:?}"
    )]
    Broken {
        /// What it was to be opened for.
        purpose: String,
    },
}
