//! Stages that deploy and change Kubernetes manifests.

mod account;
mod delete;
mod deploy;
mod failure;
mod find_artifacts;
mod operation;
mod patch;
mod plan;
mod produced;
mod rollout;
mod run_job;
mod scale;
mod source;
mod stage_types;
mod target;
mod traffic;
mod wait;

pub(crate) use deploy::DeployManifest;
pub(crate) use plan::PlanManifest;
pub(crate) use stage_types::operations;
