//! Text, numbers and base64.

use super::base64;
use crate::error::Thrown;
use crate::java::method::{Arguments, Method, STRING, function, null_pointer};
use crate::java::number;
use crate::value::Value;

/// `#toInt`, `#toFloat`, `#toBoolean`, `#toBase64`, `#fromBase64`, `#alphanumerical`, `#fetchReference`.
pub(super) static FUNCTIONS: &[Method] = &[
    function("toInt", &[STRING], |_, _, args| {
        number::parse_int_of(&args[0]).map(Value::Int)
    }),
    function("toFloat", &[STRING], |_, _, args| {
        let text = args[0].char_sequence().ok_or_else(null_pointer)?;
        number::parse_float(text).map(Value::Float)
    }),
    function("toBoolean", &[STRING], |_, _, args| {
        Ok(Value::Bool(number::is_true(&args[0])))
    }),
    function("toBase64", &[STRING], |machine, _, args| {
        let encoded = base64::encode(args.text(0)?.as_bytes());
        machine.spend_bytes(encoded.len())?;
        Ok(Value::text(encoded))
    }),
    function("fromBase64", &[STRING], |machine, _, args| {
        let decoded = base64::decode(args.text(0)?)?;
        machine.spend_bytes(decoded.len())?;
        Ok(Value::text(String::from_utf8_lossy(&decoded).into_owned()))
    }),
    function("alphanumerical", &[STRING], |machine, _, args| {
        let kept: String = args
            .text(0)?
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        machine.spend_bytes(kept.len())?;
        Ok(Value::text(kept))
    }),
    function("fetchReference", &[STRING], |machine, _, args| {
        let text = args.text(0)?;
        if !text.starts_with("ref://") {
            return Ok(args[0].clone());
        }
        machine
            .scope
            .environment
            .stored_artifact(text)
            .map(Value::text)
            .ok_or_else(|| Thrown::helper(format!("no stored artifact for '{text}'")))
    }),
];
