//! The stage type `deployManifest`.

mod after;
mod cleanup;
mod promote;
mod rollback;
mod stage;
mod submit;
mod traffic;

pub(crate) use stage::{DeployManifest, check};
pub(crate) use submit::{Resolve, request};
