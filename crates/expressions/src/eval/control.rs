//! Operators that decide what is evaluated, and relations that are no arithmetic.

use super::{Machine, lower};
use crate::error::{Eval, Thrown};
use crate::java::convert;
use crate::syntax::ast::{Node, Relation};
use crate::value::text::to_text;
use crate::value::{Class, Type, Value};

/// How long a regular expression may be.
const MAX_PATTERN: usize = 1000;

impl<'a> Machine<'a> {
    /// A condition: booleans and the texts that count as booleans.
    pub(crate) fn condition(
        &mut self,
        node: &Node,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<bool> {
        let value = self.eval(node, here, frame)?;
        convert::to_condition(&value).map_err(|e| e.at(node.start))
    }

    /// `&&` and `||`: the right side is evaluated only where the left one does not decide.
    pub(crate) fn logic(
        &mut self,
        items: &[Node],
        decisive: bool,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        let mut result = !decisive;
        for (index, item) in items.iter().enumerate() {
            self.tick()?;
            let value = self.condition(item, here, frame)?;
            result = if index == 0 {
                value
            } else {
                lower::logic(result, value, decisive)?
            };
            if result == decisive {
                break;
            }
        }
        Ok(Value::Bool(result))
    }

    pub(crate) fn relation(
        &mut self,
        op: Relation,
        left: &Node,
        right: &Node,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        self.tick()?;
        let left_value = self.eval(left, here, frame)?;
        if op == Relation::Matches {
            // The left side is converted before the right one is looked at.
            let Value::Text(input) =
                convert::convert_declared(&left_value, Type::of(Class::String))
                    .map_err(|e| e.at(left.start))?
            else {
                return Err(Thrown::el(
                    1037,
                    "First operand to matches operator must be a string. 'null' is not",
                )
                .at(left.start));
            };
            let right_value = self.eval(right, here, frame)?;
            return self
                .matches(&input, &right_value)
                .map_err(|e| e.at(right.start));
        }
        let right_value = self.eval(right, here, frame)?;
        match op {
            Relation::Between => {
                let bounds = match &right_value {
                    Value::List(list) if list.kind().is_list() && list.len() == 2 => list.to_vec(),
                    _ => {
                        return Err(Thrown::el(
                            1017,
                            "Right operand for the 'between' operator has to be a two-element list",
                        )
                        .at(right.start));
                    }
                };
                lower::between(&left_value, &bounds[0], &bounds[1])
                    .map(Value::Bool)
                    .map_err(|e| e.at(left.start))
            }
            _ => match right_value {
                Value::Class(class) => Ok(Value::Bool(
                    left_value
                        .class()
                        .is_some_and(|actual| !class.is_primitive() && class.accepts(actual)),
                )),
                other => Err(Thrown::el(
                    1028,
                    format!(
                        "The operator 'instanceof' needs the right operand to be a class, not a '{}'",
                        other.class_name()
                    ),
                )
                .at(right.start)),
            },
        }
    }

    fn matches(&mut self, input: &str, pattern: &Value<'a>) -> Eval<Value<'a>> {
        let Value::Text(pattern) = pattern else {
            return Err(Thrown::el(
                1038,
                format!(
                    "Second operand to matches operator must be a string. '{}' is not",
                    to_text(pattern).unwrap_or_default()
                ),
            ));
        };
        if pattern.encode_utf16().count() > MAX_PATTERN {
            return Err(Thrown::el(
                1077,
                "Regular expression is too long, exceeding the threshold of '1,000' characters",
            ));
        }
        match self.patterns.is_match(pattern, input) {
            Ok(found) => Ok(Value::Bool(found)),
            Err(cause) if cause.class == crate::error::PATTERN_SYNTAX => Err(Thrown::el(
                1018,
                format!("Pattern is not valid '{}'", &**pattern),
            )
            .because(cause)),
            Err(cause) => Err(Thrown::el(
                1073,
                format!(
                    "Failed to efficiently evaluate pattern '{}': consider redesigning it",
                    &**pattern
                ),
            )
            .because(cause)),
        }
    }
}
