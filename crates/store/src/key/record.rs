//! The keys of the records of other crates.

use super::*;

/// What the keys of the records of a space begin with.
pub(crate) fn prefix(space: &str, prefix: &str) -> Key {
    let mut key = smallvec![RECORD];
    push_text(&mut key, space);
    key.extend_from_slice(prefix.as_bytes());
    key
}

/// The space and the key.
pub(crate) fn read(key: &[u8]) -> Option<(String, String)> {
    let (space, key) = read_text(key.strip_prefix(&[RECORD])?)?;
    Some((space, std::str::from_utf8(key).ok()?.to_owned()))
}
