//! What is known of an account's state, and how an account is shown.

use serde::Serialize;
use spindrift_model::Millis;

use super::definition::{AccountDefinition, Origin};
use crate::provider::Verification;

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountState {
    /// Nobody has looked yet.
    Unverified,
    /// It can be used.
    Ready,
    /// It can be used, but may not do everything that this program does.
    Limited,
    /// Its API server cannot be reached, or does not accept its credentials.
    Unreachable,
    /// Its definition or its sealed credentials cannot be used.
    Broken,
}

/// The state of an account, and why it is so.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The state.
    pub state: AccountState,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the API server calls its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Everything that it may not do.
    pub problems: Vec<String>,
    /// When it was looked at, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Millis>,
}

impl AccountStatus {
    /// A state without more to say.
    pub(crate) fn plain(state: AccountState) -> Self {
        Self {
            state,
            reason: None,
            version: None,
            problems: Vec::new(),
            verified_at: None,
        }
    }

    /// An account that cannot even be tried.
    pub(crate) fn broken(reason: String) -> Self {
        Self {
            reason: Some(reason),
            ..Self::plain(AccountState::Broken)
        }
    }
}

impl From<Verification> for AccountStatus {
    fn from(found: Verification) -> Self {
        let state = match (found.reachable, found.problems.is_empty()) {
            (false, _) => AccountState::Unreachable,
            (true, true) => AccountState::Ready,
            (true, false) => AccountState::Limited,
        };
        let reason = match found.problems.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            [first, rest @ ..] => Some(format!("{first}, and {} more", rest.len())),
        };
        Self {
            state,
            reason,
            version: found.version,
            problems: found.problems,
            verified_at: Some(found.at),
        }
    }
}

/// An account as it is shown: nothing of its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountView {
    /// What its owner wrote.
    pub definition: AccountDefinition,
    /// Who wrote it.
    pub origin: Origin,
    /// How it is.
    pub status: AccountStatus,
    /// Its namespaces, as far as they are known.
    pub namespaces: Vec<String>,
}
