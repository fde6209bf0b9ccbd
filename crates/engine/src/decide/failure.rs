//! What the failure flags of a stage make of a failure (Orca's `Stage.kt`, `StageExecutionImpl`).

use spindrift_model::{Serial, Status, Value};

use super::Step;

impl Step<'_, '_, '_> {
    /// The state in which a stage ends when something in it has ended as `default` (TERMINAL or CANCELED).
    pub(super) fn failure_status(&self, serial: Serial, default: Status) -> Status {
        let Some(stage) = self.stage(serial) else {
            return default;
        };
        if stage.context.get("continuePipeline").and_then(truth) == Some(true) {
            return Status::FailedContinue;
        }
        let fail = stage
            .context
            .get("failPipeline")
            .or_else(|| self.run.inherited(serial, "failPipeline"));
        match fail {
            None | Some(Value::Null) => default,
            Some(value) if truth(value) == Some(true) => default,
            Some(_) => Status::Stopped,
        }
    }
}

/// Whether a flag is set; the texts "true" and "false" count, as people write them in templates.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Null | Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}
