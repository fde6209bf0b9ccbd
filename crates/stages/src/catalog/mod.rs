//! Changes of the catalog as stages: what clients ask for with `POST /tasks`.
//!
//! The work itself belongs to whoever keeps applications, projects, templates and pipelines ([`CatalogJobs`]); here is what
//! makes it a task that is persisted, recovers and is seen. A job is performed with the key of its task, so that one that is
//! performed again after a crash is recognised.

mod job;
mod stage;

pub use job::{CatalogJob, CatalogJobs, JobAuthor, JobDone};
pub(crate) use stage::{CatalogStage, KINDS};
