//! Making an object what a manifest says: the five ways to send one.
//!
//! The default is what `kubectl apply` does: the last manifest applied, the new one and the object as it is are compared, and only the difference is sent.
//! What others set stays; what the last manifest said and the new one does not is removed.

mod canonical;
mod json_merge;
mod keys;
mod strategic;
mod submit;

pub(crate) use canonical::canonical;
pub(crate) use submit::{Mode, Sent, Step, check_size};
