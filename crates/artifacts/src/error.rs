//! Why an artifact could not be fetched.

use spindrift_outbound::Error as OutboundError;

/// Why an artifact could not be fetched. Messages name hosts and accounts, never paths, queries or credentials.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FetchError {
    /// Nothing here fetches that type.
    #[error("artifacts of type {0:?} cannot be fetched; {1} can")]
    UnknownType(String, String),
    /// The artifact lacks a member.
    #[error("the {kind} artifact {name:?} cannot be fetched: {reason}")]
    Incomplete {
        /// Its type.
        kind: String,
        /// Its name.
        name: String,
        /// What it lacks and what to do.
        reason: String,
    },
    /// There is no such account, or it is for something else, or one has to be chosen.
    #[error("{0}")]
    NoAccount(String),
    /// The account cannot be used.
    #[error("the artifact account {account:?} cannot be used: {reason}")]
    Account {
        /// Its name.
        account: String,
        /// Why.
        reason: String,
    },
    /// The reference leads away from the account's server.
    #[error(
        "the reference leads to {host}, but the artifact account {account:?} is for {expected} only; its credentials go nowhere else"
    )]
    Elsewhere {
        /// The account.
        account: String,
        /// Where the reference leads.
        host: String,
        /// What the account is for.
        expected: String,
    },
    /// It is larger than allowed.
    #[error("the artifact has more than {0} bytes, which is the limit of artifacts.max_bytes")]
    TooLarge(u64),
    /// It is not there, or may not be read.
    #[error("{host} answered {status}{hint}")]
    Answer {
        /// Who.
        host: String,
        /// The status code.
        status: u16,
        /// What to do about it; empty, or begins with a colon.
        hint: &'static str,
    },
    /// What was found is not what it should be.
    #[error("what {place} holds cannot be used: {reason}")]
    Unreadable {
        /// Where it was found.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The request could not be made.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl FetchError {
    /// Whether the same may work in a moment.
    pub fn is_transient(&self) -> bool {
        match self {
            FetchError::Answer { status, .. } => *status == 429 || *status >= 500,
            FetchError::Outbound(error) => error.is_transient(),
            FetchError::UnknownType(..)
            | FetchError::Incomplete { .. }
            | FetchError::NoAccount(_)
            | FetchError::Account { .. }
            | FetchError::Elsewhere { .. }
            | FetchError::TooLarge(_)
            | FetchError::Unreadable { .. } => false,
        }
    }

    /// Whether this server may not go where the reference leads.
    pub fn is_forbidden(&self) -> bool {
        match self {
            FetchError::Outbound(error) => {
                matches!(error.cause(), OutboundError::Refused { .. })
            }
            _ => false,
        }
    }

    pub(crate) fn answer(host: &str, status: u16) -> Self {
        let hint = match status {
            401 | 403 => ": the account's credentials are missing, wrong or too weak",
            404 => ": there is nothing at that reference, or the account may not see it",
            _ => "",
        };
        Self::Answer {
            host: host.to_owned(),
            status,
            hint,
        }
    }
}
