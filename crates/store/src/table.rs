//! Rows in sled's tree: values cut into pieces that sled can keep without side files.
//!
//! A leaf of sled's tree holds up to 17 rows, and what it writes of a leaf in one go becomes a file of its own, never
//! collected, once it exceeds a quarter of a segment (128 KiB). Values of 16 KiB and more side by side already do
//! that. With pieces of at most [`PIECE`] bytes a full leaf stays below.

use sled::{Batch, IVec, Tree};
use spindrift_engine::StoreError;

use crate::codec::corrupt;
use crate::key::{self, Span};

/// The longest value sled is given, in bytes: 17 of them and their keys are less than 128 KiB.
pub(crate) const PIECE: usize = 6 * 1024;

const WHOLE: u8 = 0;
const PIECES: u8 = 1;

/// Reads rows of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    tree: Tree,
}

impl Table {
    pub(crate) fn new(tree: Tree) -> Self {
        Self { tree }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.stored_value(key)? {
            Some(stored) => self.resolve(key, stored).map(Some),
            None => Ok(None),
        }
    }

    /// A value as it is stored.
    pub(crate) fn stored_value(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.tree.get(key).map_err(|error| failed(&error))
    }

    /// The rows of a span as they are stored; [`Table::resolve`] makes values of them.
    pub(crate) fn stored(
        &self,
        span: &Span,
    ) -> impl DoubleEndedIterator<Item = Result<(IVec, IVec), StoreError>> + use<> {
        self.tree
            .range::<&[u8], _>(&span.from[..]..&span.to[..])
            .map(|row| row.map_err(|error| failed(&error)))
    }

    /// The value of a stored row.
    pub(crate) fn resolve(&self, key: &[u8], stored: IVec) -> Result<IVec, StoreError> {
        let Some(pieces) = pieces(&stored) else {
            return match stored.first() {
                None => Ok(stored),
                Some(&WHOLE) => Ok(stored.subslice(1, stored.len() - 1)),
                Some(form) => Err(corrupt(
                    "a row",
                    key,
                    format_args!("its form {form} is unknown"),
                )),
            };
        };
        let mut value = stored[5..].to_vec();
        for number in 0..pieces {
            let piece = self
                .tree
                .get(key::chunk(key, number))
                .map_err(|error| failed(&error))?
                .ok_or_else(|| corrupt("a row", key, format_args!("piece {number} is missing")))?;
            value.extend_from_slice(&piece);
        }
        Ok(IVec::from(value))
    }

    /// Adds to a batch what sets or removes a row; `fresh` says that the tree has none of that key.
    pub(crate) fn write(
        &self,
        batch: &mut Batch,
        key: &[u8],
        value: Option<&IVec>,
        fresh: bool,
    ) -> Result<(), StoreError> {
        let kept = value.map_or(0, |value| append(batch, key, value));
        if !fresh && may_be_long(key) {
            let stored = self.tree.get(key).map_err(|error| failed(&error))?;
            let before = stored.as_deref().and_then(pieces).unwrap_or(0);
            for number in kept..before {
                batch.remove(&key::chunk(key, number)[..]);
            }
        }
        if value.is_none() {
            batch.remove(key);
        }
        Ok(())
    }

    /// About how many bytes a row takes in a batch.
    pub(crate) fn size(key: &[u8], value: Option<&IVec>) -> usize {
        key.len() + value.map_or(0, |value| value.len()) + 16
    }
}

/// Adds a row to a batch; answers with how many further pieces it has.
fn append(batch: &mut Batch, key: &[u8], value: &IVec) -> u32 {
    if value.is_empty() {
        batch.insert(key, value);
        return 0;
    }
    if value.len() < PIECE {
        let mut stored = Vec::with_capacity(value.len() + 1);
        stored.push(WHOLE);
        stored.extend_from_slice(value);
        batch.insert(key, stored);
        return 0;
    }
    let (first, rest) = value.split_at(PIECE - 5);
    let mut count = 0;
    for piece in rest.chunks(PIECE) {
        batch.insert(&key::chunk(key, count)[..], piece);
        count += 1;
    }
    let mut stored = Vec::with_capacity(PIECE);
    stored.push(PIECES);
    stored.extend_from_slice(&count.to_be_bytes());
    stored.extend_from_slice(first);
    batch.insert(key, stored);
    count
}

/// How many further pieces a stored value has; `None` when it is whole.
pub(crate) fn pieces(stored: &[u8]) -> Option<u32> {
    match stored {
        [PIECES, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// Whether a row of that space can have more than one piece: only then is its predecessor looked at.
fn may_be_long(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(key::RUN | key::PIPELINE | key::RECORD)))
}

/// What sled says, in words for the operator.
pub(crate) fn failed(error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { at, .. } => {
            StoreError::Corrupt(format!("sled finds its file damaged at {at:?}"))
        }
        sled::Error::Io(error) => StoreError::Stopped(format!("reading failed: {error}")),
        error => StoreError::Corrupt(error.to_string()),
    }
}
