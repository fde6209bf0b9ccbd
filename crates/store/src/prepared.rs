//! Writes made ready by their caller, so that the one committer only checks, collects and syncs.

use sled::IVec;
use spindrift_engine::{PipelineRevision, Write};
use spindrift_model::{ExecutionId, Millis, PipelineId};

use crate::codec;
use crate::index::{self, Op};
use crate::key::{self, Key, run};

/// A write whose rows are known as far as they do not depend on what is stored.
#[derive(Debug)]
pub(crate) enum Prepared {
    Create {
        id: ExecutionId,
        version: u64,
        rows: Vec<Op>,
    },
    Advance {
        id: ExecutionId,
        from: u64,
        rows: Vec<Op>,
    },
    Forget {
        id: ExecutionId,
        version: u64,
        rows: Vec<Op>,
    },
    SavePipeline {
        revision: Box<PipelineRevision>,
        replaces: Option<u64>,
    },
    DeletePipeline {
        id: PipelineId,
        by: String,
        at: Millis,
    },
    PutRecord {
        key: Key,
        value: IVec,
        expected: Option<Option<Vec<u8>>>,
    },
    DeleteRecord {
        key: Key,
    },
}

impl Prepared {
    /// About how many bytes it adds to a batch.
    pub(crate) fn bytes(&self) -> usize {
        let of = |rows: &[Op]| {
            rows.iter()
                .map(|op| op.key.len() + op.value.as_ref().map_or(0, |value| value.len()) + 8)
                .sum()
        };
        match self {
            Prepared::Create { rows, .. }
            | Prepared::Advance { rows, .. }
            | Prepared::Forget { rows, .. } => of(rows),
            // Their documents are not yet encoded; they are rare and bounded by what the API accepts.
            Prepared::SavePipeline { .. } => 16 * 1024,
            Prepared::DeletePipeline { .. } | Prepared::DeleteRecord { .. } => 256,
            Prepared::PutRecord { key, value, .. } => key.len() + value.len(),
        }
    }
}

/// Makes a write ready.
pub(crate) fn prepare(write: Write) -> Prepared {
    match write {
        Write::Create { mut state, index } => {
            let id = state.execution.id.clone();
            let version = state.execution.version;
            let stages = std::mem::take(&mut state.execution.stages);
            let made = codec::encode_made(version, &*state, &stages);
            let mut rows = vec![Op::insert(run::header(&id), made)];
            index::diff(&id, None, Some(&index), &mut rows);
            Prepared::Create { id, version, rows }
        }
        Write::Advance {
            id,
            from,
            changes,
            row,
            superseded,
            rows: logged,
        } => {
            let mut rows = Vec::with_capacity(4 + superseded.len());
            rows.push(Op::insert(
                run::log(&id, from + 1),
                codec::encode_logged(logged, &changes),
            ));
            let dropped = superseded
                .into_iter()
                .map(|version| Op::remove(run::log(&id, version)));
            rows.extend(dropped);
            if let Some(row) = row {
                index::diff(&id, Some(&row.before), Some(&row.after), &mut rows);
            }
            Prepared::Advance { id, from, rows }
        }
        Write::Forget { id, version, index } => {
            let mut rows = Vec::new();
            index::diff(&id, Some(&index), None, &mut rows);
            Prepared::Forget { id, version, rows }
        }
        Write::SavePipeline { revision, replaces } => Prepared::SavePipeline {
            revision: Box::new(revision),
            replaces,
        },
        Write::DeletePipeline { id, by, at } => Prepared::DeletePipeline { id, by, at },
        Write::PutRecord {
            space,
            key,
            value,
            expected,
        } => Prepared::PutRecord {
            key: key::record::prefix(space, &key),
            value: IVec::from(value),
            expected,
        },
        Write::DeleteRecord { space, key } => Prepared::DeleteRecord {
            key: key::record::prefix(space, &key),
        },
    }
}
