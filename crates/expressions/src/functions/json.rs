//! `#toJson`, `#readJson`, `#doNotEval`.

use std::fmt::Write;
use std::rc::Rc;

use crate::error::{Eval, Thrown};
use crate::java::method::{Arguments, Method, OBJECT, STRING, function, null_pointer};
use crate::value::json::{NoJson, Writer, owned, to_json};
use crate::value::text::{MAX_TEXT, double, to_text};
use crate::value::{Json, Object, Value};

const MISMATCH: &str = "com.fasterxml.jackson.databind.exc.MismatchedInputException";
const BLANK: &str = "com.fasterxml.jackson.databind.exc.InvalidFormatException";
const PARSE: &str = "com.fasterxml.jackson.core.JsonParseException";
const END: &str = "com.fasterxml.jackson.core.io.JsonEOFException";

/// Compact JSON as Jackson writes it.
fn write(out: &mut String, json: &Json) -> Option<()> {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) if number.is_f64() => {
            out.push_str(&double(number.as_f64().unwrap_or(0.0)));
        }
        Json::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Json::String(text) => quoted(out, text),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item)?;
            }
            out.push(']');
        }
        Json::Object(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quoted(out, key);
                out.push(':');
                write(out, value)?;
            }
            out.push('}');
        }
    }
    (out.len() <= MAX_TEXT).then_some(())
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Jackson tells the end of the text from other problems, except behind a comma and inside a word.
fn parse_problem(error: &serde_json::Error, text: &str) -> Thrown {
    let message = error.to_string();
    let cut = message.contains("parsing a string")
        || !text
            .trim_end()
            .ends_with(|c: char| c == ',' || c.is_ascii_alphabetic());
    Thrown::java(if error.is_eof() && cut { END } else { PARSE }, message)
}

/// The first JSON value of a text; what follows it is ignored, as Jackson does.
fn parse(text: &str) -> Eval<Json> {
    let list = text.starts_with('[');
    let wanted = if list {
        "java.util.ArrayList<java.lang.Object>"
    } else {
        "java.util.LinkedHashMap<java.lang.Object,java.lang.Object>"
    };
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let value = match values.next() {
        None => {
            return Err(Thrown::java(
                MISMATCH,
                "No content to map due to end-of-input",
            ));
        }
        Some(value) => value.map_err(|error| parse_problem(&error, text))?,
    };
    // A number must be followed by white space or nothing.
    let rest = &text[values.byte_offset()..];
    if matches!(value, Json::Number(_))
        && !rest.is_empty()
        && !rest.starts_with(char::is_whitespace)
    {
        return Err(Thrown::java(
            PARSE,
            "Expected space separating root-level values",
        ));
    }
    let fits = match &value {
        Json::Array(_) => list,
        Json::Object(_) => !list,
        Json::Null => true,
        _ => false,
    };
    let blank = matches!(&value, Json::String(text) if text.trim().is_empty());
    if fits {
        Ok(value)
    } else {
        Err(Thrown::java(
            if blank { BLANK } else { MISMATCH },
            format!("Cannot deserialize value of type `{wanted}`"),
        ))
    }
}

/// `#readJson`.
pub(super) fn read<'a>(value: &Value<'a>) -> Eval<Value<'a>> {
    let text = value.char_sequence();
    let failed = |cause: Thrown| {
        Thrown::helper(format!("#readJson({}) failed", text.unwrap_or("null"))).because(cause)
    };
    let text = text.ok_or_else(|| failed(null_pointer()))?;
    if text.len() > MAX_TEXT {
        return Err(crate::java::convert::too_large());
    }
    parse(text).map(owned).map_err(failed)
}

/// The functions.
pub(super) static FUNCTIONS: &[Method] = &[
    function("toJson", &[OBJECT], |machine, _, args| {
        let failed = |cause: Thrown| {
            let shown = to_text(&args[0]).unwrap_or_default();
            Thrown::helper(format!("#toJson({shown}) failed")).because(cause)
        };
        let (value, free) = match &args[0] {
            Value::Object(Object::NotEvaluable(inner)) => (&**inner, true),
            other => (other, false),
        };
        let json = to_json(value, Some(&machine.root), Writer::Helper).map_err(|problem| {
            failed(match problem {
                NoJson::TooLarge => crate::java::convert::too_large(),
                NoJson::Unsupported(class) => Thrown::java(
                    "com.fasterxml.jackson.databind.exc.InvalidDefinitionException",
                    format!("Java 8 date/time type `{class}` not supported by default"),
                ),
            })
        })?;
        let mut out = String::new();
        write(&mut out, &json).ok_or_else(crate::java::convert::too_large)?;
        if !free && out.contains("${") {
            return Err(failed(Thrown::helper(
                "result for toJson cannot contain an expression",
            )));
        }
        machine.spend_bytes(out.len())?;
        Ok(Value::text(out))
    }),
    function("doNotEval", &[OBJECT], |_, _, args| {
        Ok(Value::Object(Object::NotEvaluable(Rc::new(
            args[0].clone(),
        ))))
    }),
    function("readJson", &[STRING], |machine, _, args| {
        let size = args.text(0).map_or(0, str::len);
        machine.spend_bytes(size)?;
        read(&args[0])
    }),
];
