//! The rows of triggers in the store.
//!
//! | space | key | value |
//! | --- | --- | --- |
//! | `event` | the event's age-sorted key, newest first | the record |
//! | `event-pending` | the same key | nothing: it is not done |
//! | `event-seen` | the delivery's fingerprint | the key of its event |
//! | `tick` | pipeline, trigger | the last time of a schedule that was dealt with |
//! | `images` | account, repository | the tags of a registry at the last look, with their digests |
//! | `trigger-cursor` | `run-ended` | up to when the ends of runs were dealt with |

use sha2::{Digest, Sha256};
use spindrift_engine::{Store, StoreError, Write};
use spindrift_model::{Millis, PipelineId};
use ulid::Ulid;

use super::record::EventRecord;
use crate::events::registry::Seen;
use crate::matching::TriggerId;

const EVENT: &str = "event";
const PENDING: &str = "event-pending";
const SEEN: &str = "event-seen";
const TICK: &str = "tick";
const IMAGES: &str = "images";
const CURSOR: &str = "trigger-cursor";
const RUN_ENDED: &str = "run-ended";

/// An id that sorts by time and is the same for the same name.
pub(super) fn stable_id(time: Millis, name: &str) -> String {
    let hash = Sha256::digest(name.as_bytes());
    let mut random = [0; 16];
    random.copy_from_slice(&hash[..16]);
    Ulid::from_parts(
        u64::try_from(time).unwrap_or(0),
        u128::from_be_bytes(random),
    )
    .to_string()
}

/// The key of an event: the newest sorts first.
fn key_of(id: &str) -> String {
    let time = Ulid::from_string(id).map_or(0, |id| id.timestamp_ms());
    format!("{:016x}-{id}", u64::MAX - time)
}

fn corrupt(key: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("event {key}: {error}"))
}

pub(super) fn event(store: &dyn Store, id: &str) -> Result<Option<EventRecord>, StoreError> {
    event_at(store, &key_of(id))
}

fn event_at(store: &dyn Store, key: &str) -> Result<Option<EventRecord>, StoreError> {
    let Some(value) = store.record(EVENT, key)? else {
        return Ok(None);
    };
    serde_json::from_slice(&value)
        .map(Some)
        .map_err(|error| corrupt(key, error))
}

/// The newest events that came before `after`.
pub(super) fn events(
    store: &dyn Store,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<EventRecord>, StoreError> {
    let after = after.map(key_of);
    let rows = store.records(EVENT, "", after.as_deref(), limit)?;
    let read = |(key, value): (String, Vec<u8>)| {
        serde_json::from_slice(&value).map_err(|error| corrupt(&key, error))
    };
    rows.into_iter().map(read).collect()
}

/// The events that are not done, at most `limit`.
pub(super) fn pending(
    store: &dyn Store,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<EventRecord>, StoreError> {
    let after = after.map(key_of);
    let rows = store.records(PENDING, "", after.as_deref(), limit)?;
    let mut events = Vec::with_capacity(rows.len());
    for (key, _) in rows {
        events.extend(event_at(store, &key)?);
    }
    Ok(events)
}

fn put(space: &'static str, key: String, value: Vec<u8>) -> Write {
    Write::PutRecord {
        space,
        key,
        value,
        expected: None,
    }
}

fn value_of(record: &EventRecord) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|error| corrupt(&record.id, error))
}

/// A new event that is not done.
pub(super) fn received(record: &EventRecord) -> Result<Vec<Write>, StoreError> {
    let key = key_of(&record.id);
    Ok(vec![
        put(EVENT, key.clone(), value_of(record)?),
        put(PENDING, key, Vec::new()),
    ])
}

/// A new event with which nothing is to be done.
pub(super) fn done_at_once(record: &EventRecord) -> Result<Vec<Write>, StoreError> {
    Ok(vec![put(EVENT, key_of(&record.id), value_of(record)?)])
}

/// An event that is done.
pub(super) fn done(record: &EventRecord) -> Result<Vec<Write>, StoreError> {
    let key = key_of(&record.id);
    let not_pending = Write::DeleteRecord {
        space: PENDING,
        key: key.clone(),
    };
    Ok(vec![put(EVENT, key, value_of(record)?), not_pending])
}

/// The event that a delivery with this fingerprint is, when it came before.
pub(super) fn seen(
    store: &dyn Store,
    fingerprint: &str,
) -> Result<Option<(Vec<u8>, EventRecord)>, StoreError> {
    let Some(value) = store.record(SEEN, fingerprint)? else {
        return Ok(None);
    };
    let key = String::from_utf8_lossy(&value).into_owned();
    Ok(event_at(store, &key)?.map(|event| (value, event)))
}

/// A fingerprint is this event's. Conflict: meanwhile it has become another's.
pub(super) fn remember(fingerprint: &str, id: &str, replaces: Option<Vec<u8>>) -> Write {
    Write::PutRecord {
        space: SEEN,
        key: fingerprint.to_owned(),
        value: key_of(id).into_bytes(),
        expected: Some(replaces),
    }
}

/// The writes that forget an event, and that its delivery was seen unless that is another event's by now.
pub(super) fn forget(store: &dyn Store, record: &EventRecord) -> Result<Vec<Write>, StoreError> {
    let key = key_of(&record.id);
    let mut writes = Vec::new();
    if let super::record::Cause::Delivery(delivery) = &record.cause {
        let fingerprint = delivery.fingerprint();
        if store.record(SEEN, &fingerprint)?.as_deref() == Some(key.as_bytes()) {
            writes.push(Write::DeleteRecord {
                space: SEEN,
                key: fingerprint,
            });
        }
    }
    writes.push(Write::DeleteRecord { space: EVENT, key });
    Ok(writes)
}

fn tick_key(pipeline: &PipelineId, trigger: &TriggerId) -> String {
    format!("{pipeline}/{trigger}")
}

fn millis(value: Option<Vec<u8>>) -> Option<Millis> {
    String::from_utf8(value?).ok()?.parse().ok()
}

/// The last time of a schedule that was dealt with.
pub(super) fn last_tick(
    store: &dyn Store,
    pipeline: &PipelineId,
    trigger: &TriggerId,
) -> Result<Option<Millis>, StoreError> {
    store.record(TICK, &tick_key(pipeline, trigger)).map(millis)
}

pub(super) fn ticked(pipeline: &PipelineId, trigger: &TriggerId, time: Millis) -> Write {
    put(
        TICK,
        tick_key(pipeline, trigger),
        time.to_string().into_bytes(),
    )
}

/// Up to when the ends of runs were dealt with.
pub(super) fn cursor(store: &dyn Store) -> Result<Option<Millis>, StoreError> {
    store.record(CURSOR, RUN_ENDED).map(millis)
}

pub(super) fn move_cursor(time: Millis) -> Write {
    put(CURSOR, RUN_ENDED.to_owned(), time.to_string().into_bytes())
}

pub(super) fn images_key(account: &str, repository: &str) -> String {
    format!("{account}/{repository}")
}

/// What the last look at a repository found, and the bytes in which it is stored.
pub(super) fn images(
    store: &dyn Store,
    key: &str,
) -> Result<(Option<Vec<u8>>, Option<Seen>), StoreError> {
    let Some(value) = store.record(IMAGES, key)? else {
        return Ok((None, None));
    };
    let seen = serde_json::from_slice(&value)
        .map_err(|error| StoreError::Corrupt(format!("images {key}: {error}")))?;
    Ok((Some(value), Some(seen)))
}

/// Remembers what a look at a repository found. Conflict: another look came in between.
pub(super) fn remember_images(
    key: &str,
    seen: &Seen,
    replaces: Option<Vec<u8>>,
) -> Result<Write, StoreError> {
    let value = serde_json::to_vec(seen)
        .map_err(|error| StoreError::Corrupt(format!("images {key}: {error}")))?;
    Ok(Write::PutRecord {
        space: IMAGES,
        key: key.to_owned(),
        value,
        expected: Some(replaces),
    })
}

/// The repositories of an account that have been looked at.
pub(super) fn known_repositories(
    store: &dyn Store,
    account: &str,
) -> Result<Vec<String>, StoreError> {
    let prefix = images_key(account, "");
    let rows = store.records(IMAGES, &prefix, None, usize::MAX)?;
    let name = |(key, _): (String, Vec<u8>)| key.strip_prefix(&prefix).map(str::to_owned);
    Ok(rows.into_iter().filter_map(name).collect())
}

pub(super) fn forget_images(key: &str) -> Write {
    Write::DeleteRecord {
        space: IMAGES,
        key: key.to_owned(),
    }
}
