//! `equals`, `hashCode` and the order of a `HashMap`.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::{Key, List, Map, Object, Value};

/// How deep equality and hashing follow nested values; deeper ones count as different.
const MAX_DEPTH: usize = 200;

/// `Objects.equals`: classes count, so `1` and `1L` differ.
pub(crate) fn equals(left: &Value<'_>, right: &Value<'_>) -> bool {
    nested(left, right, 0)
}

fn nested(left: &Value<'_>, right: &Value<'_>, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Char(a), Value::Char(b)) => a == b,
        (Value::Byte(a), Value::Byte(b)) => a == b,
        (Value::Short(a), Value::Short(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Long(a), Value::Long(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => float_bits(*a) == float_bits(*b),
        (Value::Double(a), Value::Double(b)) => double_bits(*a) == double_bits(*b),
        (Value::Big(a), Value::Big(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => **a == **b,
        (Value::List(a), Value::List(b)) => lists(a, b, depth),
        (Value::Map(a), Value::Map(b)) => maps(a, b, depth),
        (Value::Array(a), Value::Array(b)) => {
            std::ptr::addr_eq(Rc::as_ptr(a), Rc::as_ptr(b)) || {
                let (a, b) = (a.items.borrow(), b.items.borrow());
                a.len() == b.len() && a.iter().zip(&*b).all(|(a, b)| nested(a, b, depth + 1))
            }
        }
        (Value::Entry(a), Value::Entry(b)) => {
            nested(&a.0, &b.0, depth + 1) && nested(&a.1, &b.1, depth + 1)
        }
        (Value::Class(a), Value::Class(b)) => a == b,
        (Value::Object(a), Value::Object(b)) => objects(a, b, depth),
        _ => false,
    }
}

fn lists(left: &List<'_>, right: &List<'_>, depth: usize) -> bool {
    if let (List::Json(a), List::Json(b)) = (left, right)
        && std::ptr::eq(*a, *b)
    {
        return true;
    }
    if left.len() != right.len() {
        return false;
    }
    match (left.kind().is_list(), right.kind().is_list()) {
        (true, true) => left
            .to_vec()
            .iter()
            .zip(&right.to_vec())
            .all(|(a, b)| nested(a, b, depth + 1)),
        (false, false) => {
            let right = right.to_vec();
            left.to_vec()
                .iter()
                .all(|a| right.iter().any(|b| nested(a, b, depth + 1)))
        }
        _ => false,
    }
}

fn maps<'a>(left: &Map<'a>, right: &Map<'_>, depth: usize) -> bool {
    if let (Map::Json(a), Map::Json(b)) = (left, right)
        && std::ptr::eq(*a, *b)
    {
        return true;
    }
    if left.len() != right.len() {
        return false;
    }
    let right = right.entries();
    left.entries().iter().all(|(key, value)| {
        right
            .iter()
            .find(|(other, _)| nested(key, other, depth + 1))
            .is_some_and(|(_, other)| nested(value, other, depth + 1))
    })
}

fn objects(left: &Object<'_>, right: &Object<'_>, depth: usize) -> bool {
    match (left, right) {
        (Object::Stage(a), Object::Stage(b)) => a == b,
        (Object::Task(a, b), Object::Task(c, d)) => (a, b) == (c, d),
        (Object::Execution, Object::Execution)
        | (Object::Authentication, Object::Authentication)
        | (Object::Paused, Object::Paused) => true,
        (Object::Date(a), Object::Date(b)) => a == b,
        (Object::DateFormat(a), Object::DateFormat(b)) => a == b,
        (Object::LocalDate(a), Object::LocalDate(b)) => a == b,
        (Object::LocalDateTime(a), Object::LocalDateTime(b)) => a == b,
        (Object::Instant(a), Object::Instant(b)) => a == b,
        (Object::Uuid(a), Object::Uuid(b)) => a == b,
        (Object::Random(a), Object::Random(b)) => Rc::ptr_eq(a, b),
        (Object::Zone(a), Object::Zone(b)) => a == b,
        (Object::Locale(a), Object::Locale(b)) => a == b,
        (Object::Charset(a), Object::Charset(b)) => a == b,
        (Object::NotEvaluable(a), Object::NotEvaluable(b)) => nested(a, b, depth + 1),
        (Object::Trigger(a), Object::Trigger(b))
        | (Object::ParentExecution(a), Object::ParentExecution(b))
        | (Object::ParentStage(a), Object::ParentStage(b))
        | (Object::Artifact(a), Object::Artifact(b))
        | (Object::ExpectedArtifact(a), Object::ExpectedArtifact(b))
        | (Object::BuildInfo(a), Object::BuildInfo(b))
        | (Object::BuildArtifact(a), Object::BuildArtifact(b))
        | (Object::SourceControl(a), Object::SourceControl(b)) => a == b,
        (a, b) => a.class() == b.class() && a.constant().is_some() && a.constant() == b.constant(),
    }
}

pub(crate) fn double_bits(value: f64) -> u64 {
    if value.is_nan() {
        0x7ff8_0000_0000_0000
    } else {
        value.to_bits()
    }
}

pub(crate) fn float_bits(value: f32) -> u32 {
    if value.is_nan() {
        0x7fc0_0000
    } else {
        value.to_bits()
    }
}

fn long_hash(value: i64) -> i32 {
    (value ^ ((value as u64) >> 32) as i64) as i32
}

/// `String.hashCode`.
pub(crate) fn text_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

/// `hashCode`. Objects whose hash is their identity in Java hash by what they are.
pub(crate) fn hash(value: &Value<'_>) -> i32 {
    nested_hash(value, 0)
}

fn nested_hash(value: &Value<'_>, depth: usize) -> i32 {
    if depth > MAX_DEPTH {
        return 0;
    }
    match value {
        Value::Null => 0,
        Value::Bool(value) => {
            if *value {
                1231
            } else {
                1237
            }
        }
        Value::Char(value) => i32::from(*value),
        Value::Byte(value) => i32::from(*value),
        Value::Short(value) => i32::from(*value),
        Value::Int(value) => *value,
        Value::Long(value) => long_hash(*value),
        Value::Float(value) => float_bits(*value) as i32,
        Value::Double(value) => long_hash(double_bits(*value) as i64),
        Value::Big(value) => {
            let (sign, digits) = value.to_u32_digits();
            let magnitude = digits.iter().rev().fold(0_i32, |hash, digit| {
                hash.wrapping_mul(31).wrapping_add(*digit as i32)
            });
            match sign {
                num_bigint::Sign::Minus => magnitude.wrapping_neg(),
                num_bigint::Sign::NoSign => 0,
                num_bigint::Sign::Plus => magnitude,
            }
        }
        Value::Text(text) => text_hash(text),
        Value::List(list) if list.kind().is_list() => {
            list.to_vec().iter().fold(1_i32, |hash, item| {
                hash.wrapping_mul(31)
                    .wrapping_add(nested_hash(item, depth + 1))
            })
        }
        Value::List(list) => list.to_vec().iter().fold(0_i32, |sum, item| {
            sum.wrapping_add(nested_hash(item, depth + 1))
        }),
        Value::Map(map) => map.entries().iter().fold(0_i32, |sum, (key, value)| {
            sum.wrapping_add(nested_hash(key, depth + 1) ^ nested_hash(value, depth + 1))
        }),
        Value::Array(array) => array.items.borrow().iter().fold(1_i32, |hash, item| {
            hash.wrapping_mul(31)
                .wrapping_add(nested_hash(item, depth + 1))
        }),
        Value::Entry(entry) => nested_hash(&entry.0, depth + 1) ^ nested_hash(&entry.1, depth + 1),
        Value::Class(class) => text_hash(&class.binary_name()),
        Value::Object(object) => object_hash(object),
    }
}

fn object_hash(object: &Object<'_>) -> i32 {
    use chrono::Timelike;
    match object {
        Object::Date(millis) => long_hash(*millis),
        Object::DateFormat(pattern) => text_hash(&pattern.borrow()),
        Object::LocalDate(date) => date_hash(*date),
        Object::LocalDateTime(moment) => {
            let time = moment.time();
            let nanos = i64::from(time.num_seconds_from_midnight()) * 1_000_000_000
                + i64::from(time.nanosecond());
            date_hash(moment.date()) ^ long_hash(nanos)
        }
        Object::Instant(moment) => {
            long_hash(moment.seconds).wrapping_add(51_i32.wrapping_mul(moment.nanos as i32))
        }
        Object::Uuid(id) => {
            let mixed = ((id >> 64) as i64) ^ (*id as i64);
            long_hash(mixed)
        }
        Object::Stage(index) => 31_i32.wrapping_add(*index as i32),
        other => other.constant().map_or(17, |(name, _)| text_hash(name)),
    }
}

fn date_hash(date: chrono::NaiveDate) -> i32 {
    use chrono::Datelike;
    let year = date.year();
    (year & 0xFFFF_F800_u32 as i32)
        ^ ((year << 11) + ((date.month() as i32) << 6) + date.day() as i32)
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        equals(&self.0, &other.0)
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            // Not Java's hash: its collisions are easy to make, and here the order does not depend on it.
            Value::Text(text) => state.write(text.as_bytes()),
            other => state.write_i32(hash(other)),
        }
    }
}

/// Sorts entries as a `java.util.HashMap` that got them one by one lists them.
pub(crate) fn hash_order(entries: &mut [(Value<'_>, Value<'_>)]) {
    let mut buckets = 16_usize;
    while entries.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    entries.sort_by_key(|(key, _)| {
        let hash = hash(key) as u32;
        ((hash ^ (hash >> 16)) as usize) & (buckets - 1)
    });
}
