//! `java.time`: dates, moments and units, in UTC.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Timelike,
};

use super::method::{Arguments, CHARS, INT, LONG, Method, OBJECT, function, method, null_pointer};
use crate::error::{ARITHMETIC, DATE_PARSE, DATE_TIME, Eval, Thrown, UNSUPPORTED_TEMPORAL};
use crate::eval::Machine;
use crate::eval::lower;
use crate::value::object::{Moment, Zone};
use crate::value::{Class, Object, Type, Value};

const NANOS_PER_DAY: i128 = 86_400_000_000_000;

/// Constant, display name and length in nanoseconds; months and longer units have no fixed length.
pub(crate) const UNITS: [(&str, &str, i128); 16] = [
    ("NANOS", "Nanos", 1),
    ("MICROS", "Micros", 1_000),
    ("MILLIS", "Millis", 1_000_000),
    ("SECONDS", "Seconds", 1_000_000_000),
    ("MINUTES", "Minutes", 60_000_000_000),
    ("HOURS", "Hours", 3_600_000_000_000),
    ("HALF_DAYS", "HalfDays", 43_200_000_000_000),
    ("DAYS", "Days", NANOS_PER_DAY),
    ("WEEKS", "Weeks", 7 * NANOS_PER_DAY),
    ("MONTHS", "Months", 0),
    ("YEARS", "Years", 0),
    ("DECADES", "Decades", 0),
    ("CENTURIES", "Centuries", 0),
    ("MILLENNIA", "Millennia", 0),
    ("ERAS", "Eras", 0),
    ("FOREVER", "Forever", 0),
];

const DAYS: u8 = 7;
const WEEKS: u8 = 8;

/// How many months a unit has.
fn months_in(unit: u8) -> Option<i64> {
    match unit {
        9 => Some(1),
        10 => Some(12),
        11 => Some(120),
        12 => Some(1_200),
        13 => Some(12_000),
        _ => None,
    }
}

fn overflow() -> Thrown {
    Thrown::java(ARITHMETIC, "long overflow")
}

fn out_of_range(what: &str) -> Thrown {
    Thrown::java(DATE_TIME, format!("Invalid value for {what}"))
}

fn unsupported_unit(unit: u8) -> Thrown {
    Thrown::java(
        UNSUPPORTED_TEMPORAL,
        format!("Unsupported unit: {}", UNITS[usize::from(unit)].1),
    )
}

/// `LocalDate.toString`.
pub(crate) fn date_text(date: NaiveDate) -> String {
    let year = date.year();
    let shown = if (0..=9999).contains(&year) {
        format!("{year:04}")
    } else if year > 9999 {
        format!("+{year}")
    } else {
        format!("-{:04}", -year)
    };
    format!("{shown}-{:02}-{:02}", date.month(), date.day())
}

fn fraction_text(nanos: u32) -> String {
    if nanos == 0 {
        String::new()
    } else if nanos.is_multiple_of(1_000_000) {
        format!(".{:03}", nanos / 1_000_000)
    } else if nanos.is_multiple_of(1_000) {
        format!(".{:06}", nanos / 1_000)
    } else {
        format!(".{nanos:09}")
    }
}

/// `LocalDateTime.toString`: seconds only where they are not zero.
pub(crate) fn date_time_text(moment: NaiveDateTime) -> String {
    let mut text = format!(
        "{}T{:02}:{:02}",
        date_text(moment.date()),
        moment.hour(),
        moment.minute()
    );
    if moment.second() > 0 || moment.nanosecond() > 0 {
        text.push_str(&format!(":{:02}", moment.second()));
        text.push_str(&fraction_text(moment.nanosecond()));
    }
    text
}

/// `Instant.toString`: seconds always.
pub(crate) fn instant_text(moment: Moment) -> String {
    match DateTime::from_timestamp(moment.seconds, moment.nanos) {
        Some(at) => {
            let at = at.naive_utc();
            format!(
                "{}T{:02}:{:02}:{:02}{}Z",
                date_text(at.date()),
                at.hour(),
                at.minute(),
                at.second(),
                fraction_text(moment.nanos)
            )
        }
        None => format!("{}s", moment.seconds),
    }
}

/// `ZoneId.toString`.
pub(crate) fn zone_text(zone: Zone) -> String {
    match zone {
        Zone::Named(zone) => zone.name().to_owned(),
        Zone::Offset(0) => "Z".to_owned(),
        Zone::Offset(seconds) => {
            let sign = if seconds < 0 { '-' } else { '+' };
            let seconds = seconds.abs();
            format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
        }
    }
}

/// `ZoneId.of`.
pub(crate) fn parse_zone(text: &str) -> Eval<Zone> {
    let invalid = || {
        Thrown::java(
            DATE_TIME,
            format!("Invalid ID for region-based ZoneId, invalid format: {text}"),
        )
    };
    if text == "Z" {
        return Ok(Zone::Offset(0));
    }
    if let Some(rest) = text.strip_prefix(['+', '-']) {
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        let (hours, minutes) = match digits.len() {
            1 | 2 => (digits.parse::<i32>(), Ok(0)),
            4 => (digits[..2].parse(), digits[2..].parse()),
            _ => return Err(invalid()),
        };
        let (Ok(hours), Ok(minutes)) = (hours, minutes) else {
            return Err(invalid());
        };
        if hours > 18 || minutes > 59 {
            return Err(invalid());
        }
        let seconds = hours * 3600 + minutes * 60;
        return Ok(Zone::Offset(if text.starts_with('-') {
            -seconds
        } else {
            seconds
        }));
    }
    text.parse::<chrono_tz::Tz>().map(Zone::Named).map_err(|_| {
        Thrown::java(
            "java.time.zone.ZoneRulesException",
            format!("Unknown time-zone ID: {text}"),
        )
    })
}

fn unparsed(text: &str, index: usize) -> Thrown {
    Thrown::java(
        DATE_PARSE,
        format!("Text '{text}' could not be parsed at index {index}"),
    )
}

fn digits_at(text: &str, range: std::ops::Range<usize>) -> Option<u32> {
    let part = text.get(range)?;
    part.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| part.parse().ok())
        .flatten()
}

/// `LocalDate.parse`: `2024-02-29`.
fn parse_date(text: &str) -> Eval<NaiveDate> {
    let shape = text.len() == 10
        && text.is_ascii()
        && text.as_bytes()[4] == b'-'
        && text.as_bytes()[7] == b'-';
    let fields = shape
        .then(|| {
            Some((
                digits_at(text, 0..4)?,
                digits_at(text, 5..7)?,
                digits_at(text, 8..10)?,
            ))
        })
        .flatten();
    let Some((year, month, day)) = fields else {
        let index = text
            .char_indices()
            .take(10)
            .find(|(index, c)| match index {
                4 | 7 => *c != '-',
                _ => !c.is_ascii_digit(),
            })
            .map_or(text.len().min(10), |(index, _)| match index {
                0..=3 => 0,
                other => other,
            });
        return Err(unparsed(text, index));
    };
    NaiveDate::from_ymd_opt(year as i32, month, day).ok_or_else(|| {
        Thrown::java(
            DATE_PARSE,
            format!("Text '{text}' could not be parsed: Invalid date"),
        )
        .because(invalid_date(year as i32, month, day))
    })
}

fn invalid_date(year: i32, month: u32, day: u32) -> Thrown {
    if !(1..=12).contains(&month) {
        return Thrown::java(
            DATE_TIME,
            format!("Invalid value for MonthOfYear (valid values 1 - 12): {month}"),
        );
    }
    if !(1..=31).contains(&day) {
        return Thrown::java(
            DATE_TIME,
            format!("Invalid value for DayOfMonth (valid values 1 - 28/31): {day}"),
        );
    }
    if day == 29 {
        return Thrown::java(
            DATE_TIME,
            format!("Invalid date 'February 29' as '{year}' is not a leap year"),
        );
    }
    let name = crate::value::object::MONTHS[month as usize - 1];
    Thrown::java(DATE_TIME, format!("Invalid date '{name} {day}'"))
}

/// `10:15`, `10:15:30`, `10:15:30.123`.
fn parse_time(whole: &str, text: &str, offset: usize) -> Eval<NaiveTime> {
    let fail = |index: usize| unparsed(whole, offset + index);
    let hour = digits_at(text, 0..2).ok_or_else(|| fail(0))?;
    if text.as_bytes().get(2) != Some(&b':') {
        return Err(fail(2));
    }
    let minute = digits_at(text, 3..5).ok_or_else(|| fail(3))?;
    let (mut second, mut nanos) = (0, 0);
    if text.len() > 5 {
        if text.as_bytes()[5] != b':' {
            return Err(fail(5));
        }
        second = digits_at(text, 6..8).ok_or_else(|| fail(6))?;
        if let Some(rest) = text.get(8..).filter(|rest| !rest.is_empty()) {
            let fraction = rest
                .strip_prefix('.')
                .filter(|digits| digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit()))
                .ok_or_else(|| fail(8))?;
            nanos = format!("{fraction:0<9}").parse().map_err(|_| fail(8))?;
        }
    }
    NaiveTime::from_hms_nano_opt(hour, minute, second, nanos).ok_or_else(|| {
        Thrown::java(
            DATE_PARSE,
            format!("Text '{whole}' could not be parsed: Invalid time"),
        )
        .because(out_of_range("HourOfDay (valid values 0 - 23)"))
    })
}

fn parse_date_time(text: &str) -> Eval<NaiveDateTime> {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return Err(unparsed(text, text.len().min(10)));
    };
    let date = parse_date(date).map_err(|_| unparsed(text, 0))?;
    Ok(date.and_time(parse_time(text, time, 11)?))
}

fn parse_instant(text: &str) -> Eval<Moment> {
    let (local, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local, 0),
        None => {
            let split = text
                .rfind(['+', '-'])
                .filter(|index| *index > 10)
                .ok_or_else(|| unparsed(text, text.len().min(19)))?;
            match parse_zone(&text[split..]) {
                Ok(Zone::Offset(seconds)) => (&text[..split], seconds),
                _ => return Err(unparsed(text, split)),
            }
        }
    };
    if local.len() < 19 {
        return Err(unparsed(text, local.len()));
    }
    let at = parse_date_time(local)
        .map_err(|_| unparsed(text, 0))?
        .and_utc();
    Ok(Moment {
        seconds: at.timestamp() - i64::from(offset),
        nanos: at.timestamp_subsec_nanos(),
    })
}

fn date_of(value: &Value<'_>) -> Eval<NaiveDate> {
    match value {
        Value::Object(Object::LocalDate(date)) => Ok(*date),
        Value::Object(Object::LocalDateTime(moment)) => Ok(moment.date()),
        Value::Null => Err(null_pointer()),
        other => Err(Thrown::java(
            DATE_TIME,
            format!(
                "Unable to obtain LocalDate from TemporalAccessor: of type {}",
                other.class_name()
            ),
        )),
    }
}

fn date_time_of(value: &Value<'_>) -> Eval<NaiveDateTime> {
    match value {
        Value::Object(Object::LocalDateTime(moment)) => Ok(*moment),
        Value::Null => Err(null_pointer()),
        other => Err(Thrown::java(
            DATE_TIME,
            format!(
                "Unable to obtain LocalDateTime from TemporalAccessor: of type {}",
                other.class_name()
            ),
        )),
    }
}

fn moment_of(value: &Value<'_>) -> Eval<Moment> {
    match value {
        Value::Object(Object::Instant(moment)) => Ok(*moment),
        Value::Null => Err(null_pointer()),
        other => Err(Thrown::java(
            DATE_TIME,
            format!(
                "Unable to obtain Instant from TemporalAccessor: of type {}",
                other.class_name()
            ),
        )),
    }
}

/// `DayOfWeek.from`.
pub(crate) fn day_of_week<'a>(value: &Value<'a>) -> Eval<Value<'a>> {
    if let Value::Object(Object::DayOfWeek(_)) = value {
        return Ok(value.clone());
    }
    let date = date_of(value)?;
    Ok(Value::Object(Object::DayOfWeek(
        date.weekday().number_from_monday() as u8,
    )))
}

/// `ChronoUnit.isSupportedBy`.
pub(crate) fn supports(value: &Value<'_>, unit: u8) -> bool {
    match value {
        Value::Object(Object::LocalDate(_)) => (DAYS..15).contains(&unit),
        Value::Object(Object::LocalDateTime(_)) => unit < 15,
        Value::Object(Object::Instant(_)) => unit <= DAYS,
        _ => false,
    }
}

fn months_between(start: NaiveDateTime, end: NaiveDateTime) -> i64 {
    let count = |at: NaiveDateTime| i64::from(at.year()) * 12 + i64::from(at.month0());
    let months = count(end) - count(start);
    let rest = |at: NaiveDateTime| (at.day(), at.time());
    if months > 0 && rest(end) < rest(start) {
        months - 1
    } else if months < 0 && rest(end) > rest(start) {
        months + 1
    } else {
        months
    }
}

fn nanos_between(start: NaiveDateTime, end: NaiveDateTime) -> i128 {
    let total = |at: NaiveDateTime| {
        i128::from(at.and_utc().timestamp()) * 1_000_000_000 + i128::from(at.nanosecond())
    };
    total(end) - total(start)
}

/// `start.until(end, unit)`.
pub(crate) fn until(start: &Value<'_>, end: &Value<'_>, unit: u8) -> Eval<i64> {
    let (from, to) = match start {
        Value::Object(Object::LocalDate(from)) => (
            from.and_time(NaiveTime::MIN),
            date_of(end)?.and_time(NaiveTime::MIN),
        ),
        Value::Object(Object::LocalDateTime(from)) => (*from, date_time_of(end)?),
        Value::Object(Object::Instant(from)) => {
            let to = moment_of(end)?;
            let total = |at: &Moment| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
            let length = UNITS[usize::from(unit)].2;
            if unit > DAYS {
                return Err(unsupported_unit(unit));
            }
            return i64::try_from((total(&to) - total(from)) / length).map_err(|_| overflow());
        }
        _ => return Err(null_pointer()),
    };
    if !supports(start, unit) {
        return Err(unsupported_unit(unit));
    }
    if let Some(months) = months_in(unit) {
        return Ok(months_between(from, to) / months);
    }
    let length = UNITS[usize::from(unit)].2;
    if length == 0 {
        return Ok(0);
    }
    i64::try_from(nanos_between(from, to) / length).map_err(|_| overflow())
}

fn plus_months(date: NaiveDate, months: i64) -> Eval<NaiveDate> {
    let moved = u32::try_from(months.unsigned_abs()).ok().and_then(|count| {
        if months >= 0 {
            date.checked_add_months(Months::new(count))
        } else {
            date.checked_sub_months(Months::new(count))
        }
    });
    moved.ok_or_else(|| out_of_range("Year (valid values -999999999 - 999999999)"))
}

fn plus_days(date: NaiveDate, days: i64) -> Eval<NaiveDate> {
    let moved = if days >= 0 {
        date.checked_add_days(Days::new(days as u64))
    } else {
        date.checked_sub_days(Days::new(days.unsigned_abs()))
    };
    moved.ok_or_else(|| out_of_range("EpochDay"))
}

fn plus_nanos(at: NaiveDateTime, nanos: i128) -> Eval<NaiveDateTime> {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).map_err(|_| overflow())?;
    let rest = nanos.rem_euclid(1_000_000_000) as i64;
    TimeDelta::try_seconds(seconds)
        .and_then(|delta| at.checked_add_signed(delta))
        .and_then(|at| at.checked_add_signed(TimeDelta::nanoseconds(rest)))
        .ok_or_else(|| out_of_range("EpochDay"))
}

/// A temporal value moved by an amount of a unit.
fn plus<'a>(this: &Value<'a>, amount: i64, unit: u8) -> Eval<Value<'a>> {
    if !supports(this, unit) {
        return Err(unsupported_unit(unit));
    }
    let object = match this {
        Value::Object(Object::LocalDate(date)) => Object::LocalDate(match months_in(unit) {
            Some(months) => plus_months(*date, amount.checked_mul(months).ok_or_else(overflow)?)?,
            None if unit == WEEKS => plus_days(*date, amount.checked_mul(7).ok_or_else(overflow)?)?,
            None => plus_days(*date, amount)?,
        }),
        Value::Object(Object::LocalDateTime(at)) => Object::LocalDateTime(match months_in(unit) {
            Some(months) => {
                let months = amount.checked_mul(months).ok_or_else(overflow)?;
                plus_months(at.date(), months)?.and_time(at.time())
            }
            None => plus_nanos(*at, i128::from(amount) * UNITS[usize::from(unit)].2)?,
        }),
        Value::Object(Object::Instant(moment)) => {
            let total = i128::from(moment.seconds) * 1_000_000_000
                + i128::from(moment.nanos)
                + i128::from(amount) * UNITS[usize::from(unit)].2;
            Object::Instant(Moment {
                seconds: i64::try_from(total.div_euclid(1_000_000_000)).map_err(|_| overflow())?,
                nanos: total.rem_euclid(1_000_000_000) as u32,
            })
        }
        _ => return Err(null_pointer()),
    };
    Ok(Value::Object(object))
}

fn truncated<'a>(this: &Value<'a>, unit: u8) -> Eval<Value<'a>> {
    if unit > DAYS {
        return Err(Thrown::java(
            UNSUPPORTED_TEMPORAL,
            "Unit is too large to be used for truncation",
        ));
    }
    let length = UNITS[usize::from(unit)].2;
    Ok(Value::Object(match this {
        Value::Object(Object::LocalDateTime(at)) => {
            let nanos = i128::from(at.num_seconds_from_midnight()) * 1_000_000_000
                + i128::from(at.nanosecond());
            Object::LocalDateTime(plus_nanos(*at, -(nanos % length))?)
        }
        Value::Object(Object::Instant(moment)) => {
            let total = i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanos);
            let cut = total - total.rem_euclid(length);
            Object::Instant(Moment {
                seconds: cut.div_euclid(1_000_000_000) as i64,
                nanos: cut.rem_euclid(1_000_000_000) as u32,
            })
        }
        _ => return Err(null_pointer()),
    }))
}

fn unit_of(value: &Value<'_>) -> Eval<u8> {
    match value {
        Value::Object(Object::ChronoUnit(unit)) => Ok(*unit),
        _ => Err(null_pointer()),
    }
}

fn negated(amount: i64) -> Eval<i64> {
    amount.checked_neg().ok_or_else(overflow)
}

fn in_zone(machine: &Machine<'_>, zone: Option<&Value<'_>>) -> Eval<NaiveDateTime> {
    let millis = machine.scope.environment.now_ms();
    let now = DateTime::from_timestamp_millis(millis).ok_or_else(|| out_of_range("EpochDay"))?;
    Ok(match zone {
        None => now.naive_utc(),
        Some(Value::Object(Object::Zone(Zone::Named(zone)))) => {
            zone.from_utc_datetime(&now.naive_utc()).naive_local()
        }
        Some(Value::Object(Object::Zone(Zone::Offset(seconds)))) => {
            now.naive_utc() + TimeDelta::seconds(i64::from(*seconds))
        }
        Some(_) => return Err(null_pointer()),
    })
}

fn moment_in_zone<'a>(at: &Value<'_>, zone: &Value<'a>) -> Eval<NaiveDateTime> {
    let moment = moment_of(at)?;
    let utc = DateTime::from_timestamp(moment.seconds, moment.nanos)
        .ok_or_else(|| out_of_range("EpochDay"))?
        .naive_utc();
    match zone {
        Value::Object(Object::Zone(Zone::Named(zone))) => {
            Ok(zone.from_utc_datetime(&utc).naive_local())
        }
        Value::Object(Object::Zone(Zone::Offset(seconds))) => {
            Ok(utc + TimeDelta::seconds(i64::from(*seconds)))
        }
        _ => Err(null_pointer()),
    }
}

fn offset(value: &Value<'_>) -> Eval<i64> {
    match value {
        Value::Object(Object::Zone(Zone::Offset(seconds))) => Ok(i64::from(*seconds)),
        Value::Null => Err(null_pointer()),
        _ => Err(Thrown::java(
            DATE_TIME,
            "Invalid ID for ZoneOffset, invalid format",
        )),
    }
}

fn new_date<'a>(year: i32, month: i32, day: i32) -> Eval<Value<'a>> {
    let fields = u32::try_from(month).ok().zip(u32::try_from(day).ok());
    fields
        .and_then(|(month, day)| NaiveDate::from_ymd_opt(year, month, day))
        .map(|date| Value::Object(Object::LocalDate(date)))
        .ok_or_else(|| {
            invalid_date(
                year,
                u32::try_from(month).unwrap_or(0),
                u32::try_from(day).unwrap_or(0),
            )
        })
}

fn new_date_time<'a>(date: Value<'a>, time: [i32; 4]) -> Eval<Value<'a>> {
    let [hour, minute, second, nano] = time;
    let part = |value: i32| u32::try_from(value).unwrap_or(u32::MAX);
    let date = date_of(&date)?;
    NaiveTime::from_hms_nano_opt(part(hour), part(minute), part(second), part(nano))
        .map(|time| Value::Object(Object::LocalDateTime(date.and_time(time))))
        .ok_or_else(|| {
            let (what, valid, value) = if !(0..24).contains(&hour) {
                ("HourOfDay", "0 - 23", hour)
            } else if !(0..60).contains(&minute) {
                ("MinuteOfHour", "0 - 59", minute)
            } else if !(0..60).contains(&second) {
                ("SecondOfMinute", "0 - 59", second)
            } else {
                ("NanoOfSecond", "0 - 999999999", nano)
            };
            Thrown::java(
                DATE_TIME,
                format!("Invalid value for {what} (valid values {valid}): {value}"),
            )
        })
}

fn month_number(value: &Value<'_>) -> Eval<i32> {
    match value {
        Value::Object(Object::Month(month)) => Ok(i32::from(*month)),
        _ => Err(null_pointer()),
    }
}

fn leap(date: NaiveDate) -> bool {
    date.leap_year()
}

fn month_length(date: NaiveDate) -> i32 {
    match date.month() {
        2 if leap(date) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Changes a field of the date part; a day beyond the month moves to its end for years and months.
fn with_date<'a>(
    this: &Value<'a>,
    change: impl FnOnce(NaiveDate) -> Eval<NaiveDate>,
) -> Eval<Value<'a>> {
    Ok(Value::Object(match this {
        Value::Object(Object::LocalDateTime(at)) => {
            Object::LocalDateTime(change(at.date())?.and_time(at.time()))
        }
        other => Object::LocalDate(change(date_of(other)?)?),
    }))
}

fn clipped(year: i32, month: u32, day: u32) -> Eval<NaiveDate> {
    (28..=day.max(28))
        .rev()
        .find_map(|last| NaiveDate::from_ymd_opt(year, month, day.min(last)))
        .ok_or_else(|| invalid_date(year, month, day))
}

fn with_time<'a>(
    this: &Value<'a>,
    change: impl FnOnce(NaiveDateTime) -> Option<NaiveDateTime>,
    what: &str,
) -> Eval<Value<'a>> {
    change(date_time_of(this)?)
        .map(|at| Value::Object(Object::LocalDateTime(at)))
        .ok_or_else(|| out_of_range(what))
}

fn compare_dates(left: NaiveDate, right: NaiveDate) -> i32 {
    let parts = |date: NaiveDate| [date.year(), date.month() as i32, date.day() as i32];
    parts(left)
        .iter()
        .zip(parts(right))
        .map(|(a, b)| a - b)
        .find(|difference| *difference != 0)
        .unwrap_or(0)
}

const UNIT: Type = Type::of(Class::TemporalUnit);
const TEMPORAL: Type = Type::of(Class::Temporal);
const ACCESSOR: Type = Type::of(Class::TemporalAccessor);
const ADJUSTER: Type = Type::of(Class::TemporalAdjuster);
const ZONE: Type = Type::of(Class::ZoneId);
const OFFSET: Type = Type::of(Class::ZoneOffset);
const MONTH: Type = Type::of(Class::Month);
const INSTANT_TYPE: Type = Type::of(Class::Instant);
const DATE: Type = Type::of(Class::ChronoLocalDate);
const DATE_AND_TIME: Type = Type::of(Class::ChronoLocalDateTime);

macro_rules! shift {
    ($plus:literal, $minus:literal, $unit:expr) => {
        [
            method($plus, &[LONG], |_, this, args| {
                plus(this, args.long(0), $unit)
            }),
            method($minus, &[LONG], |_, this, args| {
                plus(this, negated(args.long(0))?, $unit)
            }),
        ]
    };
}

const fn pair(methods: [Method; 2]) -> [Method; 2] {
    methods
}

fn adjust<'a>(this: &Value<'a>, adjuster: &Value<'a>) -> Eval<Value<'a>> {
    match adjuster {
        Value::Object(Object::DayOfWeek(day)) => with_date(this, |date| {
            let today = i64::from(date.weekday().number_from_monday());
            plus_days(date, i64::from(*day) - today)
        }),
        Value::Object(Object::LocalDate(new)) => with_date(this, |_| Ok(*new)),
        Value::Object(Object::LocalDateTime(_) | Object::Instant(_))
            if this.class() == adjuster.class() =>
        {
            Ok(adjuster.clone())
        }
        _ => Err(Thrown::java(
            UNSUPPORTED_TEMPORAL,
            "Unsupported field: EpochDay",
        )),
    }
}

static DATE_SHIFTS: [[Method; 2]; 4] = [
    pair(shift!("plusDays", "minusDays", DAYS)),
    pair(shift!("plusWeeks", "minusWeeks", WEEKS)),
    pair(shift!("plusMonths", "minusMonths", 9)),
    pair(shift!("plusYears", "minusYears", 10)),
];

static TIME_SHIFTS: [[Method; 2]; 4] = [
    pair(shift!("plusHours", "minusHours", 5)),
    pair(shift!("plusMinutes", "minusMinutes", 4)),
    pair(shift!("plusSeconds", "minusSeconds", 3)),
    pair(shift!("plusNanos", "minusNanos", 0)),
];

static INSTANT_SHIFTS: [[Method; 2]; 3] = [
    pair(shift!("plusMillis", "minusMillis", 2)),
    pair(shift!("plusSeconds", "minusSeconds", 3)),
    pair(shift!("plusNanos", "minusNanos", 0)),
];

/// The methods that only move a value by a unit.
pub(crate) fn shifts(class: Class) -> impl Iterator<Item = &'static Method> {
    let (first, second): (&'static [[Method; 2]], &'static [[Method; 2]]) = match class {
        Class::LocalDate => (&DATE_SHIFTS, &[]),
        Class::LocalDateTime => (&DATE_SHIFTS, &TIME_SHIFTS),
        Class::Instant => (&INSTANT_SHIFTS, &[]),
        _ => (&[], &[]),
    };
    first.iter().chain(second).flatten()
}

/// `LocalDate`.
pub(crate) static LOCAL_DATE: &[Method] = &[
    function("now", &[], |machine, _, _| {
        Ok(Value::Object(Object::LocalDate(
            in_zone(machine, None)?.date(),
        )))
    }),
    function("now", &[ZONE], |machine, _, args| {
        Ok(Value::Object(Object::LocalDate(
            in_zone(machine, Some(&args[0]))?.date(),
        )))
    }),
    function("of", &[INT, INT, INT], |_, _, args| {
        new_date(args.int(0), args.int(1), args.int(2))
    }),
    function("of", &[INT, MONTH, INT], |_, _, args| {
        new_date(args.int(0), month_number(&args[1])?, args.int(2))
    }),
    function("ofYearDay", &[INT, INT], |_, _, args| {
        u32::try_from(args.int(1))
            .ok()
            .and_then(|day| NaiveDate::from_yo_opt(args.int(0), day))
            .map(|date| Value::Object(Object::LocalDate(date)))
            .ok_or_else(|| out_of_range("DayOfYear (valid values 1 - 365/366)"))
    }),
    function("ofEpochDay", &[LONG], |_, _, args| {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).ok_or_else(overflow)?;
        plus_days(epoch, args.long(0)).map(|date| Value::Object(Object::LocalDate(date)))
    }),
    function("ofInstant", &[INSTANT_TYPE, ZONE], |_, _, args| {
        let at = moment_in_zone(&args[0], &args[1])?;
        Ok(Value::Object(Object::LocalDate(at.date())))
    }),
    function("parse", &[CHARS], |_, _, args| {
        parse_date(args.text(0)?).map(|date| Value::Object(Object::LocalDate(date)))
    }),
    function("from", &[ACCESSOR], |_, _, args| {
        date_of(&args[0]).map(|date| Value::Object(Object::LocalDate(date)))
    }),
    method("getYear", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.year()))
    }),
    method("getMonthValue", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.month() as i32))
    }),
    method("getDayOfMonth", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.day() as i32))
    }),
    method("getDayOfYear", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.ordinal() as i32))
    }),
    method("getDayOfWeek", &[], |_, this, _| day_of_week(this)),
    method("isLeapYear", &[], |_, this, _| {
        Ok(Value::Bool(leap(date_of(this)?)))
    }),
    method("lengthOfMonth", &[], |_, this, _| {
        Ok(Value::Int(month_length(date_of(this)?)))
    }),
    method("lengthOfYear", &[], |_, this, _| {
        Ok(Value::Int(if leap(date_of(this)?) { 366 } else { 365 }))
    }),
    method("toEpochDay", &[], |_, this, _| {
        let days = i64::from(date_of(this)?.num_days_from_ce()) - 719_163;
        Ok(Value::Long(days))
    }),
    method("atStartOfDay", &[], |_, this, _| {
        new_date_time(this.clone(), [0; 4])
    }),
    method("atTime", &[INT, INT], |_, this, args| {
        new_date_time(this.clone(), [args.int(0), args.int(1), 0, 0])
    }),
    method("atTime", &[INT, INT, INT], |_, this, args| {
        new_date_time(this.clone(), [args.int(0), args.int(1), args.int(2), 0])
    }),
    method("atTime", &[INT, INT, INT, INT], |_, this, args| {
        new_date_time(
            this.clone(),
            [args.int(0), args.int(1), args.int(2), args.int(3)],
        )
    }),
    method("isAfter", &[DATE], |_, this, args| {
        Ok(Value::Bool(date_of(this)? > date_of(&args[0])?))
    }),
    method("isBefore", &[DATE], |_, this, args| {
        Ok(Value::Bool(date_of(this)? < date_of(&args[0])?))
    }),
    method("isEqual", &[DATE], |_, this, args| {
        Ok(Value::Bool(date_of(this)? == date_of(&args[0])?))
    }),
    method("compareTo", &[DATE], |_, this, args| {
        Ok(Value::Int(compare_dates(
            date_of(this)?,
            date_of(&args[0])?,
        )))
    }),
    method("isSupported", &[UNIT], |_, this, args| {
        Ok(Value::Bool(
            unit_of(&args[0]).is_ok_and(|unit| supports(this, unit)),
        ))
    }),
    method("plus", &[LONG, UNIT], |_, this, args| {
        plus(this, args.long(0), unit_of(&args[1])?)
    }),
    method("minus", &[LONG, UNIT], |_, this, args| {
        plus(this, negated(args.long(0))?, unit_of(&args[1])?)
    }),
    method("until", &[TEMPORAL, UNIT], |_, this, args| {
        until(this, &args[0], unit_of(&args[1])?).map(Value::Long)
    }),
    method("with", &[ADJUSTER], |_, this, args| adjust(this, &args[0])),
    method("withYear", &[INT], |_, this, args| {
        with_date(this, |date| clipped(args.int(0), date.month(), date.day()))
    }),
    method("withMonth", &[INT], |_, this, args| {
        let month = u32::try_from(args.int(0)).unwrap_or(0);
        with_date(this, |date| clipped(date.year(), month, date.day()))
    }),
    method("withDayOfMonth", &[INT], |_, this, args| {
        let day = u32::try_from(args.int(0)).unwrap_or(0);
        with_date(this, |date| {
            date.with_day(day)
                .ok_or_else(|| invalid_date(date.year(), date.month(), day))
        })
    }),
    method("withDayOfYear", &[INT], |_, this, args| {
        let day = u32::try_from(args.int(0)).unwrap_or(0);
        with_date(this, |date| {
            date.with_ordinal(day)
                .ok_or_else(|| out_of_range("DayOfYear (valid values 1 - 365/366)"))
        })
    }),
];

/// `LocalDateTime`.
pub(crate) static LOCAL_DATE_TIME: &[Method] = &[
    function("now", &[], |machine, _, _| {
        Ok(Value::Object(Object::LocalDateTime(in_zone(
            machine, None,
        )?)))
    }),
    function("now", &[ZONE], |machine, _, args| {
        let now = in_zone(machine, Some(&args[0]))?;
        Ok(Value::Object(Object::LocalDateTime(now)))
    }),
    function("of", &[INT, INT, INT, INT, INT], |_, _, args| {
        let date = new_date(args.int(0), args.int(1), args.int(2))?;
        new_date_time(date, [args.int(3), args.int(4), 0, 0])
    }),
    function("of", &[INT, INT, INT, INT, INT, INT], |_, _, args| {
        let date = new_date(args.int(0), args.int(1), args.int(2))?;
        new_date_time(date, [args.int(3), args.int(4), args.int(5), 0])
    }),
    function("of", &[INT, INT, INT, INT, INT, INT, INT], |_, _, args| {
        let date = new_date(args.int(0), args.int(1), args.int(2))?;
        new_date_time(date, [args.int(3), args.int(4), args.int(5), args.int(6)])
    }),
    function("of", &[INT, MONTH, INT, INT, INT], |_, _, args| {
        let date = new_date(args.int(0), month_number(&args[1])?, args.int(2))?;
        new_date_time(date, [args.int(3), args.int(4), 0, 0])
    }),
    function("ofEpochSecond", &[LONG, INT, OFFSET], |_, _, args| {
        let nanos = u32::try_from(args.int(1)).map_err(|_| out_of_range("NanoOfSecond"))?;
        DateTime::from_timestamp(args.long(0).saturating_add(offset(&args[2])?), nanos)
            .map(|at| Value::Object(Object::LocalDateTime(at.naive_utc())))
            .ok_or_else(|| out_of_range("EpochDay"))
    }),
    function("ofInstant", &[INSTANT_TYPE, ZONE], |_, _, args| {
        let at = moment_in_zone(&args[0], &args[1])?;
        Ok(Value::Object(Object::LocalDateTime(at)))
    }),
    function("parse", &[CHARS], |_, _, args| {
        parse_date_time(args.text(0)?).map(|at| Value::Object(Object::LocalDateTime(at)))
    }),
    function("from", &[ACCESSOR], |_, _, args| {
        date_time_of(&args[0]).map(|at| Value::Object(Object::LocalDateTime(at)))
    }),
    method("getYear", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.year()))
    }),
    method("getMonthValue", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.month() as i32))
    }),
    method("getDayOfMonth", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.day() as i32))
    }),
    method("getDayOfYear", &[], |_, this, _| {
        Ok(Value::Int(date_of(this)?.ordinal() as i32))
    }),
    method("getDayOfWeek", &[], |_, this, _| day_of_week(this)),
    method("getHour", &[], |_, this, _| {
        Ok(Value::Int(date_time_of(this)?.hour() as i32))
    }),
    method("getMinute", &[], |_, this, _| {
        Ok(Value::Int(date_time_of(this)?.minute() as i32))
    }),
    method("getSecond", &[], |_, this, _| {
        Ok(Value::Int(date_time_of(this)?.second() as i32))
    }),
    method("getNano", &[], |_, this, _| {
        Ok(Value::Int(date_time_of(this)?.nanosecond() as i32))
    }),
    method("toLocalDate", &[], |_, this, _| {
        Ok(Value::Object(Object::LocalDate(date_of(this)?)))
    }),
    method("toInstant", &[OFFSET], |_, this, args| {
        let at = date_time_of(this)?.and_utc();
        Ok(Value::Object(Object::Instant(Moment {
            seconds: at.timestamp() - offset(&args[0])?,
            nanos: at.timestamp_subsec_nanos(),
        })))
    }),
    method("toEpochSecond", &[OFFSET], |_, this, args| {
        let at = date_time_of(this)?.and_utc();
        Ok(Value::Long(at.timestamp() - offset(&args[0])?))
    }),
    method("isAfter", &[DATE_AND_TIME], |_, this, args| {
        Ok(Value::Bool(date_time_of(this)? > date_time_of(&args[0])?))
    }),
    method("isBefore", &[DATE_AND_TIME], |_, this, args| {
        Ok(Value::Bool(date_time_of(this)? < date_time_of(&args[0])?))
    }),
    method("isEqual", &[DATE_AND_TIME], |_, this, args| {
        Ok(Value::Bool(date_time_of(this)? == date_time_of(&args[0])?))
    }),
    method("compareTo", &[DATE_AND_TIME], |_, this, args| {
        let (left, right) = (date_time_of(this)?, date_time_of(&args[0])?);
        let by_date = compare_dates(left.date(), right.date());
        Ok(Value::Int(if by_date != 0 {
            by_date
        } else {
            left.time().cmp(&right.time()) as i32
        }))
    }),
    method("isSupported", &[UNIT], |_, this, args| {
        Ok(Value::Bool(
            unit_of(&args[0]).is_ok_and(|unit| supports(this, unit)),
        ))
    }),
    method("plus", &[LONG, UNIT], |_, this, args| {
        plus(this, args.long(0), unit_of(&args[1])?)
    }),
    method("minus", &[LONG, UNIT], |_, this, args| {
        plus(this, negated(args.long(0))?, unit_of(&args[1])?)
    }),
    method("until", &[TEMPORAL, UNIT], |_, this, args| {
        until(this, &args[0], unit_of(&args[1])?).map(Value::Long)
    }),
    method("truncatedTo", &[UNIT], |_, this, args| {
        truncated(this, unit_of(&args[0])?)
    }),
    method("with", &[ADJUSTER], |_, this, args| adjust(this, &args[0])),
    method("withYear", &[INT], |_, this, args| {
        with_date(this, |date| clipped(args.int(0), date.month(), date.day()))
    }),
    method("withMonth", &[INT], |_, this, args| {
        let month = u32::try_from(args.int(0)).unwrap_or(0);
        with_date(this, |date| clipped(date.year(), month, date.day()))
    }),
    method("withDayOfMonth", &[INT], |_, this, args| {
        let day = u32::try_from(args.int(0)).unwrap_or(0);
        with_date(this, |date| {
            date.with_day(day)
                .ok_or_else(|| invalid_date(date.year(), date.month(), day))
        })
    }),
    method("withDayOfYear", &[INT], |_, this, args| {
        let day = u32::try_from(args.int(0)).unwrap_or(0);
        with_date(this, |date| {
            date.with_ordinal(day)
                .ok_or_else(|| out_of_range("DayOfYear (valid values 1 - 365/366)"))
        })
    }),
    method("withHour", &[INT], |_, this, args| {
        let hour = u32::try_from(args.int(0)).unwrap_or(99);
        with_time(
            this,
            |at| at.with_hour(hour),
            "HourOfDay (valid values 0 - 23)",
        )
    }),
    method("withMinute", &[INT], |_, this, args| {
        let minute = u32::try_from(args.int(0)).unwrap_or(99);
        with_time(
            this,
            |at| at.with_minute(minute),
            "MinuteOfHour (valid values 0 - 59)",
        )
    }),
    method("withSecond", &[INT], |_, this, args| {
        let second = u32::try_from(args.int(0)).unwrap_or(99);
        with_time(
            this,
            |at| at.with_second(second),
            "SecondOfMinute (valid values 0 - 59)",
        )
    }),
    method("withNano", &[INT], |_, this, args| {
        let nano = u32::try_from(args.int(0)).unwrap_or(u32::MAX);
        with_time(
            this,
            |at| at.with_nanosecond(nano),
            "NanoOfSecond (valid values 0 - 999999999)",
        )
    }),
];

/// `Instant`.
pub(crate) static INSTANT: &[Method] = &[
    function("now", &[], |machine, _, _| {
        let now = Moment::from_millis(machine.scope.environment.now_ms());
        Ok(Value::Object(Object::Instant(now)))
    }),
    function("parse", &[CHARS], |_, _, args| {
        parse_instant(args.text(0)?).map(|moment| Value::Object(Object::Instant(moment)))
    }),
    function("from", &[ACCESSOR], |_, _, args| {
        moment_of(&args[0]).map(|moment| Value::Object(Object::Instant(moment)))
    }),
    function("ofEpochMilli", &[LONG], |_, _, args| {
        Ok(Value::Object(Object::Instant(Moment::from_millis(
            args.long(0),
        ))))
    }),
    function("ofEpochSecond", &[LONG], |_, _, args| {
        Ok(Value::Object(Object::Instant(Moment {
            seconds: args.long(0),
            nanos: 0,
        })))
    }),
    function("ofEpochSecond", &[LONG, LONG], |_, _, args| {
        let nanos = args.long(1);
        let seconds = args
            .long(0)
            .checked_add(nanos.div_euclid(1_000_000_000))
            .ok_or_else(overflow)?;
        Ok(Value::Object(Object::Instant(Moment {
            seconds,
            nanos: nanos.rem_euclid(1_000_000_000) as u32,
        })))
    }),
    method("getEpochSecond", &[], |_, this, _| {
        Ok(Value::Long(moment_of(this)?.seconds))
    }),
    method("getNano", &[], |_, this, _| {
        Ok(Value::Int(moment_of(this)?.nanos as i32))
    }),
    method("toEpochMilli", &[], |_, this, _| {
        moment_of(this)?
            .millis()
            .map(Value::Long)
            .ok_or_else(overflow)
    }),
    method("isAfter", &[INSTANT_TYPE], |_, this, args| {
        Ok(Value::Bool(moment_of(this)? > moment_of(&args[0])?))
    }),
    method("isBefore", &[INSTANT_TYPE], |_, this, args| {
        Ok(Value::Bool(moment_of(this)? < moment_of(&args[0])?))
    }),
    method("compareTo", &[INSTANT_TYPE], |_, this, args| {
        lower::natural(this, &args[0]).map(|order| Value::Int(order as i32))
    }),
    method("isSupported", &[UNIT], |_, this, args| {
        Ok(Value::Bool(
            unit_of(&args[0]).is_ok_and(|unit| supports(this, unit)),
        ))
    }),
    method("plus", &[LONG, UNIT], |_, this, args| {
        plus(this, args.long(0), unit_of(&args[1])?)
    }),
    method("minus", &[LONG, UNIT], |_, this, args| {
        plus(this, negated(args.long(0))?, unit_of(&args[1])?)
    }),
    method("until", &[TEMPORAL, UNIT], |_, this, args| {
        until(this, &args[0], unit_of(&args[1])?).map(Value::Long)
    }),
    method("truncatedTo", &[UNIT], |_, this, args| {
        truncated(this, unit_of(&args[0])?)
    }),
    method("equals", &[OBJECT], |_, this, args| {
        Ok(Value::Bool(crate::value::equality::equals(this, &args[0])))
    }),
];
