//! Why a registry could not be asked.

use std::time::Duration;

/// Why a registry could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PollError {
    /// It could not be reached, or may not be.
    #[error("{0}")]
    Outbound(String),
    /// It asks to be left alone for a while.
    #[error("the registry answers 429; it is asked again in {} s", .0.as_secs())]
    Throttled(Duration),
    /// It does not let us in.
    #[error("the registry refuses us ({status}): {reason}")]
    Refused {
        /// Its status code.
        status: u16,
        /// What was wrong with the credentials.
        reason: String,
    },
    /// It answers with a status that means nothing good.
    #[error("the registry answers {0}")]
    Status(u16),
    /// Its answer makes no sense.
    #[error("the registry's answer cannot be used: {0}")]
    Nonsense(String),
}

impl From<spindrift_outbound::Error> for PollError {
    fn from(error: spindrift_outbound::Error) -> Self {
        PollError::Outbound(error.to_string())
    }
}
