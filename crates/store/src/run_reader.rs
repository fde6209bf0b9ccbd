//! Runs put together from their rows: the header, the stages, and the changes since.

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use spindrift_engine::{Change, Replayed, RunState, StoreError, outline, replay};
use spindrift_model::{
    Execution, ExecutionId, Map, Millis, Phase, RefId, Serial, Stage, StageId, Status,
    SyntheticOwner, Value,
};

use crate::codec::{self, corrupt};
use crate::key::{Span, run};
use crate::reader::{Reader, read};
use crate::view::{Order, Row};

impl Reader {
    pub(crate) fn run(&self, id: &ExecutionId) -> Result<Option<RunState>, StoreError> {
        Ok(self.stored(id)?.map(Stored::into_state))
    }

    pub(crate) fn replay(&self, id: &ExecutionId) -> Result<Option<Replayed>, StoreError> {
        let stored = self.stored(id)?;
        Ok(stored.map(|Stored { made, log }| replay(made, log)))
    }

    fn stored(&self, id: &ExecutionId) -> Result<Option<Stored>, StoreError> {
        let rows = self.rows_of(id)?;
        assemble::<Stage>(&rows)
    }

    /// The same as reading the run and leaving out what an outline has not, but without making it first.
    pub(crate) fn outline(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        let rows = self.rows_of(id)?;
        let stored = assemble::<OutlinedStage>(&rows)?;
        Ok(stored.map(|mut stored| {
            for (_, changes) in &mut stored.log {
                changes.retain(shows_in_outline);
            }
            outline(stored.into_state().execution)
        }))
    }

    fn rows_of(&self, id: &ExecutionId) -> Result<Vec<Row>, StoreError> {
        let span = Span::prefix(&run::prefix(id));
        self.view.span(&span, usize::MAX, Order::Forward)
    }
}

/// What the rows of a run say.
pub(crate) struct Stored {
    /// The run as it was made.
    made: RunState,
    /// What has changed since, by version. Versions that no longer say anything are missing.
    log: Vec<(u64, Vec<Change>)>,
}

impl Stored {
    pub(crate) fn into_state(self) -> RunState {
        match self.log.is_empty() {
            true => self.made,
            false => replay(self.made, self.log).run.into_state(),
        }
    }
}

/// Puts a run together from all of its rows, which come in the order of their keys.
pub(crate) fn assemble<S: DeserializeOwned + Into<Stage>>(
    rows: &[Row],
) -> Result<Option<Stored>, StoreError> {
    let Some(((key, header), rest)) = rows.split_first() else {
        return Ok(None);
    };
    if run::read(key).map(|(_, part)| part) != Some(run::Part::Header) {
        return Err(corrupt("an execution", key, "its header is missing"));
    }
    let (version, mut made, stages): (u64, RunState, Vec<S>) =
        codec::decode_made(header).map_err(|error| corrupt("an execution", key, error))?;
    made.execution.version = version;
    made.execution.stages = stages.into_iter().map(Into::into).collect();
    let mut log: Vec<(u64, Vec<Change>)> = Vec::new();
    let mut said = None;
    for (key, value) in rest {
        match run::read(key).map(|(_, part)| part) {
            // Of early versions.
            Some(run::Part::Stage(_)) => {
                let stage = read::<S>("a stage", key, value)?;
                made.execution.stages.push(stage.into());
            }
            Some(run::Part::Log(logged)) if logged > version => {
                let (rows, changes) =
                    codec::decode_logged(value).map_err(|error| corrupt("a change", key, error))?;
                said = rows;
                log.push((logged, changes));
            }
            Some(run::Part::Log(logged)) => {
                let what =
                    format!("it leads to version {logged}, and the run begins with {version}");
                return Err(corrupt("a change", key, what));
            }
            Some(run::Part::Header) | None => {
                return Err(corrupt("an execution", key, "the key names no part of it"));
            }
        }
    }
    match said.and_then(|rows| usize::try_from(rows).ok()) {
        Some(rows) if rows != log.len() => {
            let what = format!("its log should have {rows} rows and has {}", log.len());
            Err(corrupt("an execution", key, what))
        }
        _ => Ok(Some(Stored { made, log })),
    }
}

/// Whether a change can be seen in an outline: contexts (but for the group), outputs and tasks are not in it.
fn shows_in_outline(change: &Change) -> bool {
    if let Change::StageContext { set, unset, .. } = change {
        return set.contains_key("group") || unset.iter().any(|key| key == "group");
    }
    !matches!(
        change,
        Change::StageOutputs { .. }
            | Change::TasksPlanned { .. }
            | Change::TaskStatus { .. }
            | Change::TaskPerformed { .. }
            | Change::TaskWaits { .. }
            | Change::TaskSignaled { .. }
            | Change::TaskRewound { .. }
    )
}

/// A stage as it is stored, of which only what an outline shows is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OutlinedStage {
    id: StageId,
    ref_id: RefId,
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    start_time: Option<Millis>,
    end_time: Option<Millis>,
    start_time_expiry: Option<Millis>,
    status: Status,
    #[serde(deserialize_with = "only_group")]
    context: Map,
    synthetic_stage_owner: Option<SyntheticOwner>,
    parent_stage_id: Option<StageId>,
    requisite_stage_ref_ids: Vec<RefId>,
    scheduled_time: Option<Millis>,
    last_modified: Option<Value>,
    serial: Serial,
    parent: Option<Serial>,
    phase: Phase,
    restarts: u32,
}

impl From<OutlinedStage> for Stage {
    fn from(stage: OutlinedStage) -> Self {
        // Without `..`: a new member of a stage must be considered here.
        Stage {
            id: stage.id,
            ref_id: stage.ref_id,
            kind: stage.kind,
            name: stage.name,
            start_time: stage.start_time,
            end_time: stage.end_time,
            start_time_expiry: stage.start_time_expiry,
            status: stage.status,
            context: stage.context,
            outputs: Map::new(),
            tasks: Vec::new(),
            synthetic_stage_owner: stage.synthetic_stage_owner,
            parent_stage_id: stage.parent_stage_id,
            requisite_stage_ref_ids: stage.requisite_stage_ref_ids,
            scheduled_time: stage.scheduled_time,
            last_modified: stage.last_modified,
            serial: stage.serial,
            parent: stage.parent,
            phase: stage.phase,
            restarts: stage.restarts,
        }
    }
}

fn only_group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map, D::Error> {
    struct OnlyGroup;
    impl<'de> Visitor<'de> for OnlyGroup {
        type Value = Map;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a context")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Map, A::Error> {
            let mut map = Map::new();
            while let Some(key) = access.next_key::<String>()? {
                if key == "group" {
                    map.insert(key, access.next_value()?);
                } else {
                    access.next_value::<IgnoredAny>()?;
                }
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(OnlyGroup)
}
