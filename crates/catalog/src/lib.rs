//! Applications, projects and pipeline templates: what people keep beside their pipelines.
//!
//! [`Catalog`] is the service that API and jobs use; [`StoredLookup`] is what the engine reads of it when it makes a pipeline
//! of a template. Everything is kept in records of the store, each with its revisions; what a document means is in `model`.
//!
//! Invariants:
//! - A change and its revision are one commit; a change that changes nothing makes no revision.
//! - A job that is performed again after a crash finds the revision it made, and makes no second one.
//! - What a job changes, its author may change; callers are judged by the same rule before they change anything.
//! - A template that pipelines depend on is not deleted.

mod applications;
mod clouds;
mod error;
mod jobs;
mod late;
mod lookup;
mod projects;
mod rights;
mod service;
mod shelf;
mod templates;

pub use clouds::CloudDependencies;
pub use error::CatalogError;
pub use late::LateJobs;
pub use lookup::StoredLookup;
pub use rights::{StoredRights, Users};
pub use service::{Author, Catalog, CatalogOptions, Dependencies};
pub use shelf::Revision;
pub use templates::{Selector, StoredTemplate};
