//! The keys of one execution.

use super::*;

/// What the keys of all rows of the execution begin with.
pub(crate) fn prefix(id: &ExecutionId) -> Key {
    let mut key = Key::with_capacity(id.as_str().len() + 12);
    key.push(RUN);
    push_text(&mut key, id.as_str());
    key
}

pub(crate) fn header(id: &ExecutionId) -> Key {
    let mut key = prefix(id);
    key.push(b'h');
    key
}

/// The changes that led to `version`.
pub(crate) fn log(id: &ExecutionId, version: u64) -> Key {
    let mut key = prefix(id);
    key.push(b'l');
    key.extend_from_slice(&version.to_be_bytes());
    key
}

/// All rows of the log.
pub(crate) fn logs(id: &ExecutionId) -> Span {
    let mut key = prefix(id);
    key.push(b'l');
    Span::prefix(&key)
}

#[cfg(test)]
pub(crate) fn stage(id: &ExecutionId, serial: Serial) -> Key {
    let mut key = prefix(id);
    key.push(b's');
    key.extend_from_slice(&serial.0.to_be_bytes());
    key
}

/// What a key of an execution names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    Log(u64),
    Stage(Serial),
}

/// Whose row it is, and which.
pub(crate) fn read(key: &[u8]) -> Option<(ExecutionId, Part)> {
    let (id, rest) = read_text(key.strip_prefix(&[RUN])?)?;
    let part = match rest {
        [b'h'] => Part::Header,
        [b'l', version @ ..] => Part::Log(u64::from_be_bytes(version.try_into().ok()?)),
        [b's', serial @ ..] => Part::Stage(Serial(u32::from_be_bytes(serial.try_into().ok()?))),
        _ => return None,
    };
    Some((id.into(), part))
}
