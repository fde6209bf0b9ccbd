//! Reading through the layers: the active one, the one being moved to the tree, the tree.
//!
//! A read is of one moment: everything whose ticket had resolved before it began, and of each commit either all rows or
//! none. It takes what it needs of the active layer under its lock, at once, and then reads the rest without any lock:
//! the frozen layer never changes, and what changes in the tree meanwhile is hidden by the layers the read holds. The
//! one exception is a moment at which the rows of the held active layer begin to move to the tree; then it starts over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sled::IVec;
use spindrift_engine::StoreError;

use crate::floor::Floor;
use crate::key::{Key, Span, behind};
use crate::layer::{Entry, Layer, Rows};
use crate::table::Table;

/// The layers there are, newest first.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// Takes what is committed.
    pub(crate) active: Arc<Layer>,
    /// Is being moved to the tree.
    pub(crate) frozen: Option<Arc<Layer>>,
}

/// What readers and the committer share.
#[derive(Debug)]
pub(crate) struct Layers {
    stack: RwLock<Stack>,
    /// The number of the newest layer that has begun to move to the tree.
    moving: AtomicU64,
    /// Where the timers begin.
    pub(crate) timers: Floor,
}

impl Layers {
    pub(crate) fn new(rows: Rows) -> Self {
        Self {
            stack: RwLock::new(Stack {
                active: Layer::new(1, rows),
                frozen: None,
            }),
            moving: AtomicU64::new(0),
            timers: Floor::default(),
        }
    }

    pub(crate) fn stack(&self) -> Stack {
        self.stack
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets readers see rows.
    pub(crate) fn add(&self, rows: Rows) {
        let stack = self.stack();
        let mut active = stack.active.write();
        for (key, entry) in rows.iter() {
            if entry.value().is_some() {
                self.timers.note(key);
            }
        }
        active.absorb(rows);
    }

    /// Begins a new active layer; the old one is frozen, and its rows may be moved to the tree from now on.
    pub(crate) fn freeze(&self) -> Arc<Layer> {
        let mut stack = self.stack.write().unwrap_or_else(PoisonError::into_inner);
        let frozen = stack.active.clone();
        stack.active = Layer::new(frozen.number + 1, Rows::default());
        stack.frozen = Some(frozen.clone());
        self.moving.store(frozen.number, Ordering::SeqCst);
        frozen
    }

    /// The rows of the frozen layer are in the tree.
    pub(crate) fn drop_frozen(&self) {
        self.stack
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .frozen = None;
    }

    fn has_begun_to_move(&self, layer: &Layer) -> bool {
        self.moving.load(Ordering::SeqCst) >= layer.number
    }
}

/// A row that was found.
pub(crate) type Row = (Key, IVec);

/// Reads rows.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) table: Table,
    pub(crate) layers: Arc<Layers>,
}

impl View {
    /// The value of a row.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.at_one_moment(|stack| {
            for layer in std::iter::once(&stack.active).chain(&stack.frozen) {
                if let Some(entry) = layer.read().get(key) {
                    return Ok(entry.value().cloned());
                }
            }
            self.table.get(key)
        })
    }

    /// The first rows of each span, at most `limit` of each, in the order of their keys or the reverse.
    pub(crate) fn spans(
        &self,
        spans: &[Span],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        self.at_one_moment(|stack| {
            let tops: Vec<Vec<(Key, Entry)>> = {
                let rows = stack.active.read();
                spans
                    .iter()
                    .map(|span| top(&rows, span, limit, order))
                    .collect()
            };
            spans
                .iter()
                .zip(tops)
                .map(|(span, top)| self.merge(top, stack.frozen.as_deref(), span, limit, order))
                .collect()
        })
    }

    /// The first rows of a span.
    pub(crate) fn span(
        &self,
        span: &Span,
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(self
            .spans(std::slice::from_ref(span), limit, order)?
            .pop()
            .unwrap_or_default())
    }

    /// All rows of a span, a bounded number at a time: each of those reads is of one moment, not the whole.
    pub(crate) fn pages(&self, span: Span) -> Pages<'_> {
        Pages {
            view: self,
            rest: span,
            page: Vec::new().into_iter(),
        }
    }

    fn at_one_moment<T>(
        &self,
        read: impl Fn(&Stack) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            let stack = self.layers.stack();
            let result = read(&stack);
            if !self.layers.has_begun_to_move(&stack.active) {
                return result;
            }
        }
    }

    fn merge(
        &self,
        top: Vec<(Key, Entry)>,
        frozen: Option<&Layer>,
        span: &Span,
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StoreError> {
        if span.is_empty() {
            return Ok(Vec::new());
        }
        let frozen = frozen.map(Layer::read);
        let middle = frozen.iter().flat_map(|rows| rows.span(span));
        let below = self.table.stored(span);
        let mut merge: Merge<'_> = match order {
            Order::Forward => Merge::new(order, top, Box::new(middle), Box::new(below)),
            Order::Backward => {
                let middle = frozen.iter().flat_map(|rows| rows.span(span).rev());
                Merge::new(order, top, Box::new(middle), Box::new(below.rev()))
            }
        };
        let mut rows = Vec::new();
        while rows.len() < limit {
            match merge.next()? {
                Some((key, Found::Value(value))) => rows.push((key, value)),
                Some((key, Found::Stored(stored))) => {
                    let value = self.table.resolve(&key, stored)?;
                    rows.push((key, value));
                }
                None => break,
            }
        }
        Ok(rows)
    }
}

/// In which order rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
}

/// What the top layer knows of a span, up to the row that completes the answer whatever is below.
fn top(rows: &Rows, span: &Span, limit: usize, order: Order) -> Vec<(Key, Entry)> {
    if span.is_empty() {
        return Vec::new();
    }
    let take = |entries: &mut dyn Iterator<Item = (&Key, &Entry)>| {
        let mut taken = Vec::new();
        let mut found = 0;
        for (key, entry) in entries {
            if found == limit {
                break;
            }
            found += usize::from(entry.value().is_some());
            taken.push((key.clone(), entry.clone()));
        }
        taken
    };
    match order {
        Order::Forward => take(&mut rows.span(span)),
        Order::Backward => take(&mut rows.span(span).rev()),
    }
}

enum Found {
    Value(IVec),
    Stored(IVec),
}

type Middle<'r> = Box<dyn Iterator<Item = (&'r Key, &'r Entry)> + 'r>;
type Below<'r> = Box<dyn Iterator<Item = Result<(IVec, IVec), StoreError>> + 'r>;

/// Three sources in the same order of keys; of rows with the same key the upper one counts.
struct Merge<'r> {
    order: Order,
    top: std::iter::Peekable<std::vec::IntoIter<(Key, Entry)>>,
    middle: std::iter::Peekable<Middle<'r>>,
    below: std::iter::Peekable<Below<'r>>,
}

impl<'r> Merge<'r> {
    fn new(order: Order, top: Vec<(Key, Entry)>, middle: Middle<'r>, below: Below<'r>) -> Self {
        Self {
            order,
            top: top.into_iter().peekable(),
            middle: middle.peekable(),
            below: below.peekable(),
        }
    }

    /// The next row there is.
    fn next(&mut self) -> Result<Option<(Key, Found)>, StoreError> {
        loop {
            let Some(key) = self.next_key()? else {
                return Ok(None);
            };
            let top = self.top.next_if(|(found, _)| *found == key);
            let middle = self.middle.next_if(|(found, _)| **found == key);
            let below = self
                .below
                .next_if(|row| row.as_ref().is_ok_and(|(found, _)| *found == key))
                .transpose()?;
            let upper = top
                .map(|(_, entry)| entry)
                .or(middle.map(|(_, entry)| entry.clone()));
            match (upper, below) {
                (Some(Entry::Put { value, .. }), _) => return Ok(Some((key, Found::Value(value)))),
                (Some(Entry::Gone), _) => {}
                (None, Some((_, stored))) => return Ok(Some((key, Found::Stored(stored)))),
                (None, None) => return Ok(None),
            }
        }
    }

    fn next_key(&mut self) -> Result<Option<Key>, StoreError> {
        let top = self.top.peek().map(|(key, _)| &key[..]);
        let middle = self.middle.peek().map(|(key, _)| &key[..]);
        let below = match self.below.peek() {
            Some(Ok((key, _))) => Some(&key[..]),
            Some(Err(error)) => return Err(error.clone()),
            None => None,
        };
        let keys = [top, middle, below].into_iter().flatten();
        let next = match self.order {
            Order::Forward => keys.min(),
            Order::Backward => keys.max(),
        };
        Ok(next.map(Key::from_slice))
    }
}

/// How many rows [`Pages`] reads at a time.
const PAGE: usize = 512;

/// See [`View::pages`].
pub(crate) struct Pages<'v> {
    view: &'v View,
    rest: Span,
    page: std::vec::IntoIter<Row>,
}

impl Iterator for Pages<'_> {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.rest.is_empty() {
            match self.view.span(&self.rest, PAGE, Order::Forward) {
                Ok(page) => {
                    self.rest.from = match page.last() {
                        Some((key, _)) if page.len() == PAGE => behind(key.clone()),
                        _ => self.rest.to.clone(),
                    };
                    self.page = page.into_iter();
                }
                Err(error) => {
                    self.rest.from = self.rest.to.clone();
                    return Some(Err(error));
                }
            }
        }
        self.page.next().map(Ok)
    }
}
