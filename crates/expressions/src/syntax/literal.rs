//! Literals: the values of quoted text and of numbers.

use std::sync::Arc;

use crate::error::ParseFailure;

type Parsed<T> = Result<T, Box<ParseFailure>>;

pub(super) fn unquoted(text: &str) -> Arc<str> {
    let quote = &text[..1];
    let inner = &text[1..text.len() - 1];
    if inner.contains(quote) {
        inner.replace(&quote.repeat(2), quote).into()
    } else {
        inner.into()
    }
}

fn number_cause(text: &str, radix: u32) -> String {
    if radix == 10 {
        format!("For input string: \"{text}\"")
    } else {
        format!("For input string: \"{text}\" under radix {radix}")
    }
}

pub(super) fn integer(text: &str, radix: u32, start: usize) -> Parsed<i32> {
    i32::from_str_radix(text, radix)
        .map_err(|_| ParseFailure::number(start, 1035, text, "an int", number_cause(text, radix)))
        .map_err(Box::new)
}

pub(super) fn long(text: &str, radix: u32, start: usize) -> Parsed<i64> {
    i64::from_str_radix(text, radix)
        .map_err(|_| ParseFailure::number(start, 1036, text, "a long", number_cause(text, radix)))
        .map_err(Box::new)
}

pub(super) fn bad_real(text: &str, start: usize) -> Box<ParseFailure> {
    Box::new(ParseFailure::number(
        start,
        1040,
        text,
        "a double",
        number_cause(text, 10),
    ))
}

pub(super) fn real(text: &str, start: usize) -> Parsed<f64> {
    text.trim_end_matches(['d', 'D'])
        .parse()
        .map_err(|_| bad_real(text, start))
}
