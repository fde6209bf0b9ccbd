//! The four judgements of an object, in the shape of Clouddriver's `Manifest.Status`.

use serde::{Deserialize, Serialize};

use crate::kubernetes::causes::Trouble;

/// One judgement and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Whether it holds.
    pub state: bool,
    /// Why, where there is more to say.
    #[serde(default)]
    pub message: Option<String>,
}

impl Condition {
    fn plain(state: bool) -> Self {
        Self {
            state,
            message: None,
        }
    }

    fn because(state: bool, message: impl Into<String>) -> Self {
        Self {
            state,
            message: Some(message.into()),
        }
    }
}

/// How an object is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether it is as it was asked to be.
    pub stable: Condition,
    /// Whether it can be used.
    pub available: Condition,
    /// Whether its rollout is held.
    pub paused: Condition,
    /// Whether it will not become stable.
    pub failed: Condition,
    /// What keeps it from becoming stable, when its pods or events say so. Clouddriver has no such member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            stable: Condition::plain(true),
            available: Condition::plain(true),
            paused: Condition::plain(false),
            failed: Condition::plain(false),
            trouble: None,
        }
    }
}

impl Status {
    /// Nothing is known of the object yet.
    pub(super) fn unreported() -> Self {
        Self::default()
            .unstable("No status reported yet")
            .unavailable("No availability reported")
    }

    pub(super) fn unstable(mut self, message: impl Into<String>) -> Self {
        self.stable = Condition::because(false, message);
        self
    }

    pub(super) fn stable(mut self, message: impl Into<String>) -> Self {
        self.stable = Condition::because(true, message);
        self
    }

    pub(super) fn unavailable(mut self, message: impl Into<String>) -> Self {
        self.available = Condition::because(false, message);
        self
    }

    pub(super) fn paused(mut self, message: impl Into<String>) -> Self {
        self.paused = Condition::because(true, message);
        self
    }

    pub(super) fn failed(mut self, message: impl Into<String>) -> Self {
        self.failed = Condition::because(true, message);
        self
    }

    /// What is waited for, in one line; a pause and a trouble are named besides.
    pub fn waiting_for(&self) -> String {
        let mut text = match &self.stable.message {
            Some(message) if !message.is_empty() => message.clone(),
            _ => "waiting for manifest to stabilize".to_owned(),
        };
        if self.paused.state {
            text.push_str("; it is paused, and goes on when it is resumed");
        }
        if let Some(trouble) = &self.trouble {
            text.push_str("; ");
            text.push_str(&trouble.message);
        }
        text
    }
}
