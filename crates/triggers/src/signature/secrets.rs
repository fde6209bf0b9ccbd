//! The secrets of a trigger.

use std::fmt;

/// A secret. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret; an empty text is none.
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The secrets that are valid now: one, and during a rotation the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    current: Option<Secret>,
    previous: Option<Secret>,
}

impl Secrets {
    /// Takes the current secret and the one it replaces.
    pub fn new(current: Option<Secret>, previous: Option<Secret>) -> Self {
        Self { current, previous }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.previous.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.current.iter().chain(&self.previous)
    }
}
