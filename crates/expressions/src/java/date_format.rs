//! `java.text.SimpleDateFormat` in English and UTC: formatting and lenient parsing.

use std::cell::RefCell;
use std::rc::Rc;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use super::convert;
use super::date::{MONTHS, WEEKDAYS, fields, lenient, millis};
use super::method::{Arguments, BOOL, Method, OBJECT, STRING, function, method, null_pointer};
use crate::error::{Eval, ILLEGAL_ARGUMENT, TEXT_PARSE, Thrown};
use crate::value::{Class, Object, Type, Value};

const LETTERS: &str = "GyMdkHmsSEDFwWahKzZYuXL";

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(char, usize),
}

fn compile(pattern: &str) -> Eval<Vec<Piece>> {
    let wrong = |message: String| Thrown::java(ILLEGAL_ARGUMENT, message);
    let letters: Vec<char> = pattern.chars().collect();
    let mut pieces: Vec<Piece> = Vec::new();
    let push_text = |pieces: &mut Vec<Piece>, text: &str| match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    };
    let mut index = 0;
    while index < letters.len() {
        let c = letters[index];
        if c == '\'' {
            if letters.get(index + 1) == Some(&'\'') {
                push_text(&mut pieces, "'");
                index += 2;
                continue;
            }
            let mut text = String::new();
            index += 1;
            loop {
                match letters.get(index) {
                    None => return Err(wrong("Unterminated quote".to_owned())),
                    Some('\'') if letters.get(index + 1) == Some(&'\'') => {
                        text.push('\'');
                        index += 2;
                    }
                    Some('\'') => {
                        index += 1;
                        break;
                    }
                    Some(other) => {
                        text.push(*other);
                        index += 1;
                    }
                }
            }
            push_text(&mut pieces, &text);
            continue;
        }
        if !c.is_ascii_alphabetic() {
            push_text(&mut pieces, &c.to_string());
            index += 1;
            continue;
        }
        if !LETTERS.contains(c) {
            return Err(wrong(format!("Illegal pattern character '{c}'")));
        }
        let count = letters[index..]
            .iter()
            .take_while(|next| **next == c)
            .count();
        if c == 'X' && count > 3 {
            return Err(wrong(
                "invalid ISO 8601 format: length=".to_owned() + &count.to_string(),
            ));
        }
        pieces.push(Piece::Field(c, count));
        index += count;
    }
    Ok(pieces)
}

/// `new SimpleDateFormat(pattern)`.
pub(crate) fn new_format<'a>(pattern: &str) -> Eval<Value<'a>> {
    compile(pattern)?;
    Ok(Value::Object(Object::DateFormat(Rc::new(RefCell::new(
        pattern.to_owned(),
    )))))
}

fn padded(value: i64, width: usize) -> String {
    // A width no calendar needs could still be written a thousand times.
    let width = width.min(200);
    if value < 0 {
        format!("-{:0width$}", value.unsigned_abs())
    } else {
        format!("{value:0width$}")
    }
}

/// The week of the year and its year, by the rules of the United States: weeks begin on Sunday and the first has 1 day.
fn week(at: NaiveDate) -> (i64, i64) {
    let first = |year: i32| -> i64 {
        NaiveDate::from_ymd_opt(year, 1, 1).map_or(0, |day| {
            i64::from(day.num_days_from_ce()) - i64::from(day.weekday().num_days_from_sunday())
        })
    };
    let day = i64::from(at.num_days_from_ce());
    if day >= first(at.year() + 1) {
        return (1, i64::from(at.year()) + 1);
    }
    ((day - first(at.year())) / 7 + 1, i64::from(at.year()))
}

fn format_field(letter: char, count: usize, at: NaiveDateTime) -> String {
    let year = i64::from(at.year());
    let of_era = if year > 0 { year } else { 1 - year };
    let hour = i64::from(at.hour());
    match letter {
        'G' => if year > 0 { "AD" } else { "BC" }.to_owned(),
        'y' | 'Y' => {
            let year = if letter == 'Y' {
                week(at.date()).1
            } else {
                of_era
            };
            if count == 2 {
                padded(year % 100, 2)
            } else {
                padded(year, count)
            }
        }
        'M' | 'L' => {
            let name = MONTHS[at.month0() as usize];
            match count {
                1 | 2 => padded(i64::from(at.month()), count),
                3 => name[..3].to_owned(),
                _ => name.to_owned(),
            }
        }
        'd' => padded(i64::from(at.day()), count),
        'k' => padded(if hour == 0 { 24 } else { hour }, count),
        'H' => padded(hour, count),
        'K' => padded(hour % 12, count),
        'h' => padded(if hour % 12 == 0 { 12 } else { hour % 12 }, count),
        'm' => padded(i64::from(at.minute()), count),
        's' => padded(i64::from(at.second()), count),
        'S' => padded(i64::from(at.nanosecond() / 1_000_000), count),
        'E' => {
            let name = WEEKDAYS[at.weekday().num_days_from_sunday() as usize];
            if count < 4 { &name[..3] } else { name }.to_owned()
        }
        'u' => padded(i64::from(at.weekday().number_from_monday()), count),
        'D' => padded(i64::from(at.ordinal()), count),
        'F' => padded(i64::from(at.day0() / 7 + 1), count),
        'w' => padded(week(at.date()).0, count),
        'W' => {
            let first = at.date() - chrono::Days::new(u64::from(at.day0()));
            let lead = first.weekday().num_days_from_sunday();
            padded(i64::from((at.day0() + lead) / 7 + 1), count)
        }
        'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        'z' => if count < 4 {
            "UTC"
        } else {
            "Coordinated Universal Time"
        }
        .to_owned(),
        'Z' => "+0000".to_owned(),
        _ => "Z".to_owned(),
    }
}

/// Formats a moment by a pattern.
pub(crate) fn format_millis(pattern: &str, millis: i64) -> Eval<String> {
    let at = fields(millis);
    let mut out = String::new();
    for piece in compile(pattern)? {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Field(letter, count) => out.push_str(&format_field(letter, count, at)),
        }
    }
    Ok(out)
}

/// The fields a text gave. Months count from 0.
#[derive(Debug, Default)]
struct Parsed {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    weekday: Option<i64>,
    hour: Option<i64>,
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    milli: i64,
    before_christ: bool,
    offset_minutes: i64,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_white(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn number(&mut self, limit: Option<usize>) -> Option<(i64, usize)> {
        let rest = self.rest();
        let negative = rest.starts_with('-');
        let digits: String = rest[usize::from(negative)..]
            .chars()
            .take(limit.unwrap_or(18).min(18))
            .take_while(char::is_ascii_digit)
            .collect();
        let value: i64 = digits.parse().ok()?;
        self.at += digits.len() + usize::from(negative);
        Some((if negative { -value } else { value }, digits.len()))
    }

    fn name(&mut self, names: &[&str]) -> Option<usize> {
        let rest = self.rest().to_lowercase();
        let mut best: Option<(usize, usize)> = None;
        for (index, name) in names.iter().enumerate() {
            for form in [name.to_lowercase(), name[..3].to_lowercase()] {
                if rest.starts_with(&form) && best.is_none_or(|(_, length)| form.len() > length) {
                    best = Some((index, form.len()));
                }
            }
        }
        let (index, length) = best?;
        self.at += length;
        Some(index)
    }

    fn zone(&mut self, letter: char) -> Option<i64> {
        let rest = self.rest().to_owned();
        for name in ["UTC", "GMT", "Z"] {
            if rest.starts_with(name) && !(letter == 'Z' && name == "Z") {
                self.at += name.len();
                let signed = self.rest().starts_with(['+', '-']);
                return if signed && name == "GMT" {
                    self.offset()
                } else {
                    Some(0)
                };
            }
        }
        if rest.starts_with(['+', '-']) {
            return self.offset();
        }
        let known = [
            ("EST", -5),
            ("EDT", -4),
            ("CST", -6),
            ("CDT", -5),
            ("MST", -7),
            ("MDT", -6),
            ("PST", -8),
            ("PDT", -7),
            ("CET", 1),
            ("CEST", 2),
        ];
        let (name, hours) = known
            .iter()
            .filter(|(name, _)| rest.starts_with(name))
            .max_by_key(|(name, _)| name.len())?;
        self.at += name.len();
        Some(hours * 60)
    }

    fn offset(&mut self) -> Option<i64> {
        let negative = self.rest().starts_with('-');
        self.at += 1;
        let digits: String = self
            .rest()
            .chars()
            .take(5)
            .take_while(|c| c.is_ascii_digit() || *c == ':')
            .collect();
        self.at += digits.len();
        let plain = digits.replace(':', "");
        let minutes = match plain.len() {
            1 | 2 => plain.parse::<i64>().ok()? * 60,
            4 => plain[..2].parse::<i64>().ok()? * 60 + plain[2..].parse::<i64>().ok()?,
            _ => return None,
        };
        Some(if negative { -minutes } else { minutes })
    }
}

fn parse_field(
    reader: &mut Reader<'_>,
    parsed: &mut Parsed,
    letter: char,
    count: usize,
    limit: Option<usize>,
    now: i64,
) -> Option<()> {
    let number = |reader: &mut Reader<'_>| reader.number(limit).map(|(value, _)| value);
    match letter {
        'G' => {
            let rest = reader.rest().to_uppercase();
            parsed.before_christ = rest.starts_with("BC");
            if !parsed.before_christ && !rest.starts_with("AD") {
                return None;
            }
            reader.at += 2;
        }
        'y' | 'Y' => {
            let (value, digits) = reader.number(limit)?;
            // Two digits mean the century around now: from 80 years ago to 20 years ahead.
            parsed.year = Some(if count <= 2 && digits == 2 && value >= 0 {
                let start = i64::from(fields(now).year()) - 80;
                let candidate = start - start.rem_euclid(100) + value;
                if candidate < start {
                    candidate + 100
                } else {
                    candidate
                }
            } else {
                value
            });
        }
        'M' | 'L' if count >= 3 => match reader.name(&MONTHS) {
            Some(month) => parsed.month = Some(month as i64),
            None => return None,
        },
        'M' | 'L' => parsed.month = Some(number(reader)? - 1),
        'd' => parsed.day = Some(number(reader)?),
        'D' => parsed.day_of_year = Some(number(reader)?),
        'E' => parsed.weekday = Some(reader.name(&WEEKDAYS)? as i64),
        'H' => parsed.hour = Some(number(reader)?),
        'k' => {
            let value = number(reader)?;
            parsed.hour = Some(if value == 24 { 0 } else { value });
        }
        'h' => {
            let value = number(reader)?;
            parsed.half_hour = Some(if value == 12 { 0 } else { value });
        }
        'K' => parsed.half_hour = Some(number(reader)?),
        'm' => parsed.minute = number(reader)?,
        's' => parsed.second = number(reader)?,
        'S' => parsed.milli = number(reader)?,
        'a' => {
            let rest = reader.rest().to_uppercase();
            if !rest.starts_with("AM") && !rest.starts_with("PM") {
                return None;
            }
            parsed.afternoon = Some(rest.starts_with("PM"));
            reader.at += 2;
        }
        'z' | 'Z' | 'X' => parsed.offset_minutes = reader.zone(letter)?,
        _ => {
            number(reader)?;
        }
    }
    Some(())
}

/// `DateFormat.parse`.
fn parse(pattern: &str, text: &str, now: i64) -> Eval<i64> {
    let wrong =
        |at: usize| Thrown::java(TEXT_PARSE, format!("Unparseable date: \"{text}\"")).at(at as u32);
    let pieces = compile(pattern)?;
    let mut reader = Reader { text, at: 0 };
    let mut parsed = Parsed::default();
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(wanted) => {
                for c in wanted.chars() {
                    if reader.rest().starts_with(c) {
                        reader.at += c.len_utf8();
                    } else if c == ' ' || c == '\t' {
                        // White space of the pattern may be missing.
                    } else {
                        return Err(wrong(reader.at));
                    }
                }
            }
            Piece::Field(letter, count) => {
                reader.skip_white();
                // A number that touches the next one takes only the digits its letters ask for.
                let adjacent = matches!(pieces.get(index + 1), Some(Piece::Field(next, size))
                    if is_numeric(*next, *size));
                let limit = (adjacent && is_numeric(*letter, *count)).then_some(*count);
                parse_field(&mut reader, &mut parsed, *letter, *count, limit, now)
                    .ok_or_else(|| wrong(reader.at))?;
            }
        }
    }
    Ok(assemble(&parsed))
}

fn is_numeric(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'L' => count < 3,
        'G' | 'E' | 'a' | 'z' | 'Z' | 'X' => false,
        _ => true,
    }
}

fn assemble(parsed: &Parsed) -> i64 {
    let year = match (parsed.year, parsed.before_christ) {
        (Some(year), true) => 1 - year,
        (Some(year), false) => year,
        (None, _) => 1970,
    };
    let hour = match (parsed.hour, parsed.half_hour, parsed.afternoon) {
        (Some(hour), _, _) => hour,
        (None, Some(hour), Some(true)) => hour + 12,
        (None, Some(hour), _) => hour,
        (None, None, Some(true)) => 12,
        (None, None, _) => 0,
    };
    let (month, day) = match (parsed.month, parsed.day, parsed.day_of_year) {
        (None, None, Some(day)) => (0, day),
        (month, day, _) => (month.unwrap_or(0), day.unwrap_or(1)),
    };
    lenient(year, month, day, hour, parsed.minute, parsed.second)
        .saturating_add(parsed.milli)
        .saturating_sub(parsed.offset_minutes * 60_000)
}

fn pattern_of(this: &Value<'_>) -> Eval<String> {
    match this {
        Value::Object(Object::DateFormat(pattern)) => Ok(pattern.borrow().clone()),
        _ => Err(null_pointer()),
    }
}

/// `SimpleDateFormat`.
pub(crate) static METHODS: &[Method] = &[
    method("format", &[Type::of(Class::Date)], |machine, this, args| {
        let text = format_millis(&pattern_of(this)?, millis(&args[0])?)?;
        machine.spend_bytes(text.len())?;
        Ok(Value::text(text))
    }),
    method("format", &[OBJECT], |machine, this, args| {
        let millis = match &args[0] {
            Value::Object(Object::Date(millis)) => *millis,
            number if number.is_number() => convert::as_i64(number),
            _ => {
                return Err(Thrown::java(
                    ILLEGAL_ARGUMENT,
                    "Cannot format given Object as a Date",
                ));
            }
        };
        let text = format_millis(&pattern_of(this)?, millis)?;
        machine.spend_bytes(text.len())?;
        Ok(Value::text(text))
    }),
    method("parse", &[STRING], |machine, this, args| {
        let now = machine.scope.environment.now_ms();
        let parsed = parse(&pattern_of(this)?, args.text(0)?, now).map_err(|cause| {
            // A checked exception is wrapped once more.
            if cause.class == TEXT_PARSE {
                Thrown::java(
                    "org.springframework.expression.ExpressionInvocationTargetException",
                    "A problem occurred when trying to execute method 'parse' on object of type [java.text.SimpleDateFormat]",
                )
                .because(cause)
            } else {
                cause
            }
        })?;
        Ok(Value::Object(Object::Date(parsed)))
    }),
    method("toPattern", &[], |_, this, _| {
        pattern_of(this).map(Value::text)
    }),
    method("toLocalizedPattern", &[], |_, this, _| {
        pattern_of(this).map(Value::text)
    }),
    method("applyPattern", &[STRING], |_, this, args| {
        let pattern = args.text(0)?;
        compile(pattern)?;
        if let Value::Object(Object::DateFormat(cell)) = this {
            *cell.borrow_mut() = pattern.to_owned();
        }
        Ok(Value::Null)
    }),
    method("isLenient", &[], |_, _, _| Ok(Value::Bool(true))),
    method("setLenient", &[BOOL], |_, _, _| Ok(Value::Null)),
];

/// `new SimpleDateFormat(…)`.
pub(crate) static CONSTRUCTORS: &[Method] = &[
    function("SimpleDateFormat", &[], |_, _, _| {
        new_format("M/d/yy, h:mm a")
    }),
    function("SimpleDateFormat", &[STRING], |_, _, args| {
        new_format(args.text(0)?)
    }),
    function(
        "SimpleDateFormat",
        &[STRING, Type::of(Class::Locale)],
        |_, _, args| new_format(args.text(0)?),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_pipelines() {
        let at = 1_500_000_000_123;
        let table = [
            ("yyyy-MM-dd", "2017-07-14"),
            ("yyyyMMddHHmmss", "20170714024000"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2017-07-14T02:40:00.123Z"),
            ("EEEE, d MMMM yy", "Friday, 14 July 17"),
            ("h:mm a z", "2:40 AM UTC"),
            ("DDD w W u F", "195 28 3 5 2"),
            ("'at' ''HH", "at '02"),
            ("Z k K", "+0000 2 2"),
        ];
        for (pattern, expected) in table {
            assert_eq!(format_millis(pattern, at).unwrap(), expected, "{pattern}");
        }
        assert_eq!(
            format_millis("b", at).unwrap_err().text(),
            "Illegal pattern character 'b'"
        );
    }

    #[test]
    fn parsing_is_lenient() {
        let table = [
            ("yyyy-MM-dd", "2020-02-30", 1_583_020_800_000),
            ("yyyyMMdd", "20170714", 1_499_990_400_000),
            ("dd MMM yyyy HH:mm", "14 jul 2017 02:40", 1_500_000_000_000),
            (
                "yyyy-MM-dd HH:mm Z",
                "2017-07-14 04:40 +0200",
                1_500_000_000_000,
            ),
            ("dd/MM/yy", "14/07/17", 1_499_990_400_000),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(
                parse(pattern, text, 1_700_000_000_000).unwrap(),
                expected,
                "{text}"
            );
        }
        assert!(parse("yyyy-MM-dd", "yesterday", 0).is_err());
    }
}
