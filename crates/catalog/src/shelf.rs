//! Records with revisions.
//!
//! | space | key | value |
//! | --- | --- | --- |
//! | the shelf's | the document's key | its newest revision |
//! | the shelf's with `-history` | the key, `/`, the number counted down | a revision; the newest sorts first |

use serde::{Deserialize, Serialize};
use spindrift_engine::{Store, StoreError, Write};
use spindrift_model::{Map, Millis};

/// One saved version of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its number, from 1.
    pub revision: u64,
    /// When it was saved.
    pub saved_at: Millis,
    /// Who saved it.
    pub saved_by: String,
    /// The job that saved it, when it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Whether this is the end of the document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The document.
    pub document: Map,
}

/// A kind of documents.
pub(crate) struct Shelf {
    pub(crate) space: &'static str,
    pub(crate) history: &'static str,
}

/// A page of records.
const PAGE: usize = 500;

/// A job that is performed again is looked for among so many revisions: others may have saved since.
const JOBS: usize = 50;

impl Shelf {
    /// The newest revision of a document that is not deleted.
    pub(crate) fn get(&self, store: &dyn Store, key: &str) -> Result<Option<Revision>, StoreError> {
        let value = store.record(self.space, key)?;
        value.map(|value| self.read(key, &value)).transpose()
    }

    /// Every document, by key.
    pub(crate) fn all(&self, store: &dyn Store) -> Result<Vec<(String, Revision)>, StoreError> {
        self.beginning_with(store, "")
    }

    /// The documents whose key begins like that, by key.
    pub(crate) fn beginning_with(
        &self,
        store: &dyn Store,
        prefix: &str,
    ) -> Result<Vec<(String, Revision)>, StoreError> {
        let mut found: Vec<(String, Revision)> = Vec::new();
        loop {
            let after = found.last().map(|(key, _)| key.clone());
            let page = store.records(self.space, prefix, after.as_deref(), PAGE)?;
            let last = page.len() < PAGE;
            for (key, value) in page {
                let revision = self.read(&key, &value)?;
                found.push((key, revision));
            }
            if last {
                return Ok(found);
            }
        }
    }

    /// The revisions of a document, newest first, also when it has been deleted.
    pub(crate) fn revisions(
        &self,
        store: &dyn Store,
        key: &str,
        limit: usize,
    ) -> Result<Vec<Revision>, StoreError> {
        let rows = store.records(self.history, &format!("{key}/"), None, limit)?;
        let read = |(key, value): (String, Vec<u8>)| self.read(&key, &value);
        rows.into_iter().map(read).collect()
    }

    /// The revision that a job has made already.
    pub(crate) fn made_by(
        &self,
        store: &dyn Store,
        key: &str,
        job: Option<&str>,
    ) -> Result<Option<Revision>, StoreError> {
        let Some(job) = job else {
            return Ok(None);
        };
        let revisions = self.revisions(store, key, JOBS)?;
        let mut revisions = revisions.into_iter();
        Ok(revisions.find(|revision| revision.job.as_deref() == Some(job)))
    }

    /// The writes that save a revision. Conflict: the stored one is not `current`.
    pub(crate) fn put(
        &self,
        key: &str,
        revision: &Revision,
        current: Option<&Revision>,
    ) -> Result<Vec<Write>, StoreError> {
        let value = self.write(key, revision)?;
        let expected = current
            .map(|current| self.write(key, current))
            .transpose()?;
        Ok(vec![
            Write::PutRecord {
                space: self.space,
                key: key.to_owned(),
                value: value.clone(),
                expected: Some(expected),
            },
            self.note(key, revision, value),
        ])
    }

    /// The writes that delete a document; its revisions stay, and this one is the last.
    pub(crate) fn delete(&self, key: &str, last: &Revision) -> Result<Vec<Write>, StoreError> {
        let value = self.write(key, last)?;
        Ok(vec![
            Write::DeleteRecord {
                space: self.space,
                key: key.to_owned(),
            },
            self.note(key, last, value),
        ])
    }

    fn note(&self, key: &str, revision: &Revision, value: Vec<u8>) -> Write {
        Write::PutRecord {
            space: self.history,
            key: format!("{key}/{:016x}", u64::MAX - revision.revision),
            value,
            expected: None,
        }
    }

    /// The number of the next revision; the numbers of a deleted document are taken.
    pub(crate) fn next(&self, store: &dyn Store, key: &str) -> Result<u64, StoreError> {
        let newest = self.revisions(store, key, 1)?;
        Ok(newest.first().map_or(0, |newest| newest.revision) + 1)
    }

    fn read(&self, key: &str, value: &[u8]) -> Result<Revision, StoreError> {
        serde_json::from_slice(value).map_err(|error| self.corrupt(key, &error))
    }

    fn write(&self, key: &str, revision: &Revision) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(revision).map_err(|error| self.corrupt(key, &error))
    }

    fn corrupt(&self, key: &str, error: &serde_json::Error) -> StoreError {
        StoreError::Corrupt(format!("{} {key}: {error}", self.space))
    }
}
