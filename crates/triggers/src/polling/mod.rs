//! Asking registries for new images: the client of the OCI distribution API, over the one outbound client.
//!
//! Invariants: credentials go to the registry's own origin and to the token service that it names, never from https to http;
//! pages are followed within the registry's origin only; what one repository may cost is bounded.

mod account;
mod challenge;
mod client;
mod error;
mod link;

pub use account::RegistryAccount;
pub(crate) use client::Registry;
pub(crate) use error::PollError;
