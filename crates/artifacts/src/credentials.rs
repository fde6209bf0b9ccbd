//! Passwords and tokens, which nothing shows.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::error::FetchError;

/// A password or a token. Nothing prints it, and it cannot be serialised.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Seals a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the request that needs it.
    pub(crate) fn open(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads a credential that is kept in a file; it is read for every use, so that it can be replaced while the server runs.
pub(crate) async fn read(account: &str, file: &Path) -> Result<Sealed, FetchError> {
    match tokio::fs::read_to_string(file).await {
        Ok(text) => Ok(Sealed(text.trim().to_owned())),
        Err(error) => Err(FetchError::Account {
            account: account.to_owned(),
            reason: format!("its credential file cannot be read: {error}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_credential() {
        assert_eq!(format!("{:?}", Some(Sealed::new("hunter2"))), "Some(***)");
    }
}
