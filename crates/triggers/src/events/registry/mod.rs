//! Notifications of image registries, in one form.
//!
//! Only pushes of manifests are events: pulls, deletions, blobs and scans are ignored with a reason.

mod acr;
mod aliyun;
mod distribution;
mod docker_hub;
mod ecr;
mod gcr;
mod harbor;
mod image;
mod kind;
mod plain;
mod poll;
mod quay;

pub use image::{ImageEvent, same_registry};
pub use kind::RegistryKind;
pub use poll::{PollOutcome, PollPolicy, Seen, compare};

pub(crate) use gcr::read_message as read_gcr;
pub(crate) use kind::recognise;
pub(crate) use plain::read as read_plain;
