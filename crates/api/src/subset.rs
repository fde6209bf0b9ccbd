//! Whether a JSON value contains a pattern: the search for executions by their trigger.
//!
//! A text matches the same text in any case, or one that the pattern matches whole as a regular expression; an object
//! matches one whose members match its own; a list matches one of which different elements match its own, in any order;
//! everything else matches its equal (Orca's `TaskController`). Which element belongs to which is a bipartite matching,
//! so a list costs the product of the lengths and not their factorial.

use regex::{Regex, RegexBuilder};
use spindrift_model::Value;

/// A compiled regular expression may be that large, in bytes.
const REGEX_SIZE: usize = 256 * 1024;

/// What a value is searched for.
#[derive(Debug)]
pub(crate) enum Pattern {
    Text { text: String, regex: Option<Regex> },
    Object(Vec<(String, Pattern)>),
    List(Vec<Pattern>),
    Equal(Value),
}

impl Pattern {
    /// The pattern that a JSON value stands for. A text that is no regular expression matches as a text only.
    pub(crate) fn new(value: Value) -> Self {
        match value {
            Value::String(text) => {
                let regex = RegexBuilder::new(&format!(r"\A(?:{text})\z"))
                    .size_limit(REGEX_SIZE)
                    .build()
                    .ok();
                Self::Text { text, regex }
            }
            Value::Object(map) => {
                let members = map.into_iter();
                Self::Object(
                    members
                        .map(|(key, value)| (key, Self::new(value)))
                        .collect(),
                )
            }
            Value::Array(list) => Self::List(list.into_iter().map(Self::new).collect()),
            other => Self::Equal(other),
        }
    }

    /// Whether the value contains this.
    pub(crate) fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text { text, regex }, Value::String(found)) => {
                text.eq_ignore_ascii_case(found)
                    || text.to_lowercase() == found.to_lowercase()
                    || regex.as_ref().is_some_and(|regex| regex.is_match(found))
            }
            (Self::Object(members), Value::Object(map)) => members
                .iter()
                .all(|(key, pattern)| map.get(key).is_some_and(|value| pattern.matches(value))),
            (Self::List(patterns), Value::Array(values)) => each_has_its_own(patterns, values),
            (Self::Equal(wanted), found) => wanted == found,
            (Self::Text { .. } | Self::Object(_) | Self::List(_), _) => false,
        }
    }
}

/// Whether every pattern can be given a matching value of its own (Kuhn's algorithm).
fn each_has_its_own(patterns: &[Pattern], values: &[Value]) -> bool {
    if patterns.len() > values.len() {
        return false;
    }
    let candidates: Vec<Vec<usize>> = patterns
        .iter()
        .map(|pattern| {
            let matching = values.iter().enumerate();
            matching
                .filter(|(_, value)| pattern.matches(value))
                .map(|(position, _)| position)
                .collect()
        })
        .collect();
    let mut owner: Vec<Option<usize>> = vec![None; values.len()];
    (0..patterns.len()).all(|pattern| {
        let mut tried = vec![false; values.len()];
        assign(pattern, &candidates, &mut owner, &mut tried)
    })
}

/// Gives a pattern a value, moving other patterns to other values where needed. The depth of the recursion is bounded by
/// the number of patterns, which came in a URL.
fn assign(
    pattern: usize,
    candidates: &[Vec<usize>],
    owner: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for &value in &candidates[pattern] {
        if std::mem::replace(&mut tried[value], true) {
            continue;
        }
        let free = match owner[value] {
            None => true,
            Some(other) => assign(other, candidates, owner, tried),
        };
        if free {
            owner[value] = Some(pattern);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_is_found_in_what_contains_it() {
        let table = [
            (json!("main"), json!("MAIN"), true),
            (json!("v[0-9]+"), json!("v12"), true),
            (json!("v[0-9]+"), json!("xv12"), false),
            (json!("a|b"), json!("ab"), false),
            (json!("(unclosed"), json!("(unclosed"), true),
            (json!("GRÖSSE"), json!("grösse"), true),
            (json!("1"), json!(1), false),
            (json!(1), json!(1), true),
            (json!(null), json!(null), true),
            (json!({}), json!({"a": 1}), true),
            (
                json!({"a": {"b": "x.*"}}),
                json!({"a": {"b": "xyz", "c": 1}, "d": 2}),
                true,
            ),
            (json!({"a": 1}), json!({"b": 1}), false),
            (json!({"a": 1}), json!([{"a": 1}]), false),
            (json!([]), json!([1]), true),
            (json!([2, 1]), json!([1, 2, 3]), true),
            (json!([1, 1]), json!([1, 2]), false),
            (json!([".*", "b"]), json!(["a", "b"]), true),
            (json!([".*", "b"]), json!(["b", "a"]), true),
            (json!(["a|b", "b|c", "a"]), json!(["a", "b", "c"]), true),
            (json!(["a|b", "a|b", "a|b"]), json!(["a", "b", "c"]), false),
            (
                json!([{"name": "x"}, {"name": ".*", "v": 1}]),
                json!([{"name": "x", "v": 1}, {"name": "x"}]),
                true,
            ),
        ];
        for (pattern, value, expected) in table {
            let found = Pattern::new(pattern.clone()).matches(&value);
            assert_eq!(found, expected, "{pattern} in {value}");
        }
    }

    #[test]
    fn a_long_list_that_just_fails_is_decided_at_once() {
        let patterns = json!(vec!["a.*"; 200]);
        let mut values = vec!["ab"; 199];
        values.push("b");
        assert!(!Pattern::new(patterns).matches(&json!(values)));
    }
}
