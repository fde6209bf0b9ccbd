//! Which kinds an API server knows, asked once and again when a kind is missed.

use std::sync::Arc;

use kube::Client;
use kube::core::discovery::{ApiCapabilities, ApiResource, Scope};
use kube::discovery::Discovery;
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
