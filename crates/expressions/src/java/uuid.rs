//! `java.util.UUID`.

use super::method::{Arguments, BYTES, LONG, Method, STRING, function, method};
use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::eval::order;
use crate::value::{Class, Object, Type, Value};

/// The usual form with dashes.
pub(crate) fn text(id: u128) -> String {
    let digits = format!("{id:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    )
}

/// `UUID.fromString`: five groups of hexadecimal digits, each possibly short.
pub(crate) fn parse(text: &str) -> Eval<u128> {
    let wrong = || Thrown::java(ILLEGAL_ARGUMENT, format!("Invalid UUID string: {text}"));
    let groups: Vec<&str> = text.split('-').collect();
    if groups.len() != 5 || text.len() > 36 {
        return Err(if text.len() > 36 {
            Thrown::java(ILLEGAL_ARGUMENT, "UUID string too large")
        } else {
            wrong()
        });
    }
    let mut id = 0_u128;
    for (group, bits) in groups.iter().zip([32_u32, 16, 16, 16, 48]) {
        let value = u64::from_str_radix(group, 16).map_err(|_| {
            Thrown::java(
                crate::error::NUMBER_FORMAT,
                format!("For input string: \"{group}\""),
            )
        })?;
        let mask = (1_u64 << bits) - 1;
        id = (id << bits) | u128::from(value & mask);
    }
    Ok(id)
}

fn id(this: &Value<'_>) -> u128 {
    match this {
        Value::Object(Object::Uuid(id)) => *id,
        _ => 0,
    }
}

fn versioned(random: u128, version: u128) -> u128 {
    (random & !(0xF << 76) & !(0b11 << 62)) | (version << 76) | (0b10 << 62)
}

/// `UUID`.
pub(crate) static METHODS: &[Method] = &[
    function("randomUUID", &[], |machine, _, _| {
        let environment = machine.scope.environment;
        let random =
            (u128::from(environment.random_u64()) << 64) | u128::from(environment.random_u64());
        Ok(Value::Object(Object::Uuid(versioned(random, 4))))
    }),
    function("fromString", &[STRING], |_, _, args| {
        parse(args.text(0)?).map(|id| Value::Object(Object::Uuid(id)))
    }),
    function("nameUUIDFromBytes", &[BYTES], |_, _, args| {
        let digest = super::md5::digest(&super::charset::bytes(&args[0]));
        Ok(Value::Object(Object::Uuid(versioned(
            u128::from_be_bytes(digest),
            3,
        ))))
    }),
    method("version", &[], |_, this, _| {
        Ok(Value::Int(((id(this) >> 76) & 0xF) as i32))
    }),
    method("variant", &[], |_, this, _| {
        let top = (id(this) >> 61) as i32 & 0b111;
        Ok(Value::Int(match top {
            0b000..=0b011 => 0,
            0b100 | 0b101 => 2,
            other => other,
        }))
    }),
    method("getMostSignificantBits", &[], |_, this, _| {
        Ok(Value::Long((id(this) >> 64) as i64))
    }),
    method("getLeastSignificantBits", &[], |_, this, _| {
        Ok(Value::Long(id(this) as i64))
    }),
    method("timestamp", &[], |_, _, _| not_time_based()),
    method("clockSequence", &[], |_, _, _| not_time_based()),
    method("node", &[], |_, _, _| not_time_based()),
    method("compareTo", &[Type::of(Class::Uuid)], |_, this, args| {
        order::natural(this, &args[0]).map(|order| Value::Int(order as i32))
    }),
];

fn not_time_based<'a>() -> Eval<Value<'a>> {
    Err(Thrown::java(
        crate::error::UNSUPPORTED,
        "Not a time-based UUID",
    ))
}

/// `new UUID(most, least)`.
pub(crate) static CONSTRUCTORS: &[Method] = &[function("UUID", &[LONG, LONG], |_, _, args| {
    let id = (u128::from(args.long(0) as u64) << 64) | u128::from(args.long(1) as u64);
    Ok(Value::Object(Object::Uuid(id)))
})];
