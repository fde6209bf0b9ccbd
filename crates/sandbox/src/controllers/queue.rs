//! Work that waits: at once, or after a while.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::Work;

/// Each piece of work is in the queue at most once, and has at most one timer, the earliest asked for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: VecDeque<Work>,
    queued: HashSet<Work>,
    timers: BTreeSet<(Instant, Work)>,
    due: HashMap<Work, Instant>,
}

impl Queue {
    pub fn push(&mut self, work: Work) {
        if self.queued.insert(work.clone()) {
            self.ready.push_back(work);
        }
    }

    pub fn pop(&mut self) -> Option<Work> {
        let work = self.ready.pop_front()?;
        self.queued.remove(&work);
        Some(work)
    }

    pub fn after(&mut self, delay: Duration, work: Work) {
        let at = Instant::now() + delay;
        match self.due.get(&work) {
            Some(earlier) if *earlier <= at => return,
            Some(later) => drop(self.timers.remove(&(*later, work.clone()))),
            None => {}
        }
        self.due.insert(work.clone(), at);
        self.timers.insert((at, work));
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Moves work whose time has come into the queue.
    pub fn take_due(&mut self) {
        let now = Instant::now();
        while let Some((at, work)) = self.timers.pop_first() {
            if at > now {
                self.timers.insert((at, work));
                return;
            }
            self.due.remove(&work);
            self.push(work);
        }
    }
}
