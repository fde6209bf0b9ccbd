//! Reading everything there is, and saying what does not fit together.

use std::fmt;

use spindrift_engine::{IndexRow, Scope, StoreError};
use spindrift_model::{Execution, ExecutionId, Stage};

use crate::codec::misfit;
use crate::export::Counts;
use crate::key::{self, Span, list, mark, pipeline, record, run};
use crate::reader::{Reader, read};
use crate::run_reader::assemble;
use crate::sled_store::SledStore;
use crate::staging::Head;
use crate::table;
use crate::view::Row;

/// What [`SledStore::verify`] has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// How much there is.
    pub counts: Counts,
    /// What is wrong; at most [`Verification::MOST_PROBLEMS`] of it.
    pub problems: Vec<String>,
    /// How much is wrong.
    pub problem_count: u64,
}

impl Verification {
    /// How many problems are told in words.
    pub const MOST_PROBLEMS: usize = 1000;

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn add(&mut self, problem: impl fmt::Display) {
        self.problem_count += 1;
        if self.problems.len() < Self::MOST_PROBLEMS {
            self.problems.push(problem.to_string());
        }
    }

    /// Notes what is wrong; only a store that cannot be read at all is an error.
    fn note<T>(&mut self, result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Corrupt(problem)) => {
                self.add(problem);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl SledStore {
    /// Reads everything and checks that it fits together. Nothing should be written meanwhile.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        self.settle()?;
        self.reader().guarded(|reader| {
            let mut verify = Verify {
                reader,
                found: Verification::default(),
            };
            verify.executions()?;
            verify.lists()?;
            verify.marks()?;
            verify.pipelines()?;
            verify.names()?;
            verify.records()?;
            verify.pieces()?;
            verify.spaces()?;
            Ok(verify.found)
        })
    }
}

/// Reads the execution that a key names.
type ReadId = fn(&[u8]) -> Option<ExecutionId>;

struct Verify<'s> {
    reader: &'s Reader,
    found: Verification,
}

impl Verify<'_> {
    /// All rows of a space; unreadable ones are noted and end it, since there is no way behind them.
    fn rows(
        &mut self,
        span: Span,
        mut check: impl FnMut(&mut Self, &Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let reader = self.reader;
        for row in reader.view.pages(span) {
            let Some(row) = self.found.note(row)? else {
                return Ok(());
            };
            check(self, &row)?;
        }
        Ok(())
    }

    fn exists(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.reader.view.get(key)?.is_some())
    }

    fn executions(&mut self) -> Result<(), StoreError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut current: Option<ExecutionId> = None;
        self.rows(Span::prefix(&[key::RUN]), |verify, row| {
            match run::read(&row.0) {
                Some((id, _)) => {
                    if current.as_ref() != Some(&id) {
                        verify.execution(&std::mem::take(&mut rows))?;
                        current = Some(id);
                    }
                    rows.push(row.clone());
                }
                None => verify.found.add(misfit(
                    "an execution",
                    &row.0,
                    "the key names no part of one",
                )),
            }
            Ok(())
        })?;
        self.execution(&rows)
    }

    fn execution(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let Some(Some(stored)) = self.found.note(assemble::<Stage>(rows))? else {
            return Ok(());
        };
        let state = stored.into_state();
        self.found.counts.executions += 1;
        let execution = &state.execution;
        for scope in scopes(execution) {
            let place = list::place_of(&scope, &execution.id, &place(execution));
            if !self.exists(&place)? {
                let id = &execution.id;
                let status = execution.status;
                self.found.add(format_args!(
                    "the execution {id} is {status} and not in that list of {scope:?}"
                ));
            }
        }
        Ok(())
    }

    fn lists(&mut self) -> Result<(), StoreError> {
        self.rows(list::applications(), |verify, (key, _)| {
            let Some((_, kind, line)) = list::read_in_application(key) else {
                verify
                    .found
                    .add(misfit("a list", key, "the key is not one of a list"));
                return Ok(());
            };
            if !verify.exists(&run::header(&line.id))? {
                verify.found.add(format_args!(
                    "a list has the execution {}, which does not exist",
                    line.id
                ));
                return Ok(());
            }
            let prefix = list::prefix(&Scope::All);
            let all = list::place(
                &prefix,
                kind,
                line.status,
                line.build_time,
                line.id.as_str(),
            );
            if !verify.exists(&all)? {
                verify.found.add(format_args!(
                    "the execution {} is missing in the list of all",
                    line.id
                ));
            }
            // An execution that is unreadable has been noted already.
            if let Ok(Some(state)) = verify.reader.run(&line.id)
                && state.execution.status != line.status
            {
                verify.found.add(format_args!(
                    "a list says that the execution {} is {}, and it is {}",
                    line.id, line.status, state.execution.status
                ));
            }
            Ok(())
        })
    }

    fn marks(&mut self) -> Result<(), StoreError> {
        let spaces: [(u8, &str, ReadId); 4] = [
            (key::BUSY, "what is under way", mark::read_busy),
            (key::TIMER, "what is due", |key| {
                Some(mark::read_timer(key)?.1)
            }),
            (key::QUEUE, "a queue", |key| Some(mark::read_queued(key)?.2)),
            (key::CORRELATION, "a correlation", |key| {
                Some(mark::read_correlated(key)?.1)
            }),
        ];
        for (space, what, read) in spaces {
            self.rows(Span::prefix(&[space]), |verify, (key, _)| {
                match read(key) {
                    Some(id) if verify.exists(&run::header(&id))? => {}
                    Some(id) => verify.found.add(format_args!(
                        "{what} has the execution {id}, which does not exist"
                    )),
                    None => verify
                        .found
                        .add(misfit(what, key, "the key is not one of an index")),
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn pipelines(&mut self) -> Result<(), StoreError> {
        self.rows(Span::prefix(&[key::PIPELINE]), |verify, (key, value)| {
            match pipeline::read(key) {
                Some((id, pipeline::Part::Head)) => {
                    let Some(head) = verify.found.note(read::<Head>("a pipeline", key, value))?
                    else {
                        return Ok(());
                    };
                    if !verify.exists(&pipeline::revision(&id, head.revision))? {
                        verify.found.add(format_args!(
                            "the pipeline {id} has lost its revision {}",
                            head.revision
                        ));
                    }
                    let name = pipeline::named(&head.application, &head.name, &id);
                    if verify.exists(&name)? == head.deleted.is_some() {
                        verify.found.add(format_args!(
                            "the name of the pipeline {id} does not say whether it exists"
                        ));
                    }
                }
                Some((id, pipeline::Part::Revision(_))) => {
                    verify.found.counts.revisions += 1;
                    verify
                        .found
                        .note(read::<spindrift_engine::PipelineRevision>(
                            "a revision",
                            key,
                            value,
                        ))?;
                    if !verify.exists(&pipeline::head(&id))? {
                        verify.found.add(format_args!(
                            "the pipeline {id} has revisions and nothing else"
                        ));
                    }
                }
                None => verify.found.add(misfit(
                    "a pipeline",
                    key,
                    "the key is not one of a pipeline",
                )),
            }
            Ok(())
        })
    }

    fn names(&mut self) -> Result<(), StoreError> {
        self.rows(Span::prefix(&[key::NAME]), |verify, (key, value)| {
            let head = match pipeline::read_named(key) {
                Some((_, _, id)) => verify.found.note(verify.reader.head(&id))?.flatten(),
                None => None,
            };
            if head.is_none_or(|head| value[..] != head.revision.to_be_bytes()) {
                verify.found.add(misfit(
                    "a pipeline's name",
                    key,
                    "it is not that of the newest revision",
                ));
            }
            Ok(())
        })
    }

    fn records(&mut self) -> Result<(), StoreError> {
        self.rows(Span::prefix(&[key::RECORD]), |verify, (key, _)| {
            verify.found.counts.records += 1;
            if record::read(key).is_none() {
                verify
                    .found
                    .add(misfit("a record", key, "the key is not one of a record"));
            }
            Ok(())
        })
    }

    /// Every further piece of a value must belong to one.
    fn pieces(&mut self) -> Result<(), StoreError> {
        let view = &self.reader.view;
        for row in view.table.stored(&Span::prefix(&[key::CHUNK])) {
            let Some((key, _)) = self.found.note(row)? else {
                return Ok(());
            };
            let owner = key::read_chunk(&key);
            let belongs = match owner {
                Some((owner, number)) => view
                    .table
                    .stored_value(owner)?
                    .and_then(|stored| table::pieces(&stored))
                    .is_some_and(|pieces| number < pieces),
                None => false,
            };
            if !belongs {
                self.found
                    .add(misfit("a piece", &key, "it belongs to no value"));
            }
        }
        Ok(())
    }

    /// There must be nothing but what this version knows.
    fn spaces(&mut self) -> Result<(), StoreError> {
        for space in 0..u8::MAX {
            let rows = self
                .reader
                .view
                .table
                .stored(&Span::prefix(&[space]))
                .take(1);
            for row in rows {
                let Some((key, _)) = self.found.note(row)? else {
                    return Ok(());
                };
                if !key::SPACES.contains(&space) {
                    self.found
                        .add(misfit("a row", &key, "its space is unknown"));
                }
            }
        }
        Ok(())
    }
}

fn scopes(execution: &Execution) -> Vec<Scope> {
    let mut scopes = vec![
        Scope::All,
        Scope::Application(execution.application.clone()),
    ];
    scopes.extend(execution.pipeline_config_id.clone().map(Scope::Pipeline));
    scopes
}

/// Where an execution should be in the lists.
fn place(execution: &Execution) -> IndexRow {
    IndexRow {
        kind: execution.kind,
        application: execution.application.clone(),
        pipeline: execution.pipeline_config_id.clone(),
        build_time: execution.build_time.unwrap_or_default(),
        status: execution.status,
        busy: false,
        wake: None,
        correlation: None,
        queued: None,
    }
}
