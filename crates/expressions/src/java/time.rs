//! `java.time`: dates, moments and units, in UTC. Their methods are in `time_methods`.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Timelike,
};

use super::method::null_pointer;
use crate::error::{ARITHMETIC, DATE_PARSE, DATE_TIME, Eval, Thrown, UNSUPPORTED_TEMPORAL};
use crate::eval::Machine;
use crate::value::object::{Moment, Zone};
use crate::value::{Object, Value};

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

pub(super) const DAYS: u8 = 7;
pub(super) const WEEKS: u8 = 8;

/// How many months a unit has.
pub(super) fn months_in(unit: u8) -> Option<i64> {
    match unit {
        9 => Some(1),
        10 => Some(12),
        11 => Some(120),
        12 => Some(1_200),
        13 => Some(12_000),
        _ => None,
    }
}

pub(super) fn overflow() -> Thrown {
    Thrown::java(ARITHMETIC, "long overflow")
}

pub(super) fn out_of_range(what: &str) -> Thrown {
    Thrown::java(DATE_TIME, format!("Invalid value for {what}"))
}

pub(super) fn unsupported_unit(unit: u8) -> Thrown {
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

pub(super) fn fraction_text(nanos: u32) -> String {
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

pub(super) fn unparsed(text: &str, index: usize) -> Thrown {
    Thrown::java(
        DATE_PARSE,
        format!("Text '{text}' could not be parsed at index {index}"),
    )
}

pub(super) fn digits_at(text: &str, range: std::ops::Range<usize>) -> Option<u32> {
    let part = text.get(range)?;
    part.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| part.parse().ok())
        .flatten()
}

/// `LocalDate.parse`: `2024-02-29`.
pub(super) fn parse_date(text: &str) -> Eval<NaiveDate> {
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

pub(super) fn invalid_date(year: i32, month: u32, day: u32) -> Thrown {
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
pub(super) fn parse_time(whole: &str, text: &str, offset: usize) -> Eval<NaiveTime> {
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

pub(super) fn parse_date_time(text: &str) -> Eval<NaiveDateTime> {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return Err(unparsed(text, text.len().min(10)));
    };
    let date = parse_date(date).map_err(|_| unparsed(text, 0))?;
    Ok(date.and_time(parse_time(text, time, 11)?))
}

pub(super) fn parse_instant(text: &str) -> Eval<Moment> {
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

pub(super) fn date_of(value: &Value<'_>) -> Eval<NaiveDate> {
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

pub(super) fn date_time_of(value: &Value<'_>) -> Eval<NaiveDateTime> {
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

pub(super) fn moment_of(value: &Value<'_>) -> Eval<Moment> {
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

pub(super) fn months_between(start: NaiveDateTime, end: NaiveDateTime) -> i64 {
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

pub(super) fn nanos_between(start: NaiveDateTime, end: NaiveDateTime) -> i128 {
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

pub(super) fn plus_months(date: NaiveDate, months: i64) -> Eval<NaiveDate> {
    let moved = u32::try_from(months.unsigned_abs()).ok().and_then(|count| {
        if months >= 0 {
            date.checked_add_months(Months::new(count))
        } else {
            date.checked_sub_months(Months::new(count))
        }
    });
    moved.ok_or_else(|| out_of_range("Year (valid values -999999999 - 999999999)"))
}

pub(super) fn plus_days(date: NaiveDate, days: i64) -> Eval<NaiveDate> {
    let moved = if days >= 0 {
        date.checked_add_days(Days::new(days as u64))
    } else {
        date.checked_sub_days(Days::new(days.unsigned_abs()))
    };
    moved.ok_or_else(|| out_of_range("EpochDay"))
}

pub(super) fn plus_nanos(at: NaiveDateTime, nanos: i128) -> Eval<NaiveDateTime> {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).map_err(|_| overflow())?;
    let rest = nanos.rem_euclid(1_000_000_000) as i64;
    TimeDelta::try_seconds(seconds)
        .and_then(|delta| at.checked_add_signed(delta))
        .and_then(|at| at.checked_add_signed(TimeDelta::nanoseconds(rest)))
        .ok_or_else(|| out_of_range("EpochDay"))
}

/// A temporal value moved by an amount of a unit.
pub(super) fn plus<'a>(this: &Value<'a>, amount: i64, unit: u8) -> Eval<Value<'a>> {
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

pub(super) fn truncated<'a>(this: &Value<'a>, unit: u8) -> Eval<Value<'a>> {
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

pub(super) fn unit_of(value: &Value<'_>) -> Eval<u8> {
    match value {
        Value::Object(Object::ChronoUnit(unit)) => Ok(*unit),
        _ => Err(null_pointer()),
    }
}

pub(super) fn negated(amount: i64) -> Eval<i64> {
    amount.checked_neg().ok_or_else(overflow)
}

pub(super) fn in_zone(machine: &Machine<'_>, zone: Option<&Value<'_>>) -> Eval<NaiveDateTime> {
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

pub(super) fn moment_in_zone<'a>(at: &Value<'_>, zone: &Value<'a>) -> Eval<NaiveDateTime> {
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

pub(super) fn offset(value: &Value<'_>) -> Eval<i64> {
    match value {
        Value::Object(Object::Zone(Zone::Offset(seconds))) => Ok(i64::from(*seconds)),
        Value::Null => Err(null_pointer()),
        _ => Err(Thrown::java(
            DATE_TIME,
            "Invalid ID for ZoneOffset, invalid format",
        )),
    }
}

pub(super) fn new_date<'a>(year: i32, month: i32, day: i32) -> Eval<Value<'a>> {
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

pub(super) fn new_date_time<'a>(date: Value<'a>, time: [i32; 4]) -> Eval<Value<'a>> {
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

pub(super) fn month_number(value: &Value<'_>) -> Eval<i32> {
    match value {
        Value::Object(Object::Month(month)) => Ok(i32::from(*month)),
        _ => Err(null_pointer()),
    }
}

pub(super) fn leap(date: NaiveDate) -> bool {
    date.leap_year()
}

pub(super) fn month_length(date: NaiveDate) -> i32 {
    match date.month() {
        2 if leap(date) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Changes a field of the date part; a day beyond the month moves to its end for years and months.
pub(super) fn with_date<'a>(
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

pub(super) fn clipped(year: i32, month: u32, day: u32) -> Eval<NaiveDate> {
    (28..=day.max(28))
        .rev()
        .find_map(|last| NaiveDate::from_ymd_opt(year, month, day.min(last)))
        .ok_or_else(|| invalid_date(year, month, day))
}

pub(super) fn with_time<'a>(
    this: &Value<'a>,
    change: impl FnOnce(NaiveDateTime) -> Option<NaiveDateTime>,
    what: &str,
) -> Eval<Value<'a>> {
    change(date_time_of(this)?)
        .map(|at| Value::Object(Object::LocalDateTime(at)))
        .ok_or_else(|| out_of_range(what))
}

pub(super) fn compare_dates(left: NaiveDate, right: NaiveDate) -> i32 {
    let parts = |date: NaiveDate| [date.year(), date.month() as i32, date.day() as i32];
    parts(left)
        .iter()
        .zip(parts(right))
        .map(|(a, b)| a - b)
        .find(|difference| *difference != 0)
        .unwrap_or(0)
}
