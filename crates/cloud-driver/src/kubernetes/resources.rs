//! Which kinds an API server knows, asked once and again when a kind is missed.

use std::sync::Arc;

use kube::Client;
use kube::core::discovery::{ApiCapabilities, ApiResource, Scope};
use kube::discovery::Discovery;
use serde_json::Value;
use tokio::sync::Mutex;

use super::failure::from_kube;
use super::kind::Kind;
use crate::error::{CloudError, ErrorKind};

/// A kind as the API server serves it.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Group, version, kind and plural.
    pub api: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The verbs it has.
    pub verbs: Vec<String>,
    /// Its subresources, such as `scale`.
    pub subresources: Vec<String>,
    /// Whether its version is the preferred one of its group.
    preferred: bool,
}

impl Resource {
    /// The resources that a CustomResourceDefinition makes, one for each version it serves; none of any other object.
    pub(super) fn defined_by(definition: &Value) -> Vec<Self> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let is_definition =
            definition.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition");
        let Some(spec) = definition.get("spec").filter(|_| is_definition) else {
            return Vec::new();
        };
        let names = spec.get("names");
        let of_names = |key: &str| text(names.and_then(|names| names.get(key)));
        let (Some(group), Some(kind), Some(plural)) = (
            text(spec.get("group")),
            of_names("kind"),
            of_names("plural"),
        ) else {
            return Vec::new();
        };
        let versions = spec.get("versions").and_then(Value::as_array);
        let served = versions
            .into_iter()
            .flatten()
            .filter(|version| version.get("served") != Some(&Value::Bool(false)))
            .filter_map(|version| text(version.get("name")));
        served
            .map(|version| Self {
                api: ApiResource {
                    api_version: format!("{group}/{version}"),
                    group: group.clone(),
                    version,
                    kind: kind.clone(),
                    plural: plural.clone(),
                },
                namespaced: text(spec.get("scope")).as_deref() != Some("Cluster"),
                verbs: Vec::new(),
                subresources: Vec::new(),
                preferred: false,
            })
            .collect()
    }

    /// Whether its version is the preferred one of its group.
    pub(super) fn is_preferred(&self) -> bool {
        self.preferred
    }
}

/// The kinds of one API server.
#[derive(Default)]
pub(super) struct Resources {
    known: Mutex<Option<Arc<Vec<Resource>>>>,
}

impl Resources {
    /// The resource of a kind; with an `apiVersion` exactly that version, else the preferred one.
    pub(super) async fn find(
        &self,
        client: &Client,
        kind: &Kind,
        api_version: Option<&str>,
    ) -> Result<Resource, CloudError> {
        let mut known = self.known.lock().await;
        if let Some(resources) = known.as_ref()
            && let Some(found) = pick(resources, kind, api_version)
        {
            return Ok(found.clone());
        }
        let resources = Arc::new(discover(client).await?);
        *known = Some(Arc::clone(&resources));
        pick(&resources, kind, api_version).cloned().ok_or_else(|| {
            let version = api_version.map(|v| format!(" in version {v}")).unwrap_or_default();
            CloudError::new(
                ErrorKind::NotFound,
                format!("the API server knows no kind {kind}{version}; is its CustomResourceDefinition installed?"),
            )
        })
    }

    /// Every resource the API server has.
    pub(super) async fn all(&self, client: &Client) -> Result<Arc<Vec<Resource>>, CloudError> {
        let mut known = self.known.lock().await;
        if let Some(resources) = known.as_ref() {
            return Ok(Arc::clone(resources));
        }
        let resources = Arc::new(discover(client).await?);
        *known = Some(Arc::clone(&resources));
        Ok(resources)
    }

    /// Asks again when next needed.
    pub(super) async fn forget(&self) {
        *self.known.lock().await = None;
    }
}

fn pick<'a>(
    resources: &'a [Resource],
    kind: &Kind,
    api_version: Option<&str>,
) -> Option<&'a Resource> {
    let of_kind =
        |resource: &&Resource| Kind::new(&resource.api.kind, &resource.api.group) == *kind;
    let mut found = resources.iter().filter(of_kind);
    match api_version {
        Some(version) => found.find(|resource| resource.api.api_version == version),
        None => {
            let all: Vec<&Resource> = found.collect();
            let preferred = all.iter().find(|resource| resource.preferred).copied();
            preferred.or_else(|| all.first().copied())
        }
    }
}

async fn discover(client: &Client) -> Result<Vec<Resource>, CloudError> {
    let discovery = Discovery::new(client.clone())
        .run()
        .await
        .map_err(from_kube)?;
    let mut resources = Vec::new();
    for group in discovery.groups_alphabetical() {
        let preferred = group.preferred_version_or_latest().to_owned();
        for version in group.versions() {
            for (api, capabilities) in group.versioned_resources(version) {
                let preferred = api.version == preferred;
                resources.push(resource(api, capabilities, preferred));
            }
        }
    }
    Ok(resources)
}

fn resource(api: ApiResource, capabilities: ApiCapabilities, preferred: bool) -> Resource {
    let subresources = capabilities
        .subresources
        .iter()
        .map(|(sub, _)| {
            let plural = &sub.plural;
            plural
                .rsplit(['/', '_'])
                .next()
                .unwrap_or(plural)
                .to_owned()
        })
        .collect();
    Resource {
        api,
        namespaced: capabilities.scope == Scope::Namespaced,
        verbs: capabilities.operations,
        subresources,
        preferred,
    }
}
