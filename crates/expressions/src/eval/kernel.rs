//! The functions evalexpr trees may call: what Java does and evalexpr does not.

use std::rc::Rc;

use evalexpr::{Context, EvalexprError, EvalexprResult, Value as Datum};
use num_bigint::BigInt;

use super::lower::MAX_BIG_BITS;
use super::order::rank;
use crate::java::convert;
use crate::value::Value;

pub(super) fn big(digits: &str) -> BigInt {
    digits.parse().unwrap_or_default()
}

/// The functions trees may call.
pub(super) struct Kernel;

impl Context for Kernel {
    fn get_value(&self, _identifier: &str) -> Option<&Datum> {
        None
    }

    fn call_function(&self, identifier: &str, argument: &Datum) -> EvalexprResult<Datum> {
        match identifier {
            "int" => Ok(Datum::Int(i64::from(argument.as_int()? as i32))),
            "float" => Ok(Datum::Float(f64::from(argument.as_number()? as f32))),
            "big" => Ok(Datum::String(argument.as_int()?.to_string())),
            "big::real" => Ok(Datum::Float(convert::as_f64(&Value::Big(Rc::new(big(
                &argument.as_string()?,
            )))))),
            _ => {
                let both = argument.as_fixed_len_tuple(2)?;
                pair(identifier, &both[0], &both[1])
            }
        }
    }

    fn are_builtin_functions_disabled(&self) -> bool {
        true
    }

    fn set_builtin_functions_disabled(&mut self, _disabled: bool) -> EvalexprResult<()> {
        Ok(())
    }
}

fn pair(identifier: &str, left: &Datum, right: &Datum) -> EvalexprResult<Datum> {
    if let Some(op) = identifier.strip_prefix("long::") {
        let (left, right) = (left.as_int()?, right.as_int()?);
        if right == 0 && matches!(op, "divide" | "remainder") {
            return Err(EvalexprError::CustomMessage("/ by zero".into()));
        }
        return Ok(Datum::Int(match op {
            "add" => left.wrapping_add(right),
            "subtract" => left.wrapping_sub(right),
            "multiply" => left.wrapping_mul(right),
            "divide" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        }));
    }
    if let Some(op) = identifier.strip_prefix("big::") {
        let (left, right) = (big(&left.as_string()?), big(&right.as_string()?));
        if op == "compare" {
            return Ok(Datum::Int(rank(left.cmp(&right))));
        }
        if right == BigInt::from(0) && matches!(op, "divide" | "remainder") {
            return Err(EvalexprError::CustomMessage(
                "BigInteger divide by zero".into(),
            ));
        }
        if op == "multiply" && left.bits() + right.bits() > MAX_BIG_BITS {
            return Err(EvalexprError::CustomMessage(
                "BigInteger would overflow supported range".into(),
            ));
        }
        let result = match op {
            "add" => left + right,
            "subtract" => left - right,
            "multiply" => left * right,
            "divide" => left / right,
            _ => left % right,
        };
        return Ok(Datum::String(result.to_string()));
    }
    let (text, count) = (left.as_string()?, right.as_int()?);
    match identifier {
        "text::repeat" => Ok(Datum::String(text.repeat(count.max(0) as usize))),
        "text::shift" => {
            let unit = text.encode_utf16().next().unwrap_or(0);
            let moved = (i64::from(unit) - count) as u16;
            Ok(Datum::String(
                crate::value::text::char_of(moved).to_string(),
            ))
        }
        _ => Err(EvalexprError::FunctionIdentifierNotFound(
            identifier.to_owned(),
        )),
    }
}
