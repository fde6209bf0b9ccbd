//! The layout of keys: every list that is ever asked for is one range of them.
//!
//! The first byte is the space. A text inside a key is closed by `00 01`, and a zero byte of its own is written
//! `00 FF`, so that no text is a prefix of another and the order of keys is the order of texts. A text at the very end
//! stands as it is. Times and numbers are big-endian; a time has its sign bit flipped, so that the order of keys is
//! the order of times.
//!
//! | key | value |
//! | --- | --- |
//! | `b` execution | – : busy |
//! | `c` key, u32 | a further piece of the value of that key |
//! | `e` space, key | a record of another crate |
//! | `j` u64 | a slot with a piece of the journal |
//! | `k` correlation, execution | – |
//! | `m` name | of the store itself: `format` of this layout, the first piece of the `journal` that counts |
//! | `n` application, name, pipeline | the number of the newest revision |
//! | `p` pipeline, `h` | what is the newest revision, or that it was deleted |
//! | `p` pipeline, `r` u64 | a revision |
//! | `q` pipeline, time, execution | – : waits for a slot |
//! | `r` execution, `h` | the execution as it was made, its ledger and its stages |
//! | `r` execution, `l` u64 | the changes that made it that version, unless later ones have superseded them |
//! | `r` execution, `s` u32 | a stage; of early versions only |
//! | `t` time, execution | – : something is due |
//! | `xa` kind, status, time, execution | – : the list of all executions |
//! | `xb` application, kind, status, time, execution | the application as written, where that differs |
//! | `xc` pipeline, kind, status, time, execution | – |

pub(crate) mod list;
pub(crate) mod mark;
pub(crate) mod pipeline;
pub(crate) mod record;
pub(crate) mod run;

use smallvec::{SmallVec, smallvec};
use spindrift_engine::{IndexRow, Listed, Scope};
use spindrift_model::{ExecutionId, ExecutionKind, Millis, PipelineId, Serial, Status};

/// A key. Those of runs, timers and marks are at most that long, and then stand in the nodes of a layer's map themselves: comparing them
/// does not wait for memory, and making them does not ask for any.
pub(crate) type Key = SmallVec<[u8; 40]>;

pub(crate) const BUSY: u8 = b'b';
pub(crate) const CHUNK: u8 = b'c';
pub(crate) const RECORD: u8 = b'e';
pub(crate) const JOURNAL: u8 = b'j';
pub(crate) const CORRELATION: u8 = b'k';
pub(crate) const META: u8 = b'm';
pub(crate) const NAME: u8 = b'n';
pub(crate) const PIPELINE: u8 = b'p';
pub(crate) const QUEUE: u8 = b'q';
pub(crate) const RUN: u8 = b'r';
pub(crate) const TIMER: u8 = b't';
pub(crate) const LIST: u8 = b'x';

/// Every space there is.
pub(crate) const SPACES: [u8; 12] = [
    BUSY,
    CHUNK,
    RECORD,
    JOURNAL,
    CORRELATION,
    META,
    NAME,
    PIPELINE,
    QUEUE,
    RUN,
    TIMER,
    LIST,
];

const END: [u8; 2] = [0, 1];
const ZERO: [u8; 2] = [0, 0xff];

/// Where the row of the version of the layout is.
pub(crate) fn format() -> Key {
    Key::from_slice(b"mformat")
}

/// A range of keys: from the first, up to but not including the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Key,
    pub(crate) to: Key,
}

impl Span {
    /// Every key that begins with `prefix`.
    pub(crate) fn prefix(prefix: &[u8]) -> Self {
        Self {
            from: Key::from_slice(prefix),
            to: successor(prefix),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

/// The least key above every key that begins with `prefix`. No prefix of ours is empty or all `FF`.
pub(crate) fn successor(prefix: &[u8]) -> Key {
    let mut key = Key::from_slice(prefix);
    while let Some(last) = key.pop() {
        if last < u8::MAX {
            key.push(last + 1);
            break;
        }
    }
    key
}

/// The first key behind a key.
pub(crate) fn behind(mut key: Key) -> Key {
    key.push(0);
    key
}

fn push_text(key: &mut Key, text: &str) {
    if text.as_bytes().contains(&0) {
        for byte in text.bytes() {
            match byte {
                0 => key.extend_from_slice(&ZERO),
                byte => key.push(byte),
            }
        }
    } else {
        key.extend_from_slice(text.as_bytes());
    }
    key.extend_from_slice(&END);
}

/// The text that begins at the start of `bytes`, and what comes behind its end.
pub(crate) fn read_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::new();
    let mut rest = bytes;
    loop {
        match rest {
            [0, 1, behind @ ..] => return Some((String::from_utf8(text).ok()?, behind)),
            [0, 0xff, behind @ ..] => {
                text.push(0);
                rest = behind;
            }
            [0, ..] | [] => return None,
            [byte, behind @ ..] => {
                text.push(*byte);
                rest = behind;
            }
        }
    }
}

fn time_bytes(at: Millis) -> [u8; 8] {
    (at ^ Millis::MIN).to_be_bytes()
}

fn read_time(bytes: &[u8]) -> Option<(Millis, &[u8])> {
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    Some((Millis::from_be_bytes(*time) ^ Millis::MIN, rest))
}

fn read_execution(bytes: &[u8]) -> Option<ExecutionId> {
    std::str::from_utf8(bytes).ok().map(ExecutionId::new)
}

/// How applications and names are compared: trimmed, and without regard to case.
pub(crate) fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// One byte per kind; part of the format on disk.
fn kind_code(kind: ExecutionKind) -> u8 {
    match kind {
        ExecutionKind::Pipeline => b'p',
        ExecutionKind::Orchestration => b'o',
    }
}

/// One byte per status; part of the format on disk.
fn status_code(status: Status) -> u8 {
    match status {
        Status::NotStarted => b'n',
        Status::Running => b'r',
        Status::Paused => b'p',
        Status::Suspended => b'u',
        Status::Succeeded => b's',
        Status::FailedContinue => b'f',
        Status::Terminal => b't',
        Status::Canceled => b'c',
        Status::Redirect => b'd',
        Status::Stopped => b'o',
        Status::Skipped => b'k',
        Status::Buffered => b'b',
    }
}

fn read_status(code: u8) -> Option<Status> {
    Status::ALL
        .into_iter()
        .find(|status| status_code(*status) == code)
}

/// Both kinds.
pub(crate) const KINDS: [ExecutionKind; 2] =
    [ExecutionKind::Pipeline, ExecutionKind::Orchestration];

/// A slot for a piece of the journal.
pub(crate) fn journal(slot: u64) -> Key {
    let mut key = smallvec![JOURNAL];
    key.extend_from_slice(&slot.to_be_bytes());
    key
}

/// Where the row is that says with which piece the journal begins.
pub(crate) fn journal_first() -> Key {
    Key::from_slice(b"mjournal")
}

/// The number of a slot of the journal.
pub(crate) fn read_journal(key: &[u8]) -> Option<u64> {
    let number = key.strip_prefix(&[JOURNAL])?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

/// A further piece of the value of `key`.
pub(crate) fn chunk(key: &[u8], number: u32) -> Key {
    let mut chunk = Key::with_capacity(key.len() + 5);
    chunk.push(CHUNK);
    chunk.extend_from_slice(key);
    chunk.extend_from_slice(&number.to_be_bytes());
    chunk
}

/// The key whose value it belongs to, and which piece it is.
pub(crate) fn read_chunk(key: &[u8]) -> Option<(&[u8], u32)> {
    let (key, number) = key.strip_prefix(&[CHUNK])?.split_last_chunk::<4>()?;
    Some((key, u32::from_be_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_of_statuses_and_kinds_are_distinct() {
        for status in Status::ALL {
            assert_eq!(read_status(status_code(status)), Some(status));
        }
        assert_ne!(kind_code(KINDS[0]), kind_code(KINDS[1]));
    }

    #[test]
    fn the_key_behind_a_prefix_is_above_all_that_begin_with_it() {
        let table: [(&[u8], &[u8]); 3] = [(b"a", b"b"), (b"a\xff", b"b"), (b"ab\x01", b"ab\x02")];
        for (prefix, expected) in table {
            assert_eq!(&successor(prefix)[..], expected);
        }
    }

    proptest! {
        #[test]
        fn texts_in_keys_read_back_and_keep_their_order(a in "[\\x00\\x01a-c]{0,5}", b in "[\\x00\\x01a-c]{0,5}", tail in any::<Vec<u8>>()) {
            let encode = |text: &str| {
                let mut key = Key::new();
                push_text(&mut key, text);
                key
            };
            prop_assert_eq!(a.cmp(&b), encode(&a).cmp(&encode(&b)));
            let mut key = encode(&a);
            key.extend_from_slice(&tail);
            prop_assert_eq!(read_text(&key), Some((a, &tail[..])));
        }

        #[test]
        fn times_in_keys_read_back_and_keep_their_order(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(a.cmp(&b), time_bytes(a).cmp(&time_bytes(b)));
            let bytes = time_bytes(a);
            prop_assert_eq!(read_time(&bytes), Some((a, &[][..])));
        }
    }

    #[test]
    fn keys_read_back() {
        let (id, pipeline) = (ExecutionId::from("01J"), PipelineId::from("p-1"));
        assert_eq!(
            run::read(&run::header(&id)),
            Some((id.clone(), run::Part::Header))
        );
        assert_eq!(
            run::read(&run::log(&id, 7)),
            Some((id.clone(), run::Part::Log(7)))
        );
        assert_eq!(
            run::read(&run::stage(&id, Serial(3))),
            Some((id.clone(), run::Part::Stage(Serial(3))))
        );
        assert_eq!(mark::read_busy(&mark::busy(&id)), Some(id.clone()));
        assert_eq!(
            mark::read_timer(&mark::timer(-4, &id)),
            Some((-4, id.clone()))
        );
        assert_eq!(
            mark::read_queued(&mark::queued(&pipeline, 5, &id)),
            Some((pipeline.clone(), 5, id.clone()))
        );
        assert_eq!(
            mark::read_correlated(&mark::correlated("c\0d", &id)),
            Some(("c\0d".to_owned(), id.clone()))
        );
        assert_eq!(
            pipeline::read(&pipeline::revision(&pipeline, 9)),
            Some((pipeline.clone(), pipeline::Part::Revision(9)))
        );
        assert_eq!(
            pipeline::read_named(&pipeline::named(" Shop ", "Bake it", &pipeline)),
            Some(("shop".to_owned(), "bake it".to_owned(), pipeline))
        );
        let row = run::header(&id);
        assert_eq!(read_chunk(&chunk(&row, 2)), Some((&row[..], 2)));
        assert_eq!(read_journal(&journal(12)), Some(12));
    }
}
