//! Checking a document when it is saved: problems of syntax with their place. They are warnings, never a refusal.

use serde::Serialize;
use serde_json::Value;

use crate::syntax::ast::{Kind, Node};
use crate::syntax::template::{Part, Template, has_expression};
use crate::{functions, suggest};

/// A problem of syntax in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyntaxProblem {
    /// Where the string is, as a JSON pointer. A problem in a key points to its value.
    pub pointer: String,
    /// Where in the string, in characters.
    pub offset: usize,
    /// What was expected there, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

const MAX_DEPTH: usize = 200;

/// Finds every string of a document that will not parse, and calls of functions that do not exist.
#[must_use]
pub fn check(value: &Value) -> Vec<SyntaxProblem> {
    let mut problems = Vec::new();
    walk(value, &mut String::new(), 0, &mut problems);
    problems
}

fn walk(value: &Value, pointer: &mut String, depth: usize, problems: &mut Vec<SyntaxProblem>) {
    if depth > MAX_DEPTH {
        return;
    }
    let length = pointer.len();
    match value {
        Value::String(text) => text_problems(text, pointer, problems),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                walk(item, pointer, depth + 1, problems);
                pointer.truncate(length);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                text_problems(key, pointer, problems);
                walk(item, pointer, depth + 1, problems);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

fn text_problems(text: &str, pointer: &str, problems: &mut Vec<SyntaxProblem>) {
    if !has_expression(text) {
        return;
    }
    if let Some(failure) = Template::problem(text) {
        problems.push(SyntaxProblem {
            pointer: pointer.to_owned(),
            offset: failure.position,
            expected: expected(&failure.short),
            suggestion: advice(text),
            message: failure.short,
        });
        return;
    }
    let Ok(template) = Template::parse(text) else {
        return;
    };
    for part in &*template.parts {
        if let Part::Expression { node, .. } = part {
            visit(node, &mut |node| {
                if let Kind::Function { name, .. } = &node.kind
                    && !functions::exists(name)
                {
                    problems.push(SyntaxProblem {
                        pointer: pointer.to_owned(),
                        offset: text
                            .find(&format!("#{name}"))
                            .map_or(0, |byte| text[..byte].chars().count()),
                        expected: Some("a known function".into()),
                        message: format!("there is no function '#{name}'"),
                        suggestion: suggest::nearest(name, functions::names())
                            .map(|found| format!("#{found}")),
                    });
                }
            });
        }
    }
}

fn expected(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("Expected '")?;
    rest.split_once('\'').map(|(found, _)| found.to_owned())
}

/// Advice for the slips people make most.
fn advice(text: &str) -> Option<String> {
    let inner = text.split_once("${")?.1;
    if inner.contains(":-") {
        return Some("write a default as ${name ?: 'default'}".into());
    }
    if inner.contains("${") {
        return Some("expressions do not nest; write the inner name without ${}".into());
    }
    if inner.trim_start().starts_with('}') {
        return Some("put an expression between the braces".into());
    }
    if !inner.contains('}') {
        return Some("close the expression with '}'".into());
    }
    None
}

fn visit_all<'n>(nodes: &'n [Node], action: &mut impl FnMut(&'n Node)) {
    for node in nodes {
        visit(node, action);
    }
}

/// Calls `action` for a node and everything in it.
fn visit<'n>(node: &'n Node, action: &mut impl FnMut(&'n Node)) {
    action(node);
    match &node.kind {
        Kind::Method { args, .. } | Kind::Function { args, .. } | Kind::New { args, .. } => {
            visit_all(args, action);
        }
        Kind::Index { index, .. } => visit(index, action),
        Kind::Project { body, .. } | Kind::Select { body, .. } => visit(body, action),
        Kind::Compound(items) | Kind::And(items) | Kind::Or(items) | Kind::List { items, .. } => {
            visit_all(items, action)
        }
        Kind::Map { entries, .. } => {
            for (key, value) in entries {
                visit(key, action);
                visit(value, action);
            }
        }
        Kind::NewArray {
            dimensions, items, ..
        } => {
            for dimension in dimensions.iter().flatten() {
                visit(dimension, action);
            }
            visit_all(items.as_deref().unwrap_or(&[]), action);
        }
        Kind::Unary { operand, .. } => visit(operand, action),
        Kind::Chain { first, rest } => {
            visit(first, action);
            for (_, _, operand) in rest {
                visit(operand, action);
            }
        }
        Kind::Relation { left, right, .. }
        | Kind::Elvis(left, right)
        | Kind::Assign(left, right) => {
            visit(left, action);
            visit(right, action);
        }
        Kind::Ternary(condition, then, otherwise) => {
            visit(condition, action);
            visit(then, action);
            visit(otherwise, action);
        }
        Kind::Step { target, .. } => visit(target, action),
        Kind::Null
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Long(_)
        | Kind::Float(_)
        | Kind::Double(_)
        | Kind::Text(_)
        | Kind::Property { .. }
        | Kind::Variable(_)
        | Kind::Type { .. }
        | Kind::Bean(_) => {}
    }
}
