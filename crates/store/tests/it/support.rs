//! Stores in directories of their own.

use std::path::Path;

use spindrift_engine::Store;
use spindrift_store::contract::Subject;
use spindrift_store::{MemoryStore, SledStore, StoreOptions};
use tempfile::TempDir;

/// Options that suit a disk nobody cares about.
pub fn options() -> StoreOptions {
    StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    }
}

/// Options with which rows move to the tree all the time.
pub fn restless() -> StoreOptions {
    StoreOptions {
        layer_bytes: 1500,
        batch_bytes: 4000,
        ..options()
    }
}

pub fn open(dir: &Path, options: StoreOptions) -> SledStore {
    SledStore::open(dir, options).unwrap()
}

/// What happens to a store between writing and reading.
#[derive(Debug, Clone, Copy)]
pub enum Disturbance {
    None,
    Settle,
    Reopen,
}

/// A store on sled in a directory of its own.
pub struct OnSled {
    pub store: Option<SledStore>,
    pub dir: TempDir,
    pub options: StoreOptions,
    pub disturbance: Disturbance,
}

impl OnSled {
    pub fn new(options: StoreOptions, disturbance: Disturbance) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            store: Some(open(dir.path(), options)),
            dir,
            options,
            disturbance,
        }
    }

    pub fn sled(&self) -> &SledStore {
        self.store.as_ref().unwrap()
    }

    pub fn reopen(&mut self) {
        drop(self.store.take());
        self.store = Some(open(self.dir.path(), self.options));
    }
}

impl Subject for OnSled {
    fn store(&self) -> &dyn Store {
        self.sled()
    }

    fn disturb(&mut self) {
        match self.disturbance {
            Disturbance::None => {}
            Disturbance::Settle => self.sled().settle().unwrap(),
            Disturbance::Reopen => self.reopen(),
        }
    }
}

/// A store in memory that crashes and is reopened whenever it can.
pub struct Crashing(pub MemoryStore);

impl Subject for Crashing {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn disturb(&mut self) {
        self.0.crash();
        self.0 = self.0.reopen();
    }
}
