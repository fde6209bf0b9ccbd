//! Templates: text with `${…}` parts, parsed once and evaluated often.

use std::sync::Arc;

use super::ast::Node;
use super::parser;
use crate::error::ParseFailure;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text(Arc<str>),
    Expression { node: Node, text: Arc<str> },
}

/// A parsed string. Cloning is cheap; evaluating does not change it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    pub(crate) parts: Arc<[Part]>,
    /// The text as evaluated: execution-aware functions have got their first argument.
    pub(crate) preprocessed: Arc<str>,
    /// How the evaluation summary calls this string.
    pub(crate) key: Arc<str>,
}

impl Template {
    /// Parses a string that holds `${`.
    pub fn parse(source: &str) -> Result<Self, ParseFailure> {
        let preprocessed: Arc<str> = super::preprocess::preprocess(source).into();
        let parts = split(&preprocessed)?;
        let key = match &parts[..] {
            [Part::Expression { text, .. }] => Arc::clone(text),
            parts => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) | Part::Expression { text, .. } => &**text,
                })
                .collect::<String>()
                .into(),
        };
        Ok(Self {
            parts: parts.into(),
            preprocessed,
            key,
        })
    }

    /// Finds the first problem of a string and its place, as the string is written.
    pub(crate) fn problem(source: &str) -> Option<ParseFailure> {
        if let Err(failure) = split(source) {
            return Some(failure);
        }
        // The rewriting can break what was well-formed; then the place is only near.
        let mut failure = Self::parse(source).err()?;
        failure.position = failure.position.min(source.chars().count());
        Some(failure)
    }

    /// True where the string is one expression and nothing else, so that its value keeps its type.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(&self.parts[..], [Part::Expression { .. }])
    }
}

/// True where a string has to be looked at.
#[must_use]
pub fn has_expression(text: &str) -> bool {
    text.contains("${")
}

fn split(source: &str) -> Result<Vec<Part>, ParseFailure> {
    let mut parts = Vec::new();
    let mut rest = 0;
    while rest < source.len() {
        let Some(found) = source[rest..].find("${") else {
            parts.push(Part::Text(source[rest..].into()));
            break;
        };
        let prefix = rest + found;
        if prefix > rest {
            parts.push(Part::Text(source[rest..prefix].into()));
        }
        let inner = prefix + 2;
        let Some(suffix) = closing(source, inner)? else {
            let at = characters(source, prefix);
            return Err(ParseFailure::template(
                source,
                at,
                format!(
                    "No ending suffix '}}' for expression starting at character {at}: {}",
                    &source[prefix..]
                ),
            ));
        };
        let text = java_trim(&source[inner..suffix]);
        if text.is_empty() {
            let at = characters(source, prefix);
            return Err(ParseFailure::template(
                source,
                at,
                format!("No expression defined within delimiter '${{}}' at character {at}"),
            ));
        }
        let leading = source[inner..suffix].len()
            - source[inner..suffix]
                .trim_start_matches(|c: char| c <= ' ')
                .len();
        let node = parser::parse(text).map_err(|mut failure| {
            failure.position = failure.position.min(text.chars().count());
            failure.place_in_whole(characters(source, inner + leading));
            failure
        })?;
        parts.push(Part::Expression {
            node,
            text: text.into(),
        });
        rest = suffix + 1;
    }
    Ok(parts)
}

impl ParseFailure {
    /// Turns a place in the part into a place in the whole text. The message keeps the place in the part.
    fn place_in_whole(&mut self, offset: usize) {
        self.position += offset;
    }
}

/// `String.trim`: everything up to the space character.
pub(crate) fn java_trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

fn characters(source: &str, byte: usize) -> usize {
    source[..byte].chars().count()
}

/// Where the `}` of the part is that begins at `start`; brackets must pair, quotes hide what is in them.
fn closing(source: &str, start: usize) -> Result<Option<usize>, ParseFailure> {
    if !source[start..].contains('}') {
        return Ok(None);
    }
    let bytes = source.as_bytes();
    let mut open: Vec<(u8, usize)> = Vec::new();
    let mut position = start;
    let fail = |byte: usize, message: String| {
        Err(ParseFailure::template(
            source,
            characters(source, byte),
            message,
        ))
    };
    while position < bytes.len() {
        let byte = bytes[position];
        if byte == b'}' && open.is_empty() {
            return Ok(Some(position));
        }
        match byte {
            b'{' | b'[' | b'(' => open.push((byte, position)),
            b'}' | b']' | b')' => {
                let expected = match byte {
                    b'}' => b'{',
                    b']' => b'[',
                    _ => b'(',
                };
                let at = characters(source, position);
                match open.pop() {
                    None => {
                        return fail(
                            position,
                            format!(
                                "Found closing '{}' at position {at} without an opening '{}'",
                                byte as char, expected as char
                            ),
                        );
                    }
                    Some((found, place)) if found != expected => {
                        return fail(
                            position,
                            format!(
                                "Found closing '{}' at position {at} but most recent opening is '{}' at position {}",
                                byte as char,
                                found as char,
                                characters(source, place)
                            ),
                        );
                    }
                    Some(_) => {}
                }
            }
            b'\'' | b'"' => match source[position + 1..].find(byte as char) {
                Some(length) => position += 1 + length,
                None => {
                    return fail(
                        position,
                        format!(
                            "Found non terminating string literal starting at position {}",
                            characters(source, position)
                        ),
                    );
                }
            },
            _ => {}
        }
        position += 1;
    }
    match open.pop() {
        Some((found, place)) => {
            let close = match found {
                b'{' => '}',
                b'[' => ']',
                _ => ')',
            };
            let at = characters(source, place);
            fail(
                place,
                format!(
                    "Missing closing '{close}' for '{}' at position {at}",
                    found as char
                ),
            )
        }
        None => Ok(None),
    }
}

/// The key of a string that could not be parsed: the inner text of a lone `${…}`, else the text without `$`.
pub(crate) fn unparsed_key(source: &str) -> String {
    let inner = source
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let line_end = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    match inner {
        Some(inner) if !inner.contains(line_end) => java_trim(inner).to_owned(),
        _ => source.replace('$', ""),
    }
}
