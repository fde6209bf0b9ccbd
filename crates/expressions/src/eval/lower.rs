//! Lowering: arithmetic, comparison, concatenation and logic become evalexpr trees. Only this module, its `kernel` of
//! functions and `show` know evalexpr.
//!
//! An island is the largest part of a syntax tree made of strict operators. Its leaves are evaluated first, left to
//! right; then operators are put over the constants and evalexpr computes the whole. Trees are built from nodes,
//! never from text. Where Java differs from evalexpr the lowering inserts a node:
//!
//! | SpEL | tree |
//! | --- | --- |
//! | `int op int` | `int(a op b)`: 64-bit arithmetic, cut to 32 bits as Java does |
//! | `long op long` | `a op b`, or `long::op(a, b)`, which wraps, where the result does not fit |
//! | an integer beside a real | `a * 1.0` |
//! | `float op float` | `float(a op b)`: rounded to 32 bits |
//! | big integers | `big::op("…", "…")` |
//! | `a ^ b` | computed at once: the type of the result depends on its value |
//! | text beside anything | `a + "text"`, the other side in Java's text form |
//! | `text * n`, `'c' - n` | `text::repeat(t, n)`, `text::shift(t, n)` |
//! | null beside anything | ranks: `0 < 1` |
//! | `==` of collections and objects | decided by Java's `equals`; the verdict is a constant of the tree |
//! | other comparable values | `order < 0`, with the order as constant |
//!
//! An error of an operator belongs before an error of a leaf that Java would have reached later. So when a leaf
//! fails, the finished part of the tree to its left runs first.

use std::cmp::Ordering;
use std::rc::Rc;

use evalexpr::{EvalexprError, Node as Tree, Operator, Value as Datum};
use num_bigint::BigInt;

use super::Machine;
use super::kernel::{Kernel, big};
use super::order::{order, rank, same};
use crate::error::{ARITHMETIC, Eval, Thrown};
use crate::java::convert;
use crate::syntax::ast::{Kind, Node, Strict, Unary};
use crate::value::text::to_text;
use crate::value::{Class, Type, Value};

/// How long a concatenation may become, in UTF-16 units.
const MAX_CONCATENATED: usize = 100_000;

/// How long a repeated text may become.
const MAX_REPEATED: i64 = 256;

/// How many operators of one chain become one tree.
const MAX_OPERATORS: usize = 16;

/// How many bits a power of big integers may have.
pub(super) const MAX_BIG_BITS: u64 = 1 << 16;

/// The type a tree computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Computes {
    Bool,
    Int,
    Long,
    Float,
    Double,
    Big,
    /// Text of that many UTF-16 units.
    Text(usize),
}

impl Computes {
    fn class(self) -> Class {
        match self {
            Computes::Bool => Class::Boolean,
            Computes::Int => Class::Integer,
            Computes::Long => Class::Long,
            Computes::Float => Class::Float,
            Computes::Double => Class::Double,
            Computes::Big => Class::BigInteger,
            Computes::Text(_) => Class::String,
        }
    }
}

/// A lowered operand: a resolved constant, or a tree that computes.
#[derive(Debug, Clone)]
pub(crate) enum Lowered<'a> {
    Constant(Value<'a>),
    Computed(Computed),
}

/// A tree and what it computes.
#[derive(Debug, Clone)]
pub(crate) struct Computed {
    tree: Tree,
    computes: Computes,
}

thread_local! {
    // evalexpr offers no constructor; the tree of the empty text is the seed of all others.
    static SEED: Option<Tree> = evalexpr::build_operator_tree("").ok();
}

fn tree(operator: Operator, children: Vec<Tree>) -> Eval<Tree> {
    let mut tree = SEED
        .with(Clone::clone)
        .ok_or_else(|| Thrown::java(crate::error::ILLEGAL_STATE, "no calculator"))?;
    *tree.operator_mut() = operator;
    *tree.children_mut() = children;
    Ok(tree)
}

fn constant(datum: Datum) -> Eval<Tree> {
    tree(Operator::Const { value: datum }, Vec::new())
}

fn call(name: &str, arguments: Vec<Tree>) -> Eval<Tree> {
    let argument = if arguments.len() == 1 {
        arguments
    } else {
        vec![tree(Operator::Tuple, arguments)?]
    };
    tree(
        Operator::FunctionIdentifier {
            identifier: name.to_owned(),
        },
        argument,
    )
}

fn computed<'a>(tree: Tree, computes: Computes) -> Lowered<'a> {
    Lowered::Computed(Computed { tree, computes })
}

/// Evaluates an island.
pub(crate) fn island<'a>(
    machine: &mut Machine<'a>,
    node: &Node,
    here: &Value<'a>,
    frame: &Value<'a>,
) -> Eval<Value<'a>> {
    lower(machine, node, here, frame)?.run()
}

/// Lowers a node: operators become trees, anything else is evaluated.
pub(crate) fn lower<'a>(
    machine: &mut Machine<'a>,
    node: &Node,
    here: &Value<'a>,
    frame: &Value<'a>,
) -> Eval<Lowered<'a>> {
    match &node.kind {
        Kind::Chain { first, rest } => {
            let mut left = lower(machine, first, here, frame)?;
            let mut operators = 0;
            for (op, position, right) in rest {
                let right = match lower(machine, right, here, frame) {
                    Ok(right) => right,
                    Err(error) => {
                        // What stands to the left would have failed earlier.
                        left.run()?;
                        return Err(error);
                    }
                };
                machine.spend(1 + effort(&left, &right))?;
                left = combine(*op, left, right)
                    .and_then(|combined| settled(combined, operators))
                    .map_err(|e| e.at(*position))?;
                operators = if matches!(left, Lowered::Constant(_)) {
                    0
                } else {
                    operators + 1
                };
            }
            Ok(left)
        }
        Kind::Unary { op, operand } => {
            let inner = match op {
                Unary::Not => {
                    Lowered::Constant(Value::Bool(machine.condition(operand, here, frame)?))
                }
                _ => lower(machine, operand, here, frame)?,
            };
            machine.tick()?;
            unary(*op, inner).map_err(|e| e.at(node.start))
        }
        _ => machine.eval(node, here, frame).map(Lowered::Constant),
    }
}

/// Comparing collections costs by their size.
fn effort(left: &Lowered<'_>, right: &Lowered<'_>) -> usize {
    let size = |side: &Lowered<'_>| match side {
        Lowered::Constant(Value::List(list)) => list.len(),
        Lowered::Constant(Value::Map(map)) => map.len(),
        _ => 0,
    };
    size(left).min(size(right)) / 16
}

/// A tree that became high is computed at once: evalexpr walks trees recursively, and a sum can be very long.
fn settled(lowered: Lowered<'_>, operators: usize) -> Eval<Lowered<'_>> {
    if operators < MAX_OPERATORS {
        return Ok(lowered);
    }
    lowered.run().map(Lowered::Constant)
}

/// `a && b` or `a || b` of two known booleans.
pub(crate) fn logic(left: bool, right: bool, or: bool) -> Eval<bool> {
    let operator = if or { Operator::Or } else { Operator::And };
    let both = vec![
        constant(Datum::Boolean(left))?,
        constant(Datum::Boolean(right))?,
    ];
    match computed(tree(operator, both)?, Computes::Bool).run()? {
        Value::Bool(result) => Ok(result),
        _ => Ok(false),
    }
}

/// `low <= value && value <= high`.
pub(crate) fn between(value: &Value<'_>, low: &Value<'_>, high: &Value<'_>) -> Eval<bool> {
    let above = order(value, low)? != Ordering::Less;
    // The upper bound is not looked at where the lower one decides.
    Ok(above && logic(above, order(value, high)? != Ordering::Greater, false)?)
}

impl<'a> Lowered<'a> {
    /// Computes the value.
    pub(crate) fn run(&self) -> Eval<Value<'a>> {
        match self {
            Lowered::Constant(value) => Ok(value.clone()),
            Lowered::Computed(computed) => computed.run(),
        }
    }

    fn class(&self) -> Option<Class> {
        match self {
            Lowered::Constant(value) => value
                .class()
                .filter(|class| !class.is_array())
                .map(|class| class.class),
            Lowered::Computed(computed) => Some(computed.computes.class()),
        }
    }

    fn class_name(&self) -> String {
        match self {
            Lowered::Constant(value) => value.class_name(),
            Lowered::Computed(computed) => computed.computes.class().name().to_owned(),
        }
    }

    fn is_number(&self) -> bool {
        self.class().is_some_and(Class::is_number)
    }

    fn is_text(&self) -> bool {
        self.class() == Some(Class::String)
    }

    /// What arithmetic takes the number for.
    fn number(&self) -> Computes {
        match self.class() {
            Some(Class::Double) => Computes::Double,
            Some(Class::Float) => Computes::Float,
            Some(Class::BigInteger) => Computes::Big,
            Some(Class::Long) => Computes::Long,
            _ => Computes::Int,
        }
    }

    /// The operand as a tree of the type both sides are promoted to.
    fn promoted(self, to: Computes) -> Eval<Tree> {
        match self {
            Lowered::Constant(value) => constant(match to {
                Computes::Double => Datum::Float(convert::as_f64(&value)),
                Computes::Float => Datum::Float(f64::from(convert::as_f32(&value))),
                Computes::Big => Datum::String(convert::as_big(&value).to_string()),
                _ => Datum::Int(convert::as_i64(&value)),
            }),
            Lowered::Computed(Computed {
                tree: inner,
                computes,
            }) => match (to, computes) {
                (Computes::Double, Computes::Int | Computes::Long) => {
                    tree(Operator::Mul, vec![inner, constant(Datum::Float(1.0))?])
                }
                (Computes::Float, Computes::Int | Computes::Long) => {
                    let wide = tree(Operator::Mul, vec![inner, constant(Datum::Float(1.0))?])?;
                    call("float", vec![wide])
                }
                (Computes::Double | Computes::Float, Computes::Big) => {
                    call("big::real", vec![inner])
                }
                (Computes::Big, Computes::Int | Computes::Long) => call("big", vec![inner]),
                _ => Ok(inner),
            },
        }
    }

    /// The long of a constant, for the question whether a result fits.
    fn known_long(&self) -> Option<i64> {
        match self {
            Lowered::Constant(value) => Some(convert::as_i64(value)),
            Lowered::Computed(_) => None,
        }
    }
}

impl Computed {
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    fn run<'a>(&self) -> Eval<Value<'a>> {
        let result = self.tree.eval_with_context(&Kernel).map_err(thrown)?;
        Ok(match (self.computes, result) {
            (Computes::Bool, Datum::Boolean(value)) => Value::Bool(value),
            (Computes::Int, Datum::Int(value)) => Value::Int(value as i32),
            (Computes::Long, Datum::Int(value)) => Value::Long(value),
            (Computes::Float, Datum::Float(value)) => Value::Float(value as f32),
            (Computes::Double, Datum::Float(value)) => Value::Double(value),
            (Computes::Big, Datum::String(digits)) => Value::Big(Rc::new(big(&digits))),
            (Computes::Text(_), Datum::String(text)) => Value::text(text),
            (_, other) => {
                return Err(Thrown::java(
                    crate::error::ILLEGAL_STATE,
                    format!("the calculator gave {other:?}"),
                ));
            }
        })
    }
}

fn thrown(error: EvalexprError) -> Thrown {
    match error {
        EvalexprError::DivisionError { .. } | EvalexprError::ModulationError { .. } => {
            Thrown::java(ARITHMETIC, "/ by zero")
        }
        EvalexprError::CustomMessage(message) => Thrown::java(ARITHMETIC, message),
        other => Thrown::java(crate::error::ILLEGAL_STATE, other.to_string()),
    }
}

fn unsupported(op: Strict, left: &Lowered<'_>, right: &str) -> Thrown {
    Thrown::el(
        1030,
        format!(
            "The operator '{}' is not supported between objects of type '{}' and '{right}'",
            op.operation(),
            left.class_name()
        ),
    )
}

fn unary<'a>(op: Unary, operand: Lowered<'a>) -> Eval<Lowered<'a>> {
    if op == Unary::Not {
        let inner = match &operand {
            Lowered::Constant(Value::Bool(value)) => constant(Datum::Boolean(*value))?,
            _ => constant(Datum::Boolean(false))?,
        };
        return Ok(computed(tree(Operator::Not, vec![inner])?, Computes::Bool));
    }
    if !operand.is_number() {
        operand.run()?;
        let op = if op == Unary::Plus {
            Strict::Add
        } else {
            Strict::Subtract
        };
        return Err(unsupported(op, &operand, "null"));
    }
    if op == Unary::Plus {
        return Ok(operand);
    }
    // Java computes `0 - x`, which keeps the smallest int and turns -0.0 into 0.0.
    let zero = match operand.number() {
        Computes::Big => Value::Big(Rc::new(BigInt::from(0))),
        Computes::Double => Value::Double(0.0),
        Computes::Float => Value::Float(0.0),
        Computes::Long => Value::Long(0),
        _ => Value::Int(0),
    };
    combine(Strict::Subtract, Lowered::Constant(zero), operand)
}

fn combine<'a>(op: Strict, left: Lowered<'a>, right: Lowered<'a>) -> Eval<Lowered<'a>> {
    if matches!(
        op,
        Strict::Eq | Strict::Ne | Strict::Lt | Strict::Le | Strict::Gt | Strict::Ge
    ) {
        return compare(op, left, right);
    }
    if left.is_number() && right.is_number() {
        return arithmetic(op, left, right);
    }
    match op {
        Strict::Add if left.is_text() || right.is_text() => return concatenate(left, right),
        Strict::Subtract if left.is_text() && right.class() == Some(Class::Integer) => {
            if let Some(shifted) = shift(&left, &right)? {
                return Ok(shifted);
            }
        }
        Strict::Multiply if left.is_text() && right.class() == Some(Class::Integer) => {
            return repeat(&left, &right);
        }
        _ => {}
    }
    left.run()?;
    right.run()?;
    Err(unsupported(op, &left, &right.class_name()))
}

fn promotion(left: &Lowered<'_>, right: &Lowered<'_>) -> Computes {
    let (left, right) = (left.number(), right.number());
    for wider in [
        Computes::Double,
        Computes::Float,
        Computes::Big,
        Computes::Long,
    ] {
        if left == wider || right == wider {
            return wider;
        }
    }
    Computes::Int
}

fn operator(op: Strict) -> Operator {
    match op {
        Strict::Add => Operator::Add,
        Strict::Subtract => Operator::Sub,
        Strict::Multiply => Operator::Mul,
        Strict::Divide => Operator::Div,
        Strict::Modulus => Operator::Mod,
        Strict::Power => Operator::Exp,
        Strict::Eq => Operator::Eq,
        Strict::Ne => Operator::Neq,
        Strict::Lt => Operator::Lt,
        Strict::Le => Operator::Leq,
        Strict::Gt => Operator::Gt,
        Strict::Ge => Operator::Geq,
    }
}

fn arithmetic<'a>(op: Strict, left: Lowered<'a>, right: Lowered<'a>) -> Eval<Lowered<'a>> {
    if op == Strict::Power {
        return power(&left.run()?, &right.run()?).map(Lowered::Constant);
    }
    let to = promotion(&left, &right);
    if to == Computes::Big {
        let name = match op {
            Strict::Add => "big::add",
            Strict::Subtract => "big::subtract",
            Strict::Multiply => "big::multiply",
            Strict::Divide => "big::divide",
            _ => "big::remainder",
        };
        let both = vec![left.promoted(to)?, right.promoted(to)?];
        return Ok(computed(call(name, both)?, to));
    }
    if to == Computes::Long && !fits(op, left.known_long(), right.known_long()) {
        let name = match op {
            Strict::Add => "long::add",
            Strict::Subtract => "long::subtract",
            Strict::Multiply => "long::multiply",
            Strict::Divide => "long::divide",
            _ => "long::remainder",
        };
        let both = vec![left.promoted(to)?, right.promoted(to)?];
        return Ok(computed(call(name, both)?, to));
    }
    let both = vec![left.promoted(to)?, right.promoted(to)?];
    let plain = tree(operator(op), both)?;
    Ok(computed(
        match to {
            Computes::Int => call("int", vec![plain])?,
            Computes::Float => call("float", vec![plain])?,
            _ => plain,
        },
        to,
    ))
}

/// True where evalexpr's checked operator gives what Java gives: no overflow, or a division by zero.
fn fits(op: Strict, left: Option<i64>, right: Option<i64>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    match op {
        Strict::Add => left.checked_add(right).is_some(),
        Strict::Subtract => left.checked_sub(right).is_some(),
        Strict::Multiply => left.checked_mul(right).is_some(),
        _ => right == 0 || left.checked_div(right).is_some(),
    }
}

fn power<'a>(left: &Value<'a>, right: &Value<'a>) -> Eval<Value<'a>> {
    if let Value::Big(base) = left {
        let exponent = convert::as_i64(right) as i32;
        let Ok(exponent) = u32::try_from(exponent) else {
            return Err(Thrown::java(ARITHMETIC, "Negative exponent"));
        };
        if base.bits().saturating_mul(u64::from(exponent)) > MAX_BIG_BITS {
            return Err(Thrown::java(
                ARITHMETIC,
                "BigInteger would overflow supported range",
            ));
        }
        return Ok(Value::Big(Rc::new(base.pow(exponent))));
    }
    let double = |value: &Value<'_>| matches!(value, Value::Double(_));
    let single = |value: &Value<'_>| matches!(value, Value::Float(_));
    let narrow = (single(left) || single(right)) && !double(left) && !double(right);
    let operand = |value: &Value<'_>| {
        constant(Datum::Float(if narrow {
            f64::from(convert::as_f32(value))
        } else {
            convert::as_f64(value)
        }))
    };
    let both = vec![operand(left)?, operand(right)?];
    let result = computed(tree(Operator::Exp, both)?, Computes::Double).run()?;
    let Value::Double(result) = result else {
        return Ok(result);
    };
    let real = |value: &Value<'_>| matches!(value, Value::Double(_) | Value::Float(_));
    let long = |value: &Value<'_>| matches!(value, Value::Long(_));
    Ok(if real(left) || real(right) {
        Value::Double(result)
    } else if result > f64::from(i32::MAX) || long(left) || long(right) {
        Value::Long(result as i64)
    } else {
        Value::Int(result as i32)
    })
}

fn too_long() -> Thrown {
    Thrown::el(
        1078,
        "Concatenated string is too long, exceeding the threshold of '100,000' characters",
    )
}

/// The text form of one side of a concatenation, and its length.
fn concatenated(side: Lowered<'_>) -> Eval<(Tree, usize)> {
    if let Lowered::Computed(Computed {
        tree,
        computes: Computes::Text(length),
    }) = side
    {
        return Ok((tree, length));
    }
    let value = side.run()?;
    let text = match &value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => text.to_string(),
        other => {
            let target = Type::of(Class::String);
            if convert::is_convertible(other, target) {
                match convert::convert(other, target)? {
                    Value::Text(text) => text.to_string(),
                    _ => "null".to_owned(),
                }
            } else {
                to_text(other).ok_or_else(convert::too_large)?
            }
        }
    };
    let length = if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    };
    if length > MAX_CONCATENATED {
        return Err(too_long());
    }
    Ok((constant(Datum::String(text))?, length))
}

fn concatenate<'a>(left: Lowered<'a>, right: Lowered<'a>) -> Eval<Lowered<'a>> {
    let (left, left_length) = concatenated(left)?;
    let (right, right_length) = concatenated(right)?;
    let length = left_length + right_length;
    if length > MAX_CONCATENATED {
        return Err(too_long());
    }
    Ok(computed(
        tree(Operator::Add, vec![left, right])?,
        Computes::Text(length),
    ))
}

/// `'d' - 3`: only a single character can be moved.
fn shift<'a>(left: &Lowered<'a>, right: &Lowered<'a>) -> Eval<Option<Lowered<'a>>> {
    let Value::Text(text) = left.run()? else {
        return Ok(None);
    };
    if text.encode_utf16().count() != 1 {
        return Ok(None);
    }
    let both = vec![
        constant(Datum::String(text.to_string()))?,
        constant(Datum::Int(convert::as_i64(&right.run()?)))?,
    ];
    Ok(Some(computed(
        call("text::shift", both)?,
        Computes::Text(1),
    )))
}

fn repeat<'a>(left: &Lowered<'a>, right: &Lowered<'a>) -> Eval<Lowered<'a>> {
    let (text, count) = (left.run()?, convert::as_i64(&right.run()?));
    let text = text.char_sequence().unwrap_or_default().to_owned();
    if count < 0 {
        return Err(Thrown::el(
            1081,
            format!("Repeat count '{count}' must not be negative"),
        ));
    }
    let units = text.encode_utf16().count() as i64;
    if units.saturating_mul(count) > MAX_REPEATED {
        return Err(Thrown::el(
            1076,
            "Repeated text is too long, exceeding the threshold of '256' characters",
        ));
    }
    let length = (units * count) as usize;
    let both = vec![
        constant(Datum::String(text))?,
        // An empty text may be repeated any number of times.
        constant(Datum::Int(if units == 0 { 0 } else { count }))?,
    ];
    Ok(computed(
        call("text::repeat", both)?,
        Computes::Text(length),
    ))
}

fn compare<'a>(op: Strict, left: Lowered<'a>, right: Lowered<'a>) -> Eval<Lowered<'a>> {
    if left.is_number() && right.is_number() {
        let to = promotion(&left, &right);
        let both = if to == Computes::Big {
            let both = vec![left.promoted(to)?, right.promoted(to)?];
            vec![call("big::compare", both)?, constant(Datum::Int(0))?]
        } else {
            vec![left.promoted(to)?, right.promoted(to)?]
        };
        return Ok(computed(tree(operator(op), both)?, Computes::Bool));
    }
    let (left, right) = (left.run()?, right.run()?);
    let both = if let (Some(a), Some(b)) = (left.char_sequence(), right.char_sequence()) {
        // Java orders UTF-16 units; bytes give the same order unless surrogates meet the end of the plane.
        let plain = matches!(op, Strict::Eq | Strict::Ne) || (a.is_ascii() && b.is_ascii());
        if !plain {
            vec![
                constant(Datum::Int(rank(a.encode_utf16().cmp(b.encode_utf16()))))?,
                constant(Datum::Int(0))?,
            ]
        } else {
            vec![
                constant(Datum::String(a.to_owned()))?,
                constant(Datum::String(b.to_owned()))?,
            ]
        }
    } else if matches!(op, Strict::Eq | Strict::Ne) {
        match (&left, &right) {
            (Value::Bool(a), Value::Bool(b)) => {
                vec![constant(Datum::Boolean(*a))?, constant(Datum::Boolean(*b))?]
            }
            _ => vec![
                constant(Datum::Boolean(same(&left, &right)?))?,
                constant(Datum::Boolean(true))?,
            ],
        }
    } else {
        vec![
            constant(Datum::Int(rank(order(&left, &right)?)))?,
            constant(Datum::Int(0))?,
        ]
    };
    Ok(computed(tree(operator(op), both)?, Computes::Bool))
}
