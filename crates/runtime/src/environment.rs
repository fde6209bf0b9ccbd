//! What expressions learn from the engine: the time of the decision, chance, other pipelines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use spindrift_engine::{Environment, Store};
use spindrift_expressions::{Environment as Answers, Fetch, Fetched, TemplateCache};
use spindrift_model::{Map, Millis};

use crate::clock::Entropy;
use crate::lookup::Lookup;

/// So many parsed templates are kept.
pub(crate) const TEMPLATES: usize = 4_096;

/// The world as one decision sees it: its time does not pass.
pub(crate) struct DecisionEnvironment<'e> {
    pub(crate) now: Millis,
    pub(crate) entropy: &'e dyn Entropy,
    pub(crate) store: &'e Arc<dyn Store>,
    pub(crate) templates: &'e TemplateCache,
    pub(crate) lookup: Option<&'e dyn Lookup>,
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

    fn application_attributes(&self, application: &str) -> Option<Map> {
        let found = self.lookup?.application(application);
        found.ok().flatten()
    }
}

impl Environment for DecisionEnvironment<'_> {
    fn templates(&self) -> Option<&TemplateCache> {
        Some(self.templates)
    }
}

/// The world as a submission sees it, which may fetch before there is an execution: it notes what is asked for.
pub(crate) struct SubmissionEnvironment<'e> {
    pub(crate) world: DecisionEnvironment<'e>,
    pub(crate) answers: &'e BTreeMap<String, Result<String, String>>,
    pub(crate) asked: Mutex<BTreeSet<String>>,
}

impl SubmissionEnvironment<'_> {
    /// The URLs that were asked for and have no answer.
    pub(crate) fn open(self) -> BTreeSet<String> {
        self.asked
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for SubmissionEnvironment<'_> {
    fn now_ms(&self) -> i64 {
        self.world.now_ms()
    }

    fn random_u64(&self) -> u64 {
        self.world.random_u64()
    }

    fn user(&self) -> Option<&str> {
        self.world.user()
    }

    fn pipeline_id(&self, application: &str, name: &str) -> Option<String> {
        self.world.pipeline_id(application, name)
    }

    fn application_attributes(&self, application: &str) -> Option<Map> {
        self.world.application_attributes(application)
    }

    fn canary_config_id(&self, application: &str, name: &str) -> Option<String> {
        self.world.canary_config_id(application, name)
    }

    fn fetch(&self, fetch: &Fetch) -> Fetched {
        match self.answers.get(&fetch.url) {
            Some(Ok(body)) => Fetched::Body(body.clone()),
            Some(Err(reason)) => Fetched::Failed(reason.clone()),
            None => {
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.insert(fetch.url.clone());
                Fetched::Unknown
            }
        }
    }

    fn stored_artifact(&self, reference: &str) -> Option<String> {
        self.world.stored_artifact(reference)
    }
}

impl Environment for SubmissionEnvironment<'_> {
    fn templates(&self) -> Option<&TemplateCache> {
        self.world.templates()
    }
}
