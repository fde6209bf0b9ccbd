//! What containers wrote, bounded in bytes, with a signal for followers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// One line with the time it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub number: u64,
    pub at: DateTime<Utc>,
    pub text: String,
}

#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<Line>,
    previous: VecDeque<Line>,
    bytes: usize,
    next: u64,
    ended: bool,
}

/// The logs of all containers, by pod uid and container name.
#[derive(Debug)]
pub(crate) struct Logs {
    logs: Mutex<HashMap<(String, String), Log>>,
    written: watch::Sender<u64>,
    limit: usize,
}

/// Lines from a position on, and whether more can come.
#[derive(Debug, Default)]
pub(crate) struct Excerpt {
    pub lines: Vec<Line>,
    pub ended: bool,
}

impl Logs {
    pub fn new(limit: usize) -> Self {
        Self {
            logs: Mutex::default(),
            written: watch::Sender::new(0),
            limit,
        }
    }

    fn with<R>(&self, change: impl FnOnce(&mut HashMap<(String, String), Log>) -> R) -> R {
        let result = change(&mut self.logs.lock().unwrap_or_else(PoisonError::into_inner));
        self.written.send_modify(|count| *count += 1);
        result
    }

    pub fn append(&self, uid: &str, container: &str, at: DateTime<Utc>, text: &str) {
        self.with(|logs| {
            let log = logs
                .entry((uid.to_owned(), container.to_owned()))
                .or_default();
            for line in text.lines() {
                log.bytes += line.len() + 1;
                log.lines.push_back(Line {
                    number: log.next,
                    at,
                    text: line.to_owned(),
                });
                log.next += 1;
            }
            while log.bytes > self.limit && log.lines.len() > 1 {
                log.bytes -= log.lines.pop_front().map_or(0, |line| line.text.len() + 1);
            }
        });
    }

    /// A container starts anew: what it wrote becomes its previous log.
    pub fn restart(&self, uid: &str, container: &str) {
        self.with(|logs| {
            let log = logs
                .entry((uid.to_owned(), container.to_owned()))
                .or_default();
            log.previous = std::mem::take(&mut log.lines);
            (log.bytes, log.ended) = (0, false);
        });
    }

    /// Nothing more will be written: followers reach the end.
    pub fn end(&self, uid: &str, container: &str) {
        self.with(|logs| {
            logs.entry((uid.to_owned(), container.to_owned()))
                .or_default()
                .ended = true
        });
    }

    /// Drops the logs of a pod that is gone.
    pub fn forget(&self, uid: &str) {
        self.with(|logs| logs.retain(|(owner, _), _| owner != uid));
    }

    /// Lines numbered `from` and up; a log that is gone has ended.
    pub fn excerpt(&self, uid: &str, container: &str, from: u64, known: bool) -> Excerpt {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        match logs.get(&(uid.to_owned(), container.to_owned())) {
            Some(log) => Excerpt {
                lines: log
                    .lines
                    .iter()
                    .filter(|line| line.number >= from)
                    .cloned()
                    .collect(),
                ended: log.ended,
            },
            None => Excerpt {
                lines: Vec::new(),
                ended: known,
            },
        }
    }

    pub fn previous(&self, uid: &str, container: &str) -> Option<Vec<Line>> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.get(&(uid.to_owned(), container.to_owned()))?;
        (!log.previous.is_empty()).then(|| log.previous.iter().cloned().collect())
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded_and_keeps_the_run_before_a_restart() {
        let logs = Logs::new(12);
        let at = DateTime::UNIX_EPOCH;
        logs.append("u", "c", at, "first\nsecond\nthird");
        let texts = |excerpt: Excerpt| {
            excerpt
                .lines
                .into_iter()
                .map(|line| line.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(logs.excerpt("u", "c", 0, false)), ["third"]);
        logs.restart("u", "c");
        logs.append("u", "c", at, "again");
        assert_eq!(logs.previous("u", "c").map(|lines| lines.len()), Some(1));
        assert_eq!(texts(logs.excerpt("u", "c", 0, false)), ["again"]);
        logs.end("u", "c");
        assert!(logs.excerpt("u", "c", 9, false).ended);
    }
}
