//! Text as bytes: charsets, arrays of bytes and characters, and `java.net.URLEncoder`.

use super::convert;
use super::method::{Arguments, Method, STRING, function, null_pointer};
use super::string::made;
use crate::error::{Eval, Thrown};
use crate::value::{Class, Object, Type, Value};

pub(super) fn units(value: &Value<'_>) -> Vec<u16> {
    match value {
        Value::Array(array) => array
            .items
            .borrow()
            .iter()
            .map(|item| match item {
                Value::Char(unit) => *unit,
                other => convert::as_i64(other) as u16,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The bytes of a `byte[]`.
pub(crate) fn bytes(value: &Value<'_>) -> Vec<u8> {
    match value {
        Value::Array(array) => array
            .items
            .borrow()
            .iter()
            .map(|item| convert::as_i64(item) as u8)
            .collect(),
        _ => Vec::new(),
    }
}

/// A `byte[]`.
pub(crate) fn byte_array<'a>(bytes: &[u8]) -> Value<'a> {
    Value::array(
        Type::of(Class::BytePrimitive),
        bytes.iter().map(|byte| Value::Byte(*byte as i8)).collect(),
    )
}

pub(super) fn char_array<'a>(text: &str) -> Value<'a> {
    Value::array(
        Type::of(Class::CharPrimitive),
        text.encode_utf16().map(Value::Char).collect(),
    )
}

/// The canonical name of a character set.
pub(crate) fn charset(name: &str) -> Eval<&'static str> {
    match name.to_ascii_uppercase().as_str() {
        "UTF-8" | "UTF8" => Ok("UTF-8"),
        "US-ASCII" | "ASCII" => Ok("US-ASCII"),
        "ISO-8859-1" | "LATIN1" | "ISO8859_1" => Ok("ISO-8859-1"),
        "UTF-16" => Ok("UTF-16"),
        "UTF-16BE" => Ok("UTF-16BE"),
        "UTF-16LE" => Ok("UTF-16LE"),
        _ => Err(Thrown::java(
            "java.nio.charset.UnsupportedCharsetException",
            name,
        )),
    }
}

pub(super) fn encode(text: &str, charset: &str) -> Vec<u8> {
    match charset {
        "US-ASCII" => text
            .chars()
            .map(|c| if c.is_ascii() { c as u8 } else { b'?' })
            .collect(),
        "ISO-8859-1" => text
            .chars()
            .map(|c| if (c as u32) < 256 { c as u8 } else { b'?' })
            .collect(),
        "UTF-16" => [0xFE, 0xFF]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
            .collect(),
        "UTF-16BE" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "UTF-16LE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

pub(super) fn decode(bytes: &[u8], charset: &str) -> String {
    let wide = |make: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| make([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    match charset {
        "US-ASCII" => bytes
            .iter()
            .map(|byte| {
                if byte.is_ascii() {
                    *byte as char
                } else {
                    '\u{fffd}'
                }
            })
            .collect(),
        "ISO-8859-1" => bytes.iter().map(|byte| *byte as char).collect(),
        "UTF-16" | "UTF-16BE" => {
            let bytes = bytes.strip_prefix(&[0xFE, 0xFF]).unwrap_or(bytes);
            wide(u16::from_be_bytes, bytes)
        }
        "UTF-16LE" => wide(u16::from_le_bytes, bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The named character set; an unknown name is a checked exception in Java.
pub(super) fn named_charset(name: &str) -> Eval<&'static str> {
    charset(name).map_err(|_| Thrown::java("java.io.UnsupportedEncodingException", name))
}

pub(super) fn charset_of(value: &Value<'_>) -> Eval<&'static str> {
    match value {
        Value::Object(Object::Charset(name)) => Ok(name),
        _ => Err(null_pointer()),
    }
}

/// `URLEncoder.encode`.
pub(super) fn url_encode(text: &str, charset: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '*' | '_' => out.push(c),
            ' ' => out.push('+'),
            _ => {
                for byte in encode(c.encode_utf8(&mut [0; 4]), charset) {
                    out.push_str(&format!("%{byte:02X}"));
                }
            }
        }
    }
    out
}

/// `URLEncoder`.
pub(crate) static URL_ENCODER: &[Method] = &[
    function("encode", &[STRING], |machine, _, args| {
        let text = url_encode(args.text(0)?, "UTF-8");
        made(machine, text)
    }),
    function("encode", &[STRING, STRING], |machine, _, args| {
        let text = url_encode(args.text(0)?, named_charset(args.text(1)?)?);
        made(machine, text)
    }),
    function(
        "encode",
        &[STRING, Type::of(Class::Charset)],
        |machine, _, args| {
            let text = url_encode(args.text(0)?, charset_of(&args[1])?);
            made(machine, text)
        },
    ),
];
