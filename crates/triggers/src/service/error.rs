//! Why a delivery was not accepted.

use spindrift_engine::StoreError;
use spindrift_runtime::EngineError;

use crate::events::DeliveryError;

/// Why a delivery was not accepted. Nothing was stored, or nobody can tell.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AcceptError {
    /// The caller is wrong.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The store does not take it; the sender should send it again.
    #[error("the event cannot be stored: {0}")]
    Unavailable(String),
}

impl From<StoreError> for AcceptError {
    fn from(error: StoreError) -> Self {
        AcceptError::Unavailable(error.to_string())
    }
}

impl From<EngineError> for AcceptError {
    fn from(error: EngineError) -> Self {
        AcceptError::Unavailable(error.to_string())
    }
}
