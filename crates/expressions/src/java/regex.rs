//! Java's regular expressions over an engine with other habits.
//!
//! A pattern is translated once (see `pattern`). Patterns without look-around and back-references run in linear
//! time; the others have a budget of steps.

use std::collections::HashMap;
use std::rc::Rc;

use fancy_regex::{Regex, RegexBuilder};

type Captures<'i> = fancy_regex::Captures<'i, str>;

use super::pattern::translate;
use crate::error::{Eval, ILLEGAL_ARGUMENT, ILLEGAL_STATE, INDEX_BOUNDS, PATTERN_SYNTAX, Thrown};
use crate::value::text::MAX_TEXT;

/// Steps of a pattern that needs backtracking. Keeps the worst match within milliseconds.
const MAX_STEPS: usize = 50_000;

/// How large a compiled pattern may be.
const MAX_COMPILED: usize = 1 << 20;

/// The longest pattern of any kind.
const MAX_PATTERN: usize = 10_000;

/// How many patterns one pass keeps.
const MAX_KEPT: usize = 64;

/// What the searches of a part may cost together. A byte of input costs 1, a match what it takes to find and copy it.
const MAX_COST: usize = 8_000_000;
const MATCH_COST: usize = 150;

/// The patterns of one pass.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    kept: HashMap<(String, bool), Rc<Regex>>,
    cost: usize,
}

/// `PatternSyntaxException`.
pub(super) fn syntax(pattern: &str, problem: &str, index: usize) -> Thrown {
    Thrown::java(
        PATTERN_SYNTAX,
        format!("{problem} near index {index}\n{pattern}"),
    )
}

fn exhausted() -> Thrown {
    Thrown::java(ILLEGAL_STATE, "Pattern access threshold exceeded")
}

impl Patterns {
    pub(crate) fn begin(&mut self) {
        self.cost = 0;
    }

    fn spend(&mut self, cost: usize) -> Eval<()> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > MAX_COST {
            return Err(exhausted());
        }
        Ok(())
    }

    fn get(&mut self, pattern: &str, input: &str, whole: bool) -> Eval<Rc<Regex>> {
        self.spend(input.len() + pattern.len() * 8)?;
        let key = (pattern.to_owned(), whole);
        if let Some(found) = self.kept.get(&key) {
            return Ok(Rc::clone(found));
        }
        if pattern.len() > MAX_PATTERN {
            return Err(syntax("", "Pattern is too long", MAX_PATTERN));
        }
        let translated = translate(pattern)?;
        let source = if whole {
            format!("\\A(?:{translated})\\z")
        } else {
            translated
        };
        let regex = RegexBuilder::new(&source)
            .backtrack_limit(MAX_STEPS)
            .delegate_size_limit(MAX_COMPILED)
            .build()
            .map_err(|error| syntax(pattern, &error.to_string(), 0))?;
        let regex = Rc::new(regex);
        if self.kept.len() >= MAX_KEPT {
            self.kept.clear();
        }
        self.kept.insert(key, Rc::clone(&regex));
        Ok(regex)
    }

    /// `String.matches`: the whole input.
    pub(crate) fn is_match(&mut self, pattern: &str, input: &str) -> Eval<bool> {
        let regex = self.get(pattern, input, true)?;
        regex.is_match(input).map_err(|_| exhausted())
    }

    /// `replaceAll` and `replaceFirst`.
    pub(crate) fn replace(
        &mut self,
        pattern: &str,
        input: &str,
        replacement: &str,
        all: bool,
    ) -> Eval<String> {
        let regex = self.get(pattern, input, false)?;
        let mut out = String::new();
        let mut copied = 0;
        let mut from = Some(0);
        while let Some(start) = from {
            let captures = regex
                .captures_from_pos(input, start)
                .map_err(|_| exhausted())?;
            let Some(captures) = captures else {
                break;
            };
            let Some(found) = captures.get(0) else {
                break;
            };
            self.spend(MATCH_COST)?;
            from = next_start(input, found.start(), found.end());
            out.push_str(&input[copied..found.start()]);
            expand(&mut out, replacement, &captures)?;
            copied = found.end();
            if out.len() > MAX_TEXT {
                return Err(super::convert::too_large());
            }
            if !all {
                break;
            }
        }
        out.push_str(&input[copied..]);
        Ok(out)
    }

    /// `String.split`: `limit` as in Java; a match without width at the start gives no empty piece.
    pub(crate) fn split(&mut self, pattern: &str, input: &str, limit: i32) -> Eval<Vec<String>> {
        let regex = self.get(pattern, input, false)?;
        let mut pieces: Vec<String> = Vec::new();
        let mut start = 0;
        let mut from = Some(0);
        while let Some(at) = from {
            let found = regex.find_from_pos(input, at).map_err(|_| exhausted())?;
            let Some(found) = found else {
                break;
            };
            self.spend(MATCH_COST)?;
            from = next_start(input, found.start(), found.end());
            if limit > 0 && pieces.len() + 1 >= limit as usize {
                break;
            }
            if found.end() == 0 {
                continue;
            }
            pieces.push(input[start..found.start()].to_owned());
            start = found.end();
        }
        if pieces.is_empty() && start == 0 {
            return Ok(vec![input.to_owned()]);
        }
        pieces.push(input[start..].to_owned());
        if limit == 0 {
            while pieces.last().is_some_and(String::is_empty) {
                pieces.pop();
            }
        }
        Ok(pieces)
    }
}

/// Where Java searches on: at the end of the match, one character further after an empty one.
fn next_start(input: &str, start: usize, end: usize) -> Option<usize> {
    if end > start {
        return Some(end);
    }
    let step = input.get(end..)?.chars().next()?.len_utf8();
    Some(end + step)
}

/// Writes a replacement: `$1`, `${name}` and `\` as in `Matcher.appendReplacement`.
fn expand(out: &mut String, replacement: &str, captures: &Captures<'_>) -> Eval<()> {
    let mut letters = replacement.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next() {
                Some(literal) => out.push(literal),
                None => {
                    return Err(Thrown::java(
                        ILLEGAL_ARGUMENT,
                        "character to be escaped is missing",
                    ));
                }
            },
            '$' => match letters.peek() {
                Some('{') => {
                    letters.next();
                    let mut name = String::new();
                    while let Some(letter) = letters.peek().filter(|c| c.is_ascii_alphanumeric()) {
                        name.push(*letter);
                        letters.next();
                    }
                    if letters.next() != Some('}') || name.is_empty() {
                        return Err(Thrown::java(
                            ILLEGAL_ARGUMENT,
                            "named capturing group is missing trailing '}'",
                        ));
                    }
                    match captures.name(&name) {
                        Some(found) => out.push_str(found.as_str()),
                        None => {
                            return Err(Thrown::java(
                                ILLEGAL_ARGUMENT,
                                format!("No group with name {{{name}}}"),
                            ));
                        }
                    }
                }
                Some(digit) if digit.is_ascii_digit() => {
                    let mut group = 0;
                    // Digits are taken as long as the group exists.
                    while let Some(digit) = letters.peek().and_then(|c| c.to_digit(10)) {
                        let next = group * 10 + digit as usize;
                        if group > 0 && next >= captures.len() {
                            break;
                        }
                        let first = group == 0 && next < 10;
                        group = next;
                        letters.next();
                        if first && group == 0 {
                            break;
                        }
                    }
                    if group >= captures.len() {
                        return Err(Thrown::java(INDEX_BOUNDS, format!("No group {group}")));
                    }
                    if let Some(found) = captures.get(group) {
                        out.push_str(found.as_str());
                    }
                }
                None => {
                    return Err(Thrown::java(
                        ILLEGAL_ARGUMENT,
                        "Illegal group reference: group index is missing",
                    ));
                }
                Some(_) => {
                    return Err(Thrown::java(ILLEGAL_ARGUMENT, "Illegal group reference"));
                }
            },
            other => out.push(other),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_java() {
        let table = [
            (r"^-?\d+(\.\d{2})?$", "9.50", true),
            (r"\d+", "٣", false),
            (r"[^a-z0-9]+", "-_!", true),
            (r"(?i)PROD.*", "production", true),
            (r"(\w+)@\1", "ab@ab", true),
            (r"(?=.*\d)(?=.*[a-z]).{4,}", "a1b2", true),
            (r"\Qa.b\E", "a.b", true),
            (r"\p{Alpha}+", "abc", true),
            (r"[\w.-]+", "a-b.c", true),
            (r"[a-z&&[^b]]+", "acd", true),
            (r"a++b", "aab", true),
            (r"v\d+\.\d+\.\d+(-rc\.\d+)?", "v1.8.0-rc.2", true),
            (".*", "a\nb", false),
            ("(?s).*", "a\nb", true),
        ];
        let mut patterns = Patterns::default();
        for (pattern, input, expected) in table {
            assert_eq!(
                patterns.is_match(pattern, input).unwrap(),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn replacing_and_splitting() {
        let mut patterns = Patterns::default();
        let table = [
            (".*:(.*)", "reg/api:1.4", "$1", "1.4"),
            (r"\W", "wow!?", "", "wow"),
            ("a", "banana", r"\$", "b$n$n$"),
            ("$", "x", "!", "x!"),
            ("(a)(b)?", "a", "[$2]", "[]"),
        ];
        for (pattern, input, replacement, expected) in table {
            assert_eq!(
                patterns.replace(pattern, input, replacement, true).unwrap(),
                expected,
                "{pattern}"
            );
        }
        let table: [(&str, &str, i32, &[&str]); 7] = [
            (",", "1,2,,", 0, &["1", "2"]),
            (",", ",1", 0, &["", "1"]),
            ("|", "a|b", 0, &["a", "|", "b"]),
            ("", "abc", 0, &["a", "b", "c"]),
            (",", "", 0, &[""]),
            (",", "a,b,c", 2, &["a", "b,c"]),
            (",", "a,,", -1, &["a", "", ""]),
        ];
        for (pattern, input, limit, expected) in table {
            assert_eq!(
                patterns.split(pattern, input, limit).unwrap(),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn bad_and_costly_patterns_end() {
        let mut patterns = Patterns::default();
        for pattern in ["[", "(", "a{", "*a", r"\", "(?<n", ")", r"\q", "a{3,1}"] {
            let error = patterns.is_match(pattern, "x").unwrap_err();
            assert_eq!(error.class, PATTERN_SYNTAX, "{pattern}");
        }
        // Linear: no backtracking at all.
        let input = "a".repeat(5000) + "!";
        assert!(!patterns.is_match("(a+)+", &input).unwrap());
        // Backtracking, but within its budget of steps.
        let error = patterns.is_match(r"(a*)*\1b", &input).unwrap_err();
        assert_eq!(error.class, ILLEGAL_STATE);
    }
}
