//! Stages that deploy and change Kubernetes manifests.

mod account;
mod deploy;
mod failure;
mod plan;
mod produced;
mod source;
mod wait;

pub(crate) use deploy::DeployManifest;
pub(crate) use plan::PlanManifest;
