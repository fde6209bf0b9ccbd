//! The service as its users hold it.

use std::sync::Arc;

use spindrift_engine::{BoxFuture, Store, Write};
use spindrift_model::{Map, Millis};
use spindrift_runtime::Engine;
use spindrift_triggers::Triggers;
use tokio::sync::Mutex;

use crate::error::CatalogError;
use crate::rights::Users;
use crate::shelf::{Revision, Shelf};

/// Tells what an application has elsewhere.
pub trait Dependencies: Send + Sync + 'static {
    /// The kinds of things that exist for an application, such as `clusters`; it is not deleted while there are any. Errors are
    /// reasons for people why that cannot be told.
    fn of(&self, application: String) -> BoxFuture<Result<Vec<String>, String>>;
}

/// How the catalog is set up.
#[derive(Clone, Default)]
pub struct CatalogOptions {
    /// Tells what applications have elsewhere; without it they have nothing.
    pub dependencies: Option<Arc<dyn Dependencies>>,
    /// The users on whose behalf jobs are done.
    pub users: Users,
}

/// Who changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The user.
    pub user: String,
    /// The job that does it, when it is one.
    pub job: Option<String>,
}

impl Author {
    /// A user who changes something at once.
    pub fn of(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            job: None,
        }
    }
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) triggers: Triggers,
    pub(crate) options: CatalogOptions,
    /// A change reads, decides and commits; two at a time would get in each other's way.
    pub(crate) changing: Mutex<()>,
}

/// Applications, projects and templates. Cloning is cheap: all clones are the same service.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) shared: Arc<Shared>,
}

impl Catalog {
    /// The catalog beside an engine.
    pub fn new(engine: Engine, triggers: Triggers, options: CatalogOptions) -> Self {
        let shared = Shared {
            engine,
            triggers,
            options,
            changing: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.shared.engine.store()
    }

    pub(crate) fn now(&self) -> Millis {
        self.shared.engine.clock().now()
    }

    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<(), CatalogError> {
        Ok(self.store().commit(writes).await?)
    }

    /// The next revision of a document.
    pub(crate) fn revise(
        &self,
        shelf: &Shelf,
        key: &str,
        document: Map,
        author: &Author,
    ) -> Result<Revision, CatalogError> {
        Ok(Revision {
            revision: shelf.next(self.store(), key)?,
            saved_at: self.now(),
            saved_by: author.user.clone(),
            job: author.job.clone(),
            deleted: false,
            document,
        })
    }
}

/// The same document, whoever saved it when.
pub(crate) fn same(one: &Map, other: &Map, server_members: &[&str]) -> bool {
    let strip = |document: &Map| {
        let mut document = document.clone();
        document.retain(|key, _| !server_members.contains(&key.as_str()));
        document
    };
    strip(one) == strip(other)
}
