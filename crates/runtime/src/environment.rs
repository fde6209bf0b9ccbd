//! What expressions learn from the engine: the time of the decision, chance, other pipelines.

use std::sync::Arc;

use spindrift_engine::{Environment, Store};
use spindrift_expressions::{Environment as Answers, TemplateCache};
use spindrift_model::Millis;

use crate::clock::Entropy;

/// So many parsed templates are kept.
pub(crate) const TEMPLATES: usize = 4_096;

/// The world as one decision sees it: its time does not pass.
pub(crate) struct DecisionEnvironment<'e> {
    pub(crate) now: Millis,
    pub(crate) entropy: &'e dyn Entropy,
    pub(crate) store: &'e Arc<dyn Store>,
    pub(crate) templates: &'e TemplateCache,
}

impl Answers for DecisionEnvironment<'_> {
    fn now_ms(&self) -> i64 {
        self.now
    }

    fn random_u64(&self) -> u64 {
        self.entropy.bits()
    }

    fn pipeline_id(&self, application: &str, name: &str) -> Option<String> {
        let found = self.store.pipeline_named(application, name).ok().flatten();
        found.map(|pipeline| pipeline.id.to_string())
    }
}

impl Environment for DecisionEnvironment<'_> {
    fn templates(&self) -> Option<&TemplateCache> {
        Some(self.templates)
    }
}
