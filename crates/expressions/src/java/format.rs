//! `String.format`, for the English locale.

use super::convert::{as_f64, as_i64};
use super::date;
use crate::error::{Eval, Thrown};
use crate::value::equality::hash;
use crate::value::text::{MAX_TEXT, to_text};
use crate::value::{Object, Value};
use chrono::{Datelike, Timelike};

/// The widest field and the most digits one specifier may ask for.
const MAX_WIDTH: usize = 10_000;

#[derive(Debug, Default, Clone)]
struct Spec {
    index: Option<usize>,
    previous: bool,
    left: bool,
    alternate: bool,
    plus: bool,
    space: bool,
    zero: bool,
    group: bool,
    parenthesis: bool,
    width: Option<usize>,
    precision: Option<usize>,
    date: bool,
    conversion: char,
    source: String,
}

fn wrong(class: &'static str, message: String) -> Thrown {
    Thrown::java(class, message)
}

fn unknown(text: &str) -> Thrown {
    wrong(
        "java.util.UnknownFormatConversionException",
        format!("Conversion = '{text}'"),
    )
}

fn mismatch(spec: &Spec, value: &Value<'_>) -> Thrown {
    wrong(
        "java.util.IllegalFormatConversionException",
        format!("{} != {}", spec.conversion, value.class_name()),
    )
}

/// Reads the specifier after a `%`; gives its length too.
fn specifier(text: &str) -> Eval<(Spec, usize)> {
    let letters: Vec<char> = text.chars().collect();
    let mut spec = Spec::default();
    let mut at = 0;
    let digits = |at: &mut usize| -> Option<usize> {
        let start = *at;
        while letters.get(*at).is_some_and(char::is_ascii_digit) {
            *at += 1;
        }
        letters[start..*at].iter().collect::<String>().parse().ok()
    };
    let mut lookahead = 0;
    if letters.first().is_some_and(|c| ('1'..='9').contains(c)) {
        let number = digits(&mut lookahead);
        if letters.get(lookahead) == Some(&'$') {
            spec.index = number;
            at = lookahead + 1;
        }
    } else if letters.first() == Some(&'<') {
        spec.previous = true;
        at = 1;
    }
    while let Some(flag) = letters.get(at) {
        match flag {
            '-' => spec.left = true,
            '#' => spec.alternate = true,
            '+' => spec.plus = true,
            ' ' => spec.space = true,
            '0' => spec.zero = true,
            ',' => spec.group = true,
            '(' => spec.parenthesis = true,
            _ => break,
        }
        at += 1;
    }
    spec.width = digits(&mut at);
    if letters.get(at) == Some(&'.') {
        at += 1;
        spec.precision = Some(digits(&mut at).ok_or_else(|| {
            unknown(
                &letters
                    .get(at - 1)
                    .map_or_else(String::new, char::to_string),
            )
        })?);
    }
    if matches!(letters.get(at), Some('t' | 'T')) {
        spec.date = true;
        at += 1;
    }
    spec.conversion = *letters.get(at).ok_or_else(|| unknown("%"))?;
    at += 1;
    spec.source = letters[..at].iter().collect();
    if spec.width.unwrap_or(0) > MAX_WIDTH || spec.precision.unwrap_or(0) > MAX_WIDTH {
        return Err(super::convert::too_large());
    }
    Ok((spec, at))
}

/// `String.format(pattern, arguments…)`.
pub(crate) fn format(pattern: &str, arguments: &[Value<'_>]) -> Eval<String> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut ordinary = 0;
    let mut last: Option<usize> = None;
    while let Some(percent) = rest.find('%') {
        out.push_str(&rest[..percent]);
        let (spec, length) = specifier(&rest[percent + 1..])?;
        let bytes: usize = rest[percent + 1..]
            .chars()
            .take(length)
            .map(char::len_utf8)
            .sum();
        rest = &rest[percent + 1 + bytes..];
        match spec.conversion {
            'n' if !spec.date => out.push('\n'),
            '%' if !spec.date => pad(&mut out, &spec, "%".to_owned()),
            _ => {
                let index = match (spec.index, spec.previous) {
                    (Some(index), _) => index - 1,
                    (None, true) => last.ok_or_else(|| missing(&spec))?,
                    (None, false) => {
                        ordinary += 1;
                        ordinary - 1
                    }
                };
                let value = arguments.get(index).ok_or_else(|| missing(&spec))?;
                last = Some(index);
                convert(&mut out, &spec, value)?;
            }
        }
        if out.len() > MAX_TEXT {
            return Err(super::convert::too_large());
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn missing(spec: &Spec) -> Thrown {
    wrong(
        "java.util.MissingFormatArgumentException",
        format!("Format specifier '%{}'", spec.source),
    )
}

fn pad(out: &mut String, spec: &Spec, text: String) {
    let length = text.chars().count();
    let missing = spec.width.unwrap_or(0).saturating_sub(length);
    if !spec.left {
        out.extend(std::iter::repeat_n(' ', missing));
    }
    out.push_str(&text);
    if spec.left {
        out.extend(std::iter::repeat_n(' ', missing));
    }
}

fn convert(out: &mut String, spec: &Spec, value: &Value<'_>) -> Eval<()> {
    let shown = if spec.date {
        date_time(spec, value)?
    } else {
        match spec.conversion.to_ascii_lowercase() {
            's' => cut(spec, to_text(value).ok_or_else(super::convert::too_large)?),
            'b' => cut(
                spec,
                match value {
                    Value::Bool(value) => value.to_string(),
                    other => (!other.is_null()).to_string(),
                },
            ),
            'h' => cut(
                spec,
                if value.is_null() {
                    "null".to_owned()
                } else {
                    format!("{:x}", hash(value))
                },
            ),
            'c' => character(spec, value)?,
            'd' if spec.conversion == 'd' => return integer(out, spec, value),
            'o' if spec.conversion == 'o' => return radix(out, spec, value),
            'x' => return radix(out, spec, value),
            'f' if spec.conversion == 'f' => return real(out, spec, value),
            'e' | 'g' => return real(out, spec, value),
            'a' => return real(out, spec, value),
            _ => return Err(unknown(&spec.conversion.to_string())),
        }
    };
    let shown = if spec.conversion.is_ascii_uppercase() && !spec.date {
        shown.to_uppercase()
    } else {
        shown
    };
    if spec.left && spec.width.is_none() {
        return Err(wrong(
            "java.util.MissingFormatWidthException",
            format!("%{}", spec.source),
        ));
    }
    pad(out, spec, shown);
    Ok(())
}

fn cut(spec: &Spec, text: String) -> String {
    match spec.precision {
        Some(limit) => text.chars().take(limit).collect(),
        None => text,
    }
}

fn character(spec: &Spec, value: &Value<'_>) -> Eval<String> {
    match value {
        Value::Null => Ok("null".to_owned()),
        Value::Char(unit) => Ok(crate::value::text::char_of(*unit).to_string()),
        Value::Int(_) | Value::Byte(_) | Value::Short(_) => {
            let code = as_i64(value);
            u32::try_from(code)
                .ok()
                .and_then(char::from_u32)
                .map(String::from)
                .ok_or_else(|| {
                    wrong(
                        "java.util.IllegalFormatCodePointException",
                        format!("Code point = 0x{code:x}"),
                    )
                })
        }
        other => Err(mismatch(spec, other)),
    }
}

fn is_integral(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::Byte(_) | Value::Short(_) | Value::Int(_) | Value::Long(_) | Value::Big(_)
    )
}

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (index, c) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Puts the sign, leading zeros and width around the digits of a number.
fn signed(out: &mut String, spec: &Spec, negative: bool, digits: &str) {
    let (prefix, suffix) = match (negative, spec) {
        (true, spec) if spec.parenthesis => ("(", ")"),
        (true, _) => ("-", ""),
        (false, spec) if spec.plus => ("+", ""),
        (false, spec) if spec.space => (" ", ""),
        _ => ("", ""),
    };
    let mut body = digits.to_owned();
    if spec.zero {
        let taken = prefix.len() + suffix.len() + body.chars().count();
        let zeros = spec.width.unwrap_or(0).saturating_sub(taken);
        body.insert_str(0, &"0".repeat(zeros));
    }
    pad(out, spec, format!("{prefix}{body}{suffix}"));
}

fn integer(out: &mut String, spec: &Spec, value: &Value<'_>) -> Eval<()> {
    if value.is_null() {
        pad(out, spec, "null".to_owned());
        return Ok(());
    }
    if !is_integral(value) {
        return Err(mismatch(spec, value));
    }
    if spec.precision.is_some() {
        return Err(wrong(
            "java.util.IllegalFormatPrecisionException",
            spec.precision.unwrap_or(0).to_string(),
        ));
    }
    let text = to_text(value).unwrap_or_default();
    let digits = text.trim_start_matches('-');
    let digits = if spec.group {
        grouped(digits)
    } else {
        digits.to_owned()
    };
    signed(out, spec, text.starts_with('-'), &digits);
    Ok(())
}

fn radix(out: &mut String, spec: &Spec, value: &Value<'_>) -> Eval<()> {
    let octal = spec.conversion == 'o';
    macro_rules! digits {
        ($value:expr) => {
            if octal {
                format!("{:o}", $value)
            } else {
                format!("{:x}", $value)
            }
        };
    }
    let digits = match value {
        Value::Null => {
            pad(out, spec, "null".to_owned());
            return Ok(());
        }
        Value::Byte(value) => digits!(value),
        Value::Short(value) => digits!(value),
        Value::Int(value) => digits!(value),
        Value::Long(value) => digits!(value),
        Value::Big(value) => value.to_str_radix(if octal { 8 } else { 16 }),
        other => return Err(mismatch(spec, other)),
    };
    let lead = match (spec.alternate, octal) {
        (true, true) => "0",
        (true, false) => "0x",
        _ => "",
    };
    let mut text = format!("{lead}{digits}");
    if spec.zero {
        let zeros = spec.width.unwrap_or(0).saturating_sub(text.len());
        text = format!("{lead}{}{digits}", "0".repeat(zeros));
    }
    if spec.conversion == 'X' {
        text = text.to_uppercase();
    }
    pad(out, spec, text);
    Ok(())
}

/// Rounds half up on the decimal digits Java prints, not on the binary value.
fn rounded(value: f64, places: usize) -> String {
    let (digits, exponent) = decimal(value);
    round_digits(&digits, exponent, places)
}

/// The shortest decimal digits of a finite value and where its point stands: `0.digits * 10^exponent`.
fn decimal(value: f64) -> (Vec<u8>, i32) {
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| byte - b'0')
        .collect();
    (digits, exponent.parse::<i32>().unwrap_or(0) + 1)
}

fn round_digits(digits: &[u8], exponent: i32, places: usize) -> String {
    // All digits with leading zeros up to the point.
    let lead = (-exponent).max(0) as usize;
    let mut all: Vec<u8> = std::iter::repeat_n(0, lead)
        .chain(digits.iter().copied())
        .collect();
    let mut point = exponent.max(0) as usize;
    while all.len() < point {
        all.push(0);
    }
    let keep = point + places;
    let up = all.get(keep).is_some_and(|digit| *digit >= 5);
    all.resize(keep, 0);
    if up {
        let mut index = keep;
        loop {
            if index == 0 {
                all.insert(0, 1);
                point += 1;
                break;
            }
            index -= 1;
            if all[index] == 9 {
                all[index] = 0;
            } else {
                all[index] += 1;
                break;
            }
        }
    }
    let text: String = all.iter().map(|digit| (digit + b'0') as char).collect();
    let (whole, fraction) = text.split_at(point);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if places == 0 {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

fn scientific(value: f64, places: usize) -> String {
    if value == 0.0 {
        let zeros = "0".repeat(places);
        let point = if places > 0 { "." } else { "" };
        return format!("0{point}{zeros}e+00");
    }
    let (digits, mut exponent) = decimal(value);
    let mut mantissa = round_digits(&digits, 1, places);
    if mantissa.starts_with("10") {
        mantissa = round_digits(&[1], 1, places);
        exponent += 1;
    }
    let power = exponent - 1;
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

fn real(out: &mut String, spec: &Spec, value: &Value<'_>) -> Eval<()> {
    let number = match value {
        Value::Null => {
            pad(out, spec, cut(spec, "null".to_owned()));
            return Ok(());
        }
        // Java widens a float through its own digits.
        Value::Float(value) => crate::value::text::float(*value)
            .parse()
            .unwrap_or(f64::from(*value)),
        Value::Double(_) => as_f64(value),
        other => return Err(mismatch(spec, other)),
    };
    let upper = spec.conversion.is_ascii_uppercase();
    if !number.is_finite() {
        let mut plain = spec.clone();
        plain.zero = false;
        let text = if number.is_nan() { "NaN" } else { "Infinity" };
        let text = if upper {
            text.to_uppercase()
        } else {
            text.to_owned()
        };
        signed(out, &plain, number < 0.0, &text);
        return Ok(());
    }
    let places = spec.precision.unwrap_or(6);
    let digits = match spec.conversion.to_ascii_lowercase() {
        'e' => scientific(number, places),
        'g' => {
            let places = places.max(1);
            let magnitude = number.abs();
            let limit = 10_f64.powi(places.min(300) as i32);
            if number == 0.0 {
                rounded(0.0, places - 1)
            } else if (1e-4..limit).contains(&magnitude) {
                let whole = decimal(number).1;
                rounded(number, (places as i32 - whole).max(0) as usize)
            } else {
                scientific(number, places - 1)
            }
        }
        'a' => return Err(unknown(&spec.conversion.to_string())),
        _ => rounded(number, places),
    };
    let digits = if spec.group {
        match digits.split_once('.') {
            Some((whole, fraction)) => format!("{}.{fraction}", grouped(whole)),
            None => grouped(&digits),
        }
    } else {
        digits
    };
    let digits = if upper { digits.to_uppercase() } else { digits };
    signed(out, spec, number.is_sign_negative(), &digits);
    Ok(())
}

fn date_time(spec: &Spec, value: &Value<'_>) -> Eval<String> {
    let millis = match value {
        Value::Null => return Ok("null".to_owned()),
        Value::Long(millis) => *millis,
        Value::Object(Object::Date(millis)) => *millis,
        Value::Object(Object::LocalDateTime(at)) => at.and_utc().timestamp_millis(),
        Value::Object(Object::LocalDate(date)) => date
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_millis(),
        other => return Err(mismatch(spec, other)),
    };
    let at = date::fields(millis);
    let weekday = date::WEEKDAYS[at.weekday().num_days_from_sunday() as usize];
    let month = date::MONTHS[at.month0() as usize];
    let twelve = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    Ok(match spec.conversion {
        'Y' => format!("{:04}", at.year()),
        'y' => format!("{:02}", at.year().rem_euclid(100)),
        'C' => format!("{:02}", at.year() / 100),
        'm' => format!("{:02}", at.month()),
        'd' => format!("{:02}", at.day()),
        'e' => at.day().to_string(),
        'j' => format!("{:03}", at.ordinal()),
        'B' => month.to_owned(),
        'b' | 'h' => month[..3].to_owned(),
        'A' => weekday.to_owned(),
        'a' => weekday[..3].to_owned(),
        'H' => format!("{:02}", at.hour()),
        'k' => at.hour().to_string(),
        'I' => format!("{twelve:02}"),
        'l' => twelve.to_string(),
        'M' => format!("{:02}", at.minute()),
        'S' => format!("{:02}", at.second()),
        'L' => format!("{:03}", millis.rem_euclid(1000)),
        'N' => format!("{:09}", millis.rem_euclid(1000) * 1_000_000),
        'p' => if at.hour() < 12 { "am" } else { "pm" }.to_owned(),
        's' => millis.div_euclid(1000).to_string(),
        'Q' => millis.to_string(),
        'Z' => "UTC".to_owned(),
        'z' => "+0000".to_owned(),
        'F' => format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day()),
        'D' => format!(
            "{:02}/{:02}/{:02}",
            at.month(),
            at.day(),
            at.year().rem_euclid(100)
        ),
        'T' => format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
        'R' => format!("{:02}:{:02}", at.hour(), at.minute()),
        'r' => format!(
            "{twelve:02}:{:02}:{:02} {}",
            at.minute(),
            at.second(),
            if at.hour() < 12 { "AM" } else { "PM" }
        ),
        'c' => date::java_text(millis),
        other => return Err(unknown(&format!("t{other}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_of_java() {
        let table: &[(&str, Vec<Value<'_>>, &str)] = &[
            ("%s-%03d", vec![Value::text("a"), Value::Int(5)], "a-005"),
            (
                "%5s|%-5s|",
                vec![Value::text("x"), Value::text("y")],
                "    x|y    |",
            ),
            ("%.2f", vec![Value::Double(2.675)], "2.68"),
            ("%.1f", vec![Value::Double(0.25)], "0.3"),
            ("%,d", vec![Value::Int(1_234_567)], "1,234,567"),
            (
                "%x %X %o",
                vec![Value::Int(255), Value::Int(255), Value::Int(8)],
                "ff FF 10",
            ),
            ("%x", vec![Value::Int(-1)], "ffffffff"),
            ("%e", vec![Value::Double(12345.678)], "1.234568e+04"),
            ("%2$s %1$s", vec![Value::text("a"), Value::text("b")], "b a"),
            ("%b %S", vec![Value::Null, Value::text("x")], "false X"),
            ("100%%%n", vec![], "100%\n"),
            (
                "%+d (% d) %(d",
                vec![Value::Int(1), Value::Int(2), Value::Int(-3)],
                "+1 ( 2) (3)",
            ),
            ("%08.2f", vec![Value::Double(-3.5)], "-0003.50"),
            ("%g", vec![Value::Double(0.0001)], "0.000100000"),
            ("%tF", vec![Value::Long(1_500_000_000_000)], "2017-07-14"),
        ];
        for (pattern, arguments, expected) in table {
            assert_eq!(format(pattern, arguments).unwrap(), *expected, "{pattern}");
        }
        let error = format("%d", &[Value::text("x")]).unwrap_err();
        assert_eq!(error.class, "java.util.IllegalFormatConversionException");
        assert_eq!(error.text(), "d != java.lang.String");
    }
}
