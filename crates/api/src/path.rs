//! The parts of a path.
//!
//! A path is split first and its segments are decoded afterwards, so that a name with a slash in it arrives as one
//! segment (`%2F`).

use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use spindrift_model::{ExecutionId, PipelineId, StageId};

use crate::problem::HttpProblem;

/// The parameters of a path, decoded.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Segments<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpProblem> {
        let raw = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|rejection| HttpProblem::bad_request(rejection.body_text()))?;
        for (name, value) in &raw {
            if value.is_empty() {
                return Err(HttpProblem::bad_request(format!(
                    "the path's {name} is empty"
                )));
            }
            if value.chars().any(char::is_control) {
                return Err(HttpProblem::bad_request(format!(
                    "the path's {name} has a control character"
                )));
            }
        }
        let Path(segments) = Path::from_request_parts(parts, state)
            .await
            .map_err(|rejection| HttpProblem::bad_request(rejection.body_text()))?;
        Ok(Self(segments))
    }
}

/// The id of an execution. Errors: no execution can have it.
pub(crate) fn execution_id(text: &str) -> Result<ExecutionId, HttpProblem> {
    ExecutionId::parse(text)
        .map_err(|error| HttpProblem::not_found(format!("there is no execution {text:?}: {error}")))
}

/// The id of a stage. Errors: no stage can have it.
pub(crate) fn stage_id(text: &str) -> Result<StageId, HttpProblem> {
    StageId::parse(text)
        .map_err(|error| HttpProblem::not_found(format!("there is no stage {text:?}: {error}")))
}

/// The id of a pipeline. Errors: no pipeline can have it.
pub(crate) fn pipeline_id(text: &str) -> Result<PipelineId, HttpProblem> {
    PipelineId::parse(text)
        .map_err(|error| HttpProblem::not_found(format!("there is no pipeline {text:?}: {error}")))
}
