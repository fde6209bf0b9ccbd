//! The one form of an image event.

use serde::{Deserialize, Serialize};
use spindrift_model::{Artifact, Map, Value};

/// An image (or a chart in an OCI registry) was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageEvent {
    /// The registry account, when the sender names it.
    pub account: Option<String>,
    /// The registry's host, when the sender names it.
    pub registry: Option<String>,
    /// The repository, such as `org/app`.
    pub repository: String,
    /// The tag; absent when only a digest was pushed.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
    /// Whether it is a Helm chart.
    pub chart: bool,
    /// Who pushed it.
    pub pusher: Option<String>,
    /// Where to read more.
    pub provenance: Option<String>,
}

impl ImageEvent {
    /// `registry/repository`.
    pub fn name(&self) -> String {
        match &self.registry {
            Some(registry) => format!("{registry}/{}", self.repository),
            None => self.repository.clone(),
        }
    }

    /// `registry/repository:tag`, or `@digest` without a tag.
    pub fn reference(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => format!("{}:{tag}", self.name()),
            (None, Some(digest)) => format!("{}@{digest}", self.name()),
            (None, None) => self.name(),
        }
    }

    /// The artifact that a run gets of it.
    pub fn artifact(&self) -> Artifact {
        let kind = if self.chart {
            "helm/image"
        } else {
            "docker/image"
        };
        let mut rest = Map::new();
        if let Some(provenance) = &self.provenance {
            rest.insert("provenance".into(), provenance.as_str().into());
        }
        if let Some(pusher) = &self.pusher {
            let metadata = Map::from_iter([("pusher".to_owned(), Value::from(pusher.as_str()))]);
            rest.insert("metadata".into(), metadata.into());
        }
        Artifact {
            kind: Some(kind.to_owned()),
            name: Some(self.name()),
            version: self.tag.clone().or_else(|| self.digest.clone()),
            location: None,
            reference: Some(self.reference()),
            rest,
        }
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let kind = if self.chart { "chart" } else { "image" };
        format!("{kind} {}", self.reference())
    }

    /// Without tags that are no tags: Harbor repeats the digest there.
    pub(super) fn tidy(mut self) -> Self {
        let is_digest = |tag: &String| tag.contains("sha256:") || tag.is_empty();
        self.tag = self.tag.filter(|tag| !is_digest(tag));
        self
    }
}

/// Whether two hosts are the same registry: Docker Hub has several names.
pub fn same_registry(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

fn normal(host: &str) -> String {
    let host = host.trim_end_matches('/');
    let host = host
        .strip_prefix("https://")
        .or_else(|| host.strip_prefix("http://"))
        .unwrap_or(host);
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "docker.io"
        | "index.docker.io"
        | "registry-1.docker.io"
        | "registry.hub.docker.com"
        | "hub.docker.com" => "docker.io".to_owned(),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_has_several_names() {
        assert!(same_registry("index.docker.io", "docker.io"));
        assert!(same_registry(
            "https://registry.example:5000/",
            "Registry.example:5000"
        ));
        assert!(!same_registry("registry.example", "registry.example:5000"));
    }

    #[test]
    fn a_port_in_the_host_is_no_tag() {
        let image = ImageEvent {
            registry: Some("localhost:5000".to_owned()),
            repository: "a/b".to_owned(),
            tag: Some("1".to_owned()),
            ..ImageEvent::default()
        };
        let artifact = image.artifact();
        assert_eq!(artifact.name.as_deref(), Some("localhost:5000/a/b"));
        assert_eq!(artifact.version.as_deref(), Some("1"));
        assert_eq!(artifact.reference.as_deref(), Some("localhost:5000/a/b:1"));
    }
}
