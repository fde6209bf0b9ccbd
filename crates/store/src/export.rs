//! A store as lines of JSON: for a backup that any later version can read, and for moving to another kind of store.
//!
//! The first line names the format, the last one counts what came between, so that a file that was cut off is
//! recognised. In between is one line per revision of a pipeline, per deleted pipeline, per execution and per record.

use std::collections::HashMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use spindrift_engine::{IndexRow, PipelineRevision, RunState, Scope, StoreError};
use spindrift_model::{ExecutionId, ExecutionKind, Millis, PipelineId, Status};

use crate::codec::corrupt;
use crate::key::{self, Span, list, mark, pipeline, record};
use crate::reader::{Reader, read};
use crate::sled_store::SledStore;
use crate::staging::Head;

/// The version of the lines; older ones stay readable.
pub(crate) const LINES: u32 = 1;

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Line {
    /// The first line: the version of the lines.
    SpindriftStore(u32),
    Pipeline(Box<PipelineRevision>),
    DeletedPipeline {
        id: PipelineId,
        by: String,
        at: Millis,
    },
    Execution {
        index: Index,
        state: Box<RunState>,
    },
    Record {
        space: String,
        key: String,
        value: Bytes,
    },
    /// The last line.
    End(Counts),
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Revisions of pipelines.
    pub revisions: u64,
    /// Executions.
    pub executions: u64,
    /// Records of other crates.
    pub records: u64,
}

/// Bytes, as text where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Bytes {
    Text(String),
    Base64(String),
}

impl Bytes {
    fn new(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(
            |error| Bytes::Base64(BASE64.encode(error.as_bytes())),
            Bytes::Text,
        )
    }

    pub(crate) fn into_vec(self) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Bytes::Text(text) => Ok(text.into_bytes()),
            Bytes::Base64(text) => BASE64.decode(text),
        }
    }
}

/// The row of an execution in the lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    kind: ExecutionKind,
    application: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pipeline: Option<PipelineId>,
    build_time: Millis,
    status: Status,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    busy: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wake: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queued: Option<Millis>,
}

impl From<Index> for IndexRow {
    fn from(index: Index) -> Self {
        IndexRow {
            kind: index.kind,
            application: index.application,
            pipeline: index.pipeline,
            build_time: index.build_time,
            status: index.status,
            busy: index.busy,
            wake: index.wake,
            correlation: index.correlation,
            queued: index.queued,
        }
    }
}

/// Why a store could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lines cannot be written.
    #[error("the export cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl SledStore {
    /// Writes everything as lines of JSON. What is written to the store meanwhile may be missing or appear twice.
    pub fn export(&self, writer: impl io::Write) -> Result<Counts, ExportError> {
        Export {
            reader: self.reader(),
            marks: Marks::read(self.reader())?,
            writer: io::BufWriter::new(writer),
            counts: Counts::default(),
        }
        .run()
    }
}

/// What only executions that are under way have, by execution.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    wake: HashMap<ExecutionId, Millis>,
    queued: HashMap<ExecutionId, Millis>,
    correlation: HashMap<ExecutionId, String>,
}

impl Marks {
    fn read(reader: &Reader) -> Result<Self, StoreError> {
        let mut marks = Self::default();
        for row in reader.view.pages(Span::prefix(&[key::TIMER])) {
            if let Some((at, id)) = mark::read_timer(&row?.0) {
                marks.wake.insert(id, at);
            }
        }
        for row in reader.view.pages(Span::prefix(&[key::QUEUE])) {
            if let Some((_, at, id)) = mark::read_queued(&row?.0) {
                marks.queued.insert(id, at);
            }
        }
        for row in reader.view.pages(Span::prefix(&[key::CORRELATION])) {
            if let Some((correlation, id)) = mark::read_correlated(&row?.0) {
                marks.correlation.insert(id, correlation);
            }
        }
        Ok(marks)
    }
}

struct Export<'s, W: io::Write> {
    reader: &'s Reader,
    marks: Marks,
    writer: io::BufWriter<W>,
    counts: Counts,
}

impl<W: io::Write> Export<'_, W> {
    fn run(mut self) -> Result<Counts, ExportError> {
        self.write(&Line::SpindriftStore(LINES))?;
        self.pipelines()?;
        self.executions()?;
        self.records()?;
        self.write(&Line::End(self.counts))?;
        io::Write::flush(&mut self.writer)?;
        Ok(self.counts)
    }

    fn write(&mut self, line: &Line) -> Result<(), ExportError> {
        serde_json::to_writer(&mut self.writer, line).map_err(io::Error::from)?;
        io::Write::write_all(&mut self.writer, b"\n")?;
        Ok(())
    }

    /// Of each pipeline the revisions, oldest first, and then that it was deleted; its head comes first by key.
    fn pipelines(&mut self) -> Result<(), ExportError> {
        let reader = self.reader;
        let mut deleted: Option<Line> = None;
        for row in reader.view.pages(Span::prefix(&[key::PIPELINE])) {
            let (key, value) = row?;
            match pipeline::read(&key) {
                Some((id, pipeline::Part::Head)) => {
                    if let Some(line) = deleted.take() {
                        self.write(&line)?;
                    }
                    let head: Head = read("a pipeline", &key, &value)?;
                    deleted = head.deleted.map(|deletion| Line::DeletedPipeline {
                        id,
                        by: deletion.by,
                        at: deletion.at,
                    });
                }
                Some((_, pipeline::Part::Revision(_))) => {
                    self.counts.revisions += 1;
                    self.write(&Line::Pipeline(read("a revision", &key, &value)?))?;
                }
                None => {
                    return Err(
                        corrupt("a pipeline", &key, "the key is not one of a pipeline").into(),
                    );
                }
            }
        }
        match deleted {
            Some(line) => self.write(&line),
            None => Ok(()),
        }
    }

    fn executions(&mut self) -> Result<(), ExportError> {
        let reader = self.reader;
        for row in reader.view.pages(list::applications()) {
            let (key, written) = row?;
            let bad_key = || corrupt("a list", &key, "the key is not one of a list");
            let (folded, kind, line) = list::read_in_application(&key).ok_or_else(bad_key)?;
            // A line whose execution is gone is for `verify` to report.
            let Some(state) = reader.run(&line.id)? else {
                continue;
            };
            let application = match &written[..] {
                [] => folded,
                written => String::from_utf8_lossy(written).into_owned(),
            };
            let mut index = IndexRow {
                kind,
                application,
                pipeline: state.execution.pipeline_config_id.clone(),
                build_time: line.build_time,
                status: line.status,
                busy: reader.view.get(&mark::busy(&line.id))?.is_some(),
                wake: self.marks.wake.remove(&line.id),
                correlation: self.marks.correlation.remove(&line.id),
                queued: self.marks.queued.remove(&line.id),
            };
            if let Some(pipeline) = &index.pipeline {
                let scope = Scope::Pipeline(pipeline.clone());
                let place = list::place_of(&scope, &line.id, &index);
                if reader.view.get(&place)?.is_none() {
                    index.pipeline = None;
                }
            }
            self.counts.executions += 1;
            self.write(&Line::Execution {
                index: index.into(),
                state: Box::new(state),
            })?;
        }
        Ok(())
    }

    fn records(&mut self) -> Result<(), ExportError> {
        let reader = self.reader;
        for row in reader.view.pages(Span::prefix(&[key::RECORD])) {
            let (key, value) = row?;
            let (space, name) = record::read(&key)
                .ok_or_else(|| corrupt("a record", &key, "the key is not one of a record"))?;
            self.counts.records += 1;
            self.write(&Line::Record {
                space,
                key: name,
                value: Bytes::new(value.to_vec()),
            })?;
        }
        Ok(())
    }
}

impl From<IndexRow> for Index {
    fn from(row: IndexRow) -> Self {
        Index {
            kind: row.kind,
            application: row.application,
            pipeline: row.pipeline,
            build_time: row.build_time,
            status: row.status,
            busy: row.busy,
            wake: row.wake,
            correlation: row.correlation,
            queued: row.queued,
        }
    }
}
