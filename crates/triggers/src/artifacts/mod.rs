//! Artifacts: what events bring, what pipelines expect, and how the two are bound.
//!
//! Matching is Echo's and resolution is Orca's; the rules are theirs, the errors name every artifact that is missing or
//! ambiguous at once.

mod extract;
mod matches;
mod resolve;
mod template;

pub use extract::extract;
pub use matches::{ArtifactPattern, matches};
pub use resolve::{Binding, ResolveError, ResolveProblem, Resolved, resolve};
pub use template::{ArtifactTemplate, TemplateError, Templates};
