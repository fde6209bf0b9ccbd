//! Java's pattern syntax in the syntax of the engine.
//!
//! Java's classes are ASCII, `.` and `$` know more line ends, `\Q…\E`, possessive quantifiers and POSIX classes are
//! spelled differently.

use super::regex::syntax;
use crate::error::Eval;

const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

/// A Java pattern in the syntax of the engine.
pub(super) fn translate(pattern: &str) -> Eval<String> {
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
