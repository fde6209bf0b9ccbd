//! An address of a trigger's own: whoever knows it may call it, and nothing else reaches the trigger from outside.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::TriggerKind;
use super::trigger::Trigger;

/// The member of a trigger that holds its address.
pub(crate) const HOOK_MEMBER: &str = "hookId";

/// Fewer characters than these could be guessed.
const SHORTEST: usize = 22;

/// More would only be a nuisance in an address.
const LONGEST: usize = 128;

/// The unguessable last part of a trigger's own address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HookId(String);

/// A text cannot be a hook's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a hookId has {SHORTEST} to {LONGEST} letters, digits, \"-\" and \"_\", so that nobody guesses it; leave it empty to get one"
)]
pub struct BadHookId;

impl HookId {
    /// Takes an id. Errors: it is too short to be unguessable, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, BadHookId> {
        let fits = (SHORTEST..=LONGEST).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        fits.then(|| Self(text.to_owned())).ok_or(BadHookId)
    }

    /// The id that 128 random bits are.
    pub(crate) fn random(bits: [u64; 2]) -> Self {
        Self(format!("{:016x}{:016x}", bits[0], bits[1]))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request to a trigger's own address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookRoute {
    /// The kind of delivery.
    pub(crate) kind: &'static str,
    /// Its source.
    pub(crate) source: String,
    /// The registry account it speaks for.
    pub(crate) account: Option<String>,
}

impl Trigger {
    /// What a request to this trigger's own address is; `None` when nothing from outside starts it.
    pub(crate) fn hook_route(&self) -> Option<HookRoute> {
        let (kind, source) = match &self.kind {
            TriggerKind::Image(image) => {
                return Some(HookRoute {
                    kind: if image.chart { "helm-oci" } else { "docker" },
                    source: "hook".to_owned(),
                    account: Some(image.account.clone()),
                });
            }
            TriggerKind::Git(git) => ("git", git.source.clone()),
            TriggerKind::Webhook { source, .. } => ("webhook", source.clone()),
            TriggerKind::CdEvents { source, .. } => ("cdevents", source.clone()),
            TriggerKind::Pubsub { subscription, .. } => ("pubsub", subscription.clone()),
            TriggerKind::Build { master, .. } => ("build", master.clone()),
            TriggerKind::Artifactory { search } => ("artifactory", search.clone()),
            TriggerKind::Nexus { search } => ("nexus", search.clone()),
            TriggerKind::Helm { account, .. } => ("helm", account.clone()),
            TriggerKind::Plugin { .. } => ("plugin", "hook".to_owned()),
            TriggerKind::Cron(_)
            | TriggerKind::Pipeline { .. }
            | TriggerKind::Manual
            | TriggerKind::Unknown
            | TriggerKind::Invalid(_) => return None,
        };
        Some(HookRoute {
            kind,
            source,
            account: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_guessed_is_no_id() {
        assert!(HookId::parse(HookId::random([1, 2]).as_str()).is_ok());
        for text in [
            "",
            "release",
            &"a".repeat(21),
            &"a".repeat(129),
            "../../../../etc/passwd/x",
            "aaaaaaaaaaaaaaaaaaaaaaaé",
        ] {
            assert_eq!(HookId::parse(text), Err(BadHookId), "{text}");
        }
    }
}
