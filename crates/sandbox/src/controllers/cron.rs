//! Schedules of CronJobs: the five classic fields and the usual nicknames.

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};

/// Minutes, hours, days of the month, months and days of the week, as bit sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    fields: [u64; 5],
    /// Day of month and day of week are alternatives when both are restricted.
    either_day: bool,
}

const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

impl Schedule {
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let words: Vec<_> = text.split_whitespace().collect();
        if words.len() != 5 {
            return Err(format!(
                "expected exactly 5 fields, found {}: {text:?}",
                words.len()
            ));
        }
        let mut fields = [0; 5];
        for ((field, word), range) in fields.iter_mut().zip(&words).zip(RANGES) {
            *field = set(word, range).ok_or_else(|| format!("failed to parse field {word:?}"))?;
        }
        // Sunday is both 0 and 7.
        if fields[4] & (1 << 7) != 0 {
            fields[4] |= 1;
        }
        let either_day = !words[2].starts_with('*') && !words[4].starts_with('*');
        Ok(Self { fields, either_day })
    }

    fn has(&self, field: usize, value: u32) -> bool {
        self.fields[field] & (1 << value) != 0
    }

    fn matches(&self, at: DateTime<Utc>) -> bool {
        let (of_month, of_week) = (
            self.has(2, at.day()),
            self.has(4, at.weekday().num_days_from_sunday()),
        );
        let day = if self.either_day {
            of_month || of_week
        } else {
            of_month && of_week
        };
        day && self.has(0, at.minute()) && self.has(1, at.hour()) && self.has(3, at.month())
    }

    /// The first time after another, within five years.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let start = after.with_second(0)?.with_nanosecond(0)? + TimeDelta::minutes(1);
        let mut at = start;
        while at - start < TimeDelta::days(5 * 366) {
            if self.matches(at) {
                return Some(at);
            }
            // Whole days and hours that cannot match are skipped.
            let day = self.has(3, at.month())
                && (self.has(2, at.day()) || self.has(4, at.weekday().num_days_from_sunday()));
            at = if !day {
                (at + TimeDelta::days(1)).with_hour(0)?.with_minute(0)?
            } else if !self.has(1, at.hour()) {
                (at + TimeDelta::hours(1)).with_minute(0)?
            } else {
                at + TimeDelta::minutes(1)
            };
        }
        None
    }
}

fn set(word: &str, (low, high): (u32, u32)) -> Option<u64> {
    let mut bits = 0;
    for part in word.split(',') {
        let (range, step) = part.split_once('/').map_or((part, 1), |(range, step)| {
            (range, step.parse().unwrap_or(0))
        });
        let (from, to) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (low, high.min(if high == 7 { 6 } else { high })),
            Some((from, to)) => (number(from)?, number(to)?),
            None => {
                let from = number(range)?;
                (from, if part.contains('/') { high } else { from })
            }
        };
        if step == 0 || from < low || to > high || from > to {
            return None;
        }
        for value in (from..=to).step_by(usize::try_from(step).ok()?) {
            bits |= 1 << value;
        }
    }
    Some(bits)
}

fn number(text: &str) -> Option<u32> {
    const NAMES: [&str; 19] = [
        "sun", "mon", "tue", "wed", "thu", "fri", "sat", "jan", "feb", "mar", "apr", "may", "jun",
        "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    text.parse().ok().or_else(|| {
        let index = NAMES.iter().position(|name| *name == text.to_lowercase())?;
        u32::try_from(if index < 7 { index } else { index - 6 }).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{parse_stamp, stamp};

    #[test]
    fn the_next_time_is_the_first_that_matches() {
        let from = parse_stamp("2026-03-14T10:07:30Z").unwrap();
        for (schedule, expected) in [
            ("* * * * *", "2026-03-14T10:08:00Z"),
            ("*/15 * * * *", "2026-03-14T10:15:00Z"),
            ("0 9 * * mon-fri", "2026-03-16T09:00:00Z"),
            ("30 4 1,15 * 5", "2026-03-15T04:30:00Z"),
            ("0 0 29 feb *", "2028-02-29T00:00:00Z"),
            ("@weekly", "2026-03-15T00:00:00Z"),
        ] {
            assert_eq!(
                Schedule::parse(schedule)
                    .unwrap()
                    .next_after(from)
                    .map(stamp)
                    .as_deref(),
                Some(expected),
                "{schedule}"
            );
        }
        for wrong in [
            "* * * *",
            "60 * * * *",
            "a * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
        ] {
            assert!(Schedule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
