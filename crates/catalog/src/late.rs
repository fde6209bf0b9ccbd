//! The jobs of a catalog that is not there yet: stage types are made before the engine, and the catalog after it.

use std::sync::{Arc, Weak};

use spindrift_engine::{BoxFuture, Failure};
use spindrift_stages::{CatalogJob, CatalogJobs, JobAuthor, JobDone};
use tokio::sync::SetOnce;

use crate::service::{Catalog, Shared};

/// Hands jobs to a catalog as soon as there is one, without keeping it alive. Cloning is cheap.
#[derive(Clone, Default)]
pub struct LateJobs {
    catalog: Arc<SetOnce<Weak<Shared>>>,
}

impl LateJobs {
    /// Gives the jobs their catalog. Only the first counts.
    pub fn set(&self, catalog: &Catalog) {
        // A second one would be the same catalog.
        let _ = self.catalog.set(Arc::downgrade(&catalog.shared));
    }
}

impl CatalogJobs for LateJobs {
    fn perform(&self, job: CatalogJob, author: JobAuthor) -> BoxFuture<Result<JobDone, Failure>> {
        let catalog = Arc::clone(&self.catalog);
        Box::pin(async move {
            match catalog.wait().await.upgrade() {
                Some(shared) => Catalog { shared }.do_job(job, author).await,
                None => {
                    let failure = Failure::new("Unavailable", "the server is shutting down");
                    Err(failure.retryable())
                }
            }
        })
    }
}
