//! What a stage type sees of a run.

use spindrift_model::{Execution, Millis, Stage, Value};

use crate::evaluation::Environment;
use crate::run::Run;

/// A stage within its run, at a moment.
#[derive(Clone, Copy)]
pub struct StageView<'a> {
    run: &'a Run,
    stage: &'a Stage,
    now: Millis,
    time_zone: &'a str,
    environment: &'a dyn Environment,
}

impl<'a> StageView<'a> {
    /// The view of a stage of `run`.
    pub fn new(
        run: &'a Run,
        stage: &'a Stage,
        now: Millis,
        time_zone: &'a str,
        environment: &'a dyn Environment,
    ) -> Self {
        Self {
            run,
            stage,
            now,
            time_zone,
            environment,
        }
    }

    /// What expressions may ask for besides the run.
    pub fn environment(&self) -> &'a dyn Environment {
        self.environment
    }

    /// The same moment, seen from another stage of the run.
    pub fn of(&self, stage: &'a Stage) -> Self {
        Self { stage, ..*self }
    }

    /// The stage.
    pub fn stage(&self) -> &'a Stage {
        self.stage
    }

    /// The execution it belongs to.
    pub fn execution(&self) -> &'a Execution {
        self.run.execution()
    }

    /// The run it belongs to.
    pub fn run(&self) -> &'a Run {
        self.run
    }

    /// The moment.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// The IANA zone of time windows: the pipeline's, else the configuration's.
    pub fn time_zone(&self) -> &'a str {
        self.execution()
            .time_zone
            .as_deref()
            .unwrap_or(self.time_zone)
    }

    /// A member of the stage's own context, else of the outputs of the nearest stage before it
    /// (Orca's `StageContext.get`).
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.stage
            .context
            .get(key)
            .or_else(|| self.run.inherited(self.stage.serial, key))
    }
}
