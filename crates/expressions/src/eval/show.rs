//! Lowered trees as text for people.

use evalexpr::{Node as Tree, Operator, Value as Datum};

use super::lower::Lowered;
use crate::value::Value;
use crate::value::text::{double, float, to_text};

/// The tree as a person reads it: `3 > 2`.
pub(super) fn show(lowered: &Lowered<'_>) -> String {
    match lowered {
        Lowered::Constant(value) => show_value(value),
        Lowered::Computed(computed) => show_tree(computed.tree(), true),
    }
}

fn show_value(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("{:?}", &**text),
        other => to_text(other).unwrap_or_else(|| "…".to_owned()),
    }
}

fn show_datum(datum: &Datum) -> String {
    match datum {
        Datum::String(text) => format!("{text:?}"),
        Datum::Float(value) if value.fract() == 0.0 || !value.is_finite() => double(*value),
        Datum::Float(value) => {
            // A single-precision number shows its own digits, not those of the wider type.
            let narrow = *value as f32;
            if f64::from(narrow).to_bits() == value.to_bits() {
                float(narrow)
            } else {
                double(*value)
            }
        }
        Datum::Int(value) => value.to_string(),
        Datum::Boolean(value) => value.to_string(),
        other => other.to_string(),
    }
}

fn show_tree(tree: &Tree, outermost: bool) -> String {
    let children = tree.children();
    match tree.operator() {
        Operator::Const { value } => show_datum(value),
        Operator::Not => format!(
            "!{}",
            children
                .first()
                .map_or_else(String::new, |c| show_tree(c, false))
        ),
        // Cutting and rounding are Java's business, not the reader's.
        Operator::FunctionIdentifier { identifier }
            if identifier == "int" || identifier == "float" =>
        {
            children
                .first()
                .map_or_else(String::new, |c| show_tree(c, outermost))
        }
        Operator::FunctionIdentifier { identifier } => format!(
            "{identifier}({})",
            children
                .first()
                .map_or_else(String::new, |c| show_tree(c, true))
        ),
        Operator::Tuple => children
            .iter()
            .map(|child| show_tree(child, true))
            .collect::<Vec<_>>()
            .join(", "),
        operator => {
            let sides: Vec<String> = children
                .iter()
                .map(|child| show_tree(child, false))
                .collect();
            let shown = sides.join(&format!(" {} ", sign(operator)));
            if outermost {
                shown
            } else {
                format!("({shown})")
            }
        }
    }
}

fn sign(operator: &Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Sub => "-",
        Operator::Mul => "*",
        Operator::Div => "/",
        Operator::Mod => "%",
        Operator::Exp => "^",
        Operator::Eq => "==",
        Operator::Neq => "!=",
        Operator::Lt => "<",
        Operator::Leq => "<=",
        Operator::Gt => ">",
        Operator::Geq => ">=",
        Operator::And => "&&",
        Operator::Or => "||",
        _ => "?",
    }
}
