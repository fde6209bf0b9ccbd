//! An expression in a time zone: the instants at which it runs.

use chrono::{DateTime, Duration, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use spindrift_model::Millis;

use super::error::CronError;
use super::expression::Expression;

/// The zone of a trigger that names none, as in Echo.
pub const DEFAULT_ZONE: &str = "America/Los_Angeles";

/// Not the name of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone; use an IANA name such as \"Europe/Berlin\" or \"UTC\"")]
pub struct UnknownZone(pub String);

/// When something runs: an expression in a time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    expression: Expression,
    zone: Tz,
}

impl Schedule {
    /// Puts an expression into a zone.
    pub fn new(expression: Expression, zone: Tz) -> Self {
        Self { expression, zone }
    }

    /// Reads an expression and puts it into the zone of that IANA name.
    pub fn parse(text: &str, id: &str, zone: Tz) -> Result<Self, CronError> {
        Expression::parse(text, id).map(|expression| Self::new(expression, zone))
    }

    /// The zone of an IANA name; upper and lower case are the same.
    pub fn zone_named(name: &str) -> Result<Tz, UnknownZone> {
        let exact = name.parse::<Tz>();
        let found = exact.ok().or_else(|| {
            chrono_tz::TZ_VARIANTS
                .iter()
                .find(|zone| zone.name().eq_ignore_ascii_case(name))
                .copied()
        });
        found.ok_or_else(|| UnknownZone(name.to_owned()))
    }

    /// The expression.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// The zone.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first time after `after`; `None` when there is none before the year 2101.
    pub fn next_after(&self, after: Millis) -> Option<Millis> {
        let after = DateTime::from_timestamp(after.div_euclid(1_000), 0)?;
        self.next(after).map(|time| time.timestamp_millis())
    }

    /// The first `count` times after `after`.
    pub fn next_runs(&self, after: Millis, count: usize) -> Vec<Millis> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
            .take(count)
            .collect()
    }

    fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let wall = after.with_timezone(&self.zone).naive_local();
        let pass = self.pass(wall, after);
        if let Pass::First { until } = pass
            && let Some(time) = self.expression.wall_times(wall).next()
        {
            // What is left of the first pass comes first, then the second, whose wall times lie before.
            match self.zone.from_local_datetime(&time) {
                MappedLocalTime::Ambiguous(first, _) if first < until => {
                    return Some(first.to_utc());
                }
                _ => {
                    if let Some(time) = self.in_second_pass(until) {
                        return Some(time);
                    }
                }
            }
        }
        self.expression.wall_times(wall).find_map(|time| {
            match self.zone.from_local_datetime(&time) {
                MappedLocalTime::None => None,
                MappedLocalTime::Single(time) => Some(time.to_utc()),
                MappedLocalTime::Ambiguous(first, second) => match pass {
                    Pass::Second { first_began } if first >= first_began && first <= after => {
                        self.expression.is_every_hour().then(|| second.to_utc())
                    }
                    _ => Some(first.to_utc()),
                },
            }
        })
    }

    /// Whether an instant lies in hours that the wall clock shows twice.
    fn pass(&self, wall: NaiveDateTime, at: DateTime<Utc>) -> Pass {
        match self.zone.from_local_datetime(&wall) {
            MappedLocalTime::Ambiguous(first, second) if at < second => Pass::First {
                until: self.transition(first.to_utc(), second.to_utc()),
            },
            MappedLocalTime::Ambiguous(first, second) => Pass::Second {
                first_began: first.to_utc() - (second - first),
            },
            MappedLocalTime::Single(_) | MappedLocalTime::None => Pass::Only,
        }
    }

    /// The instant between two at which the clock is put back.
    fn transition(&self, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
        let offset =
            |time: DateTime<Utc>| self.zone.offset_from_utc_datetime(&time.naive_utc()).fix();
        let old = offset(before);
        let (mut low, mut high) = (before, after);
        while high - low > Duration::seconds(1) {
            let middle = low + (high - low) / 2;
            let middle = middle - Duration::nanoseconds(i64::from(middle.timestamp_subsec_nanos()));
            if middle <= low {
                break;
            }
            if offset(middle) == old {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// The first time in the second pass that begins at `transition`.
    fn in_second_pass(&self, transition: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.expression.is_every_hour() {
            return None;
        }
        let wall = transition.with_timezone(&self.zone).naive_local() - Duration::seconds(1);
        let time = self.expression.wall_times(wall).next()?;
        match self.zone.from_local_datetime(&time) {
            MappedLocalTime::Ambiguous(_, second) => Some(second.to_utc()),
            MappedLocalTime::Single(_) | MappedLocalTime::None => None,
        }
    }
}

/// Where an instant lies when the clock is put back.
#[derive(Clone, Copy)]
enum Pass {
    /// Its wall time exists once.
    Only,
    /// Its wall time comes again after `until`.
    First { until: DateTime<Utc> },
    /// Its wall time has been before, in hours that began at `first_began` at the earliest.
    Second { first_began: DateTime<Utc> },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let zone = Schedule::zone_named(zone).unwrap();
        let schedule = Schedule::parse(text, "id", zone).unwrap();
        let after = DateTime::parse_from_rfc3339(after).unwrap();
        schedule
            .next_runs(after.timestamp_millis(), count)
            .into_iter()
            .map(|time| {
                let time = DateTime::from_timestamp_millis(time).unwrap();
                time.with_timezone(&zone)
                    .format("%m-%d %H:%M%:z")
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn a_time_in_the_spring_gap_does_not_run() {
        // 2026-03-08 in Los Angeles: 02:00 becomes 03:00.
        assert_eq!(
            runs(
                "0 30 2 * * ?",
                "America/Los_Angeles",
                "2026-03-07T00:00:00-08:00",
                3
            ),
            [
                "03-07 02:30-08:00",
                "03-09 02:30-07:00",
                "03-10 02:30-07:00"
            ]
        );
        assert_eq!(
            runs(
                "0 0 * * * ?",
                "America/Los_Angeles",
                "2026-03-08T00:30:00-08:00",
                3
            ),
            [
                "03-08 01:00-08:00",
                "03-08 03:00-07:00",
                "03-08 04:00-07:00"
            ]
        );
    }

    #[test]
    fn a_daily_time_in_the_autumn_overlap_runs_once_and_an_hourly_one_twice() {
        // 2026-11-01 in Los Angeles: 02:00 becomes 01:00.
        assert_eq!(
            runs(
                "0 30 1 * * ?",
                "America/Los_Angeles",
                "2026-10-31T12:00:00-07:00",
                2
            ),
            ["11-01 01:30-07:00", "11-02 01:30-08:00"]
        );
        assert_eq!(
            runs(
                "0 0/30 * * * ?",
                "America/Los_Angeles",
                "2026-11-01T00:30:00-07:00",
                6
            ),
            [
                "11-01 01:00-07:00",
                "11-01 01:30-07:00",
                "11-01 01:00-08:00",
                "11-01 01:30-08:00",
                "11-01 02:00-08:00",
                "11-01 02:30-08:00"
            ]
        );
        assert_eq!(
            runs(
                "0 0/30 0-5 * * ?",
                "America/Los_Angeles",
                "2026-11-01T00:30:00-07:00",
                4
            ),
            [
                "11-01 01:00-07:00",
                "11-01 01:30-07:00",
                "11-01 02:00-08:00",
                "11-01 02:30-08:00"
            ]
        );
        // Lord Howe puts its clock back by half an hour: 02:00 becomes 01:30 on 2026-04-05.
        assert_eq!(
            runs(
                "0 15,45 * * * ?",
                "Australia/Lord_Howe",
                "2026-04-05T01:20:00+11:00",
                3
            ),
            [
                "04-05 01:45+11:00",
                "04-05 01:45+10:30",
                "04-05 02:15+10:30"
            ]
        );
    }

    #[test]
    fn asking_from_any_instant_gives_the_first_later_run() {
        for (text, zone, from) in [
            (
                "0 0/10 * * * ?",
                "America/Los_Angeles",
                "2026-11-01T07:30:00Z",
            ),
            (
                "0 40 1 * * ?",
                "America/Los_Angeles",
                "2026-11-01T07:30:00Z",
            ),
            ("0 0/10 * * * ?", "Europe/Berlin", "2026-03-29T00:00:00Z"),
            (
                "0 10,50 * * * ?",
                "Australia/Lord_Howe",
                "2026-04-04T13:30:00Z",
            ),
        ] {
            let schedule = Schedule::parse(text, "id", zone.parse().unwrap()).unwrap();
            let start = DateTime::parse_from_rfc3339(from)
                .unwrap()
                .timestamp_millis();
            let all = schedule.next_runs(start, 300);
            for minute in 0..240 {
                let after = start + minute * 60_000;
                let expected = all.iter().find(|time| **time > after).copied();
                assert_eq!(
                    schedule.next_after(after),
                    expected,
                    "{text} {zone} {minute}"
                );
            }
        }
    }

    #[test]
    fn zones_are_found_by_their_name_in_any_case() {
        assert_eq!(
            Schedule::zone_named("europe/berlin"),
            Ok(chrono_tz::Europe::Berlin)
        );
        assert_eq!(
            Schedule::zone_named(DEFAULT_ZONE),
            Ok(chrono_tz::America::Los_Angeles)
        );
        assert_eq!(
            Schedule::zone_named("Mars/Base").unwrap_err().to_string(),
            "\"Mars/Base\" is no time zone; use an IANA name such as \"Europe/Berlin\" or \"UTC\""
        );
    }

    #[test]
    fn a_schedule_ends_with_its_years() {
        assert!(runs("0 0 0 1 1 ? 2020", "UTC", "2026-01-01T00:00:00Z", 3).is_empty());
        assert_eq!(
            runs("0 0 0 1 1 ? 2100", "UTC", "2026-01-01T00:00:00Z", 3).len(),
            1
        );
    }
}
