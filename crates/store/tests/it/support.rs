//! Stores in directories of their own.

use std::path::Path;

use spindrift_engine::{ExecutionQuery, Scope, Store};
use spindrift_model::{ExecutionId, ExecutionKind, Status};
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

/// Everything that can be asked.
pub fn answers(store: &dyn Store) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut lists = Vec::new();
    let scopes = [
        Scope::All,
        Scope::Application("shop".into()),
        Scope::Application("WEB".into()),
        Scope::Pipeline("p".into()),
    ];
    for scope in scopes {
        let all = ExecutionQuery::newest(scope, 100);
        let some = ExecutionQuery {
            limit: 2,
            after: Some((1, "run-2".into())),
            ..all.clone()
        };
        let oldest = ExecutionQuery {
            oldest_first: true,
            limit: 3,
            from: 1,
            ..all.clone()
        };
        let kind = ExecutionQuery {
            kind: Some(ExecutionKind::Orchestration),
            ..all.clone()
        };
        let states = ExecutionQuery {
            statuses: vec![Status::NotStarted, Status::Running],
            ..all.clone()
        };
        lists.extend(
            [all, some, oldest, kind, states].map(|query| store.executions(&query).unwrap()),
        );
    }
    let ids = || (0..6).map(|run| ExecutionId::from(format!("run-{run}")));
    let pipelines = || ["p", "q", "r"].into_iter();
    (
        lists,
        ids().map(|id| store.run(&id).unwrap()).collect::<Vec<_>>(),
        ids()
            .map(|id| store.outline(&id).unwrap())
            .collect::<Vec<_>>(),
        (
            store.busy(None, 9).unwrap(),
            store.busy(Some(&"run-2".into()), 2).unwrap(),
            store.due(20, 3).unwrap(),
            store.next_due().unwrap(),
            store.queues().unwrap(),
            pipelines()
                .map(|id| store.queue(&id.into()).unwrap())
                .collect::<Vec<_>>(),
            ["c0", "c1", "c2"].map(|text| store.correlated(text).unwrap()),
        ),
        (
            pipelines()
                .map(|id| store.pipeline(&id.into()).unwrap())
                .collect::<Vec<_>>(),
            pipelines()
                .map(|id| store.revisions(&id.into(), 2).unwrap())
                .collect::<Vec<_>>(),
            store.pipelines(None).unwrap(),
            store.pipelines(Some("web")).unwrap(),
            store.pipeline_named("web", "BAKE").unwrap(),
            store.applications().unwrap(),
        ),
        store.records("test", "k", None, 3).unwrap(),
    )
}
