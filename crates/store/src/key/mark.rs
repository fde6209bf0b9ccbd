//! The keys of what is due, under way, waiting, or to be found by its correlation.

use super::*;

pub(crate) fn busy(id: &ExecutionId) -> Key {
    let mut key = smallvec![BUSY];
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

pub(crate) fn read_busy(key: &[u8]) -> Option<ExecutionId> {
    read_execution(key.strip_prefix(&[BUSY])?)
}

pub(crate) fn timer(at: Millis, id: &ExecutionId) -> Key {
    let mut key = smallvec![TIMER];
    key.extend_from_slice(&time_bytes(at));
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

/// The first key behind all timers up to `now`.
pub(crate) fn behind_timers(now: Millis) -> Key {
    let mut last: Key = smallvec![TIMER];
    last.extend_from_slice(&time_bytes(now));
    successor(&last)
}

pub(crate) fn read_timer(key: &[u8]) -> Option<(Millis, ExecutionId)> {
    let (at, id) = read_time(key.strip_prefix(&[TIMER])?)?;
    Some((at, read_execution(id)?))
}

/// What the keys of the queue of a pipeline begin with.
pub(crate) fn queue(pipeline: &PipelineId) -> Key {
    let mut key = smallvec![QUEUE];
    push_text(&mut key, pipeline.as_str());
    key
}

pub(crate) fn queued(pipeline: &PipelineId, at: Millis, id: &ExecutionId) -> Key {
    let mut key = queue(pipeline);
    key.extend_from_slice(&time_bytes(at));
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

/// Whose queue, since when, and which execution.
pub(crate) fn read_queued(key: &[u8]) -> Option<(PipelineId, Millis, ExecutionId)> {
    let (pipeline, rest) = read_text(key.strip_prefix(&[QUEUE])?)?;
    let (at, id) = read_time(rest)?;
    Some((pipeline.into(), at, read_execution(id)?))
}

/// What the keys of a correlation begin with.
pub(crate) fn correlation(correlation: &str) -> Key {
    let mut key = smallvec![CORRELATION];
    push_text(&mut key, correlation);
    key
}

pub(crate) fn correlated(text: &str, id: &ExecutionId) -> Key {
    let mut key = correlation(text);
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

pub(crate) fn read_correlated(key: &[u8]) -> Option<(String, ExecutionId)> {
    let (correlation, id) = read_text(key.strip_prefix(&[CORRELATION])?)?;
    Some((correlation, read_execution(id)?))
}
