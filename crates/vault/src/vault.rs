//! Sealing and unsealing.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use rand::RngCore;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::file;
use crate::key::Key;

/// The form of a sealed text.
const VERSION: &str = "v1";

/// Bytes of a nonce: so many that random ones do not meet.
const NONCE: usize = 24;

/// Seals and unseals.
#[derive(Debug)]
pub struct Vault {
    /// The first one seals. There is at least one.
    keys: Vec<Key>,
    /// Where they are, unless the environment has them.
    directory: Option<PathBuf>,
}

impl Vault {
    /// The vault of a data directory. The keys are those in `env_key`, in base64 and separated by commas, or else those of the directory's key file,
    /// which the first start makes. An empty `env_key` counts as absent.
    pub fn open(directory: &Path, env_key: Option<&str>) -> Result<Self, VaultError> {
        match env_key.map(str::trim).filter(|keys| !keys.is_empty()) {
            Some(keys) => Self::with_keys(keys),
            None => Ok(Self {
                keys: file::open(directory)?,
                directory: Some(directory.to_owned()),
            }),
        }
    }

    /// A vault of these keys, in base64 and separated by commas; the first one seals.
    pub fn with_keys(keys: &str) -> Result<Self, VaultError> {
        let keys = keys
            .split(',')
            .enumerate()
            .map(|(number, key)| {
                Key::parse(key).ok_or_else(|| VaultError::NotAKey {
                    place: format!("number {} of the vault's keys", number + 1),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            keys,
            directory: None,
        })
    }

    /// A vault with a new key that is nowhere else: what it seals can be read while it lives.
    pub fn ephemeral() -> Self {
        Self {
            keys: vec![Key::generate()],
            directory: None,
        }
    }

    /// Seals a secret for a purpose, such as `account/prod`.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> String {
        // There is at least one key: every constructor makes or reads one.
        let key = &self.keys[0];
        let mut nonce = [0; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = nonce.to_vec();
        sealed.extend(encrypt(key, &nonce, purpose, plain));
        format!("{VERSION}.{}.{}", key.id(), URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what was sealed for that purpose.
    pub fn unseal(&self, purpose: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (id, body) = parts(sealed).ok_or(VaultError::Malformed)?;
        let key = self.keys.iter().find(|key| key.id() == id);
        let key = key.ok_or_else(|| VaultError::UnknownKey {
            wanted: id.to_owned(),
            known: self.key_ids().join(", "),
        })?;
        let bytes = URL_SAFE_NO_PAD
            .decode(body)
            .map_err(|_| VaultError::Malformed)?;
        let (nonce, body) = bytes
            .split_first_chunk::<NONCE>()
            .filter(|(_, body)| body.len() >= size_of::<Tag>())
            .ok_or(VaultError::Malformed)?;
        let payload = Payload {
            msg: body,
            aad: &associated(key, purpose),
        };
        cipher(key)
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::Broken {
                purpose: purpose.to_owned(),
            })
    }

    /// The same secret sealed under the key in use; `None` when it is already.
    pub fn reseal(&self, purpose: &str, sealed: &str) -> Result<Option<String>, VaultError> {
        let (id, _) = parts(sealed).ok_or(VaultError::Malformed)?;
        if id == self.keys[0].id() {
            return Ok(None);
        }
        let plain = self.unseal(purpose, sealed)?;
        Ok(Some(self.seal(purpose, &plain)))
    }

    /// Puts a new key in front; the others still open. Errors: the keys come from the environment, or the key file cannot be written.
    pub fn rotate(&mut self) -> Result<(), VaultError> {
        let directory = self.directory.as_deref().ok_or(VaultError::NotRotatable)?;
        self.keys.insert(0, Key::generate());
        if let Err(error) = file::replace(directory, &self.keys) {
            self.keys.remove(0);
            return Err(error);
        }
        Ok(())
    }

    /// The ids of the keys, the one in use first.
    pub fn key_ids(&self) -> Vec<&str> {
        self.keys.iter().map(Key::id).collect()
    }
}

fn parts(sealed: &str) -> Option<(&str, &str)> {
    let (version, rest) = sealed.split_once('.')?;
    rest.split_once('.').filter(|_| version == VERSION)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

/// What is authenticated besides: a sealed text opens in its place only.
fn associated(key: &Key, purpose: &str) -> Vec<u8> {
    format!("spindrift\0{VERSION}\0{}\0{purpose}", key.id()).into_bytes()
}

fn encrypt(key: &Key, nonce: &[u8; NONCE], purpose: &str, plain: &[u8]) -> Vec<u8> {
    let payload = Payload {
        msg: plain,
        aad: &associated(key, purpose),
    };
    // The cipher refuses texts of more than 256 GiB, which are in no memory, and nothing else.
    cipher(key)
        .encrypt(&XNonce::from(*nonce), payload)
        .expect("a text of less than 256 GiB")
}
