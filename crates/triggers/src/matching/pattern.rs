//! Java regular expressions, as people wrote them for Echo.
//!
//! A pattern is compiled once and runs within a limit: a pattern that backtracks too much is an error of that pattern, not
//! of the event. Where Java and the engine below differ, the text is translated: `\d`, `\w` and `\s` are ASCII, `\Q…\E`
//! quotes, POSIX classes have Java's names. One difference is kept: `$` is the very end, also before a last newline.

use std::fmt;

use fancy_regex::{Regex, RegexBuilder};

/// Steps that one match may take before it counts as runaway: a hostile pattern gets a few milliseconds.
const BACKTRACK_LIMIT: usize = 100_000;

/// Bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 1 << 20;

/// Characters that a pattern may have.
const MAX_LENGTH: usize = 10_000;

/// Why a pattern gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression.
    #[error("{0}")]
    Syntax(String),
    /// It backtracks without end on this text.
    #[error("it takes too many steps; make it simpler")]
    Runaway,
}

/// Whether a pattern is about whole texts or about parts of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

/// A pattern, ready to match or broken. Broken ones match nothing and say why.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    extent: Extent,
    form: Form,
}

#[derive(Clone)]
enum Form {
    /// No special characters: comparing texts is enough.
    Literal,
    Regex(Box<Regex>),
    Broken(PatternError),
}

impl Pattern {
    /// A pattern for whole texts (Java's `matches`).
    pub fn whole(source: &str) -> Self {
        Self::new(source, Extent::Whole)
    }

    /// A pattern for parts of texts (Java's `find`).
    pub fn part(source: &str) -> Self {
        Self::new(source, Extent::Part)
    }

    fn new(source: &str, extent: Extent) -> Self {
        Self {
            source: source.to_owned(),
            extent,
            form: compile(source, extent),
        }
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The only text that it matches, when it has no special characters and is about whole texts.
    pub fn literal(&self) -> Option<&str> {
        let exact = matches!(self.form, Form::Literal) && self.extent == Extent::Whole;
        exact.then_some(self.source.as_str())
    }

    /// What is wrong with it.
    pub fn error(&self) -> Option<&PatternError> {
        match &self.form {
            Form::Broken(error) => Some(error),
            Form::Literal | Form::Regex(_) => None,
        }
    }

    /// Whether a text matches.
    pub fn matches(&self, text: &str) -> Result<bool, PatternError> {
        match (&self.form, self.extent) {
            (Form::Literal, Extent::Whole) => Ok(text == self.source),
            (Form::Literal, Extent::Part) => Ok(text.contains(&self.source)),
            (Form::Regex(regex), _) => regex.is_match(text).map_err(|_| PatternError::Runaway),
            (Form::Broken(error), _) => Err(error.clone()),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.extent) == (&other.source, other.extent)
    }
}

fn compile(source: &str, extent: Extent) -> Form {
    if !source.contains(is_special) {
        return Form::Literal;
    }
    if source.len() > MAX_LENGTH {
        let message = format!(
            "it has {} characters; at most {MAX_LENGTH} are accepted",
            source.len()
        );
        return Form::Broken(PatternError::Syntax(message));
    }
    let translated = translate(source);
    // On its own first: "a)(b" must not become right by what is put around it.
    match build(&translated) {
        Err(error) => Form::Broken(PatternError::Syntax(error)),
        Ok(regex) if extent == Extent::Part => Form::Regex(Box::new(regex)),
        Ok(_) => match build(&format!(r"\A(?:{translated})\z")) {
            Ok(regex) => Form::Regex(Box::new(regex)),
            Err(error) => Form::Broken(PatternError::Syntax(error)),
        },
    }
}

fn is_special(c: char) -> bool {
    r"\.+*?()|[]{}^$".contains(c)
}

fn build(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .backtrack_limit(BACKTRACK_LIMIT)
        .delegate_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            text.lines().last().unwrap_or(&text).trim().to_owned()
        })
}

/// Java's spelling into that of the engine.
fn translate(source: &str) -> String {
    let mut result = String::with_capacity(source.len() + 16);
    let mut rest = source;
    let mut depth = 0_usize;
    while let Some(c) = rest.chars().next() {
        let (taken, text) = match c {
            '\\' => escape(rest, depth > 0),
            '[' => {
                depth += 1;
                let negated = rest.as_bytes().get(1) == Some(&b'^');
                let head = if negated { 2 } else { 1 };
                // A "]" right after the opening is a literal.
                match rest.as_bytes().get(head) {
                    Some(b']') => (head + 1, format!(r"{}\]", &rest[..head])),
                    _ => (head, rest[..head].to_owned()),
                }
            }
            ']' => {
                depth = depth.saturating_sub(1);
                (1, "]".to_owned())
            }
            other => (other.len_utf8(), other.to_string()),
        };
        result.push_str(&text);
        rest = &rest[taken..];
    }
    result
}

/// One escape: how much of the text it takes, and what becomes of it.
fn escape(rest: &str, in_class: bool) -> (usize, String) {
    let Some(c) = rest[1..].chars().next() else {
        return (1, r"\".to_owned());
    };
    let after = 1 + c.len_utf8();
    let class = |members: &str, negated: bool| match (in_class, negated) {
        (true, false) => members.to_owned(),
        (_, true) => format!("[^{members}]"),
        (false, false) => format!("[{members}]"),
    };
    let digits = "0-9";
    let words = "a-zA-Z_0-9";
    let spaces = r"\t\n\x0B\f\r\x20";
    let text = match c {
        'd' => class(digits, false),
        'D' => class(digits, true),
        'w' => class(words, false),
        'W' => class(words, true),
        's' => class(spaces, false),
        'S' => class(spaces, true),
        'h' => class(r"\t\x20\xA0", false),
        'R' => r"(?:\r\n|[\n\r])".to_owned(),
        'Z' => r"(?=\n?\z)".to_owned(),
        'Q' => {
            let quoted = &rest[after..];
            let end = quoted.find(r"\E");
            let inner = &quoted[..end.unwrap_or(quoted.len())];
            let taken = after + inner.len() + if end.is_some() { 2 } else { 0 };
            return (taken, fancy_regex::escape(inner).into_owned());
        }
        'p' | 'P' => {
            let posix = [
                ("{Alpha}", "a-zA-Z"),
                ("{Digit}", "0-9"),
                ("{Alnum}", "a-zA-Z0-9"),
                ("{Lower}", "a-z"),
                ("{Upper}", "A-Z"),
                ("{Space}", spaces),
                ("{XDigit}", "0-9a-fA-F"),
                ("{Punct}", r##"!-/:-@\[-`{-~"##),
            ];
            let known = posix
                .iter()
                .find(|(name, _)| rest[after..].starts_with(name));
            if let Some((name, members)) = known {
                return (after + name.len(), class(members, c == 'P'));
            }
            format!(r"\{c}")
        }
        other => format!(r"\{other}"),
    };
    (after, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_patterns_match_whole_texts_as_java_does() {
        let table = [
            ("master", "master", true),
            ("master", "master2", false),
            ("regex.*", "regex12345", true),
            ("not regex.*", "regex12345", false),
            ("a|ab", "ab", true),
            (r"\d+", "2", true),
            (r"\d+", "tag", false),
            (r"\d+", "٣", false),
            (r"v\d+\.\d+", "v1.20", true),
            (r"^v1\..*$", "v1.2.3", true),
            ("(?!.*-rc).*", "1.2.3", true),
            ("(?!.*-rc).*", "1.2.3-rc1", false),
            (r"\Qa.b\E.", "a.bc", true),
            (r"\Qa.b\E.", "axbc", false),
            (r"[\w-]+", "a-b_1", true),
            (r"[]a]+", "]a", true),
            (r"\p{Upper}\p{Alpha}+", "Ab", true),
            (r"(?i)MAIN", "main", true),
            ("feature/.*", "feature/a\nb", false),
            ("master|main", "main", true),
            ("a++b", "aaab", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(
                Pattern::whole(pattern).matches(text),
                Ok(expected),
                "{pattern} {text:?}"
            );
        }
    }

    #[test]
    fn part_patterns_find() {
        assert_eq!(Pattern::part("o").matches("one"), Ok(true));
        assert_eq!(Pattern::part("[uno, one]").matches("n"), Ok(true));
        assert_eq!(Pattern::part("^prod$").matches("prod2"), Ok(false));
    }

    #[test]
    fn broken_and_runaway_patterns_say_so() {
        for broken in ["[one,two", "a)(b", "(", "*a"] {
            let pattern = Pattern::whole(broken);
            assert!(
                matches!(pattern.matches("x"), Err(PatternError::Syntax(_))),
                "{broken}"
            );
            assert!(pattern.error().is_some());
        }
        let runaway = Pattern::whole(r"(?:(a|aa)\1?)+[^a]");
        assert_eq!(runaway.matches(&"a".repeat(40)), Err(PatternError::Runaway));
        let slow_in_java = Pattern::whole("(a+)+b");
        assert_eq!(slow_in_java.matches(&"a".repeat(5_000)), Ok(false));
    }
}
