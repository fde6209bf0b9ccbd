//! The journal: what a batch of commits does to the rows, in the order of the batches.
//!
//! A batch is one run of bytes, cut into pieces of at most [`PIECE`] bytes that sled gets as rows of one atomic batch:
//! the length of the run, then per row its key, whether it is set or removed, and its value. Reading the journal from
//! its beginning into an empty layer gives the rows that the tree may not have yet. Reading it over rows that the tree
//! does have changes nothing, so its beginning may move on any time after rows have reached the tree.
//!
//! Pieces are numbered for ever, and kept in slots that are used again: overwriting a row costs sled a third of what
//! adding one and removing another does, since its tree keeps its shape. One row says with which piece the journal
//! begins; what slots hold of earlier pieces does not count.

use std::collections::VecDeque;

use sled::{Batch, IVec};
use spindrift_engine::StoreError;

use crate::codec::corrupt;
use crate::key::{self, Key, Span};
use crate::layer::{Entry, Rows};
use crate::table::{PIECE, Table};

const REMOVED: u8 = 0;
const SET: u8 = 1;

/// The number of a piece stands before its bytes.
const NUMBER: usize = 8;

/// Where the pieces are.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// The number of the next piece.
    next: u64,
    /// The slots of the pieces that count, oldest first; the last one holds the piece before the next.
    used: VecDeque<u64>,
    /// Slots to be used again, in this order.
    free: VecDeque<u64>,
    /// How many slots there are.
    slots: u64,
    /// Whether the journal begins further on than the disk says.
    has_moved_on: bool,
}

impl Journal {
    /// The number of the next piece.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the first piece that counts.
    pub(crate) fn first(&self) -> u64 {
        self.next - self.used.len() as u64
    }

    /// Adds what a batch does to the rows. Answers with its length in bytes.
    pub(crate) fn append(&mut self, batch: &mut Batch, rows: &Rows) -> usize {
        let run = write_run(rows);
        for bytes in run.chunks(PIECE - NUMBER) {
            let slot = self.free.pop_front().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            let mut piece = Vec::with_capacity(NUMBER + bytes.len());
            piece.extend_from_slice(&self.next.to_be_bytes());
            piece.extend_from_slice(bytes);
            batch.insert(&key::journal(slot)[..], piece);
            self.used.push_back(slot);
            self.next += 1;
        }
        self.write_first(batch);
        run.len()
    }

    /// Lets the journal begin with the piece `first`. Whoever calls knows that the rows of all earlier ones are in the
    /// tree for good. The disk is told together with the next piece, which may take the place of one of them.
    pub(crate) fn begin_with(&mut self, first: u64) {
        while self.first() < first
            && let Some(slot) = self.used.pop_front()
        {
            self.free.push_back(slot);
            self.has_moved_on = true;
        }
    }

    /// Gives back slots beyond `keep` while no piece counts, at most `count`. Answers whether there was anything to do.
    pub(crate) fn shrink(&mut self, batch: &mut Batch, keep: u64, count: u64) -> bool {
        if !self.used.is_empty() || self.slots <= keep {
            return false;
        }
        self.write_first(batch);
        let end = self.slots;
        self.slots = keep.max(end.saturating_sub(count));
        for slot in self.slots..end {
            batch.remove(&key::journal(slot)[..]);
        }
        self.free = (0..self.slots).collect();
        true
    }

    /// Tells the disk with which piece the journal begins; answers whether it does not know yet.
    pub(crate) fn write_first(&mut self, batch: &mut Batch) -> bool {
        if self.has_moved_on {
            batch.insert(&key::journal_first()[..], &self.first().to_be_bytes());
        }
        std::mem::take(&mut self.has_moved_on)
    }
}

fn write_run(rows: &Rows) -> Vec<u8> {
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
    run
}

/// Reads the whole journal: where its pieces are, and the rows that the tree may not have.
pub(crate) fn replay(table: &Table) -> Result<(Journal, Rows), StoreError> {
    let unreadable = |key: &[u8], why: &str| corrupt("the journal", key, why);
    let first = match table.stored_value(&key::journal_first())? {
        Some(first) => {
            read_number(&first)
                .ok_or_else(|| unreadable(&key::journal_first(), "its beginning is no number"))?
                .0
        }
        None => 1,
    };
    let mut journal = Journal {
        next: first,
        ..Journal::default()
    };
    let mut pieces: Vec<(u64, u64, IVec)> = Vec::new();
    let mut stale = Vec::new();
    for row in table.stored(&Span::prefix(&[key::JOURNAL])) {
        let (key, piece) = row?;
        let slot =
            key::read_journal(&key).ok_or_else(|| unreadable(&key, "the key is not a number"))?;
        let (number, _) =
            read_number(&piece).ok_or_else(|| unreadable(&key, "the piece has no number"))?;
        journal.free.extend(journal.slots..slot);
        journal.slots = slot + 1;
        if number >= first {
            pieces.push((number, slot, piece));
        } else {
            stale.push((number, slot));
        }
    }
    stale.sort_unstable();
    journal.free.extend(stale.into_iter().map(|(_, slot)| slot));
    pieces.sort_unstable_by_key(|(number, ..)| *number);
    let mut rows = Rows::default();
    let mut run = Vec::new();
    for (number, slot, piece) in pieces {
        let key = key::journal(slot);
        if number != journal.next {
            return Err(unreadable(&key, "pieces before this one are missing"));
        }
        journal.next += 1;
        journal.used.push_back(slot);
        run.extend_from_slice(&piece[NUMBER..]);
        if run_length(&run) == Some(run.len()) {
            read_run(&run, &mut rows).ok_or_else(|| unreadable(&key, "a batch is not readable"))?;
            run.clear();
        }
    }
    if run.is_empty() {
        Ok((journal, rows))
    } else {
        Err(unreadable(&[key::JOURNAL], "the last batch is cut off"))
    }
}

fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<NUMBER>()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn run_length(run: &[u8]) -> Option<usize> {
    let (length, _) = run.split_first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

fn read_run(run: &[u8], rows: &mut Rows) -> Option<()> {
    let mut rest = run.get(4..)?;
    while !rest.is_empty() {
        let key: Key = Key::from_slice(take(&mut rest)?);
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
        /// Whatever was appended since the journal last moved on reads back, in its order, from slots used again.
        #[test]
        fn batches_read_back_in_their_order(
            batches in proptest::collection::vec(
                (
                    proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..200), proptest::option::of(0usize..20_000)), 1..4),
                    0u8..6,
                ),
                1..12,
            ),
        ) {
            let (db, table) = table();
            let mut expected = std::collections::BTreeMap::new();
            let (mut journal, _) = replay(&table).unwrap();
            for (rows, then) in batches {
                let mut pending = Rows::default();
                for (key, length) in rows {
                    let key = Key::from_vec(key);
                    let value = length.map(|length| IVec::from(vec![7; length]));
                    match value.clone() {
                        Some(value) => pending.put(key.clone(), value, false),
                        None => pending.remove(key.clone()),
                    };
                    expected.insert(key, value);
                }
                let mut batch = Batch::default();
                journal.append(&mut batch, &pending);
                db.apply_batch(batch).unwrap();
                if then < 2 {
                    journal.begin_with(journal.next());
                    expected.clear();
                }
                if then == 0 {
                    let mut batch = Batch::default();
                    journal.shrink(&mut batch, 2, 3);
                    db.apply_batch(batch).unwrap();
                }
                // The disk hears of the new beginning with the next piece; until then it has more, which does no harm.
                let (read, rows) = replay(&table).unwrap();
                let found: std::collections::BTreeMap<_, _> = rows
                    .iter()
                    .map(|(key, entry)| (key.clone(), entry.value().cloned()))
                    .collect();
                prop_assert_eq!(read.next(), journal.next());
                if journal.has_moved_on {
                    prop_assert!(expected.is_empty());
                } else {
                    prop_assert_eq!(&found, &expected);
                    prop_assert_eq!(read.used, journal.used.clone());
                    prop_assert_eq!(read.slots, journal.slots);
                    prop_assert_eq!(read.free.len(), journal.free.len());
                }
            }
        }
    }

    #[test]
    fn a_damaged_journal_is_refused() {
        let (db, table) = table();
        let mut rows = Rows::default();
        rows.put(Key::from_slice(b"a"), IVec::from(vec![1; 3 * PIECE]), false);
        let (mut journal, _) = replay(&table).unwrap();
        let mut batch = Batch::default();
        journal.append(&mut batch, &rows);
        assert_eq!(journal.used.len(), 4);
        db.apply_batch(batch).unwrap();
        db.remove(key::journal(3)).unwrap();
        insta::assert_snapshot!(replay(&table).unwrap_err(), @"the store holds something unreadable: the journal at key j: the last batch is cut off");
        db.remove(key::journal(1)).unwrap();
        insta::assert_snapshot!(replay(&table).unwrap_err(), @r"the store holds something unreadable: the journal at key j\x00\x00\x00\x00\x00\x00\x00\x02: pieces before this one are missing");
    }
}
