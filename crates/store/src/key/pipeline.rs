//! The keys of pipelines.

use super::*;

fn prefix(id: &PipelineId) -> Key {
    let mut key = smallvec![PIPELINE];
    push_text(&mut key, id.as_str());
    key
}

pub(crate) fn head(id: &PipelineId) -> Key {
    let mut key = prefix(id);
    key.push(b'h');
    key
}

pub(crate) fn revision(id: &PipelineId, number: u64) -> Key {
    let mut key = prefix(id);
    key.push(b'r');
    key.extend_from_slice(&number.to_be_bytes());
    key
}

pub(crate) fn revisions(id: &PipelineId) -> Span {
    let mut key = prefix(id);
    key.push(b'r');
    Span::prefix(&key)
}

/// What a key of a pipeline names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Head,
    Revision(u64),
}

/// Whose row it is, and which.
pub(crate) fn read(key: &[u8]) -> Option<(PipelineId, Part)> {
    let (id, rest) = read_text(key.strip_prefix(&[PIPELINE])?)?;
    let part = match rest {
        [b'h'] => Part::Head,
        [b'r', number @ ..] => Part::Revision(u64::from_be_bytes(number.try_into().ok()?)),
        _ => return None,
    };
    Some((id.into(), part))
}

pub(crate) fn named(application: &str, name: &str, id: &PipelineId) -> Key {
    let mut key = names(application, name);
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

/// The pipelines of that name in that application.
pub(crate) fn names(application: &str, name: &str) -> Key {
    let mut key = names_of(Some(application));
    push_text(&mut key, &folded(name));
    key
}

/// The names of all pipelines of an application, or of all.
pub(crate) fn names_of(application: Option<&str>) -> Key {
    let mut key = smallvec![NAME];
    if let Some(application) = application {
        push_text(&mut key, &folded(application));
    }
    key
}

/// The application, the name and the id.
pub(crate) fn read_named(key: &[u8]) -> Option<(String, String, PipelineId)> {
    let (application, rest) = read_text(key.strip_prefix(&[NAME])?)?;
    let (name, id) = read_text(rest)?;
    Some((application, name, std::str::from_utf8(id).ok()?.into()))
}

/// The first name behind those of the application of this name.
pub(crate) fn behind_application(key: &[u8]) -> Option<Key> {
    let (_, rest) = read_text(key.strip_prefix(&[NAME])?)?;
    Some(successor(&key[..key.len() - rest.len()]))
}
