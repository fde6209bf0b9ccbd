//! Trees back to text. Parsing the text gives the same tree again (positions aside).

use std::fmt::Write;

use super::ast::{Kind, Node, Relation, Strict, Unary, Which};

/// The canonical text of a tree.
pub(crate) fn print(node: &Node) -> String {
    let mut out = String::new();
    write(&mut out, node);
    out
}

fn operand(out: &mut String, node: &Node) {
    let bare = matches!(
        node.kind,
        Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Long(_)
            | Kind::Float(_)
            | Kind::Double(_)
            | Kind::Text(_)
            | Kind::Property { .. }
            | Kind::Method { .. }
            | Kind::Variable(_)
            | Kind::Function { .. }
            | Kind::Compound(_)
            | Kind::List { .. }
            | Kind::Map { .. }
            | Kind::Type { .. }
            | Kind::New { .. }
            | Kind::Bean(_)
            | Kind::Index { .. }
            | Kind::Select { .. }
            | Kind::Project { .. }
    );
    if bare {
        write(out, node);
    } else {
        out.push('(');
        write(out, node);
        out.push(')');
    }
}

fn separated(out: &mut String, nodes: &[Node]) {
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, node);
    }
}

fn word(op: Strict) -> &'static str {
    op.sign()
}

fn real(out: &mut String, text: &str, suffix: char) {
    out.push_str(text);
    if !text.contains(['.', 'e', 'E']) {
        out.push_str(".0");
    }
    out.push(suffix);
}

fn write(out: &mut String, node: &Node) {
    match &node.kind {
        Kind::Null => out.push_str("null"),
        Kind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Kind::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Kind::Long(value) => {
            let _ = write!(out, "{value}L");
        }
        Kind::Float(value) => real(out, &format!("{value}"), 'f'),
        Kind::Double(value) => real(out, &format!("{value}"), 'd'),
        Kind::Text(text) => {
            let _ = write!(out, "'{}'", text.replace('\'', "''"));
        }
        Kind::Property { name, .. } => out.push_str(name),
        Kind::Method { name, args, .. } => {
            out.push_str(name);
            out.push('(');
            separated(out, args);
            out.push(')');
        }
        Kind::Variable(name) => {
            let _ = write!(out, "#{name}");
        }
        Kind::Function { name, args } => {
            let _ = write!(out, "#{name}(");
            separated(out, args);
            out.push(')');
        }
        Kind::Index { index, .. } => {
            out.push('[');
            write(out, index);
            out.push(']');
        }
        Kind::Project { body, .. } => {
            out.push_str("![");
            write(out, body);
            out.push(']');
        }
        Kind::Select { which, body, .. } => {
            out.push_str(match which {
                Which::All => "?[",
                Which::First => "^[",
                Which::Last => "$[",
            });
            write(out, body);
            out.push(']');
        }
        Kind::Compound(steps) => compound(out, steps),
        Kind::List { items, .. } => {
            out.push('{');
            separated(out, items);
            out.push('}');
        }
        Kind::Map { entries, .. } => map(out, entries),
        Kind::Type { name, dimensions } => {
            let _ = write!(out, "T({name}{})", "[]".repeat(*dimensions));
        }
        Kind::New { name, args } => {
            let _ = write!(out, "new {name}(");
            separated(out, args);
            out.push(')');
        }
        Kind::NewArray {
            name,
            dimensions,
            items,
        } => {
            let _ = write!(out, "new {name}");
            for dimension in dimensions {
                out.push('[');
                if let Some(dimension) = dimension {
                    write(out, dimension);
                }
                out.push(']');
            }
            if let Some(items) = items {
                out.push('{');
                separated(out, items);
                out.push('}');
            }
        }
        Kind::Bean(name) => {
            let _ = write!(out, "@'{name}'");
        }
        Kind::Unary { op, operand: inner } => {
            out.push(match op {
                Unary::Not => '!',
                Unary::Plus => '+',
                Unary::Minus => '-',
            });
            operand(out, inner);
        }
        Kind::Chain { first, rest } => {
            operand(out, first);
            for (op, _, right) in rest {
                let _ = write!(out, " {} ", word(*op));
                operand(out, right);
            }
        }
        Kind::Relation { op, left, right } => {
            operand(out, left);
            out.push_str(match op {
                Relation::Instanceof => " instanceof ",
                Relation::Matches => " matches ",
                Relation::Between => " between ",
            });
            operand(out, right);
        }
        Kind::And(items) => logic(out, items, " && "),
        Kind::Or(items) => logic(out, items, " || "),
        Kind::Elvis(left, right) => {
            operand(out, left);
            out.push_str(" ?: ");
            operand(out, right);
        }
        Kind::Ternary(condition, then, otherwise) => {
            operand(out, condition);
            out.push_str(" ? ");
            operand(out, then);
            out.push_str(" : ");
            operand(out, otherwise);
        }
        Kind::Assign(target, value) => {
            operand(out, target);
            out.push_str(" = ");
            operand(out, value);
        }
        Kind::Step { by, prefix, target } => {
            let sign = if *by > 0 { "++" } else { "--" };
            if *prefix {
                out.push_str(sign);
            }
            operand(out, target);
            if !prefix {
                out.push_str(sign);
            }
        }
    }
}

fn logic(out: &mut String, items: &[Node], sign: &str) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(sign);
        }
        operand(out, item);
    }
}

fn compound(out: &mut String, steps: &[Node]) {
    for (index, step) in steps.iter().enumerate() {
        if index == 0 {
            operand(out, step);
            continue;
        }
        let safe = match &step.kind {
            Kind::Property { safe, .. }
            | Kind::Method { safe, .. }
            | Kind::Index { safe, .. }
            | Kind::Project { safe, .. }
            | Kind::Select { safe, .. } => *safe,
            _ => false,
        };
        if safe {
            out.push_str("?.");
        } else if !matches!(step.kind, Kind::Index { .. }) {
            out.push('.');
        }
        write(out, step);
    }
}

fn map(out: &mut String, entries: &[(Node, Node)]) {
    if entries.is_empty() {
        out.push_str("{:}");
        return;
    }
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, key);
        out.push_str(": ");
        operand(out, value);
    }
    out.push('}');
}
