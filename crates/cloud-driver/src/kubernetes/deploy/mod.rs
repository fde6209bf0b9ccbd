//! Deploying manifests: judged, bound, versioned and annotated as one request, and then sent one by one.
//!
//! Nothing is sent before everything can be. A repetition under the same key finds what the first attempt has made: it uses no second version, runs no Job
//! twice and makes no second object under a generated name.

mod cleanup;
mod prepare;
mod request;
mod submit;

pub use cleanup::{Retained, Sibling};
pub(super) use prepare::Prepared;
pub use request::{DeployRequest, DeploySettings, TrafficStrategy};
pub use submit::{Deployed, DeployedObject, Effect};
