//! The methods of `LocalDate`, `LocalDateTime` and `Instant`.

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

use super::method::{Arguments, CHARS, INT, LONG, Method, OBJECT, function, method};
use super::time::*;
use crate::error::{Eval, Thrown, UNSUPPORTED_TEMPORAL};
use crate::eval::order;
use crate::value::object::Moment;
use crate::value::{Class, Object, Type, Value};

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
        order::natural(this, &args[0]).map(|order| Value::Int(order as i32))
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
