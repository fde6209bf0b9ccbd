//! When a trouble ends a wait before its time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::kubernetes::causes::{Trouble, TroubleKind};

/// Whether a trouble with the pods ends a wait, instead of being named while the wait goes on.
///
/// Clouddriver never looks at pods. A trouble may mend itself (a dependency comes up, a node is added, an image is pushed), so by default it must have lasted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EarlyFailure {
    /// It never does.
    Never,
    /// It does when it has lasted: a minute for images, configuration and refusals, two for crashes, five for a missing node.
    #[default]
    Patient,
    /// It does as soon as it is seen.
    AtOnce,
}

impl EarlyFailure {
    fn grace(self, kind: TroubleKind) -> Option<Duration> {
        let seconds = match self {
            EarlyFailure::Never => return None,
            EarlyFailure::AtOnce => 0,
            EarlyFailure::Patient => match kind {
                TroubleKind::ImagePull
                | TroubleKind::Configuration
                | TroubleKind::Quota
                | TroubleKind::Admission => 60,
                TroubleKind::CrashLoop => 120,
                TroubleKind::Unschedulable => 300,
            },
        };
        Some(Duration::from_secs(seconds))
    }
}

/// Since when there is which trouble.
#[derive(Debug, Default)]
pub(super) struct Timers {
    since: BTreeMap<TroubleKind, Instant>,
}

impl Timers {
    /// Takes note of all the troubles there are now.
    pub(super) fn note(&mut self, troubles: &[Trouble], now: Instant) {
        self.since
            .retain(|kind, _| troubles.iter().any(|trouble| trouble.kind == *kind));
        for trouble in troubles {
            self.since.entry(trouble.kind).or_insert(now);
        }
    }

    /// The kind of trouble that ends the wait first, and when.
    pub(super) fn next(&self, mode: EarlyFailure) -> Option<(Instant, TroubleKind)> {
        let ends = self
            .since
            .iter()
            .filter_map(|(kind, since)| Some((*since + mode.grace(*kind)?, *kind)));
        ends.min()
    }
}
