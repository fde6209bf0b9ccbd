//! Runs put together from their rows: the header, the stages, and the changes since.

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sled::IVec;
use spindrift_engine::{Change, Run, RunState, StoreError, outline};
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
        let rows = self.rows_of(id)?;
        assemble(
            &rows,
            |key, value| read::<Stage>("a stage", key, value),
            |_| true,
        )
    }

    /// The same as reading the run and leaving out what an outline has not, but without making it first.
    pub(crate) fn outline(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        let rows = self.rows_of(id)?;
        let read_stage = |key: &[u8], value: &IVec| {
            read::<OutlinedStage>("a stage", key, value).map(Stage::from)
        };
        let run = assemble(&rows, read_stage, shows_in_outline)?;
        Ok(run.map(|state| outline(state.execution)))
    }

    fn rows_of(&self, id: &ExecutionId) -> Result<Vec<Row>, StoreError> {
        let span = Span::prefix(&run::prefix(id));
        self.view.span(&span, usize::MAX, Order::Forward)
    }
}

/// Puts a run together from all of its rows, which come in the order of their keys: header, log, stages.
pub(crate) fn assemble(
    rows: &[Row],
    read_stage: impl Fn(&[u8], &IVec) -> Result<Stage, StoreError>,
    counts: impl Fn(&Change) -> bool,
) -> Result<Option<RunState>, StoreError> {
    let Some(((key, header), rest)) = rows.split_first() else {
        return Ok(None);
    };
    if run::read(key).map(|(_, part)| part) != Some(run::Part::Header) {
        return Err(corrupt("an execution", key, "its header is missing"));
    }
    let (folded, mut state): (u64, RunState) =
        codec::decode_versioned(header).map_err(|error| corrupt("an execution", key, error))?;
    state.execution.version = folded;
    let mut log: Vec<Vec<Change>> = Vec::new();
    for (key, value) in rest {
        match run::read(key).map(|(_, part)| part) {
            Some(run::Part::Stage(_)) => state.execution.stages.push(read_stage(key, value)?),
            // Rows that a later header has made superfluous were removed with it.
            Some(run::Part::Log(version)) if version == folded + log.len() as u64 + 1 => {
                log.push(read("a change", key, value)?);
            }
            Some(run::Part::Log(version)) => {
                let expected = folded + log.len() as u64 + 1;
                let what = format!("it leads to version {version}, and {expected} is missing");
                return Err(corrupt("a change", key, what));
            }
            Some(run::Part::Header) | None => {
                return Err(corrupt("an execution", key, "the key names no part of it"));
            }
        }
    }
    if log.is_empty() {
        return Ok(Some(state));
    }
    let mut run = Run::load(state);
    for changes in log {
        for change in changes.into_iter().filter(|change| counts(change)) {
            run.apply(change);
        }
        run.advance_version();
    }
    Ok(Some(run.to_state()))
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
