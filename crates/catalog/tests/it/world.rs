//! An engine with triggers and a catalog.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde_json::Value;
use spindrift_catalog::{Author, Catalog, CatalogOptions, LateJobs, StoredLookup};
use spindrift_model::Map;
use spindrift_outbound::{Outbound, Policy};
use spindrift_runtime::{Clock, Engine, EngineOptions, Entropy, SaveRequest};
use spindrift_stages::{Services, registry};
use spindrift_store::MemoryStore;
use spindrift_triggers::{TriggerOptions, Triggers};

pub struct World {
    pub store: Arc<MemoryStore>,
    pub engine: Engine,
    pub triggers: Triggers,
    pub catalog: Catalog,
    pub jobs: LateJobs,
}

struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> i64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn bits(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(CatalogOptions::default())
    }

    pub fn with(options: CatalogOptions) -> Self {
        spindrift_outbound::install_crypto_provider();
        let store = Arc::new(MemoryStore::new());
        let jobs = LateJobs::default();
        let outbound = Outbound::new(Policy::default()).unwrap();
        let engine = Engine::start(
            store.clone(),
            registry(Services {
                catalog: Some(Arc::new(jobs.clone())),
                ..Services::new(outbound)
            }),
            EngineOptions {
                lookup: Some(Arc::new(StoredLookup::new(store.clone()))),
                ..EngineOptions::default()
            },
            Arc::new(Ticking(AtomicI64::new(1_000_000))),
            Arc::new(Counter(AtomicU64::new(0))),
        );
        let triggers = Triggers::start(
            engine.clone(),
            TriggerOptions::default(),
            Arc::new(Counter(AtomicU64::new(1 << 32))),
        )
        .unwrap();
        let catalog = Catalog::new(engine.clone(), triggers.clone(), options);
        jobs.set(&catalog);
        Self {
            store,
            engine,
            triggers,
            catalog,
            jobs,
        }
    }

    /// Saves a pipeline and answers with its id.
    pub async fn save(&self, document: Value) -> String {
        let request = SaveRequest {
            document,
            by: "ann".to_owned(),
            stale_check: false,
        };
        let saved = self.triggers.save_pipeline(request).await.unwrap();
        saved.revision.id.to_string()
    }
}

pub fn map(value: Value) -> Map {
    value.as_object().cloned().unwrap()
}

pub fn ann() -> Author {
    Author::of("ann")
}
