//! When a trouble ends a wait before its time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
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

/// A trouble that is seen again within this time has lasted: the kubelet tries now and then, and says something else meanwhile.
const LINGERS: Duration = Duration::from_secs(30);
/// What nobody has looked at for this long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// Since when there is which trouble with an object, and when it was last seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    seen: BTreeMap<TroubleKind, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    since: Instant,
    last: Instant,
    is_there: bool,
}

impl Timers {
    /// Takes note of all the troubles there are now.
    pub(super) fn note(&mut self, troubles: &[Trouble], now: Instant) {
        for seen in self.seen.values_mut() {
            seen.is_there = false;
        }
        for trouble in troubles {
            let new = Seen {
                since: now,
                last: now,
                is_there: true,
            };
            let seen = self.seen.entry(trouble.kind).or_insert(new);
            *seen = Seen {
                since: seen.since,
                ..new
            };
        }
        self.seen
            .retain(|_, seen| now.duration_since(seen.last) < LINGERS);
    }

    /// The kind of trouble there is now that ends the wait first, and when.
    pub(super) fn next(&self, mode: EarlyFailure) -> Option<(Instant, TroubleKind)> {
        let there = self.seen.iter().filter(|(_, seen)| seen.is_there);
        there
            .filter_map(|(kind, seen)| Some((seen.since + mode.grace(*kind)?, *kind)))
            .min()
    }
}

/// The troubles of the objects of an account by their uid, so that a wait that begins again does not begin to be patient again.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    objects: Mutex<HashMap<String, (Timers, Instant)>>,
}

impl Remembered {
    pub(super) fn recall(&self, uid: &str, now: Instant) -> Timers {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.retain(|_, (_, at)| now.duration_since(*at) < FORGOTTEN);
        let mut timers = objects
            .get(uid)
            .map(|(timers, _)| timers.clone())
            .unwrap_or_default();
        // What was there when nobody looked any more has lasted until now, unless the next look says otherwise.
        for seen in timers.seen.values_mut().filter(|seen| seen.is_there) {
            seen.last = now;
        }
        timers
    }

    pub(super) fn keep(&self, uid: &str, timers: &Timers, now: Instant) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if timers.seen.is_empty() {
            objects.remove(uid);
        } else {
            objects.insert(uid.to_owned(), (timers.clone(), now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(kind: TroubleKind) -> Vec<Trouble> {
        vec![Trouble {
            kind,
            message: String::new(),
            uid: String::new(),
        }]
    }

    #[test]
    fn a_trouble_that_comes_and_goes_has_lasted_and_one_that_went_has_not() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let image = trouble(TroubleKind::ImagePull);
        let due = |timers: &Timers| timers.next(EarlyFailure::Patient).map(|(due, _)| due);
        let mut timers = Timers::default();
        timers.note(&image, at(0));
        assert_eq!(due(&timers), Some(at(60)));
        timers.note(&[], at(20));
        assert_eq!(due(&timers), None, "what is not there ends nothing");
        timers.note(&image, at(40));
        assert_eq!(due(&timers), Some(at(60)));
        timers.note(&[], at(50));
        timers.note(&[], at(90));
        timers.note(&image, at(91));
        assert_eq!(due(&timers), Some(at(151)));
        assert_eq!(timers.next(EarlyFailure::Never), None);
        assert_eq!(
            timers.next(EarlyFailure::AtOnce),
            Some((at(91), TroubleKind::ImagePull))
        );
    }

    #[test]
    fn a_wait_that_begins_again_goes_on_being_patient() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let remembered = Remembered::default();
        let mut timers = remembered.recall("u", at(0));
        timers.note(&trouble(TroubleKind::Unschedulable), at(0));
        remembered.keep("u", &timers, at(0));
        // Nothing has changed for long, and the first look sees no pods yet.
        let mut timers = remembered.recall("u", at(200));
        timers.note(&[], at(200));
        timers.note(&trouble(TroubleKind::Unschedulable), at(201));
        assert_eq!(
            timers.next(EarlyFailure::Patient),
            Some((at(300), TroubleKind::Unschedulable))
        );
        assert_eq!(
            remembered
                .recall("other", at(0))
                .next(EarlyFailure::Patient),
            None
        );
    }
}
