//! A window as its author wrote it: spans of wall-clock time, and days of the week.

use serde_json::Value;
use spindrift_model::{Map, Pointer};

use crate::fields;

/// The minutes of a day.
const DAY: i64 = 24 * 60;

/// When work may begin: spans of the day, on some days of the week.
///
/// A span that ends before it begins goes on after midnight. It is kept as its two parts, and each part belongs to the
/// calendar day it lies on: Friday 22:00-05:00 is Friday until 05:00 and Friday from 22:00, and nothing of Saturday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// First and last minute of the day, sorted; both are inside.
    spans: Vec<(i64, i64)>,
    /// From Sunday to Saturday.
    days: [bool; 7],
}

impl Window {
    /// Reads `restrictedExecutionWindow`. Errors: everything that is wrong, with its place.
    pub fn read(window: &Map, at: &Pointer) -> Result<Window, Vec<(Pointer, String)>> {
        let mut problems = Vec::new();
        let spans = read_spans(window.get("whitelist"), at, &mut problems);
        let days = read_days(window.get("days"), at, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        match (spans.is_empty(), days) {
            (true, None) => Err(vec![(
                at.clone(),
                "the window has neither a whitelist nor days; add one of them".to_owned(),
            )]),
            (true, Some(days)) => Ok(Window {
                spans: vec![(0, DAY - 1)],
                days,
            }),
            (false, days) => Ok(Window {
                spans,
                days: days.unwrap_or([true; 7]),
            }),
        }
    }

    /// Whether it is open at a second of local time, counted from 1970 as the wall clock shows it.
    pub(super) fn is_open(&self, local: i64) -> bool {
        let minute = local.div_euclid(60);
        let (day, minute) = (minute.div_euclid(DAY), minute.rem_euclid(DAY));
        let inside = |(first, last): &(i64, i64)| (*first..=*last).contains(&minute);
        self.has_day(day) && self.spans.iter().any(inside)
    }

    /// The first second at which it is open, of local time in `from..to`.
    pub(super) fn first_open(&self, from: i64, to: i64) -> Option<i64> {
        if from < to && self.is_open(from) {
            return Some(from);
        }
        let days = from.div_euclid(DAY * 60)..=to.div_euclid(DAY * 60);
        let begins = days.filter(|day| self.has_day(*day)).flat_map(|day| {
            let begin = move |(first, _): &(i64, i64)| (day * DAY + first) * 60;
            self.spans.iter().map(begin)
        });
        begins.into_iter().find(|begin| (from..to).contains(begin))
    }

    /// Whether a day, counted from 1970-01-01, is one of its days.
    fn has_day(&self, day: i64) -> bool {
        // That day was a Thursday, the fifth of a week that begins on Sunday.
        let weekday = (day + 4).rem_euclid(7);
        usize::try_from(weekday)
            .ok()
            .and_then(|weekday| self.days.get(weekday))
            .is_some_and(|open| *open)
    }
}

fn read_spans(
    whitelist: Option<&Value>,
    at: &Pointer,
    problems: &mut Vec<(Pointer, String)>,
) -> Vec<(i64, i64)> {
    let at = at.key("whitelist");
    let list = match whitelist {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(other) => {
            let shown = fields::shorten(&other.to_string());
            problems.push((at, format!("the whitelist is a list of spans, not {shown}")));
            return Vec::new();
        }
    };
    let mut spans = Vec::new();
    for (position, span) in list.iter().enumerate() {
        let at = at.index(position);
        let begin = read_time(span, "startHour", "startMin", &at, problems);
        let end = read_time(span, "endHour", "endMin", &at, problems);
        let (Some(begin), Some(end)) = (begin, end) else {
            continue;
        };
        if begin == DAY {
            let message = "a span cannot begin at 24:00; write 0:00".to_owned();
            problems.push((at.key("startHour"), message));
        } else if begin <= end {
            spans.push((begin, end.min(DAY - 1)));
        } else {
            spans.push((begin, DAY - 1));
            spans.push((0, end));
        }
    }
    spans.sort_unstable();
    spans
}

/// A time of day in minutes; 24:00 is the end of the day.
fn read_time(
    span: &Value,
    hour_key: &str,
    minute_key: &str,
    at: &Pointer,
    problems: &mut Vec<(Pointer, String)>,
) -> Option<i64> {
    let hour = match span.get(hour_key).map(fields::integer) {
        Some(Some(hour)) if (0..=24).contains(&hour) => hour,
        Some(_) => {
            problems.push((at.key(hour_key), format!("{hour_key} must be from 0 to 24")));
            return None;
        }
        None => {
            problems.push((at.clone(), format!("the span has no {hour_key}")));
            return None;
        }
    };
    let minute = match span.get(minute_key) {
        None | Some(Value::Null) => 0,
        Some(value) => match fields::integer(value) {
            Some(minute) if (0..60).contains(&minute) && (hour < 24 || minute == 0) => minute,
            Some(_) | None => {
                let message = format!("{minute_key} must be from 0 to 59, and 0 at 24:00");
                problems.push((at.key(minute_key), message));
                return None;
            }
        },
    };
    Some(hour * 60 + minute)
}

/// The days, or none when every day is one.
fn read_days(
    days: Option<&Value>,
    at: &Pointer,
    problems: &mut Vec<(Pointer, String)>,
) -> Option<[bool; 7]> {
    let at = at.key("days");
    let list = match days {
        None | Some(Value::Null) => return None,
        Some(Value::Array(list)) if list.is_empty() => return None,
        Some(Value::Array(list)) => list,
        Some(other) => {
            let shown = fields::shorten(&other.to_string());
            problems.push((
                at,
                format!("the days are a list of numbers from 1 (Sunday) to 7, not {shown}"),
            ));
            return None;
        }
    };
    let mut open = [false; 7];
    for (position, day) in list.iter().enumerate() {
        let slot = fields::integer(day)
            .and_then(|day| usize::try_from(day.checked_sub(1)?).ok())
            .and_then(|day| open.get_mut(day));
        match slot {
            Some(slot) => *slot = true,
            None => {
                let message = "a day is a number from 1 (Sunday) to 7 (Saturday)".to_owned();
                problems.push((at.index(position), message));
            }
        }
    }
    Some(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let table = [
            (json!({}), vec![""]),
            (json!({"whitelist": [], "days": []}), vec![""]),
            (json!({"whitelist": "10-13"}), vec!["/whitelist"]),
            (
                json!({"whitelist": [{"startHour": 10, "endHour": 25}, {"endHour": "x"}]}),
                vec![
                    "/whitelist/0/endHour",
                    "/whitelist/1",
                    "/whitelist/1/endHour",
                ],
            ),
            (
                json!({"whitelist": [{"startHour": 24, "endHour": 2}]}),
                vec!["/whitelist/0/startHour"],
            ),
            (
                json!({"whitelist": [{"startHour": 2, "startMin": 60, "endHour": 24, "endMin": 1}]}),
                vec!["/whitelist/0/startMin", "/whitelist/0/endMin"],
            ),
            (
                json!({"days": [1, 0, 8, "x"]}),
                vec!["/days/1", "/days/2", "/days/3"],
            ),
            (json!({"days": "Mon"}), vec!["/days"]),
        ];
        for (window, places) in table {
            let problems = Window::read(&map(window.clone()), &Pointer::root()).unwrap_err();
            let found: Vec<&str> = problems.iter().map(|(at, _)| at.as_str()).collect();
            assert_eq!(found, places, "{window}");
        }
    }

    #[test]
    fn texts_left_by_expressions_are_read_as_numbers() {
        let read = |window| Window::read(&map(window), &Pointer::root()).unwrap();
        let texts = json!({"whitelist": [{"startHour": "9", "endHour": "17", "endMin": "30"}], "days": ["2"]});
        let numbers = json!({"whitelist": [{"startHour": 9, "startMin": 0, "endHour": 17, "endMin": 30}], "days": [2]});
        assert_eq!(read(texts), read(numbers));
    }

    const KEYS: [&str; 6] = [
        "startHour",
        "startMin",
        "endHour",
        "endMin",
        "whitelist",
        "days",
    ];

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-100..100_i64).prop_map(Value::from),
            "[0-9]{1,3}|x".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((prop::sample::select(&KEYS[..]), inner), 0..6).prop_map(
                    |members| {
                        let members = members
                            .into_iter()
                            .map(|(key, value)| (key.to_owned(), value));
                        Value::Object(members.collect())
                    }
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_window_is_read_or_something_is_said(whitelist in json(), days in json()) {
            let window = map(json!({"whitelist": whitelist, "days": days}));
            match Window::read(&window, &Pointer::root()) {
                Ok(window) => prop_assert!(window.first_open(0, 8 * 86_400).is_some()),
                Err(problems) => prop_assert!(!problems.is_empty()),
            }
        }
    }
}
