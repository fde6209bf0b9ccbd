//! The vocabulary of Spindrift: pipelines, stages, triggers, artifacts, executions.
//!
//! Everything here is plain data with serde. Nothing is asynchronous, nothing reads a clock, nothing does I/O.
//! Documents that people wrote (pipelines, triggers, stage contexts) keep every field they came with,
//! known or not, in the order it was written.

mod application;
mod artifact;
mod execution;
mod id;
mod json;
mod permission;
mod pipeline;
mod problem;
mod project;
mod stage;
mod status;
mod task;
mod template;
mod trigger;

pub use application::{Application, TrafficGuard};
pub use artifact::{Artifact, ExpectedArtifact};
pub use execution::{
    Authentication, Cancellation, Execution, ExecutionKind, Paused, SystemNotification,
};
pub use id::{ExecutionId, InvalidId, PipelineId, RefId, Serial, StageId};
pub use json::{JsonLimits, Map, ParseError, Value, parse_json};
pub use permission::{Permission, normal_role};
pub use pipeline::{Parameter, Pipeline, StageConfig};
pub use problem::{Pointer, Problem, Severity};
pub use project::{Project, ProjectPipeline};
pub use stage::{Phase, Stage, SyntheticOwner};
pub use status::Status;
pub use task::{Task, Wait};
pub use template::{
    Expanded, TEMPLATE_TAGS, Template, TemplateReference, TemplateVariable, TemplateVersion,
    VariableKind, expand, is_templated,
};
pub use trigger::Trigger;

/// Milliseconds since the Unix epoch, as every time stamp in Spinnaker's JSON.
pub type Millis = i64;
