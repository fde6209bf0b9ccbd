//! Numbers, booleans and characters: parsing and methods.

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::cmp::Ordering;

use super::convert::{as_big, as_f32, as_f64, as_i64, bad_number};
use super::method::{
    Arguments, BOOL, BYTE, CHARS, DOUBLE, FLOAT, INT, LONG, Method, STRING, function, method,
};
use crate::error::{ARITHMETIC, Eval, NUMBER_FORMAT, Thrown};
use crate::eval::order::java_order;
use crate::value::text::{double, float};
use crate::value::{Class, Type, Value};

/// `Long.parseLong`.
pub(crate) fn parse_long(text: &str, radix: u32) -> Eval<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let parsed = valid
        .then(|| i64::from_str_radix(text, radix).ok())
        .flatten();
    parsed.ok_or_else(|| with_radix(text, radix))
}

fn with_radix(text: &str, radix: u32) -> Thrown {
    if radix == 10 {
        bad_number(text)
    } else {
        Thrown::java(
            NUMBER_FORMAT,
            format!("For input string: \"{text}\" under radix {radix}"),
        )
    }
}

/// `Integer.parseInt`.
pub(crate) fn parse_int(text: &str, radix: u32) -> Eval<i32> {
    let parsed = parse_long(text, radix)?;
    i32::try_from(parsed).map_err(|_| with_radix(text, radix))
}

/// `Integer.valueOf` of a text that may be null.
pub(crate) fn parse_int_of(value: &Value<'_>) -> Eval<i32> {
    match value.char_sequence() {
        Some(text) => parse_int(text, 10),
        None => Err(Thrown::java(
            NUMBER_FORMAT,
            "Cannot parse null string: null",
        )),
    }
}

/// `Long.decode`: `0x`, `#` and `0` choose the radix.
pub(crate) fn decode(text: &str) -> Eval<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = if let Some(digits) = rest
        .strip_prefix("0x")
        .or_else(|| rest.strip_prefix("0X"))
        .or_else(|| rest.strip_prefix('#'))
    {
        (digits, 16)
    } else if rest.len() > 1 && rest.starts_with('0') {
        (&rest[1..], 8)
    } else {
        (rest, 10)
    };
    if digits.is_empty() {
        return Err(Thrown::java(NUMBER_FORMAT, "Zero length string"));
    }
    if digits.starts_with(['-', '+']) {
        return Err(Thrown::java(
            NUMBER_FORMAT,
            "Sign character in wrong position",
        ));
    }
    parse_long(&format!("{sign}{digits}"), radix)
}

/// `Double.parseDouble`: white space around, suffixes and hexadecimal reals included.
pub(crate) fn parse_double(text: &str) -> Eval<f64> {
    let trimmed = crate::syntax::template::java_trim(text);
    if trimmed.is_empty() {
        return Err(Thrown::java(NUMBER_FORMAT, "empty String"));
    }
    let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let negative = trimmed.starts_with('-');
    let signed = |value: f64| if negative { -value } else { value };
    match unsigned {
        "NaN" => return Ok(f64::NAN),
        "Infinity" => return Ok(signed(f64::INFINITY)),
        _ => {}
    }
    let digits = unsigned
        .strip_suffix(['d', 'D', 'f', 'F'])
        .unwrap_or(unsigned);
    let valid = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    valid
        .then(|| digits.parse::<f64>().ok())
        .flatten()
        .map(signed)
        .ok_or_else(|| bad_number(text))
}

/// `Float.parseFloat`.
pub(crate) fn parse_float(text: &str) -> Eval<f32> {
    parse_double(text)?;
    let trimmed = crate::syntax::template::java_trim(text);
    let digits = trimmed
        .strip_suffix(['d', 'D', 'f', 'F'])
        .unwrap_or(trimmed);
    match digits {
        "NaN" | "+NaN" | "-NaN" => Ok(f32::NAN),
        "Infinity" | "+Infinity" => Ok(f32::INFINITY),
        "-Infinity" => Ok(f32::NEG_INFINITY),
        _ => digits.parse().map_err(|_| bad_number(text)),
    }
}

fn text_or_null<'v>(args: &'v [Value<'_>], index: usize) -> Eval<&'v str> {
    args.get(index)
        .and_then(Value::char_sequence)
        .ok_or_else(|| Thrown::java(NUMBER_FORMAT, "Cannot parse null string: null"))
}

fn radix(args: &[Value<'_>], index: usize) -> Eval<u32> {
    match args.int(index) {
        radix @ 2..=36 => Ok(radix as u32),
        small if small < 2 => Err(Thrown::java(
            NUMBER_FORMAT,
            format!("radix {small} less than Character.MIN_RADIX"),
        )),
        large => Err(Thrown::java(
            NUMBER_FORMAT,
            format!("radix {large} greater than Character.MAX_RADIX"),
        )),
    }
}

/// Digits of a number in a radix, lower case, with a sign.
pub(crate) fn in_radix(value: i128, radix: u32) -> String {
    let radix = u128::from(if (2..=36).contains(&radix) { radix } else { 10 });
    let mut rest = value.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((rest % radix) as u32, radix as u32).unwrap_or('0'));
        rest /= radix;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push('-');
    }
    digits.iter().rev().collect()
}

fn ordering<'a>(order: Ordering) -> Value<'a> {
    Value::Int(order as i32)
}

fn divide_by_zero() -> Thrown {
    Thrown::java(ARITHMETIC, "/ by zero")
}

fn byte_of(value: i64, text: &str, radix: u32) -> Eval<i8> {
    i8::try_from(value).map_err(|_| {
        Thrown::java(
            NUMBER_FORMAT,
            format!("Value out of range. Value:\"{text}\" Radix:{radix}"),
        )
    })
}

/// What all numbers have: `intValue` and its like.
macro_rules! number_methods {
    ($($more:expr),* $(,)?) => {
        &[
            method("byteValue", &[], |_, this, _| Ok(Value::Byte(narrow(this) as i8))),
            method("shortValue", &[], |_, this, _| Ok(Value::Short(narrow(this) as i16))),
            method("intValue", &[], |_, this, _| Ok(Value::Int(narrow(this)))),
            method("longValue", &[], |_, this, _| Ok(Value::Long(as_i64(this)))),
            method("floatValue", &[], |_, this, _| Ok(Value::Float(as_f32(this)))),
            method("doubleValue", &[], |_, this, _| Ok(Value::Double(as_f64(this)))),
            $($more,)*
        ]
    };
}

/// Java's cast to `int`: reals saturate, integers are cut.
fn narrow(value: &Value<'_>) -> i32 {
    match value {
        Value::Float(value) => *value as i32,
        Value::Double(value) => *value as i32,
        other => as_i64(other) as i32,
    }
}

const INTEGER_TYPE: Type = Type::of(Class::Integer);
const LONG_TYPE: Type = Type::of(Class::Long);

/// `Integer`.
pub(crate) static INTEGER: &[Method] = number_methods![
    method("compareTo", &[INTEGER_TYPE], |_, this, args| {
        Ok(ordering(as_i64(this).cmp(&args.long(0))))
    }),
    function("parseInt", &[STRING], |_, _, args| {
        parse_int_of(&args[0]).map(Value::Int)
    }),
    function("parseInt", &[STRING, INT], |_, _, args| {
        parse_int(text_or_null(args, 0)?, radix(args, 1)?).map(Value::Int)
    }),
    function("parseInt", &[CHARS, INT, INT, INT], |_, _, args| {
        let text = args.text(0)?;
        let part = usize::try_from(args.int(1))
            .ok()
            .zip(usize::try_from(args.int(2)).ok())
            .and_then(|(from, to)| text.get(from..to))
            .ok_or_else(|| Thrown::silent(crate::error::INDEX_BOUNDS))?;
        parse_int(part, radix(args, 3)?).map(Value::Int)
    }),
    function("parseUnsignedInt", &[STRING], |_, _, args| {
        let text = text_or_null(args, 0)?;
        let parsed = parse_long(text, 10)?;
        u32::try_from(parsed)
            .map(|value| Value::Int(value as i32))
            .map_err(|_| bad_number(text))
    }),
    function("valueOf", &[STRING], |_, _, args| {
        parse_int_of(&args[0]).map(Value::Int)
    }),
    function("valueOf", &[STRING, INT], |_, _, args| {
        parse_int(text_or_null(args, 0)?, radix(args, 1)?).map(Value::Int)
    }),
    function("valueOf", &[INT], |_, _, args| Ok(Value::Int(args.int(0)))),
    function("decode", &[STRING], |_, _, args| {
        let text = args.text(0)?;
        let value = decode(text)?;
        i32::try_from(value)
            .map(Value::Int)
            .map_err(|_| bad_number(text))
    }),
    function("toString", &[INT], |_, _, args| {
        Ok(Value::text(args.int(0).to_string()))
    }),
    function("toString", &[INT, INT], |_, _, args| {
        Ok(Value::text(in_radix(
            args.int(0).into(),
            args.int(1).try_into().unwrap_or(10),
        )))
    }),
    function("toHexString", &[INT], |_, _, args| {
        Ok(Value::text(format!("{:x}", args.int(0))))
    }),
    function("toOctalString", &[INT], |_, _, args| {
        Ok(Value::text(format!("{:o}", args.int(0))))
    }),
    function("toBinaryString", &[INT], |_, _, args| {
        Ok(Value::text(format!("{:b}", args.int(0))))
    }),
    function("toUnsignedString", &[INT], |_, _, args| {
        Ok(Value::text((args.int(0) as u32).to_string()))
    }),
    function("toUnsignedLong", &[INT], |_, _, args| {
        Ok(Value::Long(i64::from(args.int(0) as u32)))
    }),
    function("compare", &[INT, INT], |_, _, args| {
        Ok(ordering(args.int(0).cmp(&args.int(1))))
    }),
    function("compareUnsigned", &[INT, INT], |_, _, args| {
        Ok(ordering((args.int(0) as u32).cmp(&(args.int(1) as u32))))
    }),
    function("divideUnsigned", &[INT, INT], |_, _, args| {
        (args.int(0) as u32)
            .checked_div(args.int(1) as u32)
            .map(|value| Value::Int(value as i32))
            .ok_or_else(divide_by_zero)
    }),
    function("remainderUnsigned", &[INT, INT], |_, _, args| {
        (args.int(0) as u32)
            .checked_rem(args.int(1) as u32)
            .map(|value| Value::Int(value as i32))
            .ok_or_else(divide_by_zero)
    }),
    function("sum", &[INT, INT], |_, _, args| {
        Ok(Value::Int(args.int(0).wrapping_add(args.int(1))))
    }),
    function("min", &[INT, INT], |_, _, args| {
        Ok(Value::Int(args.int(0).min(args.int(1))))
    }),
    function("max", &[INT, INT], |_, _, args| {
        Ok(Value::Int(args.int(0).max(args.int(1))))
    }),
    function("signum", &[INT], |_, _, args| {
        Ok(Value::Int(args.int(0).signum()))
    }),
    function("hashCode", &[INT], |_, _, args| Ok(Value::Int(args.int(0)))),
    function("bitCount", &[INT], |_, _, args| {
        Ok(Value::Int(args.int(0).count_ones() as i32))
    }),
    function("reverse", &[INT], |_, _, args| {
        Ok(Value::Int(args.int(0).reverse_bits()))
    }),
    function("reverseBytes", &[INT], |_, _, args| {
        Ok(Value::Int(args.int(0).swap_bytes()))
    }),
    function("numberOfLeadingZeros", &[INT], |_, _, args| {
        Ok(Value::Int(args.int(0).leading_zeros() as i32))
    }),
    function("numberOfTrailingZeros", &[INT], |_, _, args| {
        Ok(Value::Int(args.int(0).trailing_zeros() as i32))
    }),
    function("highestOneBit", &[INT], |_, _, args| {
        let value = args.int(0) as u32;
        let bit = value.checked_ilog2().map_or(0, |bit| 1_u32 << bit);
        Ok(Value::Int(bit as i32))
    }),
    function("lowestOneBit", &[INT], |_, _, args| {
        let value = args.int(0);
        Ok(Value::Int(value & value.wrapping_neg()))
    }),
    function("rotateLeft", &[INT, INT], |_, _, args| {
        Ok(Value::Int(
            args.int(0).rotate_left(args.int(1).rem_euclid(32) as u32),
        ))
    }),
    function("rotateRight", &[INT, INT], |_, _, args| {
        Ok(Value::Int(
            args.int(0).rotate_right(args.int(1).rem_euclid(32) as u32),
        ))
    }),
];

/// `Long`.
pub(crate) static LONG_METHODS: &[Method] = number_methods![
    method("compareTo", &[LONG_TYPE], |_, this, args| {
        Ok(ordering(as_i64(this).cmp(&args.long(0))))
    }),
    function("parseLong", &[STRING], |_, _, args| {
        parse_long(text_or_null(args, 0)?, 10).map(Value::Long)
    }),
    function("parseLong", &[STRING, INT], |_, _, args| {
        parse_long(text_or_null(args, 0)?, radix(args, 1)?).map(Value::Long)
    }),
    function("valueOf", &[STRING], |_, _, args| {
        parse_long(text_or_null(args, 0)?, 10).map(Value::Long)
    }),
    function("valueOf", &[STRING, INT], |_, _, args| {
        parse_long(text_or_null(args, 0)?, radix(args, 1)?).map(Value::Long)
    }),
    function("valueOf", &[LONG], |_, _, args| Ok(Value::Long(
        args.long(0)
    ))),
    function("decode", &[STRING], |_, _, args| {
        decode(args.text(0)?).map(Value::Long)
    }),
    function("toString", &[LONG], |_, _, args| {
        Ok(Value::text(args.long(0).to_string()))
    }),
    function("toString", &[LONG, INT], |_, _, args| {
        Ok(Value::text(in_radix(
            args.long(0).into(),
            args.int(1).try_into().unwrap_or(10),
        )))
    }),
    function("toHexString", &[LONG], |_, _, args| {
        Ok(Value::text(format!("{:x}", args.long(0))))
    }),
    function("toOctalString", &[LONG], |_, _, args| {
        Ok(Value::text(format!("{:o}", args.long(0))))
    }),
    function("toBinaryString", &[LONG], |_, _, args| {
        Ok(Value::text(format!("{:b}", args.long(0))))
    }),
    function("toUnsignedString", &[LONG], |_, _, args| {
        Ok(Value::text((args.long(0) as u64).to_string()))
    }),
    function("compare", &[LONG, LONG], |_, _, args| {
        Ok(ordering(args.long(0).cmp(&args.long(1))))
    }),
    function("compareUnsigned", &[LONG, LONG], |_, _, args| {
        Ok(ordering((args.long(0) as u64).cmp(&(args.long(1) as u64))))
    }),
    function("divideUnsigned", &[LONG, LONG], |_, _, args| {
        (args.long(0) as u64)
            .checked_div(args.long(1) as u64)
            .map(|value| Value::Long(value as i64))
            .ok_or_else(divide_by_zero)
    }),
    function("remainderUnsigned", &[LONG, LONG], |_, _, args| {
        (args.long(0) as u64)
            .checked_rem(args.long(1) as u64)
            .map(|value| Value::Long(value as i64))
            .ok_or_else(divide_by_zero)
    }),
    function("sum", &[LONG, LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).wrapping_add(args.long(1))))
    }),
    function("min", &[LONG, LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).min(args.long(1))))
    }),
    function("max", &[LONG, LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).max(args.long(1))))
    }),
    function("signum", &[LONG], |_, _, args| {
        Ok(Value::Int(args.long(0).signum() as i32))
    }),
    function("hashCode", &[LONG], |_, _, args| {
        Ok(Value::Int(crate::value::equality::hash(&Value::Long(
            args.long(0),
        ))))
    }),
    function("bitCount", &[LONG], |_, _, args| {
        Ok(Value::Int(args.long(0).count_ones() as i32))
    }),
    function("numberOfLeadingZeros", &[LONG], |_, _, args| {
        Ok(Value::Int(args.long(0).leading_zeros() as i32))
    }),
    function("numberOfTrailingZeros", &[LONG], |_, _, args| {
        Ok(Value::Int(args.long(0).trailing_zeros() as i32))
    }),
    function("reverse", &[LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).reverse_bits()))
    }),
    function("reverseBytes", &[LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).swap_bytes()))
    }),
];

/// `Double`.
pub(crate) static DOUBLE_METHODS: &[Method] = number_methods![
    method("compareTo", &[Type::of(Class::Double)], |_, this, args| {
        Ok(ordering(java_order(as_f64(this), args.double(0))))
    }),
    method("isNaN", &[], |_, this, _| Ok(Value::Bool(
        as_f64(this).is_nan()
    ))),
    method("isInfinite", &[], |_, this, _| {
        Ok(Value::Bool(as_f64(this).is_infinite()))
    }),
    function("parseDouble", &[STRING], |_, _, args| {
        parse_double(args.text(0)?).map(Value::Double)
    }),
    function("valueOf", &[STRING], |_, _, args| {
        parse_double(args.text(0)?).map(Value::Double)
    }),
    function("valueOf", &[DOUBLE], |_, _, args| {
        Ok(Value::Double(args.double(0)))
    }),
    function("toString", &[DOUBLE], |_, _, args| {
        Ok(Value::text(double(args.double(0))))
    }),
    function("compare", &[DOUBLE, DOUBLE], |_, _, args| {
        Ok(ordering(java_order(args.double(0), args.double(1))))
    }),
    function("isNaN", &[DOUBLE], |_, _, args| {
        Ok(Value::Bool(args.double(0).is_nan()))
    }),
    function("isInfinite", &[DOUBLE], |_, _, args| {
        Ok(Value::Bool(args.double(0).is_infinite()))
    }),
    function("isFinite", &[DOUBLE], |_, _, args| {
        Ok(Value::Bool(args.double(0).is_finite()))
    }),
    function("sum", &[DOUBLE, DOUBLE], |_, _, args| {
        Ok(Value::Double(args.double(0) + args.double(1)))
    }),
    function("min", &[DOUBLE, DOUBLE], |_, _, args| {
        Ok(Value::Double(super::math::smaller(
            args.double(0),
            args.double(1),
        )))
    }),
    function("max", &[DOUBLE, DOUBLE], |_, _, args| {
        Ok(Value::Double(super::math::larger(
            args.double(0),
            args.double(1),
        )))
    }),
    function("hashCode", &[DOUBLE], |_, _, args| {
        Ok(Value::Int(crate::value::equality::hash(&Value::Double(
            args.double(0),
        ))))
    }),
    function("doubleToLongBits", &[DOUBLE], |_, _, args| {
        Ok(Value::Long(
            crate::value::equality::double_bits(args.double(0)) as i64,
        ))
    }),
    function("longBitsToDouble", &[LONG], |_, _, args| {
        Ok(Value::Double(f64::from_bits(args.long(0) as u64)))
    }),
];

/// `Float`; its static methods cannot be reached.
pub(crate) static FLOAT_METHODS: &[Method] = number_methods![
    method("compareTo", &[Type::of(Class::Float)], |_, this, args| {
        Ok(ordering(java_order(as_f64(this), args.double(0))))
    }),
    method("isNaN", &[], |_, this, _| Ok(Value::Bool(
        as_f32(this).is_nan()
    ))),
    method("isInfinite", &[], |_, this, _| {
        Ok(Value::Bool(as_f32(this).is_infinite()))
    }),
    function("toString", &[FLOAT], |_, _, args| {
        Ok(Value::text(float(args.float(0))))
    }),
];

/// `Byte`.
pub(crate) static BYTE_METHODS: &[Method] = number_methods![
    method("compareTo", &[Type::of(Class::Byte)], |_, this, args| {
        Ok(Value::Int((as_i64(this) - args.long(0)) as i32))
    }),
    function("parseByte", &[STRING], |_, _, args| {
        let text = text_or_null(args, 0)?;
        byte_of(i64::from(parse_int(text, 10)?), text, 10).map(Value::Byte)
    }),
    function("parseByte", &[STRING, INT], |_, _, args| {
        let (text, radix) = (text_or_null(args, 0)?, radix(args, 1)?);
        byte_of(i64::from(parse_int(text, radix)?), text, radix).map(Value::Byte)
    }),
    function("valueOf", &[STRING], |_, _, args| {
        let text = text_or_null(args, 0)?;
        byte_of(i64::from(parse_int(text, 10)?), text, 10).map(Value::Byte)
    }),
    function("valueOf", &[BYTE], |_, _, args| {
        Ok(Value::Byte(args.int(0) as i8))
    }),
    function("toString", &[BYTE], |_, _, args| {
        Ok(Value::text(args.int(0).to_string()))
    }),
    function("toUnsignedInt", &[BYTE], |_, _, args| {
        Ok(Value::Int(i32::from(args.int(0) as u8)))
    }),
    function("toUnsignedLong", &[BYTE], |_, _, args| {
        Ok(Value::Long(i64::from(args.int(0) as u8)))
    }),
    function("compare", &[BYTE, BYTE], |_, _, args| {
        Ok(Value::Int(args.int(0) - args.int(1)))
    }),
];

/// `Short`.
pub(crate) static SHORT_METHODS: &[Method] = number_methods![method(
    "compareTo",
    &[Type::of(Class::Short)],
    |_, this, args| Ok(Value::Int((as_i64(this) - args.long(0)) as i32))
)];

fn exact(this: &Value<'_>, low: i64, high: i64, what: &str) -> Eval<i64> {
    as_big(this)
        .to_i64()
        .filter(|value| (low..=high).contains(value))
        .ok_or_else(|| Thrown::java(ARITHMETIC, format!("BigInteger out of {what} range")))
}

/// `BigInteger`; what returns one is refused by return type.
pub(crate) static BIG: &[Method] = number_methods![
    method(
        "compareTo",
        &[Type::of(Class::BigInteger)],
        |_, this, args| { Ok(ordering(as_big(this).cmp(&as_big(&args[0])))) }
    ),
    method("signum", &[], |_, this, _| {
        Ok(ordering(as_big(this).cmp(&BigInt::from(0))))
    }),
    method("bitLength", &[], |_, this, _| {
        Ok(Value::Int(as_big(this).bits() as i32))
    }),
    method("toString", &[INT], |_, this, args| {
        let radix = u32::try_from(args.int(0))
            .ok()
            .filter(|radix| (2..=36).contains(radix));
        Ok(Value::text(as_big(this).to_str_radix(radix.unwrap_or(10))))
    }),
    method("longValueExact", &[], |_, this, _| {
        exact(this, i64::MIN, i64::MAX, "long").map(Value::Long)
    }),
    method("intValueExact", &[], |_, this, _| {
        exact(this, i32::MIN.into(), i32::MAX.into(), "int").map(|value| Value::Int(value as i32))
    }),
];

/// `Boolean`.
pub(crate) static BOOLEAN: &[Method] = &[
    method("booleanValue", &[], |_, this, _| Ok(this.clone())),
    method("compareTo", &[Type::of(Class::Boolean)], |_, this, args| {
        let own = matches!(this, Value::Bool(true));
        Ok(ordering(own.cmp(&args.flag(0))))
    }),
    function("parseBoolean", &[STRING], |_, _, args| {
        Ok(Value::Bool(is_true(&args[0])))
    }),
    function("valueOf", &[STRING], |_, _, args| {
        Ok(Value::Bool(is_true(&args[0])))
    }),
    function("valueOf", &[BOOL], |_, _, args| {
        Ok(Value::Bool(args.flag(0)))
    }),
    function("toString", &[BOOL], |_, _, args| {
        Ok(Value::text(args.flag(0).to_string()))
    }),
    function("compare", &[BOOL, BOOL], |_, _, args| {
        Ok(ordering(args.flag(0).cmp(&args.flag(1))))
    }),
    function("hashCode", &[BOOL], |_, _, args| {
        Ok(Value::Int(if args.flag(0) { 1231 } else { 1237 }))
    }),
    function("logicalAnd", &[BOOL, BOOL], |_, _, args| {
        Ok(Value::Bool(args.flag(0) && args.flag(1)))
    }),
    function("logicalOr", &[BOOL, BOOL], |_, _, args| {
        Ok(Value::Bool(args.flag(0) || args.flag(1)))
    }),
    function("logicalXor", &[BOOL, BOOL], |_, _, args| {
        Ok(Value::Bool(args.flag(0) != args.flag(1)))
    }),
];

/// `Boolean.valueOf(text)`.
pub(crate) fn is_true(value: &Value<'_>) -> bool {
    value
        .char_sequence()
        .is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// `Character`; its static methods cannot be reached.
pub(crate) static CHARACTER: &[Method] = &[
    method("charValue", &[], |_, this, _| Ok(this.clone())),
    method(
        "compareTo",
        &[Type::of(Class::Character)],
        |_, this, args| Ok(Value::Int((as_i64(this) - args.long(0)) as i32)),
    ),
];

/// `new Integer(…)`.
pub(crate) static NEW_INTEGER: &[Method] = &[
    function("Integer", &[STRING], |_, _, args| {
        parse_int_of(&args[0]).map(Value::Int)
    }),
    function("Integer", &[INT], |_, _, args| Ok(Value::Int(args.int(0)))),
];

/// `new Long(…)`.
pub(crate) static NEW_LONG: &[Method] = &[
    function("Long", &[STRING], |_, _, args| {
        parse_long(text_or_null(args, 0)?, 10).map(Value::Long)
    }),
    function("Long", &[LONG], |_, _, args| Ok(Value::Long(args.long(0)))),
];

/// `new Double(…)`.
pub(crate) static NEW_DOUBLE: &[Method] = &[
    function("Double", &[DOUBLE], |_, _, args| {
        Ok(Value::Double(args.double(0)))
    }),
    function("Double", &[STRING], |_, _, args| {
        parse_double(args.text(0)?).map(Value::Double)
    }),
];

/// `new Byte(…)`.
pub(crate) static NEW_BYTE: &[Method] = &[
    function("Byte", &[BYTE], |_, _, args| {
        Ok(Value::Byte(args.int(0) as i8))
    }),
    function("Byte", &[STRING], |_, _, args| {
        let text = text_or_null(args, 0)?;
        byte_of(i64::from(parse_int(text, 10)?), text, 10).map(Value::Byte)
    }),
];

/// `new Boolean(…)`.
pub(crate) static NEW_BOOLEAN: &[Method] = &[
    function("Boolean", &[BOOL], |_, _, args| {
        Ok(Value::Bool(args.flag(0)))
    }),
    function("Boolean", &[STRING], |_, _, args| {
        Ok(Value::Bool(is_true(&args[0])))
    }),
];
