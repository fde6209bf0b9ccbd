//! Reading an export into an empty store, of whatever kind.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead};

use futures::executor::block_on;
use serde::Deserialize;
use spindrift_engine::{ExecutionQuery, Scope, Store, StoreError, Ticket, Write};

use crate::export::{Counts, LINES, Line};

/// Why an export could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is something in the store already.
    #[error("the store is not empty; import into a new directory")]
    NotEmpty,
    /// The export comes from a newer program.
    #[error(
        "the export has format {found}, and this program reads formats up to {known}: use the newer program"
    )]
    Newer {
        /// The format it has.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// A line is not what it should be.
    #[error("line {line} of the export is not readable: {reason}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// The export ends too early.
    #[error("the export is incomplete: it ends after line {0} without saying that it is the last")]
    CutOff(u64),
    /// The export holds another number of things than it says.
    #[error("the export says that it holds {said:?}, and it holds {found:?}")]
    Counts {
        /// What its last line says.
        said: Counts,
        /// What was read.
        found: Counts,
    },
    /// The store has refused something.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The export cannot be read.
    #[error("the export cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// How many writes are one commit, and how many commits may be under way.
const WINDOW: (usize, usize) = (64, 8);

/// Reads what [`SledStore::export`](crate::SledStore::export) wrote into an empty store.
///
/// After an error the store holds a part of it, and is not to be used.
pub fn import(store: &dyn Store, reader: impl io::Read) -> Result<Counts, ImportError> {
    let any = ExecutionQuery::newest(Scope::All, 1);
    if !store.applications()?.is_empty() || !store.executions(&any)?.is_empty() {
        return Err(ImportError::NotEmpty);
    }
    let mut import = Import {
        store,
        spaces: HashMap::new(),
        writes: Vec::new(),
        tickets: VecDeque::new(),
        counts: Counts::default(),
    };
    let mut number = 0;
    let mut said = None;
    for line in io::BufReader::new(reader).lines() {
        number += 1;
        let unreadable = |reason: String| ImportError::Line {
            line: number,
            reason,
        };
        if said.is_some() {
            return Err(unreadable("it comes behind the last".into()));
        }
        let line = parse(&line?).map_err(|error| unreadable(error.to_string()))?;
        match (number, line) {
            (1, Line::SpindriftStore(found)) if found > LINES => {
                return Err(ImportError::Newer {
                    found,
                    known: LINES,
                });
            }
            (1, Line::SpindriftStore(_)) => {}
            (1, _) => return Err(unreadable("it does not begin an export".into())),
            (_, Line::SpindriftStore(_)) => {
                return Err(unreadable("another export begins here".into()));
            }
            (_, Line::End(counts)) => said = Some(counts),
            (_, line) => import.take(line).map_err(|error| match error {
                ImportError::Line { reason, .. } => unreadable(reason),
                error => error,
            })?,
        }
    }
    let Some(said) = said else {
        return Err(ImportError::CutOff(number));
    };
    import.finish(said)
}

fn parse(line: &str) -> serde_json::Result<Line> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    // An export comes from a store, whose documents may nest deeper than the parser accepts by itself.
    deserializer.disable_recursion_limit();
    let parsed = Line::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(parsed)
}

struct Import<'s> {
    store: &'s dyn Store,
    /// The names of spaces live as long as the program: there are a handful, and the engine names them in its code.
    spaces: HashMap<String, &'static str>,
    writes: Vec<Write>,
    tickets: VecDeque<Ticket>,
    counts: Counts,
}

/// More kinds of records than any program has.
const MOST_SPACES: usize = 1000;

impl Import<'_> {
    fn take(&mut self, line: Line) -> Result<(), ImportError> {
        let write = match line {
            Line::Pipeline(revision) => {
                self.counts.revisions += 1;
                Write::SavePipeline {
                    revision: *revision,
                    replaces: None,
                }
            }
            Line::DeletedPipeline { id, by, at } => Write::DeletePipeline { id, by, at },
            Line::Execution { index, state } => {
                self.counts.executions += 1;
                Write::Create {
                    state,
                    index: index.into(),
                }
            }
            Line::Record { space, key, value } => {
                self.counts.records += 1;
                Write::PutRecord {
                    space: self.space(space)?,
                    key,
                    value: value
                        .into_vec()
                        .map_err(|error| bad_line(format!("its value is no base64: {error}")))?,
                    expected: Some(None),
                }
            }
            Line::SpindriftStore(_) | Line::End(_) => return Ok(()),
        };
        self.writes.push(write);
        if self.writes.len() >= WINDOW.0 {
            self.commit()?;
        }
        Ok(())
    }

    fn space(&mut self, space: String) -> Result<&'static str, ImportError> {
        if let Some(space) = self.spaces.get(&space) {
            return Ok(space);
        }
        if self.spaces.len() >= MOST_SPACES {
            return Err(bad_line(format!(
                "more than {MOST_SPACES} kinds of records"
            )));
        }
        let kept: &'static str = Box::leak(space.clone().into_boxed_str());
        self.spaces.insert(space, kept);
        Ok(kept)
    }

    fn commit(&mut self) -> Result<(), ImportError> {
        let writes = std::mem::take(&mut self.writes);
        self.tickets.push_back(self.store.commit(writes));
        while self.tickets.len() > WINDOW.1 {
            self.wait()?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<(), ImportError> {
        if let Some(ticket) = self.tickets.pop_front() {
            block_on(ticket)?;
        }
        Ok(())
    }

    fn finish(mut self, said: Counts) -> Result<Counts, ImportError> {
        self.commit()?;
        while !self.tickets.is_empty() {
            self.wait()?;
        }
        if said == self.counts {
            Ok(said)
        } else {
            Err(ImportError::Counts {
                said,
                found: self.counts,
            })
        }
    }
}

/// The number of the line is added by who knows it.
fn bad_line(reason: String) -> ImportError {
    ImportError::Line { line: 0, reason }
}
