//! What arrives from outside, and what it means.
//!
//! A [`Delivery`] is one HTTP request as it came: route, headers, raw bytes. [`interpret`] turns it into the [`Event`]s it
//! announces: a push of three branches is three events. An event holds the words a person would use for it (repository,
//! branch, commit, image, tag) whichever system sent it.
//!
//! Invariants: interpreting is pure, so that a stored delivery gives the same events after a crash; a body of an
//! unexpected shape is an error or is ignored with a reason, never a panic; nothing is guessed from the contents of
//! `manual` or other types that may not come from outside.

mod build;
mod cdevents;
mod delivery;
mod event;
pub mod git;
mod interpret;
pub(crate) mod json;
mod pubsub;
pub mod registry;

pub use build::{BuildEvent, BuildResult};
pub use cdevents::CdEvent;
pub(crate) use delivery::hex;
pub use delivery::{Delivery, Headers};
pub use event::{Detail, Event, FileRepositoryEvent, HelmEvent};
pub(crate) use interpret::recognise_body;
pub use interpret::{DeliveryError, Ignored, Interpreted, Recognised, interpret, recognise};
pub use pubsub::PubsubEvent;
