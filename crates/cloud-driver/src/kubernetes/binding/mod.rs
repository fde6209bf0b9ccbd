//! Binding: artifacts take the place of the names with which manifests refer to images, ConfigMaps, Secrets and workloads.

mod artifacts;
mod find;
mod image;
mod paths;
mod pods;

pub(crate) use artifacts::{Artifacts, Bound};
pub use find::find_artifacts;
pub use image::ImageMatch;
pub(crate) use paths::{Namespace, bind};
