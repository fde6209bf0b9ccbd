//! Methods all values have, and those of enums.

use super::method::{Arguments, INT, LONG, Method, OBJECT, STRING, function, method};
use crate::error::{ILLEGAL_ARGUMENT, STRING_BOUNDS, Thrown};
use crate::eval::order;
use crate::java::convert::{constant_named, too_large};
use crate::value::equality::{equals, hash};
use crate::value::object::{DAYS, Object, STYLES};
use crate::value::text::to_text;
use crate::value::{Class, Type, Value};

/// `toString`, `equals`, `hashCode`.
pub(crate) static COMMON: &[Method] = &[
    method("toString", &[], |machine, this, _| {
        let text = to_text(this).ok_or_else(too_large)?;
        machine.spend_bytes(text.len())?;
        Ok(Value::text(text))
    }),
    method("equals", &[OBJECT], |_, this, args| {
        Ok(Value::Bool(equals(this, &args[0])))
    }),
    method("hashCode", &[], |_, this, _| Ok(Value::Int(hash(this)))),
];

fn name<'a>(this: &Value<'a>) -> Value<'a> {
    match this {
        Value::Object(object) => object
            .constant()
            .map_or(Value::Null, |(name, _)| Value::borrowed(name)),
        _ => Value::Null,
    }
}

fn ordinal<'a>(this: &Value<'a>) -> Value<'a> {
    match this {
        Value::Object(object) => object
            .constant()
            .map_or(Value::Null, |(_, ordinal)| Value::Int(ordinal)),
        _ => Value::Null,
    }
}

/// `Enum.compareTo`: the difference of the positions.
fn compare<'a>(this: &Value<'a>, other: &Value<'a>) -> Result<Value<'a>, Thrown> {
    order::natural(this, other)?;
    match (ordinal(this), ordinal(other)) {
        (Value::Int(left), Value::Int(right)) => Ok(Value::Int(left - right)),
        _ => Ok(Value::Null),
    }
}

fn no_constant(class: Class, name: &str) -> Thrown {
    Thrown::java(
        ILLEGAL_ARGUMENT,
        format!("No enum constant {}.{name}", class.name()),
    )
}

fn all<'a>(class: Class, names: impl Iterator<Item = &'static str>) -> Value<'a> {
    let items = names
        .filter_map(|name| constant_named(class, name))
        .collect();
    Value::array(Type::of(class), items)
}

fn status(this: &Value<'_>) -> spindrift_model::Status {
    match this {
        Value::Object(Object::Status(status)) => *status,
        _ => spindrift_model::Status::NotStarted,
    }
}

/// `ExecutionStatus`.
pub(crate) static STATUS: &[Method] = &[
    method("name", &[], |_, this, _| Ok(name(this))),
    method("ordinal", &[], |_, this, _| Ok(ordinal(this))),
    method("compareTo", &[Type::of(Class::Enum)], |_, this, args| {
        compare(this, &args[0])
    }),
    method("isComplete", &[], |_, this, _| {
        Ok(Value::Bool(status(this).is_complete()))
    }),
    method("isSkipped", &[], |_, this, _| {
        Ok(Value::Bool(
            status(this) == spindrift_model::Status::Skipped,
        ))
    }),
    method("isHalt", &[], |_, this, _| {
        Ok(Value::Bool(status(this).is_halt()))
    }),
    method("isSuccessful", &[], |_, this, _| {
        Ok(Value::Bool(status(this).is_successful()))
    }),
    method("isFailure", &[], |_, this, _| {
        Ok(Value::Bool(status(this).is_failure()))
    }),
    method("length", &[], |_, this, _| {
        Ok(Value::Int(status(this).as_str().len() as i32))
    }),
    method("isEmpty", &[], |_, _, _| Ok(Value::Bool(false))),
    method("charAt", &[INT], |_, this, args| {
        let text = status(this).as_str();
        let index = args.int(0);
        usize::try_from(index)
            .ok()
            .and_then(|index| text.as_bytes().get(index))
            .map(|byte| Value::Char(u16::from(*byte)))
            .ok_or_else(|| {
                Thrown::java(
                    STRING_BOUNDS,
                    format!("index {index}, length {}", text.len()),
                )
            })
    }),
];

fn day(this: &Value<'_>) -> i64 {
    match this {
        Value::Object(Object::DayOfWeek(day)) => i64::from(*day),
        _ => 1,
    }
}

fn day_plus<'a>(this: &Value<'a>, days: i64) -> Value<'a> {
    let moved = (day(this) - 1 + days.rem_euclid(7)).rem_euclid(7) + 1;
    Value::Object(Object::DayOfWeek(moved as u8))
}

/// `DayOfWeek`.
pub(crate) static DAY_OF_WEEK: &[Method] = &[
    function("values", &[], |_, _, _| {
        Ok(all(Class::DayOfWeek, DAYS.into_iter()))
    }),
    function("valueOf", &[STRING], |_, _, args| {
        let name = args.text(0)?;
        constant_named(Class::DayOfWeek, name).ok_or_else(|| no_constant(Class::DayOfWeek, name))
    }),
    function("of", &[INT], |_, _, args| match args.int(0) {
        day @ 1..=7 => Ok(Value::Object(Object::DayOfWeek(day as u8))),
        other => Err(Thrown::java(
            crate::error::DATE_TIME,
            format!("Invalid value for DayOfWeek: {other}"),
        )),
    }),
    function(
        "from",
        &[Type::of(Class::TemporalAccessor)],
        |_, _, args| super::time::day_of_week(&args[0]),
    ),
    method("getValue", &[], |_, this, _| {
        Ok(Value::Int(day(this) as i32))
    }),
    method("plus", &[LONG], |_, this, args| {
        Ok(day_plus(this, args.long(0)))
    }),
    method("minus", &[LONG], |_, this, args| {
        Ok(day_plus(this, -(args.long(0) % 7)))
    }),
    method(
        "getDisplayName",
        &[Type::of(Class::TextStyle), Type::of(Class::Locale)],
        |_, this, args| {
            let Value::Object(Object::TextStyle(style)) = &args[0] else {
                return Err(super::method::null_pointer());
            };
            let full = DAYS[(day(this) - 1) as usize];
            let shown = match STYLES[usize::from(*style)] {
                "FULL" | "FULL_STANDALONE" => format!("{}{}", &full[..1], full[1..].to_lowercase()),
                "SHORT" | "SHORT_STANDALONE" => {
                    format!("{}{}", &full[..1], full[1..3].to_lowercase())
                }
                _ => full[..1].to_owned(),
            };
            Ok(Value::text(shown))
        },
    ),
    method("name", &[], |_, this, _| Ok(name(this))),
    method("ordinal", &[], |_, this, _| Ok(ordinal(this))),
    method("compareTo", &[Type::of(Class::Enum)], |_, this, args| {
        compare(this, &args[0])
    }),
];

/// `ChronoUnit`.
pub(crate) static CHRONO_UNIT: &[Method] = &[
    function("values", &[], |_, _, _| {
        Ok(all(
            Class::ChronoUnit,
            super::time::UNITS.iter().map(|unit| unit.0),
        ))
    }),
    function("valueOf", &[STRING], |_, _, args| {
        let name = args.text(0)?;
        constant_named(Class::ChronoUnit, name).ok_or_else(|| no_constant(Class::ChronoUnit, name))
    }),
    method(
        "between",
        &[Type::of(Class::Temporal), Type::of(Class::Temporal)],
        |_, this, args| match this {
            Value::Object(Object::ChronoUnit(unit)) => {
                super::time::until(&args[0], &args[1], *unit).map(Value::Long)
            }
            _ => Ok(Value::Null),
        },
    ),
    method("isDateBased", &[], |_, this, _| {
        Ok(Value::Bool(matches!(ordinal(this), Value::Int(7..=14))))
    }),
    method("isTimeBased", &[], |_, this, _| {
        Ok(Value::Bool(matches!(ordinal(this), Value::Int(0..=6))))
    }),
    method("isDurationEstimated", &[], |_, this, _| {
        Ok(Value::Bool(matches!(ordinal(this), Value::Int(7..=15))))
    }),
    method(
        "isSupportedBy",
        &[Type::of(Class::Temporal)],
        |_, this, args| match this {
            Value::Object(Object::ChronoUnit(unit)) => {
                Ok(Value::Bool(super::time::supports(&args[0], *unit)))
            }
            _ => Ok(Value::Null),
        },
    ),
    method("name", &[], |_, this, _| Ok(name(this))),
    method("ordinal", &[], |_, this, _| Ok(ordinal(this))),
    method("compareTo", &[Type::of(Class::Enum)], |_, this, args| {
        compare(this, &args[0])
    }),
];
