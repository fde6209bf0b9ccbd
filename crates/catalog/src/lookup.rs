//! What the engine and the stages read of the catalog.

use std::fmt;
use std::sync::Arc;

use spindrift_cloud_driver::guard::TrafficGuard;
use spindrift_engine::{BoxFuture, Failure, Store, StoreError};
use spindrift_model::{Application, Map, TemplateReference};
use spindrift_runtime::Lookup;
use spindrift_stages::Guards;

use crate::applications::APPLICATIONS;
use crate::templates;

/// Reads applications and templates from a store.
pub struct StoredLookup {
    store: Arc<dyn Store>,
}

impl StoredLookup {
    /// What is in that store, and the built-in templates.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl fmt::Debug for StoredLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredLookup")
    }
}

impl Lookup for StoredLookup {
    fn template(&self, reference: &TemplateReference) -> Result<Option<Map>, StoreError> {
        let found = templates::find(&*self.store, &reference.id, &reference.version)?;
        Ok(found.map(|found| found.document))
    }

    fn application(&self, name: &str) -> Result<Option<Map>, StoreError> {
        let key = name.trim().to_lowercase();
        let found = APPLICATIONS.get(&*self.store, &key)?;
        Ok(found.map(|found| found.document))
    }
}

impl Guards for StoredLookup {
    fn of(&self, application: &str) -> BoxFuture<Result<Vec<TrafficGuard>, Failure>> {
        let guards = match self.application(application) {
            Ok(attributes) => Ok(guards_of(attributes)),
            Err(error) => Err(Failure::new("Unavailable", error.to_string()).retryable()),
        };
        Box::pin(std::future::ready(guards))
    }
}

/// What was saved was checked; an application that cannot be read has no guards that could be.
fn guards_of(attributes: Option<Map>) -> Vec<TrafficGuard> {
    let application = attributes.and_then(|attributes| Application::parse(attributes).ok());
    let guards = application.map(|application| application.traffic_guards);
    let guards = guards.unwrap_or_default().into_iter();
    let part = |text: String| (!text.is_empty()).then_some(text);
    guards
        .map(|guard| TrafficGuard {
            account: guard.account,
            location: guard.location,
            stack: part(guard.stack),
            detail: part(guard.detail),
            enabled: guard.enabled,
        })
        .collect()
}
