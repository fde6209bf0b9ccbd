//! Secrets in what tasks are asked to save.
//!
//! A task keeps what it was asked for. So the secrets of the triggers in a pipeline that a task is to save are sealed before
//! the task is stored; saving takes the sealed form as it takes the secret.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use spindrift_model::{Map, Value};
use spindrift_triggers::Triggers;

use crate::problem::HttpProblem;

/// Clients write base64 with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Seals the secrets in the stages of a job that save pipelines.
pub(super) fn conceal(triggers: &Triggers, job: &mut [Value]) -> Result<(), HttpProblem> {
    for stage in job.iter_mut().filter_map(Value::as_object_mut) {
        let kind = stage.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("savePipeline" | "updatePipeline")) {
            continue;
        }
        for key in ["pipeline", "pipelines"] {
            if let Some(value) = stage.get_mut(key) {
                conceal_in(triggers, value)?;
            }
        }
    }
    Ok(())
}

/// A pipeline or a list of them, as JSON or as base64 of its text. What is neither is for the stage to complain of.
fn conceal_in(triggers: &Triggers, value: &mut Value) -> Result<(), HttpProblem> {
    match value {
        Value::Object(pipeline) => seal(triggers, pipeline),
        Value::Array(list) => {
            let mut pipelines = list.iter_mut().filter_map(Value::as_object_mut);
            pipelines.try_for_each(|pipeline| seal(triggers, pipeline))
        }
        Value::String(text) => {
            let decoded = LENIENT.decode(text.trim()).ok();
            let inner = decoded.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            let Some(mut inner @ (Value::Object(_) | Value::Array(_))) = inner else {
                return Ok(());
            };
            let before = inner.clone();
            conceal_in(triggers, &mut inner)?;
            if inner != before {
                *text = LENIENT.encode(inner.to_string());
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn seal(triggers: &Triggers, pipeline: &mut Map) -> Result<(), HttpProblem> {
    let problems = triggers.seal_secrets(pipeline);
    match problems.is_empty() {
        true => Ok(()),
        false => Err(HttpProblem::invalid(problems)),
    }
}
