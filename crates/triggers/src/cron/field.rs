//! One field of an expression: lists, ranges (also wrapped), steps and names, as a set of numbers.

use std::collections::BTreeSet;

use super::error::{CronError, Field};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) field: Field,
    pub(super) min: u32,
    pub(super) max: u32,
    /// Added to a day's number to make Sunday 1: Unix counts from 0.
    pub(super) day_offset: u32,
}

impl Range {
    pub(super) fn quartz(field: Field) -> Self {
        let (min, max) = match field {
            Field::Second | Field::Minute => (0, 59),
            Field::Hour => (0, 23),
            Field::DayOfMonth => (1, 31),
            Field::Month => (1, 12),
            Field::DayOfWeek => (1, 7),
            Field::Year => (1970, 2100),
        };
        Self {
            field,
            min,
            max,
            day_offset: 0,
        }
    }

    pub(super) fn unix(field: Field) -> Self {
        match field {
            Field::DayOfWeek => Self {
                field,
                min: 0,
                max: 7,
                day_offset: 1,
            },
            other => Self::quartz(other),
        }
    }

    /// The values of the field, as the translation counts them (days of the week: 1 is Sunday).
    fn span(&self) -> (u32, u32) {
        match self.field {
            Field::DayOfWeek => (1, 7),
            _ => (self.min, self.max),
        }
    }

    fn normal(&self, value: u32) -> u32 {
        match self.field {
            Field::DayOfWeek => (value + self.day_offset - 1) % 7 + 1,
            _ => value,
        }
    }

    /// The greatest step Quartz accepts.
    fn max_step(&self) -> u32 {
        match self.field {
            Field::DayOfWeek => 7,
            Field::Year => self.max - self.min,
            _ => self.max,
        }
    }
}

/// A text with its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

/// Reads a field without rules into its set of values.
pub(super) fn parse(word: Word<'_>, range: Range) -> Result<BTreeSet<u32>, CronError> {
    let mut values = BTreeSet::new();
    let mut at = word.at;
    for item in word.text.split(',') {
        parse_item(Word { text: item, at }, range, &mut values)?;
        at += item.len() + 1;
    }
    Ok(values)
}

fn parse_item(word: Word<'_>, range: Range, values: &mut BTreeSet<u32>) -> Result<(), CronError> {
    let (head, step) = match word.text.split_once('/') {
        Some((head, step)) => {
            let at = word.at + head.len() + 1;
            (head, Some(parse_step(Word { text: step, at }, range)?))
        }
        None => (word.text, None),
    };
    let (min, max) = range.span();
    let (from, to) = match head {
        "*" => (min, max),
        // Quartz reads "/15" as "0/15".
        "" if step.is_some() => (min, max),
        "?" => {
            return Err(CronError::NotHere {
                field: range.field,
                at: word.at,
                what: "\"?\"; write \"*\"",
            });
        }
        _ => match head.split_once('-') {
            Some((from, to)) => {
                let at = word.at + from.len() + 1;
                let from = Word {
                    text: from,
                    at: word.at,
                };
                let (from, to) = (
                    parse_value(from, range)?,
                    parse_value(Word { text: to, at }, range)?,
                );
                return add_range(word, range, (from, to), step.unwrap_or(1), values);
            }
            None => {
                let value = range.normal(parse_value(
                    Word {
                        text: head,
                        at: word.at,
                    },
                    range,
                )?);
                match step {
                    Some(_) => (value, max),
                    None => (value, value),
                }
            }
        },
    };
    values.extend((from..=to).step_by(step.unwrap_or(1) as usize));
    Ok(())
}

fn add_range(
    word: Word<'_>,
    range: Range,
    (from, to): (u32, u32),
    step: u32,
    values: &mut BTreeSet<u32>,
) -> Result<(), CronError> {
    if from <= to {
        let stepped = (from..=to).step_by(step as usize);
        values.extend(stepped.map(|value| range.normal(value)));
        return Ok(());
    }
    if range.field == Field::Year {
        return Err(CronError::BackwardYears { at: word.at });
    }
    // A wrapped range keeps its rhythm across the end: 22-4/2 is 22, 0, 2, 4.
    let (min, max) = match range.field {
        Field::DayOfWeek => (range.min, range.min + 6),
        _ => (range.min, range.max),
    };
    let count = max - min + 1;
    let stepped = (from..=to + count).step_by(step as usize);
    values.extend(stepped.map(|value| range.normal(min + (value - min) % count)));
    Ok(())
}

fn parse_step(word: Word<'_>, range: Range) -> Result<u32, CronError> {
    let max = range.max_step();
    let value = parse_number(word, range.field, "no number; a step is one")?;
    if value == 0 || value > max {
        return Err(CronError::Step {
            field: range.field,
            at: word.at,
            value,
            max,
        });
    }
    Ok(value)
}

/// Reads a number or a name; days are not yet counted from Sunday.
pub(super) fn parse_value(word: Word<'_>, range: Range) -> Result<u32, CronError> {
    let names: &[&str] = match range.field {
        Field::Month => &MONTHS,
        Field::DayOfWeek => &DAYS,
        _ => &[],
    };
    if let Some(position) = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(word.text))
    {
        return Ok(range.min + position as u32);
    }
    let expected = match range.field {
        Field::Month => "neither a month (1-12, JAN-DEC) nor a range, list or step of them",
        Field::DayOfWeek => {
            "neither a day (SUN-SAT or its number) nor a range, list or step of them"
        }
        _ => "neither a number nor a range, list or step of numbers",
    };
    let value = parse_number(word, range.field, expected)?;
    if value < range.min || value > range.max {
        return Err(CronError::OutOfRange {
            field: range.field,
            at: word.at,
            value,
            min: range.min,
            max: range.max,
        });
    }
    Ok(value)
}

fn parse_number(word: Word<'_>, field: Field, expected: &'static str) -> Result<u32, CronError> {
    let digits = !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit());
    match word.text.parse() {
        Ok(value) if digits => Ok(value),
        _ => Err(CronError::Unreadable {
            field,
            at: word.at,
            text: word.text.to_owned(),
            expected,
        }),
    }
}

/// The text that the `cron` crate reads for a set of values.
pub(super) fn print(values: &BTreeSet<u32>, field: Field) -> String {
    let range = Range::quartz(field);
    if values.len() as u32 == range.max - range.min + 1 {
        return "*".to_owned();
    }
    let numbers: Vec<String> = values.iter().map(u32::to_string).collect();
    numbers.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, range: Range) -> Vec<u32> {
        let word = Word { text, at: 0 };
        parse(word, range).unwrap().into_iter().collect()
    }

    #[test]
    fn fields_are_read_as_quartz_reads_them() {
        let table: [(Field, &str, &[u32]); 12] = [
            (Field::Minute, "0/15", &[0, 15, 30, 45]),
            (Field::Minute, "/15", &[0, 15, 30, 45]),
            (Field::Minute, "5/20", &[5, 25, 45]),
            (Field::Minute, "50-5/5", &[0, 5, 50, 55]),
            (Field::Hour, "22-2", &[0, 1, 2, 22, 23]),
            (Field::Hour, "9-17/4", &[9, 13, 17]),
            (Field::Month, "NOV-FEB", &[1, 2, 11, 12]),
            (Field::Month, "jan,Jun", &[1, 6]),
            (Field::DayOfWeek, "FRI-MON", &[1, 2, 6, 7]),
            (Field::DayOfWeek, "2-6", &[2, 3, 4, 5, 6]),
            (Field::DayOfMonth, "1/10", &[1, 11, 21, 31]),
            (Field::Year, "2026,2030-2032", &[2026, 2030, 2031, 2032]),
        ];
        for (field, text, expected) in table {
            assert_eq!(values(text, Range::quartz(field)), expected, "{text}");
        }
    }

    #[test]
    fn unix_counts_days_from_zero() {
        let table: [(&str, &[u32]); 5] = [
            ("0", &[1]),
            ("7", &[1]),
            ("1-5", &[2, 3, 4, 5, 6]),
            ("5-7", &[1, 6, 7]),
            ("SAT-MON", &[1, 2, 7]),
        ];
        for (text, expected) in table {
            assert_eq!(
                values(text, Range::unix(Field::DayOfWeek)),
                expected,
                "{text}"
            );
        }
    }
}
