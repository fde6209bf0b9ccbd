//! When a window is open, and when it opens next.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use spindrift_model::Millis;

use super::hours::Window;

/// What a window says at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is open.
    Open,
    /// It is closed until then.
    Opens(Millis),
}

/// No zone changes its offset twice within so many seconds.
const STRETCH: i64 = 6 * 60 * 60;

/// Every window opens within this time: each of its days comes three times, and a clock is put forward over the same span at
/// most once in it.
const HORIZON: i64 = 22 * 24 * 60 * 60;

/// Decides from the wall clock of the zone.
///
/// A time that the clock skips does not exist, so a span inside it is left out that day, and a span that begins inside it
/// begins where the clock goes on. A time that the clock shows twice is open twice.
pub fn next_open(window: &Window, now: Millis, zone: Tz) -> Verdict {
    let now = now.div_euclid(1_000);
    if window.is_open(now + offset(zone, now)) {
        return Verdict::Open;
    }
    let horizon = now.saturating_add(HORIZON);
    let mut from = now;
    while from < horizon {
        let offset = offset(zone, from);
        let to = end_of_offset(zone, from, from.saturating_add(STRETCH).min(horizon));
        if let Some(local) = window.first_open(from + offset, to + offset) {
            return Verdict::Opens((local - offset).saturating_mul(1_000));
        }
        from = to;
    }
    Verdict::Opens(horizon.saturating_mul(1_000))
}

/// What the zone adds to universal time at a second of it; nothing for times no calendar knows.
fn offset(zone: Tz, second: i64) -> i64 {
    DateTime::from_timestamp(second, 0).map_or(0, |moment| {
        let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
        i64::from(offset.fix().local_minus_utc())
    })
}

/// The first second after `from` and up to `to` at which the zone has another offset than at `from`; else `to`.
fn end_of_offset(zone: Tz, from: i64, to: i64) -> i64 {
    let before = offset(zone, from);
    if offset(zone, to - 1) == before {
        return to;
    }
    let (mut same, mut other) = (from, to - 1);
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        match offset(zone, middle) == before {
            true => same = middle,
            false => other = middle,
        }
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use chrono_tz::America::Los_Angeles;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use spindrift_model::Pointer;

    fn window(value: Value) -> Window {
        Window::read(&map(value), &Pointer::root()).unwrap()
    }

    /// Reads `10:00-13:00,15-16` and `1,4`.
    fn written(spans: &str, days: &str) -> Window {
        let list = |text: &str| -> Vec<String> {
            let parts = text.split(',').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let time = |text: &str| -> (i64, i64) {
            let (hour, minute) = text.split_once(':').unwrap_or((text, "0"));
            (hour.parse().unwrap(), minute.parse().unwrap())
        };
        let whitelist: Vec<Value> = list(spans)
            .iter()
            .map(|span| {
                let (start, end) = span.split_once('-').unwrap();
                let ((start_hour, start_min), (end_hour, end_min)) = (time(start), time(end));
                json!({"startHour": start_hour, "startMin": start_min, "endHour": end_hour, "endMin": end_min})
            })
            .collect();
        let days: Vec<i64> = list(days).iter().map(|day| day.parse().unwrap()).collect();
        window(json!({"whitelist": whitelist, "days": days}))
    }

    fn moment(text: &str) -> Millis {
        DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_millis()
    }

    fn shown(verdict: Verdict, zone: Tz) -> String {
        match verdict {
            Verdict::Open => "RUN".to_owned(),
            Verdict::Opens(at) => {
                let utc = DateTime::from_timestamp_millis(at).unwrap();
                utc.with_timezone(&zone).to_rfc3339()
            }
        }
    }

    #[test]
    fn the_vectors_of_orca_hold_and_the_shown_time_is_true() {
        let table = [
            (
                "2015-02-13T09:59:59-08:00",
                "10-13",
                "",
                "2015-02-13T10:00:00-08:00",
            ),
            ("2015-02-13T10:00:35-08:00", "10-13", "", "RUN"),
            (
                "2015-02-13T12:30:59-08:00",
                "10-11,13-14,15-16",
                "",
                "2015-02-13T13:00:00-08:00",
            ),
            (
                "2015-02-13T16:01:00-08:00",
                "10-11,13-14,15-16",
                "",
                "2015-02-14T10:00:00-08:00",
            ),
            ("2015-02-14T01:00:00-08:00", "22-05", "", "RUN"),
            // Orca shows the day after the one on which it really runs.
            (
                "2015-02-25T21:45:00-08:00",
                "06-10",
                "4",
                "2015-03-04T06:00:00-08:00",
            ),
            (
                "2015-02-25T21:45:00-08:00",
                "06-10",
                "3,5",
                "2015-02-26T06:00:00-08:00",
            ),
            (
                "2015-02-25T01:00:00-08:00",
                "",
                "1",
                "2015-03-01T00:00:00-08:00",
            ),
            // The whole last minute is inside.
            ("2015-02-13T13:00:59-08:00", "10-13", "", "RUN"),
            (
                "2015-02-13T13:01:00-08:00",
                "10-13",
                "",
                "2015-02-14T10:00:00-08:00",
            ),
            // Each half of a night belongs to its own calendar day.
            (
                "2015-02-28T01:00:00-08:00",
                "22-05",
                "6",
                "2015-03-06T00:00:00-08:00",
            ),
            ("2015-02-27T01:00:00-08:00", "22-05", "6", "RUN"),
            (
                "2015-02-27T12:00:00-08:00",
                "22-05",
                "6",
                "2015-02-27T22:00:00-08:00",
            ),
            // The clock goes from 02:00 to 03:00: the span does not exist that day.
            (
                "2025-03-09T01:59:30-08:00",
                "02:00-02:30",
                "",
                "2025-03-10T02:00:00-07:00",
            ),
            (
                "2025-03-09T03:00:00-07:00",
                "02:00-02:30",
                "",
                "2025-03-10T02:00:00-07:00",
            ),
            (
                "2025-03-09T01:59:30-08:00",
                "02:00-02:30",
                "1",
                "2025-03-16T02:00:00-07:00",
            ),
            // Its beginning does not exist, its rest does.
            (
                "2025-03-09T01:59:30-08:00",
                "02:30-04:00",
                "",
                "2025-03-09T03:00:00-07:00",
            ),
            // The clock goes from 02:00 back to 01:00: the span comes twice.
            ("2025-11-02T01:10:00-07:00", "01:00-01:30", "", "RUN"),
            ("2025-11-02T01:10:00-08:00", "01:00-01:30", "", "RUN"),
            (
                "2025-11-02T01:45:00-07:00",
                "01:00-01:30",
                "",
                "2025-11-02T01:00:00-08:00",
            ),
            (
                "2025-11-02T01:45:00-07:00",
                "00:30-01:30",
                "",
                "2025-11-02T01:00:00-08:00",
            ),
            (
                "2025-11-02T01:45:00-07:00",
                "01:15-01:30",
                "",
                "2025-11-02T01:15:00-08:00",
            ),
            // A span that ends before it begins within one hour is a night as well.
            (
                "2015-02-13T22:10:00-08:00",
                "22:30-22:00",
                "",
                "2015-02-13T22:30:00-08:00",
            ),
            ("2015-02-13T22:31:00-08:00", "22:30-22:00", "", "RUN"),
            ("2015-02-13T08:00:00-08:00", "22:30-22:00", "", "RUN"),
            // To the end of the day, and one minute only.
            ("2015-02-13T23:59:59-08:00", "22-24", "", "RUN"),
            ("2015-02-13T12:00:30-08:00", "12-12", "", "RUN"),
            (
                "2015-02-13T12:01:00-08:00",
                "12-12",
                "",
                "2015-02-14T12:00:00-08:00",
            ),
        ];
        for (now, spans, days, expected) in table {
            let verdict = next_open(&written(spans, days), moment(now), Los_Angeles);
            assert_eq!(
                shown(verdict, Los_Angeles),
                expected,
                "{now} {spans} on {days:?}"
            );
        }
    }

    #[test]
    fn a_zone_that_skipped_a_whole_day_has_no_such_day() {
        // Samoa had no 30 December 2011, a Friday.
        let zone = chrono_tz::Pacific::Apia;
        let now = moment("2011-12-29T12:00:00-10:00");
        let verdict = next_open(&written("", "6"), now, zone);
        assert_eq!(shown(verdict, zone), "2012-01-06T00:00:00+14:00");
    }

    #[test]
    fn an_offset_ends_at_the_second_at_which_it_changes() {
        let change = moment("2025-03-09T10:00:00Z") / 1_000;
        for before in [1, 59, 3_600, STRETCH - 1] {
            let from = change - before;
            assert_eq!(end_of_offset(Los_Angeles, from, from + STRETCH), change);
        }
        let quiet = moment("2025-06-01T00:00:00Z") / 1_000;
        assert_eq!(
            end_of_offset(Los_Angeles, quiet, quiet + STRETCH),
            quiet + STRETCH
        );
    }

    const ZONES: [Tz; 6] = [
        Los_Angeles,
        chrono_tz::Europe::Berlin,
        chrono_tz::Asia::Kolkata,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::America::St_Johns,
        chrono_tz::UTC,
    ];

    proptest! {
        #[test]
        fn it_is_open_when_it_opens_and_no_minute_earlier(
            now in 1_735_000_000_000_i64..1_767_000_000_000,
            spans in prop::collection::vec((0..1_440_i64, 0..1_440_i64), 0..3),
            days in prop::collection::btree_set(1..8_i64, 0..4),
            zone in prop::sample::select(&ZONES[..]),
        ) {
            prop_assume!(!spans.is_empty() || !days.is_empty());
            let whitelist: Vec<Value> = spans
                .iter()
                .map(|(start, end)| json!({
                    "startHour": start / 60, "startMin": start % 60, "endHour": end / 60, "endMin": end % 60,
                }))
                .collect();
            let window = window(json!({"whitelist": whitelist, "days": days}));
            let is_open = |at: Millis| {
                let second = at.div_euclid(1_000);
                window.is_open(second + offset(zone, second))
            };
            match next_open(&window, now, zone) {
                Verdict::Open => prop_assert!(is_open(now)),
                Verdict::Opens(at) => {
                    prop_assert!(now < at);
                    prop_assert!(is_open(at));
                    prop_assert_eq!(next_open(&window, at, zone), Verdict::Open);
                    let minutes = (now..at).step_by(60_000);
                    prop_assert!(minutes.chain([at - 1]).all(|earlier| !is_open(earlier)));
                }
            }
        }
    }
}
