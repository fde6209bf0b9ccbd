//! The day rules that no set of numbers expresses.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

/// Which days of a month a schedule runs on, beyond plain numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DayRule {
    /// `L`, `L-3`: the last day, or so many before it.
    LastDay { before: u32 },
    /// `LW`, `L-3W`: the weekday (Monday to Friday) nearest to that day, within the month.
    LastWeekday { before: u32 },
    /// `15W`: the weekday nearest to that day, within the month. A month without that day has none.
    NearestWeekday { day: u32 },
    /// `6#3`: the third Friday; a month without it has none. Sunday is 1.
    Nth { day_of_week: u32, nth: u32 },
    /// `6L`: the last Friday. Sunday is 1.
    LastOf { day_of_week: u32 },
    /// Unix: when both day fields are given, a day of either.
    Either {
        days_of_month: BTreeSet<u32>,
        days_of_week: BTreeSet<u32>,
    },
}

impl DayRule {
    /// Whether the schedule runs on that day.
    pub(super) fn allows(&self, date: NaiveDate) -> bool {
        let last = last_day(date);
        match self {
            DayRule::LastDay { before } => date.day() + before == last,
            DayRule::LastWeekday { before } => last
                .checked_sub(*before)
                .filter(|day| *day > 0)
                .is_some_and(|day| nearest_weekday(date, day) == Some(date.day())),
            DayRule::NearestWeekday { day } => nearest_weekday(date, *day) == Some(date.day()),
            DayRule::Nth { day_of_week, nth } => {
                day_number(date) == *day_of_week && (date.day() - 1) / 7 + 1 == *nth
            }
            DayRule::LastOf { day_of_week } => {
                day_number(date) == *day_of_week && date.day() + 7 > last
            }
            DayRule::Either {
                days_of_month,
                days_of_week,
            } => days_of_month.contains(&date.day()) || days_of_week.contains(&day_number(date)),
        }
    }
}

fn day_number(date: NaiveDate) -> u32 {
    date.weekday().number_from_sunday()
}

fn last_day(date: NaiveDate) -> u32 {
    let (year, month) = match date.month() {
        12 => (date.year() + 1, 1),
        month => (date.year(), month + 1),
    };
    NaiveDate::from_ymd_opt(year, month, 1)
        .and_then(|first| first.pred_opt())
        .map_or(31, |last| last.day())
}

/// The weekday nearest to a day of the month of `date`, without leaving the month.
fn nearest_weekday(date: NaiveDate, day: u32) -> Option<u32> {
    let target = date.with_day(day)?;
    Some(match day_number(target) {
        1 if day == last_day(date) => day - 2,
        1 => day + 1,
        7 if day == 1 => day + 2,
        7 => day - 1,
        _ => day,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(rule: &DayRule, year: i32, month: u32) -> Vec<u32> {
        (1..=31)
            .filter_map(|day| NaiveDate::from_ymd_opt(year, month, day))
            .filter(|date| rule.allows(*date))
            .map(|date| date.day())
            .collect()
    }

    #[test]
    fn rules_pick_the_days_quartz_picks() {
        let nearest = |day| DayRule::NearestWeekday { day };
        let third_friday = DayRule::Nth {
            day_of_week: 6,
            nth: 3,
        };
        let fifth_monday = DayRule::Nth {
            day_of_week: 2,
            nth: 5,
        };
        // August 2026 begins on a Saturday and ends on a Monday; May 2026 ends on a Sunday.
        let table: [(DayRule, i32, u32, &[u32]); 12] = [
            (DayRule::LastDay { before: 0 }, 2028, 2, &[29]),
            (DayRule::LastDay { before: 3 }, 2026, 2, &[25]),
            (DayRule::LastDay { before: 30 }, 2026, 2, &[]),
            (DayRule::LastWeekday { before: 0 }, 2026, 5, &[29]),
            (DayRule::LastWeekday { before: 0 }, 2026, 8, &[31]),
            (nearest(1), 2026, 8, &[3]),
            (nearest(15), 2026, 8, &[14]),
            (nearest(31), 2026, 5, &[29]),
            (nearest(31), 2026, 2, &[]),
            (third_friday, 2026, 8, &[21]),
            (fifth_monday, 2026, 2, &[]),
            (DayRule::LastOf { day_of_week: 6 }, 2026, 8, &[28]),
        ];
        for (rule, year, month, expected) in table {
            assert_eq!(
                days(&rule, year, month),
                expected,
                "{rule:?} in {year}-{month}"
            );
        }
    }
}
