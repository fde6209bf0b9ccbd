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
            if matches!(step.kind, Kind::Compound(_)) {
                out.push('(');
                write(out, step);
                out.push(')');
            } else {
                operand(out, step);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parser::parse;
    use proptest::prelude::*;

    /// A tree without its places.
    fn bare(node: &Node) -> String {
        let shown = format!("{node:?}");
        let mut out = String::with_capacity(shown.len());
        let mut rest = shown.as_str();
        while let Some(at) = rest.find("start: ") {
            out.push_str(&rest[..at]);
            rest = rest[at + 7..].trim_start_matches(|c: char| c.is_ascii_digit());
        }
        out.push_str(rest);
        // Operators carry their place as a bare number.
        out.split(", ")
            .filter(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn the_canonical_text() {
        let table = [
            ("1+2*3", "1 + (2 * 3)"),
            ("a?.b['c'].?[x>1]![0]", ""),
            ("a?.b['c'].?[x gt 1].![id]", "a?.b['c'].?[x > 1].![id]"),
            ("not a and b or c", "((!a) && b) || c"),
            ("x?:y?:z", "x ?: (y ?: z)"),
            ("{a:1,'b c':{}}", "{a: 1, 'b c': {}}"),
            ("new int[]{1,2}", "new int[]{1, 2}"),
            (
                "T(java.lang.Math).max(1,2.0)",
                "T(java.lang.Math).max(1, 2.0d)",
            ),
            ("'it''s'", "'it''s'"),
        ];
        for (text, expected) in table {
            match parse(text) {
                Ok(node) => assert_eq!(print(&node), expected, "{text}"),
                Err(_) => assert_eq!(expected, "", "{text}"),
            }
        }
    }

    fn source() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "1",
            "2L",
            "2.5",
            "1e30",
            "0x1F",
            "1.5f",
            "'a''b'",
            "\"q\"",
            "null",
            "TRUE",
            "name",
            "#root",
            "#v",
            "{}",
            "{:}",
            "T(int[])",
            "new Foo(1, 'x')",
            "new int[2][]",
            "@bean",
            "f(1,)",
            "#g(a)",
            "?[a]",
            "[0]",
        ])
        .prop_map(str::to_owned);
        leaf.prop_recursive(4, 30, 3, |inner| {
            let two = (inner.clone(), inner.clone());
            prop_oneof![
                (
                    two.clone(),
                    prop::sample::select(vec![
                        " + ",
                        "-",
                        "*",
                        " div ",
                        "%",
                        "^",
                        "==",
                        " ne ",
                        "<",
                        " and ",
                        "||",
                        "?:",
                        "=",
                        " matches ",
                    ])
                )
                    .prop_map(|((a, b), op)| format!("({a}){op}({b})")),
                two.clone()
                    .prop_map(|(a, b)| format!("({a})?.m({b})[{a}].![{b}]")),
                two.clone()
                    .prop_map(|(a, b)| format!("({a}) ? ({b}) : ({a})")),
                two.prop_map(|(a, b)| format!("{{({a}), {b}}}")),
                inner.clone().prop_map(|a| format!("!-({a})")),
                inner.prop_map(|a| format!("{{k: ({a}), 'l': 2}}")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn printing_and_parsing_gives_the_same_tree(text in source()) {
            if let Ok(first) = parse(&text) {
                let printed = print(&first);
                let second = parse(&printed);
                prop_assert!(second.is_ok(), "{} -> {}: {:?}", text, printed, second);
                let second = second.unwrap();
                prop_assert_eq!(bare(&first), bare(&second), "{} -> {}", text, printed);
                prop_assert_eq!(print(&second), printed);
            }
        }
    }
}
