//! Spring's type conversion, as far as arguments, operators and templates use it.

use std::rc::Rc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use spindrift_model::Status;

use super::time;
use crate::error::{
    CONVERSION_FAILED, Eval, ILLEGAL_ARGUMENT, NO_CONVERTER, NUMBER_FORMAT, Thrown,
};
use crate::value::object::{DAYS, MONTHS, STYLES};
use crate::value::text::to_text;
use crate::value::{Class, ListKind, Object, Type, Value};

/// True where Spring would try to convert; the attempt itself can still fail.
pub(crate) fn can_convert(source: Option<Type>, target: Type) -> bool {
    let Some(source) = source else {
        return true;
    };
    let (source, target) = (source.boxed(), target.boxed());
    if target.accepts(source) {
        return true;
    }
    if source.is_array() {
        return match () {
            () if target.is_array() => can_convert(Some(source.element()), target.element()),
            () if target.class.is_collection() => true,
            // What is declared as anything may be text.
            () if source.element().class == Class::Object => true,
            () => can_convert(Some(source.element()), target),
        };
    }
    let class = source.class;
    if class.is_collection() {
        // The elements of a raw collection are of unknown type, so anything may fit.
        return true;
    }
    if target.is_array() {
        return can_convert(Some(source), target.element());
    }
    if target.class == Class::Collection {
        return true;
    }
    if class.is_map() {
        return target.class.is_map();
    }
    scalar(class, target.class)
}

/// True where Spring would try to convert this value. The declared elements of a getter's list count, also when it is empty.
pub(crate) fn is_convertible(value: &Value<'_>, target: Type) -> bool {
    let of_objects = matches!(
        value,
        Value::List(list) if matches!(list.kind(), ListKind::Objects | ListKind::EntrySet)
    );
    if of_objects && !target.is_array() && !target.class.is_collection() {
        return false;
    }
    can_convert(value.class(), target)
}

fn scalar(source: Class, target: Class) -> bool {
    match source {
        Class::String => {
            target.is_number()
                || target.is_enum()
                || matches!(
                    target,
                    Class::Boolean
                        | Class::Character
                        | Class::Locale
                        | Class::Charset
                        | Class::Uuid
                        | Class::Date
                        | Class::SimpleDateFormat
                        | Class::ZoneId
                        | Class::ZoneOffset
                )
        }
        Class::Boolean => target == Class::String,
        Class::Character => target == Class::String || target.is_number(),
        Class::Date => matches!(target, Class::String | Class::Instant),
        Class::Instant => target == Class::Date,
        Class::LocalDateTime => target == Class::LocalDate,
        Class::Uuid | Class::SimpleDateFormat | Class::ZoneId | Class::Locale | Class::Charset => {
            target == Class::String
        }
        other if other.is_number() => {
            target.is_number()
                || matches!(target, Class::String | Class::Character)
                || (other == Class::Integer && target.is_enum())
        }
        other if other.is_enum() => matches!(target, Class::String | Class::Integer),
        _ => false,
    }
}

/// The names Spring's messages use for types: element types of collections are unknown.
fn described(source: &Value<'_>) -> String {
    match source {
        Value::Map(_) => format!("{}<?, ?>", source.type_name()),
        Value::List(_) => format!("{}<?>", source.type_name()),
        other => other.type_name(),
    }
}

fn el1001(source: &Value<'_>, target: Type, cause: Thrown) -> Thrown {
    let source = if source.is_null() {
        "null".to_owned()
    } else {
        described(source)
    };
    Thrown::el(
        1001,
        format!(
            "Type conversion problem, cannot convert from {source} to {}",
            target.name()
        ),
    )
    .because(cause)
}

/// A conversion that has no converter.
pub(crate) fn no_converter(source: &Value<'_>, target: Type) -> Thrown {
    el1001(
        source,
        target,
        Thrown::java(
            NO_CONVERTER,
            format!(
                "No converter found capable of converting from type [{}] to type [{}]",
                described(source),
                target.name()
            ),
        ),
    )
}

fn failed(source: &Value<'_>, target: Type, cause: Thrown) -> Thrown {
    let shown = to_text(source).unwrap_or_default();
    el1001(
        source,
        target,
        Thrown::java(
            CONVERSION_FAILED,
            format!(
                "Failed to convert from type [{}] to type [{}] for value [{shown}]",
                described(source),
                target.name()
            ),
        )
        .because(cause),
    )
}

/// Converts a value as operators and templates do, which know what the getter it came from declares.
pub(crate) fn convert_declared<'a>(value: &Value<'a>, target: Type) -> Eval<Value<'a>> {
    if is_convertible(value, target) {
        convert(value, target)
    } else {
        Err(no_converter(value, target))
    }
}

/// Converts a value to a type.
pub(crate) fn convert<'a>(value: &Value<'a>, target: Type) -> Eval<Value<'a>> {
    let Some(source) = value.class() else {
        if target.is_primitive() {
            return Err(failed(
                value,
                target,
                Thrown::java(
                    ILLEGAL_ARGUMENT,
                    "A null value cannot be assigned to a primitive type",
                ),
            ));
        }
        return Ok(Value::Null);
    };
    if target.accepts(source) {
        return Ok(value.clone());
    }
    if !can_convert(Some(source), target) {
        return Err(no_converter(value, target));
    }
    let converted = attempt(value, target)?;
    if converted.is_null() && target.is_primitive() {
        return Err(failed(
            value,
            target,
            Thrown::java(
                ILLEGAL_ARGUMENT,
                "A null value cannot be assigned to a primitive type",
            ),
        ));
    }
    Ok(converted)
}

fn attempt<'a>(value: &Value<'a>, target: Type) -> Eval<Value<'a>> {
    let boxed = target.boxed();
    if boxed.is_array() {
        return to_array(value, boxed);
    }
    match value {
        Value::Array(array) => {
            let items = array.items.borrow().clone();
            from_many(items, boxed)
        }
        Value::List(list) => from_many(list.to_vec(), boxed),
        _ if boxed.class == Class::Collection => Ok(Value::array_list(match value {
            Value::Text(text) => split_commas(text).into_iter().map(Value::text).collect(),
            other => vec![other.clone()],
        })),
        _ => to_scalar(value, target),
    }
}

fn from_many<'a>(items: Vec<Value<'a>>, target: Type) -> Eval<Value<'a>> {
    if target.class == Class::Collection {
        return Ok(Value::array_list(items));
    }
    if target.class == Class::String {
        return join(&items).map(Value::text);
    }
    match items.first() {
        None => Ok(Value::Null),
        Some(first) => convert(first, target),
    }
}

/// A collection as text: its elements, each converted, with commas between.
fn join(items: &[Value<'_>]) -> Eval<String> {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if out.len() > crate::value::text::MAX_TEXT {
            return Err(too_large());
        }
        match convert(item, Type::of(Class::String))? {
            Value::Text(text) => out.push_str(&text),
            _ => out.push_str("null"),
        }
    }
    Ok(out)
}

/// The error for a result over the limit.
pub(crate) fn too_large() -> Thrown {
    Thrown::java(
        "com.netflix.spinnaker.kork.exceptions.SpinnakerException",
        "the result of the expression is larger than 1 MiB",
    )
}

fn split_commas(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

fn to_array<'a>(value: &Value<'a>, target: Type) -> Eval<Value<'a>> {
    let element = target.element();
    let items = match value {
        Value::Array(array) => array.items.borrow().clone(),
        Value::List(list) => list.to_vec(),
        Value::Text(text) => text
            .split(',')
            .filter(|_| !text.is_empty())
            .map(|item| Value::text(item.trim()))
            .collect(),
        other => vec![other.clone()],
    };
    let items = items
        .iter()
        .map(|item| convert(item, element))
        .collect::<Eval<Vec<_>>>()?;
    Ok(Value::array(element, items))
}

fn to_scalar<'a>(value: &Value<'a>, target: Type) -> Eval<Value<'a>> {
    let class = target.class.boxed();
    if class == Class::String {
        // Enums convert by name, whatever their own text form is.
        if let Value::Object(object) = value
            && let Some((name, _)) = object.constant()
        {
            return Ok(Value::borrowed(name));
        }
        return to_text(value).map(Value::text).ok_or_else(too_large);
    }
    match value {
        Value::Text(text) => {
            parse_scalar(text, class).map_err(|cause| failed(value, target, cause))
        }
        Value::Char(unit) if class.is_number() => number_to(&Value::Int(i32::from(*unit)), class)
            .map_err(|cause| failed(value, target, cause)),
        number if number.is_number() => match class {
            Class::Character => Ok(Value::Char(as_i64(number) as u16)),
            enumeration if enumeration.is_enum() => constant_at(enumeration, as_i64(number))
                .ok_or_else(|| {
                    failed(
                        value,
                        target,
                        Thrown::java(
                            crate::error::ARRAY_BOUNDS,
                            format!("Index {} out of bounds", as_i64(number)),
                        ),
                    )
                }),
            _ => number_to(number, class).map_err(|cause| failed(value, target, cause)),
        },
        Value::Object(Object::Date(millis)) if class == Class::Instant => Ok(Value::Object(
            Object::Instant(crate::value::object::Moment::from_millis(*millis)),
        )),
        Value::Object(Object::Instant(moment)) if class == Class::Date => moment
            .millis()
            .map(|millis| Value::Object(Object::Date(millis)))
            .ok_or_else(|| {
                failed(
                    value,
                    target,
                    Thrown::java(ILLEGAL_ARGUMENT, "long overflow"),
                )
            }),
        Value::Object(Object::LocalDateTime(moment)) if class == Class::LocalDate => {
            Ok(Value::Object(Object::LocalDate(moment.date())))
        }
        Value::Object(object) if class == Class::Integer => match object.constant() {
            Some((_, ordinal)) => Ok(Value::Int(ordinal)),
            None => Err(no_converter(value, target)),
        },
        _ => Err(no_converter(value, target)),
    }
}

fn parse_scalar<'a>(text: &str, class: Class) -> Eval<Value<'a>> {
    if class.is_number() {
        return parse_number(text, class);
    }
    match class {
        Class::Boolean => parse_boolean(text),
        Class::Character => {
            let mut units = text.encode_utf16();
            match (units.next(), units.next()) {
                (None, _) => Ok(Value::Null),
                (Some(unit), None) => Ok(Value::Char(unit)),
                _ => Err(Thrown::java(
                    ILLEGAL_ARGUMENT,
                    format!(
                        "Can only convert a [String] with length of 1 to a [Character]; string value '{text}'  has length of {}",
                        text.encode_utf16().count()
                    ),
                )),
            }
        }
        Class::Locale => Ok(if text.trim().is_empty() {
            Value::Null
        } else {
            Value::Object(Object::Locale(text.trim().into()))
        }),
        Class::Charset => {
            super::charset::charset(text).map(|name| Value::Object(Object::Charset(name)))
        }
        Class::Uuid => super::uuid::parse(text.trim()).map(|id| Value::Object(Object::Uuid(id))),
        Class::Date => {
            super::date::parse_deprecated(text).map(|millis| Value::Object(Object::Date(millis)))
        }
        Class::SimpleDateFormat => super::date_format::new_format(text),
        Class::ZoneId | Class::ZoneOffset => {
            time::parse_zone(text).map(|zone| Value::Object(Object::Zone(zone)))
        }
        _ => {
            if text.is_empty() {
                return Ok(Value::Null);
            }
            constant_named(class, text.trim()).ok_or_else(|| {
                Thrown::java(
                    ILLEGAL_ARGUMENT,
                    format!("No enum constant {}.{}", class.name(), text.trim()),
                )
            })
        }
    }
}

/// The enum constant of a name.
pub(crate) fn constant_named<'a>(class: Class, name: &str) -> Option<Value<'a>> {
    let object = match class {
        Class::Status => {
            let status = Status::ALL
                .into_iter()
                .find(|status| status.as_str() == name)?;
            Object::Status(status)
        }
        Class::DayOfWeek => Object::DayOfWeek(1 + position(&DAYS, name)?),
        Class::Month => Object::Month(1 + position(&MONTHS, name)?),
        Class::TextStyle => Object::TextStyle(position(&STYLES, name)?),
        Class::ChronoUnit => {
            Object::ChronoUnit(time::UNITS.iter().position(|unit| unit.0 == name)? as u8)
        }
        _ => return None,
    };
    Some(Value::Object(object))
}

fn position(names: &[&str], name: &str) -> Option<u8> {
    names
        .iter()
        .position(|known| *known == name)
        .map(|position| position as u8)
}

fn constant_at<'a>(class: Class, ordinal: i64) -> Option<Value<'a>> {
    let index = usize::try_from(ordinal).ok()?;
    let name = match class {
        Class::Status => Status::ALL.get(index)?.as_str(),
        Class::DayOfWeek => DAYS.get(index)?,
        Class::Month => MONTHS.get(index)?,
        Class::TextStyle => STYLES.get(index)?,
        Class::ChronoUnit => time::UNITS.get(index)?.0,
        _ => return None,
    };
    constant_named(class, name)
}

/// Spring's reading of a boolean: `null` for the empty text.
fn parse_boolean<'a>(text: &str) -> Eval<Value<'a>> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Value::Null);
    }
    match trimmed.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(Value::Bool(true)),
        "false" | "off" | "no" | "0" => Ok(Value::Bool(false)),
        _ => Err(Thrown::java(
            ILLEGAL_ARGUMENT,
            format!("Invalid boolean value '{text}'"),
        )),
    }
}

/// `NumberFormatException` with Java's text.
pub(crate) fn bad_number(text: &str) -> Thrown {
    Thrown::java(NUMBER_FORMAT, format!("For input string: \"{text}\""))
}

/// `NumberUtils.parseNumber`: white space is removed everywhere, `0x` is understood.
fn parse_number<'a>(text: &str, class: Class) -> Eval<Value<'a>> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let trimmed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let digits = trimmed.strip_prefix('-').unwrap_or(&trimmed);
    let hexadecimal =
        digits.starts_with("0x") || digits.starts_with("0X") || digits.starts_with('#');
    let integer = |low: i64, high: i64| -> Eval<i64> {
        let parsed = if hexadecimal {
            super::number::decode(&trimmed)?
        } else {
            super::number::parse_long(&trimmed, 10)?
        };
        if parsed < low || parsed > high {
            return Err(if matches!(class, Class::Byte | Class::Short) {
                Thrown::java(
                    NUMBER_FORMAT,
                    format!("Value out of range. Value:\"{trimmed}\" Radix:10"),
                )
            } else {
                bad_number(&trimmed)
            });
        }
        Ok(parsed)
    };
    Ok(match class {
        Class::Byte => Value::Byte(integer(i8::MIN.into(), i8::MAX.into())? as i8),
        Class::Short => Value::Short(integer(i16::MIN.into(), i16::MAX.into())? as i16),
        Class::Integer => Value::Int(integer(i32::MIN.into(), i32::MAX.into())? as i32),
        Class::Long => Value::Long(integer(i64::MIN, i64::MAX)?),
        Class::Float => Value::Float(super::number::parse_float(&trimmed)?),
        Class::Double => Value::Double(super::number::parse_double(&trimmed)?),
        _ => Value::Big(Rc::new(
            trimmed
                .parse::<BigInt>()
                .map_err(|_| bad_number(&trimmed))?,
        )),
    })
}

/// The integral part of a number, saturating as Java's casts do.
pub(crate) fn as_i64(value: &Value<'_>) -> i64 {
    match value {
        Value::Byte(value) => i64::from(*value),
        Value::Short(value) => i64::from(*value),
        Value::Char(value) => i64::from(*value),
        Value::Int(value) => i64::from(*value),
        Value::Long(value) => *value,
        Value::Float(value) => *value as i64,
        Value::Double(value) => *value as i64,
        Value::Big(value) => low_bits(value),
        _ => 0,
    }
}

/// `BigInteger.longValue`: the low 64 bits.
pub(crate) fn low_bits(value: &BigInt) -> i64 {
    let mask: BigInt = (BigInt::from(1) << 64_u32) - 1;
    let low: BigInt = value & mask;
    low.to_u64().unwrap_or(0) as i64
}

/// `doubleValue`.
pub(crate) fn as_f64(value: &Value<'_>) -> f64 {
    match value {
        Value::Float(value) => f64::from(*value),
        Value::Double(value) => *value,
        Value::Big(value) => value.to_f64().unwrap_or(f64::INFINITY),
        other => as_i64(other) as f64,
    }
}

/// `floatValue`.
pub(crate) fn as_f32(value: &Value<'_>) -> f32 {
    match value {
        Value::Float(value) => *value,
        Value::Double(value) => *value as f32,
        Value::Big(value) => value.to_f32().unwrap_or(f32::INFINITY),
        other => as_i64(other) as f32,
    }
}

/// `BigInteger` of an integral number; reals lose their fraction.
pub(crate) fn as_big(value: &Value<'_>) -> BigInt {
    match value {
        Value::Big(value) => (**value).clone(),
        Value::Double(value) => BigInt::from(*value as i64),
        other => BigInt::from(as_i64(other)),
    }
}

/// `NumberUtils.convertNumberToTargetClass`: integral targets are checked for overflow.
pub(crate) fn number_to<'a>(value: &Value<'a>, class: Class) -> Eval<Value<'a>> {
    let checked = |low: i64, high: i64| -> Eval<i64> {
        let number = match value {
            Value::Big(big) => big.to_i64(),
            other => Some(as_i64(other)),
        };
        number
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| {
                Thrown::java(
                    ILLEGAL_ARGUMENT,
                    format!(
                        "Could not convert number [{}] of type [{}] to target class [{}]: overflow",
                        to_text(value).unwrap_or_default(),
                        value.class_name(),
                        class.name()
                    ),
                )
            })
    };
    Ok(match class {
        Class::Byte => Value::Byte(checked(i8::MIN.into(), i8::MAX.into())? as i8),
        Class::Short => Value::Short(checked(i16::MIN.into(), i16::MAX.into())? as i16),
        Class::Integer => Value::Int(checked(i32::MIN.into(), i32::MAX.into())? as i32),
        Class::Long => Value::Long(checked(i64::MIN, i64::MAX)?),
        Class::Float => Value::Float(as_f32(value)),
        Class::Double => Value::Double(as_f64(value)),
        _ => Value::Big(Rc::new(as_big(value))),
    })
}

/// A condition: booleans, and the texts Spring takes for booleans. Null is an error.
pub(crate) fn to_condition(value: &Value<'_>) -> Eval<bool> {
    match convert_declared(value, Type::of(Class::Boolean))? {
        Value::Bool(value) => Ok(value),
        _ => Err(Thrown::el(
            1001,
            "Type conversion problem, cannot convert from null to boolean",
        )),
    }
}

/// A value as text of a composite; `None` for null.
pub(crate) fn to_composite(value: &Value<'_>) -> Eval<Option<String>> {
    match convert_declared(value, Type::of(Class::String))? {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text.to_string())),
        other => to_text(&other).map(Some).ok_or_else(too_large),
    }
}
