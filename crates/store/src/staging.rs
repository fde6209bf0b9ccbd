//! A batch in the making: commits are checked against what is stored and against the batch so far, one after the other.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sled::IVec;
use spindrift_engine::{PipelineRevision, StoreError};
use spindrift_model::{ExecutionId, Millis, PipelineId};

use crate::codec::{self, corrupt};
use crate::index::Op;
use crate::key::{Key, Span, pipeline, run};
use crate::layer::{Entry, Rows};
use crate::prepared::Prepared;
use crate::view::{Order, View};

/// Remembers how far the executions are that were written lately.
///
/// Two halves: once the newer one is full, it becomes the older, and what was in that is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    newer: HashMap<ExecutionId, u64>,
    older: HashMap<ExecutionId, u64>,
}

/// How many executions are remembered at least: more than are under way at a time, at about 150 bytes each.
const REMEMBERED: usize = 16 * 1024;

impl Marks {
    fn get(&mut self, id: &ExecutionId) -> Option<u64> {
        self.newer.get(id).or_else(|| self.older.get(id)).copied()
    }

    fn set(&mut self, id: ExecutionId, version: u64) {
        if self.newer.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(id, version);
    }

    fn forget(&mut self, id: &ExecutionId) {
        self.newer.remove(id);
        self.older.remove(id);
    }
}

/// What is known of a pipeline besides its revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    /// The number of its newest revision.
    pub(crate) revision: u64,
    /// The application of that revision.
    pub(crate) application: String,
    /// The name in that revision.
    pub(crate) name: String,
    /// Whether it was deleted after that revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deleted: Option<Deletion>,
}

/// Who deleted a pipeline, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    pub(crate) by: String,
    pub(crate) at: Millis,
}

enum Undo {
    Row(Key, Option<Entry>),
    Mark(ExecutionId, Option<u64>),
}

/// A batch in the making.
pub(crate) struct Staging<'c> {
    view: &'c View,
    marks: &'c mut Marks,
    /// What the batch does to the rows.
    pub(crate) rows: Rows,
    undo: Vec<Undo>,
    /// Whether the commit at hand may have to be undone: each write is checked before anything of it is done, so one that
    /// is alone never has to.
    is_undoable: bool,
}

impl<'c> Staging<'c> {
    pub(crate) fn new(view: &'c View, marks: &'c mut Marks) -> Self {
        Self {
            view,
            marks,
            rows: Rows::default(),
            undo: Vec::new(),
            is_undoable: false,
        }
    }

    /// Adds a commit to the batch, all of it or, with an error, nothing.
    pub(crate) fn stage(&mut self, commit: Vec<Prepared>) -> Result<(), StoreError> {
        self.undo.clear();
        self.is_undoable = commit.len() > 1;
        let result = commit.into_iter().try_for_each(|write| self.write(write));
        if result.is_err() {
            while let Some(undo) = self.undo.pop() {
                match undo {
                    Undo::Row(key, entry) => {
                        self.rows.set(key, entry);
                    }
                    Undo::Mark(id, Some(version)) => self.marks.set(id, version),
                    Undo::Mark(id, None) => self.marks.forget(&id),
                }
            }
        }
        result
    }

    fn write(&mut self, write: Prepared) -> Result<(), StoreError> {
        match write {
            Prepared::Create { id, version, rows } => self.create(id, version, rows),
            Prepared::Advance { id, from, rows } => self.advance(id, from, rows),
            Prepared::Forget { id, version, rows } => self.forget(&id, version, rows),
            Prepared::SavePipeline { revision, replaces } => {
                self.save_pipeline(&revision, replaces)
            }
            Prepared::DeletePipeline { id, by, at } => self.delete_pipeline(&id, by, at),
            Prepared::PutRecord {
                key,
                value,
                expected,
            } => self.put_record(key, value, expected),
            Prepared::DeleteRecord { key } => {
                self.remove(key);
                Ok(())
            }
        }
    }

    fn create(&mut self, id: ExecutionId, version: u64, rows: Vec<Op>) -> Result<(), StoreError> {
        if self.marks.get(&id).is_some() || self.get(&run::header(&id))?.is_some() {
            return Err(StoreError::Conflict(format!(
                "the execution {id} exists already"
            )));
        }
        self.apply(rows);
        self.set_mark(id, version);
        Ok(())
    }

    fn advance(&mut self, id: ExecutionId, from: u64, rows: Vec<Op>) -> Result<(), StoreError> {
        self.expect_version(&id, from)?;
        self.apply(rows);
        self.set_mark(id, from + 1);
        Ok(())
    }

    fn forget(&mut self, id: &ExecutionId, version: u64, rows: Vec<Op>) -> Result<(), StoreError> {
        self.expect_version(id, version)?;
        let span = Span::prefix(&run::prefix(id));
        let staged = self.rows.span(&span).map(|(key, _)| Ok(key.clone()));
        let stored = self.view.pages(span.clone()).map(|row| Ok(row?.0));
        let keys: Vec<Key> = staged.chain(stored).collect::<Result<_, StoreError>>()?;
        for key in keys {
            self.remove(key);
        }
        self.apply(rows);
        self.note_mark(id);
        self.marks.forget(id);
        Ok(())
    }

    fn save_pipeline(
        &mut self,
        revision: &PipelineRevision,
        replaces: Option<u64>,
    ) -> Result<(), StoreError> {
        let id = &revision.id;
        let head = self.head(id)?;
        let living = head.as_ref().filter(|head| head.deleted.is_none());
        let newest = living.map_or(0, |head| head.revision);
        if let Some(replaces) = replaces
            && replaces != newest
        {
            return Err(StoreError::Conflict(format!(
                "the pipeline {id} is at revision {newest}, not {replaces}"
            )));
        }
        if let Some(head) = &head
            && revision.revision <= head.revision
        {
            return Err(StoreError::Conflict(format!(
                "the pipeline {id} has a revision {} already; the next is {}",
                revision.revision,
                head.revision + 1
            )));
        }
        if let Some(head) = living {
            self.remove(pipeline::named(&head.application, &head.name, id));
        }
        let number = IVec::from(&revision.revision.to_be_bytes());
        let head = Head {
            revision: revision.revision,
            application: revision.application.clone(),
            name: revision.name.clone(),
            deleted: None,
        };
        self.apply(vec![
            Op::insert(
                pipeline::revision(id, revision.revision),
                codec::encode(revision),
            ),
            Op::replace(pipeline::head(id), codec::encode(&head)),
            Op::replace(
                pipeline::named(&revision.application, &revision.name, id),
                number,
            ),
        ]);
        Ok(())
    }

    fn delete_pipeline(
        &mut self,
        id: &PipelineId,
        by: String,
        at: Millis,
    ) -> Result<(), StoreError> {
        let head = self.head(id)?.filter(|head| head.deleted.is_none());
        let Some(mut head) = head else {
            return Err(StoreError::Conflict(format!("there is no pipeline {id}")));
        };
        self.remove(pipeline::named(&head.application, &head.name, id));
        head.deleted = Some(Deletion { by, at });
        self.apply(vec![Op::replace(pipeline::head(id), codec::encode(&head))]);
        Ok(())
    }

    fn put_record(
        &mut self,
        key: Key,
        value: IVec,
        expected: Option<Option<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        if let Some(expected) = expected {
            let found = self.get(&key)?;
            if found.as_deref() != expected.as_deref() {
                let text = match (found, expected) {
                    (Some(_), None) => "exists already",
                    (None, Some(_)) => "does not exist",
                    _ => "has changed meanwhile",
                };
                let name = crate::key::record::read(&key).unwrap_or_default();
                return Err(StoreError::Conflict(format!(
                    "the {} {:?} {text}",
                    name.0, name.1
                )));
            }
        }
        self.apply(vec![Op::replace(key, value)]);
        Ok(())
    }

    fn apply(&mut self, ops: Vec<Op>) {
        for op in ops {
            match op.value {
                Some(value) if self.is_undoable => {
                    let before = self.rows.put(op.key.clone(), value, op.absent);
                    self.undo.push(Undo::Row(op.key, before));
                }
                Some(value) => {
                    self.rows.put(op.key, value, op.absent);
                }
                None => self.remove(op.key),
            }
        }
    }

    fn remove(&mut self, key: Key) {
        if self.is_undoable {
            let before = self.rows.remove(key.clone());
            self.undo.push(Undo::Row(key, before));
        } else {
            self.rows.remove(key);
        }
    }

    fn note_mark(&mut self, id: &ExecutionId) {
        if self.is_undoable {
            self.undo.push(Undo::Mark(id.clone(), self.marks.get(id)));
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.rows.get(key) {
            Some(entry) => Ok(entry.value().cloned()),
            None => self.view.get(key),
        }
    }

    fn set_mark(&mut self, id: ExecutionId, version: u64) {
        self.note_mark(&id);
        self.marks.set(id, version);
    }

    fn expect_version(&mut self, id: &ExecutionId, version: u64) -> Result<(), StoreError> {
        match self.mark(id)? {
            Some(found) if found == version => Ok(()),
            Some(found) => Err(StoreError::Conflict(format!(
                "the execution {id} is at version {found}, not {version}"
            ))),
            None => Err(StoreError::Conflict(format!("there is no execution {id}"))),
        }
    }

    fn mark(&mut self, id: &ExecutionId) -> Result<Option<u64>, StoreError> {
        if let Some(version) = self.marks.get(id) {
            return Ok(Some(version));
        }
        let key = run::header(id);
        let Some(header) = self.get(&key)? else {
            return Ok(None);
        };
        let created =
            codec::version(&header).map_err(|error| corrupt("an execution", &key, error))?;
        // The newest row of a log is never dropped.
        let version = self.last_logged(id)?.unwrap_or(created);
        self.marks.set(id.clone(), version);
        Ok(Some(version))
    }

    fn last_logged(&self, id: &ExecutionId) -> Result<Option<u64>, StoreError> {
        let span = run::logs(id);
        let is_there = |key: &Key| self.rows.get(key) != Some(&Entry::Gone);
        let staged = self.rows.span(&span).map(|(key, _)| key.clone());
        let stored = self.view.span(&span, 1, Order::Backward)?;
        let stored = stored.into_iter().map(|(key, _)| key);
        let last = staged.chain(stored).filter(is_there).max();
        Ok(last.and_then(|key| match run::read(&key)?.1 {
            run::Part::Log(version) => Some(version),
            run::Part::Header | run::Part::Stage(_) => None,
        }))
    }

    fn head(&self, id: &PipelineId) -> Result<Option<Head>, StoreError> {
        let key = pipeline::head(id);
        let Some(value) = self.get(&key)? else {
            return Ok(None);
        };
        let head = codec::decode(&value).map_err(|error| corrupt("a pipeline", &key, error))?;
        Ok(Some(head))
    }
}
