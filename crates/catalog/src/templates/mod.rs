//! Pipeline templates and their versions (Front50's `V2PipelineTemplateController`).
//!
//! Saving a template writes it under up to three keys: its id or `id:tag`, `id:latest`, and `id@sha256:digest` of its content,
//! which never changes. A pipeline names one of them.

mod built_in;
mod dependents;
mod digest;
mod read;
mod write;

pub(crate) use read::find;
pub use read::{Selector, StoredTemplate};

use crate::shelf::Shelf;

pub(crate) const TEMPLATES: Shelf = Shelf {
    space: "template",
    history: "template-history",
};

const LATEST: &str = "latest";

fn tagged(id: &str, tag: &str) -> String {
    format!("{id}:{tag}")
}

fn addressed(id: &str, digest: &str) -> String {
    format!("{id}@sha256:{digest}")
}
