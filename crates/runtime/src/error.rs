//! Why the engine did not do what it was asked.

use spindrift_engine::{Refusal, StoreError};
use spindrift_model::{ExecutionId, Problem};

/// Why the engine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// There is no such execution.
    #[error("there is no execution {0}")]
    UnknownExecution(ExecutionId),
    /// There is no such pipeline.
    #[error("{0}")]
    UnknownPipeline(String),
    /// The command was refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The document was refused; nothing has changed.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// Something else stands in the way; nothing has changed.
    #[error("{0}")]
    Conflict(String),
    /// Too many runs of the pipeline wait already.
    #[error("{0}")]
    Busy(String),
    /// The engine is shutting down, or its store has stopped.
    #[error("{0}")]
    Unavailable(String),
}

impl EngineError {
    pub(crate) fn stopping() -> Self {
        Self::Unavailable("the engine is shutting down; try again later".to_owned())
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(message) => EngineError::Conflict(message),
            StoreError::Stopped(_) | StoreError::Corrupt(_) => {
                EngineError::Unavailable(error.to_string())
            }
        }
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .filter(|problem| problem.is_error())
        .map(ToString::to_string)
        .collect();
    lines.join("; ")
}
