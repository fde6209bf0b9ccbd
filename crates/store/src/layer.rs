//! Rows in memory above the tree: what has been committed lately and is not yet in the tree.
//!
//! Every commit is durable through the journal, which is cheap because it is written in large pieces at one place. The
//! rows themselves collect in a layer. Most of what a run writes is replaced or removed before the layer is full (the
//! log of a finished run, a timer that has fired, a place in the list of running executions), so it never reaches
//! the tree at all.
//!
//! Invariant: an entry is *fresh* only if no layer below and not the tree has a row of that key. Removing a fresh row
//! leaves nothing behind; removing another leaves a tombstone.

use std::collections::BTreeMap;
use std::collections::btree_map as map;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sled::IVec;

use crate::key::{Key, Span};

/// What a layer knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The row has this value.
    Put {
        value: IVec,
        /// Whether nothing below has a row of that key.
        fresh: bool,
    },
    /// There is no such row, whatever is below.
    Gone,
}

impl Entry {
    /// The value; `None` when there is no such row.
    pub(crate) fn value(&self) -> Option<&IVec> {
        match self {
            Entry::Put { value, .. } => Some(value),
            Entry::Gone => None,
        }
    }

    fn length(&self) -> usize {
        self.value().map_or(0, |value| value.len())
    }
}

/// Rows by key.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rows {
    map: BTreeMap<Key, Entry>,
    bytes: usize,
}

/// What a row costs in memory besides its bytes: the node of the map, the counters, the allocator's rounding.
const ROW_BYTES: usize = 96;

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// About how much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.map.get(key)
    }

    pub(crate) fn span(&self, span: &Span) -> map::Range<'_, Key, Entry> {
        self.map.range::<[u8], _>((
            Bound::Included(&span.from[..]),
            Bound::Excluded(&span.to[..]),
        ))
    }

    pub(crate) fn after(&self, key: Option<&[u8]>) -> map::Range<'_, Key, Entry> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.map.range::<[u8], _>((from, Bound::Unbounded))
    }

    pub(crate) fn iter(&self) -> map::Iter<'_, Key, Entry> {
        self.map.iter()
    }

    /// Sets a row; `absent` says that nothing below has one of that key. Answers with what the key had here.
    pub(crate) fn put(&mut self, key: Key, value: IVec, absent: bool) -> Option<Entry> {
        let length = value.len();
        match self.map.entry(key) {
            map::Entry::Vacant(vacant) => {
                self.bytes += ROW_BYTES + vacant.key().len() + length;
                vacant.insert(Entry::Put {
                    value,
                    fresh: absent,
                });
                None
            }
            map::Entry::Occupied(mut occupied) => {
                let fresh = matches!(occupied.get(), Entry::Put { fresh: true, .. });
                let before = occupied.insert(Entry::Put { value, fresh });
                self.bytes += length;
                self.bytes -= before.length();
                Some(before)
            }
        }
    }

    /// Removes a row. Answers with what the key had here.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Entry> {
        match self.map.entry(key) {
            map::Entry::Vacant(vacant) => {
                self.bytes += ROW_BYTES + vacant.key().len();
                vacant.insert(Entry::Gone);
                None
            }
            map::Entry::Occupied(mut occupied) => {
                let before = if matches!(occupied.get(), Entry::Put { fresh: true, .. }) {
                    self.bytes -= ROW_BYTES + occupied.key().len();
                    occupied.remove()
                } else {
                    occupied.insert(Entry::Gone)
                };
                self.bytes -= before.length();
                Some(before)
            }
        }
    }

    /// Gives a key exactly this entry, or none. Answers with what it had.
    pub(crate) fn set(&mut self, key: Key, entry: Option<Entry>) -> Option<Entry> {
        let length = key.len();
        let before = match entry {
            Some(entry) => {
                self.bytes += ROW_BYTES + length + entry.length();
                self.map.insert(key, entry)
            }
            None => self.map.remove(&key),
        };
        if let Some(before) = &before {
            self.bytes -= ROW_BYTES + length + before.length();
        }
        before
    }

    /// Takes the rows of a newer layer into this one.
    pub(crate) fn absorb(&mut self, newer: Rows) {
        for (key, entry) in newer.map {
            match entry {
                Entry::Put { value, fresh } => self.put(key, value, fresh),
                Entry::Gone => self.remove(key),
            };
        }
    }
}

/// Rows that readers share.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Layers are numbered from 1 in the order in which they were begun.
    pub(crate) number: u64,
    rows: RwLock<Rows>,
}

impl Layer {
    pub(crate) fn new(number: u64, rows: Rows) -> Arc<Self> {
        Arc::new(Self {
            number,
            rows: RwLock::new(rows),
        })
    }

    /// A panic while rows were being moved stops the store, and what is readable stays so: poison means nothing here.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> IVec {
        IVec::from(text)
    }

    #[test]
    fn what_came_and_went_leaves_nothing_behind() {
        let mut rows = Rows::default();
        rows.put(Key::from_slice(b"a"), value("1"), true);
        rows.put(Key::from_slice(b"a"), value("2"), false);
        rows.remove(Key::from_slice(b"a"));
        assert!(rows.is_empty());
        assert_eq!(rows.bytes(), 0);
    }

    #[test]
    fn what_is_below_stays_hidden() {
        let mut rows = Rows::default();
        rows.remove(Key::from_slice(b"a"));
        rows.put(Key::from_slice(b"a"), value("1"), true);
        rows.remove(Key::from_slice(b"a"));
        assert_eq!(rows.get(b"a"), Some(&Entry::Gone));
    }

    proptest! {
        /// Layers above a tree must answer as one map would, however the layers are cut.
        #[test]
        fn layers_answer_like_one_map(steps in proptest::collection::vec((0u8..6, 0u8..5), 0..80)) {
            let mut model: BTreeMap<Key, IVec> = BTreeMap::new();
            let mut tree: BTreeMap<Key, IVec> = BTreeMap::new();
            let (mut active, mut pending) = (Rows::default(), Rows::default());
            for (number, (key, action)) in steps.into_iter().enumerate() {
                let key = Key::from_slice(&[key]);
                match action {
                    0 | 1 => {
                        let absent = !model.contains_key(&key);
                        let value = value(&number.to_string());
                        model.insert(key.clone(), value.clone());
                        pending.put(key, value, absent);
                    }
                    2 => {
                        model.remove(&key);
                        pending.remove(key);
                    }
                    3 => active.absorb(std::mem::take(&mut pending)),
                    _ => {
                        for (key, entry) in std::mem::take(&mut active).map {
                            match entry {
                                Entry::Put { value, fresh } => {
                                    let below = tree.insert(key, value);
                                    prop_assert!(!fresh || below.is_none());
                                }
                                Entry::Gone => {
                                    tree.remove(&key);
                                }
                            }
                        }
                        prop_assert_eq!(active.bytes(), 0);
                    }
                }
                for key in 0u8..6 {
                    let key = [key];
                    let found = [&pending, &active].iter().find_map(|rows| rows.get(&key));
                    let found = match found {
                        Some(entry) => entry.value(),
                        None => tree.get(&key[..]),
                    };
                    prop_assert_eq!(found, model.get(&key[..]));
                }
            }
        }
    }
}
