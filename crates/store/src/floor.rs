//! Where the timers begin.
//!
//! Timers go away in the order of their keys, and a row that is gone must still be passed over until its layer has moved
//! to the tree. Without knowing where the living ones begin, waking a hundred thousand runs that are due at the same
//! time would pass over all the earlier ones again for every few of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::{self, Key};

/// A key below which there is no timer.
#[derive(Debug, Default)]
pub(crate) struct Floor(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// No timer that readers can see is below it.
    key: Key,
    /// How many are looking for the first timer just now.
    seekers: usize,
    /// The least timer that was added since the first of them began.
    added: Option<Key>,
}

impl Floor {
    /// Looks for the first timer: `seek` is told where to begin, and answers also with the key it found, or with one
    /// below which it has found none.
    pub(crate) fn seek<T, E>(
        &self,
        seek: impl FnOnce(&Key) -> Result<(T, Key), E>,
    ) -> Result<T, E> {
        let from = {
            let mut state = self.lock();
            if state.seekers == 0 {
                state.added = None;
            }
            state.seekers += 1;
            state.key.clone()
        };
        let result = seek(&from);
        let mut state = self.lock();
        state.seekers -= 1;
        let (answer, first) = result?;
        // What was added meanwhile may be below what was found.
        state.key = match &state.added {
            Some(added) if *added < first => added.clone(),
            _ => first,
        };
        Ok(answer)
    }

    /// A row is being added. To be called while readers cannot see the rows of the layer it is added to, so that who
    /// begins to seek after this call finds it.
    pub(crate) fn note(&self, row: &Key) {
        if row.first() != Some(&key::TIMER) {
            return;
        }
        let mut state = self.lock();
        if *row < state.key {
            state.key = row.clone();
        }
        if state.added.as_ref().is_none_or(|added| row < added) {
            state.added = Some(row.clone());
        }
    }

    /// The state is consistent between any two of its assignments.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::from_slice(text.as_bytes())
    }

    fn floor(of: &Floor) -> String {
        String::from_utf8(of.lock().key.to_vec()).unwrap()
    }

    #[test]
    fn it_rises_to_what_was_found_and_falls_to_what_was_added() {
        let floors = Floor::default();
        let found = |first: &str| floors.seek(|_| Ok::<_, ()>(((), key(first)))).unwrap();
        found("t5");
        assert_eq!(floor(&floors), "t5");
        floors.note(&key("t7"));
        assert_eq!(floor(&floors), "t5");
        floors.note(&key("t3"));
        assert_eq!(floor(&floors), "t3");
        floors.note(&key("b1"));
        assert_eq!(floor(&floors), "t3");
        found("t9");
        assert_eq!(floor(&floors), "t9");
        assert_eq!(floors.seek(|_| Err::<((), Key), _>("lost")), Err("lost"));
        assert_eq!(floor(&floors), "t9");
    }

    #[test]
    fn what_is_added_while_somebody_looks_is_not_passed_over() {
        let floors = Floor::default();
        let outer = floors.seek(|_| {
            floors.note(&key("t4"));
            // Another one begins later and ends earlier; it has seen what was added before.
            floors.seek(|_| Ok::<_, ()>(((), key("t4")))).unwrap();
            Ok::<_, ()>(((), key("t8")))
        });
        outer.unwrap();
        assert_eq!(floor(&floors), "t4");
    }
}
