//! `java.lang.Math`.

use super::method::{Arguments, DOUBLE, FLOAT, INT, LONG, Method, function};
use crate::error::{ARITHMETIC, Thrown};
use crate::value::Value;

/// `Math.min` of reals: NaN wins, -0.0 is less than 0.0.
pub(crate) fn smaller(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        f64::NAN
    } else if left == 0.0 && right == 0.0 {
        if left.is_sign_negative() { left } else { right }
    } else {
        left.min(right)
    }
}

/// `Math.max` of reals.
pub(crate) fn larger(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        f64::NAN
    } else if left == 0.0 && right == 0.0 {
        if left.is_sign_negative() { right } else { left }
    } else {
        left.max(right)
    }
}

fn overflow(what: &str) -> Thrown {
    Thrown::java(ARITHMETIC, format!("{what} overflow"))
}

fn exact_int<'a>(value: Option<i32>) -> Result<Value<'a>, Thrown> {
    value.map(Value::Int).ok_or_else(|| overflow("integer"))
}

fn exact_long<'a>(value: Option<i64>) -> Result<Value<'a>, Thrown> {
    value.map(Value::Long).ok_or_else(|| overflow("long"))
}

fn by_zero() -> Thrown {
    Thrown::java(ARITHMETIC, "/ by zero")
}

fn floor_div(left: i64, right: i64) -> Option<i64> {
    if right == 0 {
        return None;
    }
    let quotient = left.wrapping_div(right);
    let exact = quotient.wrapping_mul(right) == left;
    Some(if !exact && (left < 0) != (right < 0) {
        quotient - 1
    } else {
        quotient
    })
}

fn floor_mod(left: i64, right: i64) -> Option<i64> {
    if right == 0 {
        return None;
    }
    let rest = left.wrapping_rem(right);
    Some(if rest != 0 && (rest < 0) != (right < 0) {
        rest + right
    } else {
        rest
    })
}

/// Rounds half up, as `Math.round` does.
fn round(value: f64) -> i64 {
    if value.is_nan() {
        return 0;
    }
    let floor = value.floor();
    let up = value - floor >= 0.5;
    (if up { floor + 1.0 } else { floor }) as i64
}

macro_rules! real {
    ($name:literal, $body:expr) => {
        function($name, &[DOUBLE], |_, _, args| {
            let apply: fn(f64) -> f64 = $body;
            Ok(Value::Double(apply(args.double(0))))
        })
    };
}

macro_rules! reals {
    ($name:literal, $body:expr) => {
        function($name, &[DOUBLE, DOUBLE], |_, _, args| {
            let apply: fn(f64, f64) -> f64 = $body;
            Ok(Value::Double(apply(args.double(0), args.double(1))))
        })
    };
}

/// `Math`.
pub(crate) static METHODS: &[Method] = &[
    function("abs", &[INT], |_, _, args| {
        Ok(Value::Int(args.int(0).wrapping_abs()))
    }),
    function("abs", &[LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).wrapping_abs()))
    }),
    function("abs", &[FLOAT], |_, _, args| {
        Ok(Value::Float(args.float(0).abs()))
    }),
    real!("abs", f64::abs),
    function("min", &[INT, INT], |_, _, args| {
        Ok(Value::Int(args.int(0).min(args.int(1))))
    }),
    function("min", &[FLOAT, FLOAT], |_, _, args| {
        Ok(Value::Float(smaller(args.double(0), args.double(1)) as f32))
    }),
    function("min", &[LONG, LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).min(args.long(1))))
    }),
    reals!("min", smaller),
    function("max", &[INT, INT], |_, _, args| {
        Ok(Value::Int(args.int(0).max(args.int(1))))
    }),
    function("max", &[FLOAT, FLOAT], |_, _, args| {
        Ok(Value::Float(larger(args.double(0), args.double(1)) as f32))
    }),
    function("max", &[LONG, LONG], |_, _, args| {
        Ok(Value::Long(args.long(0).max(args.long(1))))
    }),
    reals!("max", larger),
    real!("sin", f64::sin),
    real!("cos", f64::cos),
    real!("tan", f64::tan),
    real!("asin", f64::asin),
    real!("acos", f64::acos),
    real!("atan", f64::atan),
    real!("sinh", f64::sinh),
    real!("cosh", f64::cosh),
    real!("tanh", f64::tanh),
    real!("sqrt", f64::sqrt),
    real!("cbrt", f64::cbrt),
    real!("log", f64::ln),
    real!("log10", f64::log10),
    real!("log1p", f64::ln_1p),
    real!("exp", f64::exp),
    real!("expm1", f64::exp_m1),
    real!("floor", f64::floor),
    real!("ceil", f64::ceil),
    real!("rint", f64::round_ties_even),
    real!("toRadians", |degrees| degrees
        * (std::f64::consts::PI / 180.0)),
    real!("toDegrees", |radians| radians
        * (180.0 / std::f64::consts::PI)),
    real!("nextUp", f64::next_up),
    real!("nextDown", f64::next_down),
    real!("ulp", |value| {
        let value = value.abs();
        if value.is_finite() {
            (value.next_up() - value).min(f64::MAX)
        } else {
            value
        }
    }),
    real!("signum", |value| {
        if value == 0.0 || value.is_nan() {
            value
        } else {
            value.signum()
        }
    }),
    function("signum", &[FLOAT], |_, _, args| {
        let value = args.float(0);
        Ok(Value::Float(if value == 0.0 || value.is_nan() {
            value
        } else {
            value.signum()
        }))
    }),
    reals!("pow", |base, exponent| {
        if exponent.is_nan() || (base.abs() == 1.0 && exponent.is_infinite()) {
            f64::NAN
        } else {
            base.powf(exponent)
        }
    }),
    reals!("atan2", f64::atan2),
    reals!("hypot", f64::hypot),
    reals!("copySign", f64::copysign),
    reals!("IEEEremainder", |left, right| {
        left - right * (left / right).round_ties_even()
    }),
    function("fma", &[DOUBLE, DOUBLE, DOUBLE], |_, _, args| {
        Ok(Value::Double(
            args.double(0).mul_add(args.double(1), args.double(2)),
        ))
    }),
    function("round", &[DOUBLE], |_, _, args| {
        Ok(Value::Long(round(args.double(0))))
    }),
    function("round", &[FLOAT], |_, _, args| {
        let rounded = round(args.double(0));
        Ok(Value::Int(
            rounded.clamp(i32::MIN.into(), i32::MAX.into()) as i32
        ))
    }),
    function("random", &[], |machine, _, _| {
        let bits = machine.scope.environment.random_u64() >> 11;
        Ok(Value::Double(bits as f64 / (1_u64 << 53) as f64))
    }),
    function("addExact", &[INT, INT], |_, _, args| {
        exact_int(args.int(0).checked_add(args.int(1)))
    }),
    function("addExact", &[LONG, LONG], |_, _, args| {
        exact_long(args.long(0).checked_add(args.long(1)))
    }),
    function("subtractExact", &[INT, INT], |_, _, args| {
        exact_int(args.int(0).checked_sub(args.int(1)))
    }),
    function("subtractExact", &[LONG, LONG], |_, _, args| {
        exact_long(args.long(0).checked_sub(args.long(1)))
    }),
    function("multiplyExact", &[INT, INT], |_, _, args| {
        exact_int(args.int(0).checked_mul(args.int(1)))
    }),
    function("multiplyExact", &[LONG, LONG], |_, _, args| {
        exact_long(args.long(0).checked_mul(args.long(1)))
    }),
    function("multiplyExact", &[LONG, INT], |_, _, args| {
        exact_long(args.long(0).checked_mul(args.long(1)))
    }),
    function("multiplyFull", &[INT, INT], |_, _, args| {
        Ok(Value::Long(args.long(0) * args.long(1)))
    }),
    function("multiplyHigh", &[LONG, LONG], |_, _, args| {
        let product = i128::from(args.long(0)) * i128::from(args.long(1));
        Ok(Value::Long((product >> 64) as i64))
    }),
    function("incrementExact", &[INT], |_, _, args| {
        exact_int(args.int(0).checked_add(1))
    }),
    function("incrementExact", &[LONG], |_, _, args| {
        exact_long(args.long(0).checked_add(1))
    }),
    function("decrementExact", &[INT], |_, _, args| {
        exact_int(args.int(0).checked_sub(1))
    }),
    function("decrementExact", &[LONG], |_, _, args| {
        exact_long(args.long(0).checked_sub(1))
    }),
    function("negateExact", &[INT], |_, _, args| {
        exact_int(args.int(0).checked_neg())
    }),
    function("negateExact", &[LONG], |_, _, args| {
        exact_long(args.long(0).checked_neg())
    }),
    function("absExact", &[INT], |_, _, args| {
        exact_int(args.int(0).checked_abs())
    }),
    function("absExact", &[LONG], |_, _, args| {
        exact_long(args.long(0).checked_abs())
    }),
    function("toIntExact", &[LONG], |_, _, args| {
        exact_int(i32::try_from(args.long(0)).ok())
    }),
    function("floorDiv", &[INT, INT], |_, _, args| {
        floor_div(args.long(0), args.long(1))
            .map(|value| Value::Int(value as i32))
            .ok_or_else(by_zero)
    }),
    function("floorDiv", &[LONG, INT], |_, _, args| {
        floor_div(args.long(0), args.long(1))
            .map(Value::Long)
            .ok_or_else(by_zero)
    }),
    function("floorDiv", &[LONG, LONG], |_, _, args| {
        floor_div(args.long(0), args.long(1))
            .map(Value::Long)
            .ok_or_else(by_zero)
    }),
    function("floorMod", &[INT, INT], |_, _, args| {
        floor_mod(args.long(0), args.long(1))
            .map(|value| Value::Int(value as i32))
            .ok_or_else(by_zero)
    }),
    function("floorMod", &[LONG, INT], |_, _, args| {
        floor_mod(args.long(0), args.long(1))
            .map(|value| Value::Int(value as i32))
            .ok_or_else(by_zero)
    }),
    function("floorMod", &[LONG, LONG], |_, _, args| {
        floor_mod(args.long(0), args.long(1))
            .map(Value::Long)
            .ok_or_else(by_zero)
    }),
    function("getExponent", &[DOUBLE], |_, _, args| {
        let bits = args.double(0).to_bits();
        Ok(Value::Int(((bits >> 52) & 0x7FF) as i32 - 1023))
    }),
    function("scalb", &[DOUBLE, INT], |_, _, args| {
        Ok(Value::Double(
            args.double(0) * 2_f64.powi(args.int(1).clamp(-2200, 2200)),
        ))
    }),
    function("nextAfter", &[DOUBLE, DOUBLE], |_, _, args| {
        let (start, direction) = (args.double(0), args.double(1));
        Ok(Value::Double(if direction > start {
            start.next_up()
        } else if direction < start {
            start.next_down()
        } else {
            direction
        }))
    }),
];
