//! Where expressions meet the run.

use spindrift_model::{Map, Stage, Value};

use crate::stage_type::Registry;
use crate::view::StageView;

/// What expressions may ask for besides the run.
pub trait Environment: Sync {}

/// An environment that answers nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyEnvironment;

impl Environment for EmptyEnvironment {}

pub(crate) struct ContextEvaluation {
    pub(crate) set: Map,
    pub(crate) unset: Vec<String>,
}

pub(crate) fn evaluate_stage(view: &StageView<'_>, stages: &Registry) -> Option<ContextEvaluation> {
    let _ = (view, stages);
    None
}

/// Whether a stage's `stageEnabled` lets it run.
pub(crate) fn is_enabled(view: &StageView<'_>) -> bool {
    condition_of(view.stage()).is_none_or(|text| text.trim().eq_ignore_ascii_case("true"))
}

fn condition_of(stage: &Stage) -> Option<&str> {
    let condition = stage
        .context
        .get("stageEnabled")
        .and_then(Value::as_object)?;
    condition
        .get("expression")
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
}
