//! What a delivery announces.

use std::sync::Arc;

use spindrift_model::{Artifact, Map, Value};

use super::build::BuildEvent;
use super::cdevents::CdEvent;
use super::git::GitEvent;
use super::pubsub::PubsubEvent;
use super::registry::ImageEvent;

/// A chart in a chart repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmEvent {
    /// The artifact account.
    pub account: String,
    /// The chart.
    pub chart: String,
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: String,
}

/// A file in Artifactory or Nexus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRepositoryEvent {
    /// The name of the search that found it.
    pub search: String,
}

/// What happened, by the kind of trigger it concerns.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// A push, a tag, a pull request.
    Git(GitEvent),
    /// An image, or with `chart` a Helm chart in an OCI registry.
    Image(ImageEvent),
    /// A chart in a chart repository.
    Helm(HelmEvent),
    /// A request whose payload decides.
    Webhook,
    /// The same with the headers of a CloudEvent.
    CdEvent(CdEvent),
    /// A message of a message bus.
    Pubsub(PubsubEvent),
    /// A build of a build server.
    Build(BuildEvent),
    /// A file in Artifactory.
    Artifactory(FileRepositoryEvent),
    /// A file in Nexus.
    Nexus(FileRepositoryEvent),
    /// A plugin was released; the payload says which.
    Plugin,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The second part of the route.
    pub source: String,
    /// What happened.
    pub detail: Detail,
    /// The body, whole.
    pub payload: Arc<Value>,
    /// The artifacts it brings.
    pub artifacts: Vec<Artifact>,
}

impl Event {
    /// A new image that the program found itself.
    pub(crate) fn found(image: ImageEvent) -> Self {
        Self {
            source: image.account.clone().unwrap_or_default(),
            artifacts: vec![image.artifact()],
            payload: Arc::new(serde_json::to_value(&image).unwrap_or_default()),
            detail: Detail::Image(image),
        }
    }

    /// The parameters that the payload gives the run, when it gives any.
    pub fn parameters(&self) -> Option<&Map> {
        let place = match &self.detail {
            Detail::CdEvent(_) => self.payload.get("customData")?,
            _ => &*self.payload,
        };
        place.get("parameters")?.as_object()
    }

    /// One line that a person recognises the event by.
    pub fn summary(&self) -> String {
        match &self.detail {
            Detail::Git(git) => git.summary(),
            Detail::Image(image) => image.summary(),
            Detail::Helm(helm) => format!("chart {} {}", helm.chart, helm.version),
            Detail::Webhook => format!("webhook {}", self.source),
            Detail::CdEvent(event) => format!("{} of {}", event.kind, event.subject),
            Detail::Pubsub(message) => {
                format!("message on {} {}", message.system, message.subscription)
            }
            Detail::Build(build) => format!("build of {} on {}", build.job, build.master),
            Detail::Artifactory(file) | Detail::Nexus(file) => {
                format!("file found by {}", file.search)
            }
            Detail::Plugin => "plugin release".to_owned(),
        }
    }
}
