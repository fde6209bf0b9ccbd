//! What the engine reads of applications and templates, which others keep.

use spindrift_engine::StoreError;
use spindrift_model::{Map, TemplateReference};

/// Finds what pipelines refer to besides other pipelines.
pub trait Lookup: std::fmt::Debug + Send + Sync + 'static {
    /// The document of a template in that version.
    fn template(&self, reference: &TemplateReference) -> Result<Option<Map>, StoreError>;

    /// The attributes of an application.
    fn application(&self, name: &str) -> Result<Option<Map>, StoreError>;
}
