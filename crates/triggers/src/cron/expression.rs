//! An expression: its fields, translated to what the `cron` crate understands and a rule for the rest.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime};

use super::day_rule::DayRule;
use super::error::{CronError, Field};
use super::field::{Range, Word, parse, parse_value, print};
use super::fuzz::fuzz;

/// Longer texts are refused unread.
const MAX_LENGTH: usize = 1_000;

/// Which grammar a text follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Six or seven fields, seconds first; one of the day fields is `?`; Sunday is 1.
    Quartz,
    /// Five fields, or `@daily` and the like; Sunday is 0; a day of either day field will do.
    Unix,
}

/// An expression that has been read.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    dialect: Dialect,
    times: cron::Schedule,
    rule: Option<DayRule>,
    every_hour: bool,
}

impl Expression {
    /// Reads an expression. `id` is the trigger's: it decides what `H` means.
    ///
    /// Errors: the first thing that is wrong, with its field and position; or no such date will ever come.
    pub fn parse(text: &str, id: &str) -> Result<Self, CronError> {
        if text.len() > MAX_LENGTH {
            return Err(CronError::TooLong {
                found: text.len(),
                max: MAX_LENGTH,
            });
        }
        let text = text.trim();
        let unabbreviated = macro_fields(text).unwrap_or(text);
        let upper = unabbreviated.to_ascii_uppercase();
        let words = split(&upper);
        let fields = match words.len() {
            5 => unix(&words, id)?,
            6 | 7 => quartz(&words, id)?,
            found => return Err(CronError::FieldCount { found }),
        };
        let expression = Self {
            source: text.to_owned(),
            dialect: fields.dialect,
            every_hour: fields.every_hour,
            times: cron::Schedule::from_str(&fields.translated).map_err(|_| CronError::Never)?,
            rule: fields.rule,
        };
        let beginning =
            NaiveDate::from_ymd_opt(1969, 12, 31).and_then(|day| day.and_hms_opt(0, 0, 0));
        match beginning.and_then(|time| expression.wall_times(time).next()) {
            Some(_) => Ok(expression),
            None => Err(CronError::Never),
        }
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Which grammar it follows.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether it runs in all 24 hours of a day.
    pub(super) fn is_every_hour(&self) -> bool {
        self.every_hour
    }

    /// The times on the wall clock after `after`, without regard to any zone.
    pub(super) fn wall_times(
        &self,
        after: NaiveDateTime,
    ) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let mut last = after;
        std::iter::from_fn(move || {
            loop {
                let next = self.times.after(&last.and_utc()).next()?.naive_utc();
                match &self.rule {
                    Some(rule) if !rule.allows(next.date()) => {
                        last = next.date().and_hms_opt(23, 59, 59)?;
                    }
                    _ => {
                        last = next;
                        return Some(next);
                    }
                }
            }
        })
    }
}

struct Fields {
    dialect: Dialect,
    translated: String,
    rule: Option<DayRule>,
    every_hour: bool,
}

fn macro_fields(text: &str) -> Option<&'static str> {
    let macros = [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ];
    let known = macros
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name));
    known.map(|(_, fields)| *fields)
}

fn split(text: &str) -> Vec<Word<'_>> {
    let beginning = text.as_ptr() as usize;
    text.split_ascii_whitespace()
        .map(|word| Word {
            text: word,
            at: word.as_ptr() as usize - beginning,
        })
        .collect()
}

/// Replaces `H` in one of the three fields that know it.
fn unfuzz(word: Word<'_>, field: Field, id: &str) -> Result<String, CronError> {
    if let Some(position) = word.text.find("H(") {
        return Err(CronError::FuzzyRange {
            field,
            at: word.at + position,
        });
    }
    let range_place = if field == Field::Hour { "0 0 " } else { "" };
    let filler = if field == Field::Hour {
        " * * *"
    } else {
        " * * * * *"
    };
    let fuzzed = fuzz(&format!("{range_place}{}{filler}", word.text), id);
    Ok(fuzzed[range_place.len()..fuzzed.len() - filler.len()].to_owned())
}

fn set(word: Word<'_>, range: Range, id: &str) -> Result<String, CronError> {
    let values = match range.field {
        Field::Second | Field::Minute | Field::Hour => {
            let text = unfuzz(word, range.field, id)?;
            parse(
                Word {
                    text: &text,
                    at: word.at,
                },
                range,
            )?
        }
        _ => {
            refuse_rules(word, range.field)?;
            parse(word, range)?
        }
    };
    Ok(print(&values, range.field))
}

fn quartz(words: &[Word<'_>], id: &str) -> Result<Fields, CronError> {
    let field = |position: usize, field| set(words[position], Range::quartz(field), id);
    let (second, minute, hour) = (
        field(0, Field::Second)?,
        field(1, Field::Minute)?,
        field(2, Field::Hour)?,
    );
    let (month_days, week_days) = (words[3], words[5]);
    let at = week_days.at;
    let (days, rule) = match (month_days.text, week_days.text) {
        ("?", "?") => return Err(CronError::NoDays { at }),
        ("?", _) => {
            let (days, rule) = day_of_week(week_days)?;
            (format!("* {{month}} {days}"), rule)
        }
        (_, "?") => {
            let (days, rule) = day_of_month(month_days)?;
            (format!("{days} {{month}} *"), rule)
        }
        // Both are read first, so that a misspelt one is named as such.
        _ => {
            day_of_month(month_days)?;
            day_of_week(week_days)?;
            return Err(CronError::BothDays { at });
        }
    };
    let month = field(4, Field::Month)?;
    let year = match words.get(6) {
        Some(word) => set(*word, Range::quartz(Field::Year), id)?,
        None => "*".to_owned(),
    };
    let days = days.replace("{month}", &month);
    Ok(Fields {
        dialect: Dialect::Quartz,
        every_hour: hour == "*",
        translated: format!("{second} {minute} {hour} {days} {year}"),
        rule,
    })
}

fn unix(words: &[Word<'_>], id: &str) -> Result<Fields, CronError> {
    let minute = set(words[0], Range::unix(Field::Minute), id)?;
    let hour = set(words[1], Range::unix(Field::Hour), id)?;
    let month = set(words[3], Range::unix(Field::Month), id)?;
    let (month_days, week_days) = (words[2], words[4]);
    for (word, field) in [
        (month_days, Field::DayOfMonth),
        (week_days, Field::DayOfWeek),
    ] {
        refuse_rules(word, field)?;
    }
    let star = |word: Word<'_>| matches!(word.text, "*" | "?");
    let days_of_month = Word {
        text: if star(month_days) {
            "*"
        } else {
            month_days.text
        },
        ..month_days
    };
    let days_of_week = Word {
        text: if star(week_days) { "*" } else { week_days.text },
        ..week_days
    };
    let days_of_month = parse(days_of_month, Range::unix(Field::DayOfMonth))?;
    let days_of_week = parse(days_of_week, Range::unix(Field::DayOfWeek))?;
    // The Unix rule: a field that begins with "*" restricts as usual; two that do not are alternatives.
    let alternatives =
        !month_days.text.starts_with(['*', '?']) && !week_days.text.starts_with(['*', '?']);
    let (days, rule) = if alternatives {
        let rule = DayRule::Either {
            days_of_month,
            days_of_week,
        };
        (format!("* {month} *"), Some(rule))
    } else {
        let month_days = print(&days_of_month, Field::DayOfMonth);
        let week_days = print(&days_of_week, Field::DayOfWeek);
        (format!("{month_days} {month} {week_days}"), None)
    };
    Ok(Fields {
        dialect: Dialect::Unix,
        every_hour: hour == "*",
        translated: format!("0 {minute} {hour} {days} *"),
        rule,
    })
}

/// `L`, `W` and `#` where numbers are expected.
fn refuse_rules(word: Word<'_>, field: Field) -> Result<(), CronError> {
    let names = matches!(field, Field::Month | Field::DayOfWeek);
    for (position, c) in word.text.char_indices() {
        let rule = match c {
            '#' => "\"#\"",
            // Names of days and months have these letters too.
            'L' if !names => "\"L\"",
            'W' if !names => "\"W\"",
            _ => continue,
        };
        let at = word.at + position;
        if word.text.contains(',') && matches!(field, Field::DayOfMonth | Field::DayOfWeek) {
            return Err(CronError::RuleInList { field, at, rule });
        }
        return Err(CronError::NotHere {
            field,
            at,
            what: rule,
        });
    }
    Ok(())
}

fn day_of_month(word: Word<'_>) -> Result<(String, Option<DayRule>), CronError> {
    let range = Range::quartz(Field::DayOfMonth);
    let star = "*".to_owned();
    if word.text.contains(',') {
        refuse_rules(word, range.field)?;
    }
    if let Some(rest) = word.text.strip_prefix('L') {
        let (rest, weekday) = match rest.strip_suffix('W') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let before = match rest.strip_prefix('-') {
            None if rest.is_empty() => 0,
            None => {
                return Err(unreadable(
                    word,
                    range.field,
                    "no day: \"L\", \"L-3\" or \"LW\"",
                ));
            }
            Some(text) => {
                let at = word.at + 2;
                let zero_to_30 = Range {
                    min: 0,
                    max: 30,
                    ..range
                };
                parse_value(Word { text, at }, zero_to_30)?
            }
        };
        let rule = match weekday {
            true => DayRule::LastWeekday { before },
            false => DayRule::LastDay { before },
        };
        return Ok((star, Some(rule)));
    }
    if let Some(text) = word.text.strip_suffix('W') {
        let day = parse_value(Word { text, at: word.at }, range)?;
        return Ok((star, Some(DayRule::NearestWeekday { day })));
    }
    refuse_rules(word, range.field)?;
    Ok((print(&parse(word, range)?, range.field), None))
}

fn day_of_week(word: Word<'_>) -> Result<(String, Option<DayRule>), CronError> {
    let range = Range::quartz(Field::DayOfWeek);
    let star = "*".to_owned();
    if word.text.contains(',') {
        let rule_item = word.text.split(',').find(|item| {
            let last = item.strip_suffix('L');
            last.is_some_and(|day| parse_value(Word { text: day, at: 0 }, range).is_ok())
        });
        if rule_item.is_some() {
            return Err(CronError::RuleInList {
                field: range.field,
                at: word.at,
                rule: "\"L\"",
            });
        }
        refuse_rules(word, range.field)?;
    }
    // Quartz: alone it is the last day of the week, every week.
    if word.text == "L" {
        return Ok(("7".to_owned(), None));
    }
    if let Some((day, nth)) = word.text.split_once('#') {
        let day_of_week = parse_value(
            Word {
                text: day,
                at: word.at,
            },
            range,
        )?;
        let one_to_five = Range {
            field: range.field,
            min: 1,
            max: 5,
            day_offset: 0,
        };
        let at = word.at + day.len() + 1;
        if !nth.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unreadable(
                Word { text: nth, at },
                range.field,
                "no number from 1 to 5",
            ));
        }
        let nth = parse_value(Word { text: nth, at }, one_to_five)?;
        return Ok((star, Some(DayRule::Nth { day_of_week, nth })));
    }
    if let Some(text) = word.text.strip_suffix('L') {
        let day_of_week = parse_value(Word { text, at: word.at }, range)?;
        return Ok((star, Some(DayRule::LastOf { day_of_week })));
    }
    Ok((print(&parse(word, range)?, range.field), None))
}

fn unreadable(word: Word<'_>, field: Field, expected: &'static str) -> CronError {
    CronError::Unreadable {
        field,
        at: word.at,
        text: word.text.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match Expression::parse(text, "id") {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_the_place() {
        let table = [
            "",
            "* * *",
            "0 0 10 * * MON",
            "* * * * * *",
            "0 0 10 ? * ?",
            "0 60 * * * ?",
            "0 0/60 * * * ?",
            "0 0/0 * * * ?",
            "0 0 25 * * ?",
            "0 0 0 32 * ?",
            "0 0 0 0 * ?",
            "0 0 0 ? * 8",
            "0 0 0 ? * 0",
            "0 0 0 ? FOO MON",
            "0 0 0 ? * MOO",
            "0 0 0 1,L * ?",
            "0 0 0 1,15W * ?",
            "0 0 0 ? * MON,FRI#2",
            "0 0 0 ? * MON,FRIL",
            "0 0 0 ? * 6#6",
            "0 0 0 L-31 * ?",
            "0 H(0-7) * * * ?",
            "0 0 0 30 2 ?",
            "0 0 0 L W ?",
            "0 0 0 ? * MON 2040-2030",
            "0 0 0 ? * MON 1969",
            "0 L 0 ? * MON",
            "0 0 0 31W 2 ?",
            "0 0 0 ? * MON#",
            "1- * * * * ?",
            "* * * * *,",
            "0 0 0 LX * ?",
            "0 0 0 1 1 ? 2026 9",
            "0 0 L * *",
            "0 -5 * * * ?",
            "0 +5 * * * ?",
            "0 99999999999 * * * ?",
        ];
        let lines: Vec<String> = table
            .iter()
            .map(|text| format!("{text:<22} {}", refusal(text)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(refusal(&"1,".repeat(600)).starts_with("a schedule has at most 1000"));
    }

    #[test]
    fn a_unix_expression_takes_a_day_of_either_field() {
        let expression = Expression::parse("0 0 13 * FRI", "id").unwrap();
        assert_eq!(expression.dialect(), Dialect::Unix);
        let after = NaiveDate::from_ymd_opt(2026, 11, 1)
            .unwrap()
            .and_hms_opt(0, 0, 0)
            .unwrap();
        let days: Vec<String> = expression
            .wall_times(after)
            .take(5)
            .map(|time| time.format("%m-%d").to_string())
            .collect();
        assert_eq!(days, ["11-06", "11-13", "11-20", "11-27", "12-04"]);
    }
}
