//! The rows by which executions are listed and found, and the difference between two states of them.

use sled::IVec;
use spindrift_engine::IndexRow;
use spindrift_model::ExecutionId;

use crate::key::{self, Key, list, mark};

/// What happens to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) key: Key,
    /// Its new value; `None` removes it.
    pub(crate) value: Option<IVec>,
    /// Whether there was no such row before.
    pub(crate) absent: bool,
}

impl Op {
    pub(crate) fn insert(key: Key, value: IVec) -> Self {
        Self {
            key,
            value: Some(value),
            absent: true,
        }
    }

    pub(crate) fn replace(key: Key, value: IVec) -> Self {
        Self {
            key,
            value: Some(value),
            absent: false,
        }
    }

    pub(crate) fn remove(key: Key) -> Self {
        Self {
            key,
            value: None,
            absent: false,
        }
    }
}

/// Adds what turns the rows of an execution from one state to another. Rows that stay are not written.
pub(crate) fn diff(
    id: &ExecutionId,
    before: Option<&IndexRow>,
    after: Option<&IndexRow>,
    ops: &mut Vec<Op>,
) {
    if before.map(place) != after.map(place) {
        let keys = before.map_or_else(Vec::new, |row| list::keys(id, row));
        ops.extend(keys.into_iter().map(Op::remove));
        if let Some(row) = after {
            ops.extend(list_rows(id, row).map(|(key, value)| Op::insert(key, value)));
        }
    }
    let marks: [fn(&ExecutionId, &IndexRow) -> Option<Key>; 4] = [busy, wake, queued, correlated];
    for of in marks {
        let (old, new) = (
            before.and_then(|row| of(id, row)),
            after.and_then(|row| of(id, row)),
        );
        if old != new {
            ops.extend(old.map(Op::remove));
            ops.extend(new.map(|key| Op::insert(key, IVec::default())));
        }
    }
}

fn place(row: &IndexRow) -> impl PartialEq + use<'_> {
    (
        row.kind,
        &row.application,
        &row.pipeline,
        row.build_time,
        row.status,
    )
}

fn list_rows(id: &ExecutionId, row: &IndexRow) -> impl Iterator<Item = (Key, IVec)> {
    list::keys(id, row).into_iter().map(|key| {
        let differs =
            list::is_by_application(&key) && key::folded(&row.application) != row.application;
        let value = if differs {
            IVec::from(row.application.as_str())
        } else {
            IVec::default()
        };
        (key, value)
    })
}

fn busy(id: &ExecutionId, row: &IndexRow) -> Option<Key> {
    row.busy.then(|| mark::busy(id))
}

fn wake(id: &ExecutionId, row: &IndexRow) -> Option<Key> {
    row.wake.map(|at| mark::timer(at, id))
}

fn queued(id: &ExecutionId, row: &IndexRow) -> Option<Key> {
    let pipeline = row.pipeline.as_ref()?;
    row.queued.map(|at| mark::queued(pipeline, at, id))
}

fn correlated(id: &ExecutionId, row: &IndexRow) -> Option<Key> {
    row.correlation
        .as_deref()
        .map(|text| mark::correlated(text, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use spindrift_model::{ExecutionKind, Status};

    fn row() -> IndexRow {
        IndexRow {
            kind: ExecutionKind::Pipeline,
            application: "Shop".into(),
            pipeline: Some("p".into()),
            build_time: 5,
            status: Status::Running,
            busy: true,
            wake: Some(9),
            correlation: Some("c".into()),
            queued: None,
        }
    }

    fn changed(before: &IndexRow, after: &IndexRow) -> Vec<String> {
        let mut ops = Vec::new();
        diff(&"01J".into(), Some(before), Some(after), &mut ops);
        ops.iter()
            .map(|op| {
                let sign = if op.value.is_some() { '+' } else { '-' };
                format!("{sign}{}", op.key.escape_ascii())
            })
            .collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let before = row();
        assert_eq!(changed(&before, &before), Vec::<String>::new());
        let mut after = row();
        after.busy = false;
        after.wake = None;
        assert_eq!(
            changed(&before, &after),
            [r"-b01J", r"-t\x80\x00\x00\x00\x00\x00\x00\t01J"]
        );
        let mut after = row();
        after.status = Status::Succeeded;
        insta::assert_snapshot!(changed(&before, &after).join("\n"), @r"
        -xapr\x80\x00\x00\x00\x00\x00\x00\x0501J
        -xbshop\x00\x01pr\x80\x00\x00\x00\x00\x00\x00\x0501J
        -xcp\x00\x01pr\x80\x00\x00\x00\x00\x00\x00\x0501J
        +xaps\x80\x00\x00\x00\x00\x00\x00\x0501J
        +xbshop\x00\x01ps\x80\x00\x00\x00\x00\x00\x00\x0501J
        +xcp\x00\x01ps\x80\x00\x00\x00\x00\x00\x00\x0501J
        ");
    }
}
