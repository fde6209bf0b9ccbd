//! The Kubernetes provider, on the `kube` crate.
//!
//! [`Kubernetes`] is one account: a client, what it may touch, and what kinds its API server knows. Each operation is a file of its own that adds one
//! method to it. Objects are JSON values: what users wrote reaches the API server as they wrote it, kinds this program has never heard of too.

mod account;
mod annotations;
mod apply;
mod attach;
mod binding;
mod causes;
mod clone;
mod connect;
mod criteria;
mod delete;
mod deploy;
mod events;
mod failure;
mod inventory;
mod job;
mod kind;
mod kubeconfig;
mod logs;
mod manifest;
mod object;
mod order;
mod patch;
mod plan;
mod provider;
mod redact;
mod request;
mod resources;
mod retry;
mod rollout;
mod scale;
mod selector;
mod selectors;
mod server_groups;
mod stability;
mod strategy;
mod switch;
mod verify;
mod version;
mod watch;

pub use account::{CustomResource, Kubernetes, KubernetesOptions};
pub use binding::{ImageMatch, find_artifacts};
pub use causes::{Trouble, TroubleKind};
pub use connect::{Connection, connect};
pub use criteria::{Criteria, ManifestCluster};
pub use delete::{Cascade, DeleteOptions};
pub use deploy::{
    DeployRequest, DeploySettings, Deployed, DeployedObject, Effect, Retained, Sibling,
    TrafficStrategy,
};
pub use failure::{from_kube, from_status};
pub use inventory::KubernetesInventory;
pub use job::{JobEnd, PropertyError, read_properties};
pub use kind::{Kind, KindError};
pub use kubeconfig::portable_kubeconfig;
pub use logs::LogOptions;
pub use manifest::read_yaml;
pub use object::ObjectId;
pub use patch::MergeStrategy;
pub use plan::{FieldChange, Plan, PlannedAction, PlannedObject, differences};
pub use provider::{Clock, KubernetesProvider};
pub use redact::redacted;
pub use resources::Resource;
pub use rollout::{Revision, Undo};
pub use selectors::{LabelSelector, SelectorKind};
pub use stability::{
    Condition, EarlyFailure, StabilityOptions, Status, is_always_stable, status, strict_status,
};
pub use switch::Traffic;
