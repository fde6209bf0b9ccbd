//! The journal: what a batch of commits does to the rows, in the order of the batches.
//!
//! A batch is one run of bytes, cut into pieces of at most [`PIECE`] bytes that sled gets as rows of one atomic batch:
//! the length of the run, then per row its key, whether it is set or removed, and its value. Reading the journal from
//! its beginning into an empty layer gives the rows that the tree may not have yet. Reading it over rows that the tree
//! does have changes nothing, so pieces may be removed any time after their rows are in the tree, oldest first.

use sled::{Batch, IVec};
use spindrift_engine::StoreError;

use crate::codec::corrupt;
use crate::key::{self, Key, Span};
use crate::layer::{Entry, Rows};
use crate::table::{PIECE, Table};

const REMOVED: u8 = 0;
const SET: u8 = 1;

/// Adds a batch's rows to a sled batch as the pieces from number `next`. Answers with the number behind the last.
pub(crate) fn append(batch: &mut Batch, next: u64, rows: &Rows) -> u64 {
    let mut run = Vec::with_capacity(rows.bytes() + 8);
    run.extend_from_slice(&[0; 4]);
    for (key, entry) in rows.iter() {
        push_length(&mut run, key.len());
        run.extend_from_slice(key);
        match entry {
            Entry::Gone => run.push(REMOVED),
            Entry::Put { value, .. } => {
                run.push(SET);
                push_length(&mut run, value.len());
                run.extend_from_slice(value);
            }
        }
    }
    // Batches are bounded far below 4 GiB; only a single commit beyond that could get here, and it has no memory.
    let length = u32::try_from(run.len()).unwrap_or(u32::MAX);
    run[..4].copy_from_slice(&length.to_be_bytes());
    let mut number = next;
    for piece in run.chunks(PIECE) {
        batch.insert(key::journal(number), piece);
        number += 1;
    }
    number
}

/// What the journal holds.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The rows that the tree may not have.
    pub(crate) rows: Rows,
    /// The number of the first piece there is.
    pub(crate) first: u64,
    /// The number of the next piece to be written.
    pub(crate) next: u64,
}

/// Reads the whole journal.
pub(crate) fn replay(table: &Table) -> Result<Replay, StoreError> {
    let mut replay = Replay {
        rows: Rows::default(),
        first: 1,
        next: 1,
    };
    let mut run = Vec::new();
    let mut any = false;
    for piece in table.stored(&Span::prefix(&[key::JOURNAL])) {
        let (key, piece) = piece?;
        let number = key::read_journal(&key)
            .ok_or_else(|| corrupt("the journal", &key, "the key is not a number"))?;
        if any && number != replay.next {
            return Err(corrupt(
                "the journal",
                &key,
                "pieces before this one are missing",
            ));
        }
        if !any {
            replay.first = number;
            any = true;
        }
        replay.next = number + 1;
        run.extend_from_slice(&piece);
        if run_length(&run) == Some(run.len()) {
            read_run(&run, &mut replay.rows)
                .ok_or_else(|| corrupt("the journal", &key, "a batch is not readable"))?;
            run.clear();
        }
    }
    if run.is_empty() {
        Ok(replay)
    } else {
        Err(corrupt(
            "the journal",
            &key::journal(replay.next),
            "the last batch is cut off",
        ))
    }
}

fn run_length(run: &[u8]) -> Option<usize> {
    let (length, _) = run.split_first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

fn read_run(run: &[u8], rows: &mut Rows) -> Option<()> {
    let mut rest = run.get(4..)?;
    while !rest.is_empty() {
        let key: Key = take(&mut rest)?.to_vec();
        let (form, behind) = rest.split_first()?;
        rest = behind;
        match *form {
            REMOVED => rows.remove(key),
            // The tree may have the row already, if the process died while rows were being moved there.
            SET => rows.put(key, IVec::from(take(&mut rest)?), false),
            _ => return None,
        };
    }
    Some(())
}

fn take<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = read_length(rest)?;
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

/// Seven bits a byte, lowest first; the highest bit says that more follow.
fn push_length(run: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        run.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    run.push(length as u8);
}

fn read_length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0usize;
    for shift in (0..u32::BITS).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> (sled::Db, Table) {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let table = Table::new((*db).clone());
        (db, table)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn batches_read_back_in_their_order(
            batches in proptest::collection::vec(
                proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..200), proptest::option::of(0usize..20_000)), 1..4),
                1..5,
            ),
            start in 1u64..500,
        ) {
            let (db, table) = table();
            let mut expected = std::collections::BTreeMap::new();
            let mut next = start;
            for rows in batches {
                let mut pending = Rows::default();
                for (key, length) in rows {
                    let value = length.map(|length| IVec::from(vec![7; length]));
                    match value.clone() {
                        Some(value) => pending.put(key.clone(), value, false),
                        None => pending.remove(key.clone()),
                    };
                    expected.insert(key, value);
                }
                let mut batch = Batch::default();
                next = append(&mut batch, next, &pending);
                db.apply_batch(batch).unwrap();
            }
            let read = replay(&table).unwrap();
            prop_assert_eq!((read.first, read.next), (start, next));
            let found: std::collections::BTreeMap<_, _> = read
                .rows
                .iter()
                .map(|(key, entry)| (key.clone(), entry.value().cloned()))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_damaged_journal_is_refused() {
        let (db, table) = table();
        let mut rows = Rows::default();
        rows.put(b"a".to_vec(), IVec::from(vec![1; 3 * PIECE]), false);
        let mut batch = Batch::default();
        assert_eq!(append(&mut batch, 5, &rows), 9);
        db.apply_batch(batch).unwrap();
        db.remove(key::journal(8)).unwrap();
        insta::assert_snapshot!(replay(&table).unwrap_err(), @r"the store holds something unreadable: the journal at key j\x00\x00\x00\x00\x00\x00\x00\x08: the last batch is cut off");
        db.remove(key::journal(6)).unwrap();
        insta::assert_snapshot!(replay(&table).unwrap_err(), @r"the store holds something unreadable: the journal at key j\x00\x00\x00\x00\x00\x00\x00\x07: pieces before this one are missing");
    }
}
