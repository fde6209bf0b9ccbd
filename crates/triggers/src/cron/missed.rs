//! What happens with times that passed while nobody looked: the process was down, or the clock jumped.

use spindrift_model::Millis;

use super::schedule::Schedule;

/// What a schedule does with the times it missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedRuns {
    /// Nothing: the next time is the next run. Quartz and Echo do this.
    #[default]
    Skip,
    /// The latest missed time runs, when it is not older than `within`.
    Once {
        /// Milliseconds.
        within: Millis,
    },
    /// Every missed time that is not older than `within` runs, at most [`MAX_CAUGHT_UP`] of them, the latest.
    All {
        /// Milliseconds.
        within: Millis,
    },
}

/// More runs than these are not started at once, whatever a schedule asks for.
pub const MAX_CAUGHT_UP: usize = 100;

/// A time that is late by no more than this is not missed; Quartz's misfire threshold.
const ON_TIME: Millis = 60_000;

/// The times that run now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// Which, earliest first.
    pub run: Vec<Millis>,
    /// The first of those that are missed for good, when there are any.
    pub dropped_from: Option<Millis>,
}

/// Which times after `last` (the last one dealt with) and up to `now` run now.
///
/// A time within the last minute is on time and always runs: that is how an ordinary tick looks. A clock that was put
/// back gives nothing: no time runs twice.
pub fn due(schedule: &Schedule, last: Millis, now: Millis, policy: MissedRuns) -> Due {
    let within = match policy {
        MissedRuns::Skip => ON_TIME,
        MissedRuns::Once { within } | MissedRuns::All { within } => within.max(ON_TIME),
    };
    let floor = last.max(now.saturating_sub(within).saturating_sub(1));
    let mut due = Due::default();
    let Some(first) = schedule.next_after(last).filter(|time| *time <= now) else {
        return due;
    };
    if first <= floor {
        due.dropped_from = Some(first);
    }
    let mut times = std::collections::VecDeque::new();
    let mut next = schedule.next_after(floor);
    while let Some(time) = next.filter(|time| *time <= now) {
        times.push_back(time);
        if times.len() > MAX_CAUGHT_UP {
            let dropped = times.pop_front();
            due.dropped_from = due.dropped_from.or(dropped);
        }
        next = schedule.next_after(time);
    }
    if let MissedRuns::Once { .. } = policy {
        // The times that are on time all run; of the missed ones only the latest, and only when nothing is on time.
        let on_time = times.partition_point(|time| *time < now - ON_TIME);
        let keep_from = if on_time < times.len() {
            on_time
        } else {
            times.len().saturating_sub(1)
        };
        if keep_from > 0 {
            due.dropped_from = due.dropped_from.or(times.front().copied());
        }
        times.drain(..keep_from);
    }
    due.run = times.into();
    due
}

/// Echo's check for a missed run: the last time in a window came after the latest run had started, or there was none.
///
/// A schedule that runs every second of a minute counts once for that minute.
pub fn is_missed(
    schedule: &Schedule,
    latest_run: Option<Millis>,
    window_start: Millis,
    window_end: Millis,
) -> bool {
    let mut last = None;
    let mut next = schedule.next_after(window_start - 1);
    while let Some(time) = next.filter(|time| *time <= window_end) {
        let minute = time - time.rem_euclid(60_000);
        last = Some(minute.max(window_start));
        next = schedule.next_after(minute + 59_999);
    }
    last.is_some_and(|last| latest_run.is_none_or(|run| run < last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;

    fn schedule(text: &str) -> Schedule {
        Schedule::parse(text, "id", chrono_tz::UTC).unwrap()
    }

    fn minutes(due: &Due) -> Vec<Millis> {
        due.run.iter().map(|time| time / MINUTE).collect()
    }

    #[test]
    fn the_policies_differ_only_in_what_was_missed() {
        let every_ten = schedule("0 0/10 * * * ?");
        let hour = 60 * MINUTE;
        let (once, all) = (
            MissedRuns::Once { within: hour },
            MissedRuns::All { within: hour },
        );
        // last dealt with, now, policy, what runs, from when on times are dropped
        type Row = (
            Millis,
            Millis,
            MissedRuns,
            &'static [Millis],
            Option<Millis>,
        );
        let table: [Row; 11] = [
            (10, 20, MissedRuns::Skip, &[20], None),
            (10, 20, once, &[20], None),
            (10, 20, all, &[20], None),
            (20, 25, all, &[], None),
            (10, 55, MissedRuns::Skip, &[], Some(20)),
            (10, 55, once, &[50], Some(20)),
            (10, 55, all, &[20, 30, 40, 50], None),
            (10, 60, MissedRuns::Skip, &[60], Some(20)),
            (10, 60, once, &[60], Some(20)),
            (10, 200, all, &[140, 150, 160, 170, 180, 190, 200], Some(20)),
            // The clock was put back.
            (60, 30, all, &[], None),
        ];
        for (last, now, policy, expected, dropped) in table {
            let due = due(&every_ten, last * MINUTE, now * MINUTE, policy);
            assert_eq!(minutes(&due), expected, "{last} {now} {policy:?}");
            assert_eq!(
                due.dropped_from.map(|time| time / MINUTE),
                dropped,
                "{last} {now} {policy:?}"
            );
        }
    }

    #[test]
    fn catching_up_is_bounded() {
        let every_second = schedule("* * * * * ?");
        let policy = MissedRuns::All {
            within: 60 * MINUTE,
        };
        let due = due(&every_second, 0, 59 * MINUTE, policy);
        assert_eq!(due.run.len(), MAX_CAUGHT_UP);
        assert_eq!(due.run.last(), Some(&(59 * MINUTE)));
        assert_eq!(due.dropped_from, Some(1_000));
    }
}
