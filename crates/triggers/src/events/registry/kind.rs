//! The registries, and how their notifications are told apart.

use std::fmt;

use spindrift_model::Value;

use super::image::ImageEvent;
use super::{acr, aliyun, distribution, docker_hub, ecr, gcr, harbor, quay};
use crate::events::json::{at, filled};

/// A registry, by the form of its notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistryKind {
    /// The CNCF distribution, and registries built on it.
    Distribution,
    /// Docker Hub.
    DockerHub,
    /// Harbor, and TCR Enterprise.
    Harbor,
    /// Quay.
    Quay,
    /// Google Container Registry and Artifact Registry, through Pub/Sub.
    Gcr,
    /// Azure Container Registry.
    Acr,
    /// Amazon ECR, through EventBridge.
    Ecr,
    /// Alibaba Cloud Container Registry, and TCR Personal.
    Aliyun,
}

impl fmt::Display for RegistryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegistryKind::Distribution => "dockerregistry",
            RegistryKind::DockerHub => "dockerhub",
            RegistryKind::Harbor => "harbor",
            RegistryKind::Quay => "quay",
            RegistryKind::Gcr => "gcr",
            RegistryKind::Acr => "acr",
            RegistryKind::Ecr => "ecr",
            RegistryKind::Aliyun => "aliyun",
        })
    }
}

/// What a notification says.
pub(crate) type RegistryOutcome = Result<Vec<ImageEvent>, &'static str>;

impl RegistryKind {
    /// The registry of a route's source, such as `dockerhub`. TCR has two editions; the body tells.
    pub fn of_source(source: &str, body: &Value) -> Option<Self> {
        Some(match source.to_ascii_lowercase().as_str() {
            "dockerregistry" | "distribution" => RegistryKind::Distribution,
            "dockerhub" => RegistryKind::DockerHub,
            "harbor" => RegistryKind::Harbor,
            "quay" => RegistryKind::Quay,
            "gcr" | "gar" => RegistryKind::Gcr,
            "acr" => RegistryKind::Acr,
            "ecr" => RegistryKind::Ecr,
            "aliyun" => RegistryKind::Aliyun,
            "tcr" => return recognise(body),
            _ => return None,
        })
    }

    /// The images that a notification is about. Errors: why there are none.
    pub(crate) fn read(self, body: &Value) -> RegistryOutcome {
        let images = match self {
            RegistryKind::Distribution => distribution::read(body),
            RegistryKind::DockerHub => docker_hub::read(body),
            RegistryKind::Harbor => harbor::read(body),
            RegistryKind::Quay => quay::read(body),
            RegistryKind::Gcr => gcr::read(body),
            RegistryKind::Acr => acr::read(body),
            RegistryKind::Ecr => ecr::read(body),
            RegistryKind::Aliyun => aliyun::read(body),
        }?;
        match images.is_empty() {
            true => Err("no image was pushed"),
            false => Ok(images.into_iter().map(ImageEvent::tidy).collect()),
        }
    }
}

/// The registry that sends a body of this shape.
pub(crate) fn recognise(body: &Value) -> Option<RegistryKind> {
    let has = |path: &[&str]| at(body, path).is_some();
    if has(&["events", "0", "target"]) {
        Some(RegistryKind::Distribution)
    } else if has(&["push_data"]) && has(&["repository", "repo_full_name"]) {
        Some(RegistryKind::Aliyun)
    } else if has(&["push_data"]) && has(&["repository", "repo_name"]) {
        Some(RegistryKind::DockerHub)
    } else if has(&["event_data"]) && has(&["type"])
        || has(&["data", "resources"]) && has(&["specversion"])
    {
        Some(RegistryKind::Harbor)
    } else if has(&["docker_url"]) {
        Some(RegistryKind::Quay)
    } else if filled(body, &["source"]).is_some_and(|source| source == "aws.ecr") {
        Some(RegistryKind::Ecr)
    } else if has(&["action"]) && has(&["target"]) && has(&["request", "host"]) {
        Some(RegistryKind::Acr)
    } else if has(&["message", "data"]) && gcr::read(body).is_ok() {
        Some(RegistryKind::Gcr)
    } else {
        None
    }
}
