//! Equality and order of values that are no numbers, and of numbers where both are constants.

use std::cmp::Ordering;

use crate::error::{CLASS_CAST, Eval, Thrown};
use crate::java::convert;
use crate::value::equality::equals;
use crate::value::{Object, Value};

/// An order as a number beside 0.
pub(super) fn rank(order: Ordering) -> i64 {
    match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

/// `==` where neither numbers nor texts nor booleans meet.
pub(super) fn same(left: &Value<'_>, right: &Value<'_>) -> Eval<bool> {
    if equals(left, right) {
        return Ok(true);
    }
    // Constants of different enums are comparable to Spring, and comparing them fails.
    let constant = |value: &Value<'_>| match value {
        Value::Object(object) => object.constant().is_some(),
        _ => false,
    };
    if constant(left) && constant(right) && left.class() != right.class() {
        return Err(not_comparable(left, right).because(Thrown::silent(CLASS_CAST)));
    }
    Ok(false)
}

fn not_comparable(left: &Value<'_>, right: &Value<'_>) -> Thrown {
    Thrown::el(
        1013,
        format!(
            "Cannot compare instances of class {} and class {}",
            left.class_name(),
            right.class_name()
        ),
    )
}

/// `StandardTypeComparator.compare`.
pub(super) fn order(left: &Value<'_>, right: &Value<'_>) -> Eval<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Ok(Ordering::Equal),
        (Value::Null, _) => Ok(Ordering::Less),
        (_, Value::Null) => Ok(Ordering::Greater),
        _ if left.is_number() && right.is_number() => Ok(numbers(left, right)),
        _ => natural(left, right),
    }
}

fn numbers(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    let real = |value: &Value<'_>| matches!(value, Value::Double(_));
    let single = |value: &Value<'_>| matches!(value, Value::Float(_));
    if real(left) || real(right) {
        java_order(convert::as_f64(left), convert::as_f64(right))
    } else if single(left) || single(right) {
        java_order(
            f64::from(convert::as_f32(left)),
            f64::from(convert::as_f32(right)),
        )
    } else {
        convert::as_big(left).cmp(&convert::as_big(right))
    }
}

/// `Double.compare`: NaN is the largest, -0.0 is less than 0.0.
pub(crate) fn java_order(left: f64, right: f64) -> Ordering {
    if left < right {
        return Ordering::Less;
    }
    if left > right {
        return Ordering::Greater;
    }
    let bits = |value: f64| crate::value::equality::double_bits(value) as i64;
    bits(left).cmp(&bits(right))
}

/// `Comparable.compareTo`.
pub(crate) fn natural(left: &Value<'_>, right: &Value<'_>) -> Eval<Ordering> {
    let found = match (left, right) {
        (Value::Text(a), Value::Text(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Char(a), Value::Char(b)) => Some(a.cmp(b)),
        (Value::Object(a), Value::Object(b)) => match (a, b) {
            (Object::Date(a), Object::Date(b)) => Some(a.cmp(b)),
            (Object::LocalDate(a), Object::LocalDate(b)) => Some(a.cmp(b)),
            (Object::LocalDateTime(a), Object::LocalDateTime(b)) => Some(a.cmp(b)),
            (Object::Instant(a), Object::Instant(b)) => Some(a.cmp(b)),
            (Object::Uuid(a), Object::Uuid(b)) => {
                // Java compares the halves as signed numbers.
                let halves = |id: &u128| ((*id >> 64) as i64, *id as i64);
                Some(halves(a).cmp(&halves(b)))
            }
            (a, b) if a.class() == b.class() => a
                .constant()
                .zip(b.constant())
                .map(|((_, a), (_, b))| a.cmp(&b)),
            _ => None,
        },
        _ => None,
    };
    if let Some(found) = found {
        return Ok(found);
    }
    let comparable = match left {
        Value::List(_)
        | Value::Map(_)
        | Value::Array(_)
        | Value::Entry(_)
        | Value::Class(_)
        | Value::Null => false,
        Value::Object(object) => {
            object.constant().is_some()
                || matches!(
                    object,
                    Object::Date(_)
                        | Object::LocalDate(_)
                        | Object::LocalDateTime(_)
                        | Object::Instant(_)
                        | Object::Uuid(_)
                )
        }
        _ => true,
    };
    let error = not_comparable(left, right);
    Err(if comparable {
        error.because(Thrown::java(
            CLASS_CAST,
            format!(
                "class {} cannot be cast to class {}",
                right.class_name(),
                left.class_name()
            ),
        ))
    } else {
        error
    })
}
