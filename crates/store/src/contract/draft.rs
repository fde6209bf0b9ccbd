//! Runs for tests: what is written of them, and what a store must then answer.

use serde_json::json;
use spindrift_engine::{Change, IndexRow, RowChange, Run, RunState, Trail, Write};
use spindrift_model::{
    Execution, ExecutionId, ExecutionKind, Map, Millis, PipelineId, Serial, Stage, Status, Trigger,
    Value,
};

/// A run that a test writes: its state and its row move along with the writes it makes.
#[derive(Debug, Clone)]
pub struct Draft {
    run: Run,
    index: IndexRow,
    trail: Trail,
}

impl Draft {
    /// A run with three stages.
    pub fn new(id: &str, application: &str, pipeline: Option<&str>, build_time: Millis) -> Self {
        let kind = match pipeline {
            Some(_) => ExecutionKind::Pipeline,
            None => ExecutionKind::Orchestration,
        };
        let pipeline = pipeline.map(PipelineId::from);
        let execution = Execution {
            id: id.into(),
            kind,
            application: application.into(),
            name: pipeline.as_ref().map(|id| format!("name of {id}")),
            pipeline_config_id: pipeline.clone(),
            build_time: Some(build_time),
            trigger: Trigger::new(object(json!({"type": "manual", "x": 0.1, "y": [null]}))),
            stages: (0..3).map(stage).collect(),
            ..Execution::default()
        };
        let state = RunState {
            execution,
            ..RunState::default()
        };
        Self {
            run: Run::load(state),
            index: IndexRow {
                kind,
                application: application.into(),
                pipeline,
                build_time,
                status: Status::NotStarted,
                busy: false,
                wake: None,
                correlation: None,
                queued: None,
            },
            trail: Trail::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> ExecutionId {
        self.run.execution().id.clone()
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        self.run.execution().version
    }

    /// Its row in the lists.
    pub fn index(&self) -> &IndexRow {
        &self.index
    }

    /// What is known of its log.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// What the store must answer.
    pub fn state(&self) -> RunState {
        self.run.to_state()
    }

    /// Changes the row it will be created with.
    pub fn with(mut self, change: impl FnOnce(&mut IndexRow)) -> Self {
        change(&mut self.index);
        self
    }

    /// The write that creates it.
    pub fn create(&self) -> Write {
        Write::Create {
            state: Box::new(self.state()),
            index: self.index.clone(),
        }
    }

    /// The write of some changes, after which it has another row.
    pub fn advance(&mut self, changes: Vec<Change>, row: impl FnOnce(&mut IndexRow)) -> Write {
        let (from, before) = (self.version(), self.index.clone());
        for change in &changes {
            self.run.apply(change.clone());
        }
        self.run.advance_version();
        row(&mut self.index);
        let superseded = self.trail.note(from + 1, &changes);
        Write::Advance {
            id: self.id(),
            from,
            superseded,
            rows: self.trail.rows(),
            changes: changes.into(),
            row: (before != self.index).then(|| {
                let after = self.index.clone();
                Box::new(RowChange { before, after })
            }),
        }
    }

    /// The write of a new status.
    pub fn to_status(&mut self, status: Status) -> Write {
        let change = Change::ExecutionStatus { status, at: 77 };
        self.advance(vec![change], |row| row.status = status)
    }

    /// The write that forgets it.
    pub fn forget(&self) -> Write {
        Write::Forget {
            id: self.id(),
            version: self.version(),
            index: self.index.clone(),
        }
    }
}

/// A stage as a pipeline's author writes it.
pub(super) fn stage(serial: u32) -> Stage {
    Stage {
        id: format!("stage-{serial}").as_str().into(),
        ref_id: serial.to_string().as_str().into(),
        kind: "wait".into(),
        name: Some(format!("Stage {serial}")),
        context: object(
            json!({"waitTime": serial, "group": "g", "deep": {"a": [1, {"b": 2.5e-8}]}}),
        ),
        serial: Serial(serial),
        ..Stage::default()
    }
}

/// The change that gives a stage an output.
pub(super) fn output(serial: u32, key: &str, value: Value) -> Change {
    Change::StageOutputs {
        stage: Serial(serial),
        set: object(json!({ key: value })),
        unset: Vec::new(),
    }
}

/// The change that gives a stage a status.
pub(super) fn stage_status(serial: u32, status: Status) -> Change {
    Change::StageStatus {
        stage: Serial(serial),
        status,
        at: 5,
    }
}

pub(super) fn object(value: Value) -> Map {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
