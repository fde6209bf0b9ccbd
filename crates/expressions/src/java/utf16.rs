//! Text by UTF-16 units: positions, pieces, searches and comparisons as `java.lang.String` has them.

use crate::error::{Eval, STRING_BOUNDS, Thrown};

/// The length in UTF-16 units.
pub(crate) fn length(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}

/// The byte where a UTF-16 position lies; inside a pair, the byte where the pair begins.
pub(super) fn byte_at(text: &str, position: usize) -> usize {
    if text.is_ascii() {
        return position.min(text.len());
    }
    let mut units = 0;
    for (byte, c) in text.char_indices() {
        if units >= position {
            return byte;
        }
        units += c.len_utf16();
    }
    text.len()
}

/// The UTF-16 position of a byte.
pub(super) fn position_at(text: &str, byte: usize) -> i32 {
    length(&text[..byte]) as i32
}

pub(super) fn out_of_range(begin: i32, end: i32, length: usize) -> Thrown {
    Thrown::java(
        STRING_BOUNDS,
        format!("begin {begin}, end {end}, length {length}"),
    )
}

pub(super) fn substring(text: &str, begin: i32, end: i32) -> Eval<&str> {
    let units = length(text);
    let fits = begin >= 0 && begin <= end && end as usize <= units;
    if !fits {
        return Err(out_of_range(begin, end, units));
    }
    let from = byte_at(text, begin as usize);
    let to = byte_at(text, end as usize);
    Ok(text.get(from..to.max(from)).unwrap_or_default())
}

pub(super) fn unit_at(text: &str, index: i32) -> Eval<u16> {
    usize::try_from(index)
        .ok()
        .and_then(|index| {
            if text.is_ascii() {
                text.as_bytes().get(index).map(|byte| u16::from(*byte))
            } else {
                text.encode_utf16().nth(index)
            }
        })
        .ok_or_else(|| {
            Thrown::java(
                STRING_BOUNDS,
                format!("Index {index} out of bounds for length {}", length(text)),
            )
        })
}

pub(super) fn code_point(text: &str, index: i32) -> Eval<i32> {
    let unit = unit_at(text, index)?;
    if (0xD800..0xDC00).contains(&unit) {
        let byte = byte_at(text, index as usize);
        if let Some(c) = text[byte..].chars().next() {
            return Ok(c as i32);
        }
    }
    Ok(i32::from(unit))
}

pub(super) fn find(text: &str, wanted: &str, from: i32) -> i32 {
    let units = length(text) as i32;
    let from = from.clamp(0, units);
    let byte = byte_at(text, from as usize);
    text[byte..]
        .find(wanted)
        .map_or(-1, |found| position_at(text, byte + found))
}

pub(super) fn find_last(text: &str, wanted: &str, from: i32) -> i32 {
    if from < 0 {
        return -1;
    }
    let end = byte_at(text, from as usize)
        .saturating_add(wanted.len())
        .min(text.len());
    let end = (0..=end)
        .rev()
        .find(|byte| text.is_char_boundary(*byte))
        .unwrap_or(0);
    text[..end]
        .rfind(wanted)
        .map_or(-1, |found| position_at(text, found))
}

pub(super) fn character(code: i32) -> String {
    u32::try_from(code)
        .ok()
        .and_then(char::from_u32)
        .map_or_else(String::new, String::from)
}

pub(super) fn find_character(text: &str, code: i32, from: i32) -> i32 {
    let wanted = character(code);
    if wanted.is_empty() {
        return -1;
    }
    find(text, &wanted, from)
}

pub(super) fn find_last_character(text: &str, code: i32, from: i32) -> i32 {
    let wanted = character(code);
    if wanted.is_empty() {
        return -1;
    }
    find_last(text, &wanted, from)
}

pub(super) fn java_white(c: char) -> bool {
    // Character.isWhitespace: no-break spaces do not count.
    matches!(c, '\t'..='\r' | '\u{1c}'..='\u{1f}')
        || (c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{85}'))
}

pub(super) fn compare(left: &str, right: &str) -> i32 {
    let mut a = left.encode_utf16();
    let mut b = right.encode_utf16();
    loop {
        match (a.next(), b.next()) {
            (Some(x), Some(y)) if x != y => return i32::from(x) - i32::from(y),
            (Some(_), Some(_)) => {}
            _ => return length(left) as i32 - length(right) as i32,
        }
    }
}

pub(super) fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

pub(super) fn region(text: &str, from: i32, other: &str, at: i32, size: i32, fold: bool) -> bool {
    let part = |text: &str, from: i32| {
        substring(text, from, from.checked_add(size).unwrap_or(-1))
            .ok()
            .map(str::to_owned)
    };
    if size <= 0 {
        // Java subtracts the count from the length, so a negative one moves the bounds.
        let within = |text: &str, from: i32| {
            from >= 0 && i64::from(from) <= length(text) as i64 - i64::from(size)
        };
        return within(text, from) && within(other, at);
    }
    match (part(text, from), part(other, at)) {
        (Some(a), Some(b)) if fold => folded(&a) == folded(&b),
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

pub(super) fn part_of(units: &[u16], offset: i32, count: i32) -> Eval<String> {
    let range = usize::try_from(offset)
        .ok()
        .zip(usize::try_from(count).ok())
        .and_then(|(offset, count)| units.get(offset..offset.checked_add(count)?));
    range.map(String::from_utf16_lossy).ok_or_else(|| {
        Thrown::java(
            STRING_BOUNDS,
            format!("offset {offset}, count {count}, length {}", units.len()),
        )
    })
}
