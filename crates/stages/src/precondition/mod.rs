//! `checkPreconditions`: goes on only if the world is as expected.
//!
//! Context: `preconditions [{type, failPipeline, context {…}}]`. Each becomes a stage of its own before, in parallel, of the
//! type `checkPrecondition`, with the parent's context, the precondition's members, and `preconditionType`. So
//! `failPipeline: false` of a precondition ends only its branch.

mod cluster_size;
mod expression;
mod stage;
mod stage_status;

pub use cluster_size::{ClusterQuery, ClusterSizes};
pub use stage::{CheckPrecondition, CheckPreconditions};
