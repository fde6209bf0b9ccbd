//! What a poll of a registry (or a build server) means, given what the last one saw (Igor's `DockerMonitor`).
//!
//! Three of Igor's rules are not kept: what is gone is forgotten, so that a tag pushed again is news; too many news at once
//! are told once and remembered instead of being refused at every poll; and the caller stores `cache` together with
//! the events, so that none is lost in between.

use std::collections::BTreeMap;

/// Names (tags, jobs) with their digests.
pub type Seen = BTreeMap<String, Option<String>>;

/// How a poll is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollPolicy {
    /// Whether a known name with another digest is news.
    pub track_digests: bool,
    /// More news than these at once are an import, not news.
    pub threshold: usize,
}

impl Default for PollPolicy {
    fn default() -> Self {
        Self {
            track_digests: false,
            threshold: 1_000,
        }
    }
}

/// What a poll means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PollOutcome {
    /// The names that are news, sorted.
    pub new: Vec<String>,
    /// What the next poll is compared with.
    pub cache: Seen,
    /// How many news were held back because they were more than the threshold.
    pub held: usize,
}

/// Compares a poll with what the last one left. `cached` is `None` at the first look, which is never news.
pub fn compare(cached: Option<&Seen>, seen: &Seen, policy: PollPolicy) -> PollOutcome {
    let mut outcome = PollOutcome::default();
    for (name, digest) in seen {
        let known = cached.and_then(|cached| cached.get(name));
        let changed = match (known, digest) {
            (Some(Some(old)), Some(new)) => policy.track_digests && old != new,
            (Some(_), _) => false,
            (None, _) => cached.is_some(),
        };
        if changed {
            outcome.new.push(name.clone());
        }
        // A digest that could not be found out this time is not forgotten.
        let kept = digest.clone().or_else(|| known.cloned().flatten());
        outcome.cache.insert(name.clone(), kept);
    }
    if outcome.new.len() > policy.threshold {
        outcome.held = outcome.new.len();
        outcome.new.clear();
    }
    outcome
}
