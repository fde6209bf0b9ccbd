//! Java's regular expressions over an engine with other habits.
//!
//! A pattern is translated once: Java's classes are ASCII, `.` and `$` know more line ends, `\Q…\E`, possessive
//! quantifiers and POSIX classes are spelled differently. Patterns without look-around and back-references run in linear
//! time; the others have a budget of steps.

use std::collections::HashMap;
use std::rc::Rc;

use fancy_regex::{Regex, RegexBuilder};

type Captures<'i> = fancy_regex::Captures<'i, str>;

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

fn syntax(pattern: &str, problem: &str, index: usize) -> Thrown {
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

const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

/// A Java pattern in the syntax of the engine.
fn translate(pattern: &str) -> Eval<String> {
    let mut translator = Translator {
        pattern,
        letters: pattern.chars().collect(),
        at: 0,
        out: String::with_capacity(pattern.len() + 16),
        dot_all: vec![false],
        comments: false,
    };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'p> {
    pattern: &'p str,
    letters: Vec<char>,
    at: usize,
    out: String,
    /// Whether `.` takes line ends, per open group.
    dot_all: Vec<bool>,
    comments: bool,
}

impl Translator<'_> {
    fn fail<T>(&self, problem: &str) -> Eval<T> {
        Err(syntax(self.pattern, problem, self.at))
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn run(&mut self) -> Eval<()> {
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class(0)?,
                '(' => self.open()?,
                ')' => {
                    if self.dot_all.len() == 1 {
                        return self.fail("Unmatched closing ')'");
                    }
                    self.dot_all.pop();
                    self.out.push(')');
                    self.at += 1;
                    self.quantifier()?;
                }
                '.' => {
                    if self.dot_all.last() == Some(&true) {
                        self.out.push_str("(?s:.)");
                    } else {
                        self.out.push_str(&format!("[^{LINE_ENDS}]"));
                    }
                    self.at += 1;
                    self.quantifier()?;
                }
                '$' => {
                    // Before a last line end as well, which only matters where the input has one.
                    self.out
                        .push_str(&format!(r"(?:$|(?=(?:\r\n|[{LINE_ENDS}])\z))"));
                    self.at += 1;
                }
                '{' => return self.fail("Illegal repetition"),
                '*' | '+' | '?' => {
                    return self.fail(&format!("Dangling meta character '{c}'"));
                }
                '^' | '|' => {
                    self.out.push(c);
                    self.at += 1;
                }
                '#' if self.comments => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                c if self.comments && c.is_ascii_whitespace() => self.at += 1,
                _ => {
                    self.literal(c);
                    self.at += 1;
                    self.quantifier()?;
                }
            }
        }
        if self.dot_all.len() > 1 {
            return self.fail("Unclosed group");
        }
        Ok(())
    }

    /// A character that means itself.
    fn literal(&mut self, c: char) {
        if c.is_alphanumeric() || c == '_' || !c.is_ascii() {
            self.out.push(c);
        } else if c.is_ascii_control() || c == ' ' {
            self.out.push_str(&format!("\\x{{{:x}}}", c as u32));
        } else {
            self.out.push('\\');
            self.out.push(c);
        }
    }

    fn quantifier(&mut self) -> Eval<()> {
        match self.peek(0) {
            Some(c @ ('*' | '+' | '?')) => {
                self.out.push(c);
                self.at += 1;
            }
            Some('{') => {
                let rest: String = self.letters[self.at..].iter().take(24).collect();
                let Some(end) = rest.find('}') else {
                    return self.fail("Unclosed counted closure");
                };
                let inner = &rest[1..end];
                let (low, high) = match inner.split_once(',') {
                    Some((low, high)) => (low, high),
                    None => (inner, inner),
                };
                let number = |text: &str| text.parse::<u32>().ok();
                let (Some(least), most) = (number(low), number(high)) else {
                    return self.fail("Illegal repetition");
                };
                if most.is_none() && !high.is_empty() {
                    return self.fail("Illegal repetition");
                }
                if most.is_some_and(|most| most < least) {
                    return self.fail("Illegal repetition range");
                }
                self.out.push_str(&rest[..=end]);
                self.at += end + 1;
            }
            _ => return Ok(()),
        }
        if let Some(c @ ('?' | '+')) = self.peek(0) {
            self.out.push(c);
            self.at += 1;
        }
        Ok(())
    }

    fn open(&mut self) -> Eval<()> {
        if self.dot_all.len() > 100 {
            return self.fail("Pattern is nested too deeply");
        }
        let dot_all = self.dot_all.last() == Some(&true);
        self.at += 1;
        if self.peek(0) != Some('?') {
            self.out.push('(');
            self.dot_all.push(dot_all);
            return Ok(());
        }
        let rest: String = self.letters[self.at..].iter().take(4).collect();
        for lead in ["?:", "?=", "?!", "?>", "?<=", "?<!"] {
            if rest.starts_with(lead) {
                self.out.push('(');
                self.out.push_str(lead);
                self.at += lead.len();
                self.dot_all.push(dot_all);
                return Ok(());
            }
        }
        if rest.starts_with("?<") {
            self.out.push_str("(?<");
            self.at += 2;
            while let Some(c) = self.peek(0) {
                self.at += 1;
                self.out.push(c);
                if c == '>' {
                    self.dot_all.push(dot_all);
                    return Ok(());
                }
                if !c.is_ascii_alphanumeric() {
                    break;
                }
            }
            return self.fail("named capturing group is missing trailing '>'");
        }
        self.flags(dot_all)
    }

    /// `(?i)`, `(?s-m:…)`.
    fn flags(&mut self, outer: bool) -> Eval<()> {
        self.at += 1;
        let (mut on, mut off, mut negative) = (String::new(), String::new(), false);
        let mut dot_all = outer;
        loop {
            let Some(c) = self.peek(0) else {
                return self.fail("Unknown inline modifier");
            };
            self.at += 1;
            match c {
                '-' => negative = true,
                's' => dot_all = !negative,
                'x' => self.comments = !negative,
                'i' | 'm' => if negative { &mut off } else { &mut on }.push(c),
                // Case folding and classes are Unicode-aware or not; the classes below are always ASCII.
                'u' | 'U' | 'd' => {}
                ':' | ')' => {
                    let minus = if off.is_empty() {
                        String::new()
                    } else {
                        format!("-{off}")
                    };
                    let modifiers = format!("{on}{minus}");
                    if c == ':' {
                        self.out.push_str(&format!("(?{modifiers}:"));
                        self.dot_all.push(dot_all);
                    } else {
                        if !modifiers.is_empty() {
                            self.out.push_str(&format!("(?{modifiers})"));
                        }
                        if let Some(last) = self.dot_all.last_mut() {
                            *last = dot_all;
                        }
                    }
                    return Ok(());
                }
                _ => return self.fail("Unknown inline modifier"),
            }
        }
    }

    /// An escape; the backslash is the current character.
    fn escape(&mut self, in_class: bool) -> Eval<()> {
        let Some(c) = self.peek(1) else {
            return self.fail("Unexpected internal error");
        };
        self.at += 2;
        let set = |inner: &str, negated: bool| {
            if negated {
                format!("[^{inner}]")
            } else if in_class {
                inner.to_owned()
            } else {
                format!("[{inner}]")
            }
        };
        match c {
            'd' | 'D' => self.out.push_str(&set("0-9", c == 'D')),
            'w' | 'W' => self.out.push_str(&set("a-zA-Z_0-9", c == 'W')),
            's' | 'S' => self.out.push_str(&set(r"\x{20}\t\n\x{b}\x{c}\r", c == 'S')),
            'h' | 'H' => self.out.push_str(&set(
                r"\x{20}\t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}",
                c == 'H',
            )),
            'v' | 'V' => self
                .out
                .push_str(&set(r"\n\x{b}\x{c}\r\x{85}\x{2028}\x{2029}", c == 'V')),
            'R' if !in_class => self
                .out
                .push_str(r"(?:\r\n|[\n\x{b}\x{c}\r\x{85}\x{2028}\x{2029}])"),
            'p' | 'P' => self.property(c == 'P', in_class)?,
            'Q' => {
                let end = self.letters[self.at..]
                    .windows(2)
                    .position(|pair| pair == ['\\', 'E'])
                    .map_or(self.letters.len(), |offset| self.at + offset);
                while self.at < end {
                    let literal = self.letters[self.at];
                    self.literal(literal);
                    self.at += 1;
                }
                self.at = (end + 2).min(self.letters.len());
            }
            'E' => {}
            't' | 'n' | 'r' | 'f' | 'a' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'e' => self.out.push_str(r"\x{1b}"),
            '0' => {
                let mut code = 0;
                let mut digits = 0;
                while digits < 3 {
                    let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    if code * 8 + digit > 0o377 {
                        break;
                    }
                    code = code * 8 + digit;
                    digits += 1;
                    self.at += 1;
                }
                if digits == 0 {
                    return self.fail("Illegal octal escape sequence");
                }
                self.out.push_str(&format!("\\x{{{code:x}}}"));
            }
            'x' | 'u' => self.code_point(c)?,
            'c' => {
                let Some(control) = self.peek(0) else {
                    return self.fail("Illegal control escape sequence");
                };
                self.at += 1;
                self.out
                    .push_str(&format!("\\x{{{:x}}}", (control as u32) ^ 64));
            }
            'b' | 'B' | 'A' | 'z' | 'G' if !in_class => {
                if c == 'G' {
                    return self.fail("Illegal/unsupported escape sequence");
                }
                self.out.push('\\');
                self.out.push(c);
                return Ok(());
            }
            'Z' if !in_class => {
                self.out
                    .push_str(&format!(r"(?=(?:\r\n|[{LINE_ENDS}])?\z)"));
                return Ok(());
            }
            'k' if !in_class => {
                let rest: String = self.letters[self.at..].iter().collect();
                let Some(end) = rest.find('>').filter(|_| rest.starts_with('<')) else {
                    return self.fail("\\k is not followed by '<' for named capturing group");
                };
                self.out.push_str("\\k");
                self.out.push_str(&rest[..=end]);
                self.at += rest[..=end].chars().count();
            }
            '1'..='9' if !in_class => {
                self.out.push('\\');
                self.out.push(c);
            }
            c if c.is_ascii_alphabetic() => {
                return self.fail("Illegal/unsupported escape sequence");
            }
            other => self.literal(other),
        }
        if in_class { Ok(()) } else { self.quantifier() }
    }

    fn code_point(&mut self, kind: char) -> Eval<()> {
        let code = if kind == 'x' && self.peek(0) == Some('{') {
            let rest: String = self.letters[self.at + 1..].iter().take(9).collect();
            let Some(end) = rest.find('}') else {
                return self.fail("Unclosed hexadecimal escape sequence");
            };
            self.at += end + 2;
            u32::from_str_radix(&rest[..end], 16).ok()
        } else {
            let length = if kind == 'x' { 2 } else { 4 };
            let digits: String = self.letters[self.at..].iter().take(length).collect();
            self.at += digits.chars().count();
            (digits.len() == length)
                .then(|| u32::from_str_radix(&digits, 16).ok())
                .flatten()
        };
        match code {
            Some(code) => {
                self.out.push_str(&format!("\\x{{{code:x}}}"));
                Ok(())
            }
            None => self.fail("Illegal hexadecimal escape sequence"),
        }
    }

    fn property(&mut self, negated: bool, in_class: bool) -> Eval<()> {
        let name = if self.peek(0) == Some('{') {
            let rest: String = self.letters[self.at + 1..].iter().collect();
            let Some(end) = rest.find('}') else {
                return self.fail("Unclosed character family");
            };
            self.at += rest[..end].chars().count() + 2;
            rest[..end].to_owned()
        } else {
            let Some(c) = self.peek(0) else {
                return self.fail("Illegal/unsupported escape sequence");
            };
            self.at += 1;
            c.to_string()
        };
        let ascii = match name.as_str() {
            "Lower" => Some("a-z"),
            "Upper" => Some("A-Z"),
            "ASCII" => Some(r"\x{0}-\x{7f}"),
            "Alpha" => Some("a-zA-Z"),
            "Digit" => Some("0-9"),
            "Alnum" => Some("a-zA-Z0-9"),
            "Punct" => Some(r"!-/:-@\[-`{-~"),
            "Graph" => Some("!-~"),
            "Print" => Some(r"\x{20}-~"),
            "Blank" => Some(r"\x{20}\t"),
            "Cntrl" => Some(r"\x{0}-\x{1f}\x{7f}"),
            "XDigit" => Some("0-9a-fA-F"),
            "Space" => Some(r"\x{20}\t\n\x{b}\x{c}\r"),
            _ => None,
        };
        if let Some(inner) = ascii {
            let set = match (negated, in_class) {
                (true, _) => format!("[^{inner}]"),
                (false, true) => inner.to_owned(),
                (false, false) => format!("[{inner}]"),
            };
            self.out.push_str(&set);
            return Ok(());
        }
        let name = match name.as_str() {
            "javaLowerCase" => "Lowercase",
            "javaUpperCase" => "Uppercase",
            "javaWhitespace" => "White_Space",
            "javaLetter" | "javaAlphabetic" => "Alphabetic",
            "javaDigit" => "Nd",
            "javaLetterOrDigit" => "Alphabetic",
            other => other
                .strip_prefix("Is")
                .or_else(|| other.strip_prefix("In"))
                .unwrap_or(other),
        };
        if !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | '-'))
        {
            return self.fail("Unknown character property name");
        }
        let letter = if negated { 'P' } else { 'p' };
        self.out.push_str(&format!("\\{letter}{{{name}}}"));
        Ok(())
    }

    /// A class `[…]`; the bracket is the current character.
    fn class(&mut self, depth: usize) -> Eval<()> {
        if depth > 50 {
            return self.fail("Pattern is nested too deeply");
        }
        self.out.push('[');
        self.at += 1;
        if self.peek(0) == Some('^') {
            self.out.push('^');
            self.at += 1;
        }
        let mut first = true;
        loop {
            let Some(c) = self.peek(0) else {
                return self.fail("Unclosed character class");
            };
            match c {
                // A bracket right at the start is a character.
                ']' if !first => {
                    self.out.push(']');
                    self.at += 1;
                    break;
                }
                '[' => self.class(depth + 1)?,
                '&' if self.peek(1) == Some('&') => {
                    self.out.push_str("&&");
                    self.at += 2;
                }
                '\\' => self.escape(true)?,
                '-' => {
                    // A hyphen is a range only between two characters.
                    let range =
                        !first && self.peek(1).is_some_and(|next| next != ']' && next != '[');
                    self.out.push_str(if range { "-" } else { "\\-" });
                    self.at += 1;
                }
                _ => {
                    self.literal(c);
                    self.at += 1;
                }
            }
            first = false;
        }
        if depth == 0 {
            self.quantifier()
        } else {
            Ok(())
        }
    }
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
