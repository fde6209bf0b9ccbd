//! Why the catalog did not do what it was asked.

use spindrift_engine::StoreError;
use spindrift_model::Problem;
use spindrift_runtime::EngineError;

/// Why the catalog did not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CatalogError {
    /// There is no such application, project or template.
    #[error("{0}")]
    Unknown(String),
    /// Whoever asks may not do it.
    #[error("{0}")]
    Forbidden(String),
    /// Something else stands in the way; nothing has changed.
    #[error("{0}")]
    Conflict(String),
    /// It would break what depends on it; nothing has changed.
    #[error("{message}")]
    InUse {
        /// What is in the way.
        message: String,
        /// Each thing that is in the way.
        reasons: Vec<String>,
    },
    /// The engine or its store did not do it, or refused the document.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for CatalogError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Vec<Problem>> for CatalogError {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Engine(EngineError::Invalid(problems))
    }
}
