//! Runs as an engine would write them, without the engine.

use serde_json::{Value, json};
use spindrift_engine::{Change, IndexRow, RowChange, RunState, Write};
use spindrift_model::{
    Execution, ExecutionId, ExecutionKind, Map, Serial, Stage, Status, Task, Trigger,
};

/// A sequence without pattern; xorshift.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Ids are as long as a ULID and, as those, sorted by time.
pub fn id(number: usize) -> ExecutionId {
    format!("01JD{number:022}").into()
}

fn object(value: Value) -> Map {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn stage(serial: u32) -> Stage {
    Stage {
        id: format!("01JD-stage-{serial:015}").into(),
        ref_id: serial.to_string().into(),
        kind: "webhook".into(),
        name: Some(format!("Call the service {serial}")),
        status: Status::Succeeded,
        context: object(
            json!({"url": "https://service.example/deploy", "method": "POST", "payload": {"version": "1.2.3"}}),
        ),
        tasks: vec![Task {
            id: "1".into(),
            name: "createWebhook".into(),
            implementing_class: "webhook.createWebhook".into(),
            ..Task::default()
        }],
        serial: Serial(serial),
        ..Stage::default()
    }
}

fn header(id: ExecutionId, application: &str, status: Status) -> RunState {
    RunState {
        execution: Execution {
            id,
            application: application.into(),
            name: Some("Deploy to production".into()),
            pipeline_config_id: Some("5d2ad2b4-2b8c-4a2e-9c0f-7f6c1b4f4a11".into()),
            build_time: Some(1_700_000_000_000),
            status,
            trigger: Trigger::new(object(
                json!({"type": "manual", "user": "ada", "parameters": {"version": "1.2.3"}}),
            )),
            ..Execution::default()
        },
        ..RunState::default()
    }
}

fn index(application: &str, build_time: usize, status: Status) -> IndexRow {
    IndexRow {
        kind: ExecutionKind::Pipeline,
        application: application.into(),
        pipeline: Some("5d2ad2b4-2b8c-4a2e-9c0f-7f6c1b4f4a11".into()),
        build_time: 1_700_000_000_000 + build_time as i64,
        status,
        busy: false,
        wake: None,
        correlation: None,
        queued: None,
    }
}

/// A run as it is after its end, or in its midst.
pub fn stored(number: usize, status: Status) -> Write {
    let application = format!("app-{}", number % 100);
    let mut state = header(id(number), &application, status);
    state.execution.stages = (0..3).map(stage).collect();
    let mut index = index(&application, number, status);
    if !status.is_complete() {
        index.busy = true;
        index.wake = Some(WAKE + number as i64);
    }
    Write::Create {
        state: Box::new(state),
        index,
    }
}

/// Where the times at which stored runs are due begin.
const WAKE: i64 = 1_800_000_000_000;

/// The first transition of a stored run that was due at that time; it is not due again.
pub fn woken(at: i64) -> Write {
    let number = (at - WAKE) as usize;
    let mut before = index(&format!("app-{}", number % 100), number, Status::Running);
    before.busy = true;
    let after = before.clone();
    before.wake = Some(at);
    Write::Advance {
        id: id(number),
        from: 0,
        changes: changes(1).into(),
        row: Some(Box::new(RowChange { before, after })),
        superseded: Vec::new(),
        rows: 1,
    }
}

/// Transitions a run takes before it has ended and the next one begins.
pub const TRANSITIONS: u64 = 24;

/// A writer: one run after the other, each from its creation to its end.
pub struct Life {
    number: usize,
    version: u64,
    index: IndexRow,
}

/// How many writers there can be.
const STRIDE: usize = 100_000;

impl Life {
    pub fn new(writer: usize) -> Self {
        Self::begin(writer)
    }

    fn begin(number: usize) -> Self {
        Self {
            number,
            version: 0,
            index: index(&format!("app-{}", number % 100), number, Status::NotStarted),
        }
    }

    /// The next write: about 400 bytes of changes, now and then another state; and at the end the next run.
    pub fn next(&mut self) -> Write {
        let id = id(self.number);
        let step = self.version;
        self.version += 1;
        if step == 0 {
            let mut state = header(id, &self.index.application, Status::NotStarted);
            state.execution.stages = (0..3).map(stage).collect();
            state.execution.version = 1;
            return Write::Create {
                state: Box::new(state),
                index: self.index.clone(),
            };
        }
        let before = self.index.clone();
        self.index.busy = step % 2 == 1;
        self.index.wake = (step % 4 == 1).then_some(WAKE + step as i64);
        if step == 1 {
            self.index.status = Status::Running;
        }
        let ends = step + 1 == TRANSITIONS;
        if ends {
            self.index.busy = false;
            self.index.status = Status::Succeeded;
        }
        let write = Write::Advance {
            from: step,
            changes: changes(step).into(),
            row: Some(Box::new(RowChange {
                before,
                after: self.index.clone(),
            })),
            superseded: Vec::new(),
            rows: step as u32,
            id,
        };
        if ends {
            *self = Self::begin(self.number + STRIDE);
        }
        write
    }
}

fn changes(step: u64) -> Vec<Change> {
    let stage = Serial((step / 8) as u32);
    let at = 1_700_000_000_000 + step as i64;
    vec![
        Change::TaskStatus {
            stage,
            task: 0,
            status: Status::Succeeded,
            at,
            exception: None,
        },
        Change::StageOutputs {
            stage,
            set: object(
                json!({"webhook": {"statusCode": 200, "statusCodeValue": "OK", "body": {"deployment": "web", "version": "1.2.3", "replicas": 3, "ready": true}}}),
            ),
            unset: Vec::new(),
        },
        Change::TaskPerformed {
            stage,
            task: 1,
            attempt: 1,
        },
        Change::StageStatus {
            stage,
            status: Status::Running,
            at,
        },
    ]
}
