//! `toString` and Java's text forms of numbers.

use std::fmt::Write;

use super::{Json, List, Map, Object, Value};

/// The largest text an evaluation makes, in bytes.
pub(crate) const MAX_TEXT: usize = 1 << 20;

const MAX_DEPTH: usize = 200;

/// `String.valueOf`. `None` where the text would be too large or nested too deep.
pub(crate) fn to_text(value: &Value<'_>) -> Option<String> {
    let mut out = String::new();
    write(&mut out, value, 0)?;
    Some(out)
}

fn write(out: &mut String, value: &Value<'_>, depth: usize) -> Option<()> {
    if depth > MAX_DEPTH || out.len() > MAX_TEXT {
        return None;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Char(unit) => out.push(char_of(*unit)),
        Value::Byte(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Short(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Long(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) => out.push_str(&float(*value)),
        Value::Double(value) => out.push_str(&double(*value)),
        Value::Big(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Text(text) => out.push_str(text),
        Value::List(list) => write_list(out, list, depth)?,
        Value::Map(map) => write_map(out, map, depth)?,
        Value::Array(array) => {
            let _ = write!(out, "{}@1b2c6ec2", array.class().binary_name());
        }
        Value::Entry(entry) => {
            write(out, &entry.0, depth + 1)?;
            out.push('=');
            write(out, &entry.1, depth + 1)?;
        }
        Value::Class(class) => {
            if !class.is_primitive() {
                out.push_str("class ");
            }
            out.push_str(&class.binary_name());
        }
        Value::Object(object) => write_object(out, object, depth)?,
    }
    (out.len() <= MAX_TEXT).then_some(())
}

fn write_list(out: &mut String, list: &List<'_>, depth: usize) -> Option<()> {
    out.push('[');
    for index in 0..list.len() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, &list.get(index)?, depth + 1)?;
    }
    out.push(']');
    Some(())
}

fn write_map(out: &mut String, map: &Map<'_>, depth: usize) -> Option<()> {
    out.push('{');
    for (index, (key, value)) in map.entries().iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, key, depth + 1)?;
        out.push('=');
        write(out, value, depth + 1)?;
    }
    out.push('}');
    Some(())
}

fn write_object(out: &mut String, object: &Object<'_>, depth: usize) -> Option<()> {
    use crate::java::{date, time};
    match object {
        Object::Date(millis) => out.push_str(&date::java_text(*millis)),
        Object::LocalDate(value) => out.push_str(&time::date_text(*value)),
        Object::LocalDateTime(value) => out.push_str(&time::date_time_text(*value)),
        Object::Instant(value) => out.push_str(&time::instant_text(*value)),
        Object::ChronoUnit(unit) => out.push_str(time::UNITS[usize::from(*unit)].1),
        Object::Uuid(id) => out.push_str(&crate::java::uuid::text(*id)),
        Object::Zone(zone) => out.push_str(&time::zone_text(*zone)),
        Object::Locale(tag) => out.push_str(tag),
        Object::Charset(name) => out.push_str(name),
        Object::Artifact(map) => {
            let artifact = crate::objects::artifact_json(map);
            out.push_str("Artifact(");
            for (index, name) in crate::objects::ARTIFACT.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(name);
                out.push('=');
                let value = artifact.get(*name).unwrap_or(&Json::Null);
                write(out, &super::json::from_json(value), depth + 1)?;
            }
            out.push(')');
        }
        Object::ExpectedArtifact(map)
        | Object::BuildInfo(map)
        | Object::BuildArtifact(map)
        | Object::SourceControl(map)
        | Object::Trigger(map) => {
            let short = object.class().name();
            let short = short.rsplit(['.', '$']).next().unwrap_or(short);
            out.push_str(short);
            out.push('(');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(key);
                out.push('=');
                write(out, &super::json::from_json(value), depth + 1)?;
            }
            out.push(')');
        }
        other => match other.constant() {
            Some((name, _)) => out.push_str(name),
            None => {
                let _ = write!(out, "{}@1b2c6ec2", other.class().name());
            }
        },
    }
    Some(())
}

/// A UTF-16 unit as a character; half of a pair is no character of its own.
pub(crate) fn char_of(unit: u16) -> char {
    char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `Double.toString`.
pub(crate) fn double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0.0"
        } else {
            "0.0"
        }
        .into();
    }
    layout(
        &format!("{value:e}"),
        value.abs() >= 1e-3 && value.abs() < 1e7,
    )
}

/// `Float.toString`.
pub(crate) fn float(value: f32) -> String {
    if value.is_nan() || value.is_infinite() || value == 0.0 {
        return double(f64::from(value));
    }
    layout(
        &format!("{value:e}"),
        value.abs() >= 1e-3 && value.abs() < 1e7,
    )
}

/// Lays out shortest digits (`-1.25e-3`) as Java does.
fn layout(scientific: &str, plain: bool) -> String {
    let (sign, rest) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", scientific),
    };
    let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !plain {
        let (first, others) = digits.split_at(1);
        let others = if others.is_empty() { "0" } else { others };
        return format!("{sign}{first}.{others}E{exponent}");
    }
    if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    let point = exponent as usize + 1;
    if digits.len() <= point {
        let zeros = "0".repeat(point - digits.len());
        return format!("{sign}{digits}{zeros}.0");
    }
    let (whole, fraction) = digits.split_at(point);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_look_as_in_java() {
        let table = [
            (1.0, "1.0"),
            (100.0, "100.0"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (12_345_678.9, "1.23456789E7"),
            (0.001, "0.001"),
            (0.00001, "1.0E-5"),
            (-2.5, "-2.5"),
            (1e21, "1.0E21"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::INFINITY, "Infinity"),
            (-0.0, "-0.0"),
            (f64::MAX, "1.7976931348623157E308"),
        ];
        for (value, expected) in table {
            assert_eq!(double(value), expected);
        }
        assert_eq!(float(0.1), "0.1");
        assert_eq!(float(0.3), "0.3");
        assert_eq!(float(1.0e10), "1.0E10");
    }
}
