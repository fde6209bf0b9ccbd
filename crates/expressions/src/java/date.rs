//! `java.util.Date`, in UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};

use super::method::{Arguments, INT, LONG, Method, STRING, function, method, null_pointer};
use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::eval::order;
use crate::value::object::Moment;
use crate::value::{Class, Object, Type, Value};

/// Names as they are printed, Sunday first.
pub(crate) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Names as they are printed.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The calendar fields of a moment; moments beyond the calendar show as its end.
pub(crate) fn fields(millis: i64) -> NaiveDateTime {
    DateTime::from_timestamp_millis(millis).map_or(NaiveDateTime::MAX, |at| at.naive_utc())
}

/// `Date.toString`.
pub(crate) fn java_text(millis: i64) -> String {
    let at = fields(millis);
    format!(
        "{} {} {:02} {:02}:{:02}:{:02} UTC {}",
        &WEEKDAYS[at.weekday().num_days_from_sunday() as usize][..3],
        &MONTHS[at.month0() as usize][..3],
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.year()
    )
}

/// Milliseconds of calendar fields that may be out of range, as a lenient calendar takes them.
pub(crate) fn lenient(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> i64 {
    let year = year
        .saturating_add(month.div_euclid(12))
        .clamp(-200_000, 200_000);
    let month = month.rem_euclid(12) as u32 + 1;
    let days = NaiveDate::from_ymd_opt(year as i32, month, 1)
        .map_or(0, |first| i64::from(first.num_days_from_ce()) - 719_163);
    days.saturating_add(day - 1)
        .saturating_mul(24)
        .saturating_add(hour)
        .saturating_mul(60)
        .saturating_add(minute)
        .saturating_mul(60)
        .saturating_add(second)
        .saturating_mul(1000)
}

/// `Date.parse`: `Sat, 12 Aug 1995 13:30:00 GMT+0430`, `1/2/2024 10:00` and the like.
pub(crate) fn parse_deprecated(text: &str) -> Eval<i64> {
    let wrong = || Thrown::silent(ILLEGAL_ARGUMENT);
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second) = (None, None, None);
    let mut offset = None;
    let mut letters = text.chars().peekable();
    let mut sign = None;
    let mut depth = 0;
    while let Some(c) = letters.next() {
        if c == '(' {
            depth += 1;
        } else if c == ')' {
            depth -= 1;
        } else if depth > 0 || c <= ' ' || matches!(c, ',' | '/' | ':') {
            // Comments and separators say nothing.
        } else if c == '+' || c == '-' {
            sign = Some(c);
        } else if c.is_ascii_digit() {
            let mut digits = c.to_string();
            while let Some(next) = letters.peek().filter(|next| next.is_ascii_digit()) {
                digits.push(*next);
                letters.next();
            }
            let value: i64 = digits.parse().map_err(|_| wrong())?;
            let next = letters.peek().copied();
            if let (Some(found), true) = (sign.take(), year.is_some()) {
                let minutes = if value < 24 {
                    value * 60
                } else {
                    value % 100 + value / 100 * 60
                };
                offset = Some(if found == '+' { -minutes } else { minutes });
            } else if value >= 70 && year.is_none() {
                year = Some(if value < 100 { value + 1900 } else { value });
            } else if next == Some(':') {
                letters.next();
                if hour.is_none() {
                    hour = Some(value);
                } else if minute.is_none() {
                    minute = Some(value);
                } else {
                    return Err(wrong());
                }
            } else if next == Some('/') {
                letters.next();
                if month.is_none() {
                    month = Some(value - 1);
                } else if day.is_none() {
                    day = Some(value);
                } else {
                    return Err(wrong());
                }
            } else if hour.is_some() && minute.is_none() {
                minute = Some(value);
            } else if minute.is_some() && second.is_none() {
                second = Some(value);
            } else if day.is_none() {
                day = Some(value);
            } else if year.is_none() {
                year = Some(value + 1900);
            } else {
                return Err(wrong());
            }
        } else if c.is_ascii_alphabetic() {
            let mut word = c.to_string();
            while let Some(next) = letters.peek().filter(|next| next.is_ascii_alphabetic()) {
                word.push(*next);
                letters.next();
            }
            let word = word.to_lowercase();
            let starts = |name: &str| name.to_lowercase().starts_with(&word);
            if word.len() < 2 {
                return Err(wrong());
            } else if let Some(found) = MONTHS.iter().position(|name| starts(name)) {
                month = Some(found as i64);
            } else if matches!(word.as_str(), "gmt" | "ut" | "utc") {
                offset = Some(0);
            } else if let Some(hours) = zone_hours(&word) {
                offset = Some(-hours * 60);
            } else if word == "pm" {
                hour = hour.map(|hour| if hour < 12 { hour + 12 } else { hour });
            } else if word == "am" {
                hour = hour.map(|hour| if hour == 12 { 0 } else { hour });
            } else if !WEEKDAYS.iter().any(|name| starts(name)) {
                return Err(wrong());
            }
        } else {
            return Err(wrong());
        }
    }
    let (Some(year), Some(month), Some(day)) = (year, month, day) else {
        return Err(wrong());
    };
    let millis = lenient(
        year,
        month,
        day,
        hour.unwrap_or(0),
        minute.unwrap_or(0),
        second.unwrap_or(0),
    );
    Ok(millis.saturating_add(offset.unwrap_or(0) * 60_000))
}

fn zone_hours(word: &str) -> Option<i64> {
    Some(match word {
        "edt" => -4,
        "est" | "cdt" => -5,
        "cst" | "mdt" => -6,
        "mst" | "pdt" => -7,
        "pst" => -8,
        _ => return None,
    })
}

/// The milliseconds of a date; the error of a null one.
pub(crate) fn millis(value: &Value<'_>) -> Eval<i64> {
    match value {
        Value::Object(Object::Date(millis)) => Ok(*millis),
        _ => Err(null_pointer()),
    }
}

fn made<'a>(millis: i64) -> Value<'a> {
    Value::Object(Object::Date(millis))
}

fn int<'a>(value: u32) -> Value<'a> {
    Value::Int(value as i32)
}

const DATE: Type = Type::of(Class::Date);

/// `Date`.
pub(crate) static METHODS: &[Method] = &[
    method("getTime", &[], |_, this, _| millis(this).map(Value::Long)),
    method("before", &[DATE], |_, this, args| {
        Ok(Value::Bool(millis(this)? < millis(&args[0])?))
    }),
    method("after", &[DATE], |_, this, args| {
        Ok(Value::Bool(millis(this)? > millis(&args[0])?))
    }),
    method("compareTo", &[DATE], |_, this, args| {
        order::natural(this, &args[0]).map(|order| Value::Int(order as i32))
    }),
    method("toInstant", &[], |_, this, _| {
        let moment = Moment::from_millis(millis(this)?);
        Ok(Value::Object(Object::Instant(moment)))
    }),
    method("getYear", &[], |_, this, _| {
        Ok(Value::Int(fields(millis(this)?).year() - 1900))
    }),
    method("getMonth", &[], |_, this, _| {
        Ok(int(fields(millis(this)?).month0()))
    }),
    method("getDate", &[], |_, this, _| {
        Ok(int(fields(millis(this)?).day()))
    }),
    method("getDay", &[], |_, this, _| {
        Ok(int(fields(millis(this)?).weekday().num_days_from_sunday()))
    }),
    method("getHours", &[], |_, this, _| {
        Ok(int(fields(millis(this)?).hour()))
    }),
    method("getMinutes", &[], |_, this, _| {
        Ok(int(fields(millis(this)?).minute()))
    }),
    method("getSeconds", &[], |_, this, _| {
        Ok(int(fields(millis(this)?).second()))
    }),
    method("getTimezoneOffset", &[], |_, _, _| Ok(Value::Int(0))),
    method("toGMTString", &[], |_, this, _| {
        let at = fields(millis(this)?);
        Ok(Value::text(format!(
            "{} {} {} {:02}:{:02}:{:02} GMT",
            at.day(),
            &MONTHS[at.month0() as usize][..3],
            at.year(),
            at.hour(),
            at.minute(),
            at.second()
        )))
    }),
    method("toLocaleString", &[], |_, this, _| {
        super::date_format::format_millis("MMM d, yyyy, h:mm:ss a", millis(this)?).map(Value::text)
    }),
    function("UTC", &[INT, INT, INT, INT, INT, INT], |_, _, args| {
        Ok(Value::Long(lenient(
            args.long(0) + 1900,
            args.long(1),
            args.long(2),
            args.long(3),
            args.long(4),
            args.long(5),
        )))
    }),
    function("parse", &[STRING], |_, _, args| {
        parse_deprecated(args.text(0)?).map(Value::Long)
    }),
    function(
        "from",
        &[Type::of(Class::Instant)],
        |_, _, args| match &args[0] {
            Value::Object(Object::Instant(moment)) => moment
                .millis()
                .map(made)
                .ok_or_else(|| Thrown::java(ILLEGAL_ARGUMENT, "long overflow")),
            _ => Err(null_pointer()),
        },
    ),
];

/// `new Date(…)`.
pub(crate) static CONSTRUCTORS: &[Method] = &[
    function("Date", &[], |machine, _, _| {
        Ok(made(machine.scope.environment.now_ms()))
    }),
    function("Date", &[STRING], |_, _, args| {
        let text = args[0]
            .char_sequence()
            .ok_or_else(|| Thrown::silent(ILLEGAL_ARGUMENT))?;
        parse_deprecated(text).map(made)
    }),
    function("Date", &[LONG], |_, _, args| Ok(made(args.long(0)))),
    function("Date", &[INT, INT, INT], |_, _, args| {
        Ok(made(lenient(
            args.long(0) + 1900,
            args.long(1),
            args.long(2),
            0,
            0,
            0,
        )))
    }),
    function("Date", &[INT, INT, INT, INT, INT], |_, _, args| {
        Ok(made(lenient(
            args.long(0) + 1900,
            args.long(1),
            args.long(2),
            args.long(3),
            args.long(4),
            0,
        )))
    }),
    function("Date", &[INT, INT, INT, INT, INT, INT], |_, _, args| {
        Ok(made(lenient(
            args.long(0) + 1900,
            args.long(1),
            args.long(2),
            args.long(3),
            args.long(4),
            args.long(5),
        )))
    }),
];
