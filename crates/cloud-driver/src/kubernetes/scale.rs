//! Giving a workload another number of replicas.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::account::Kubernetes;
use super::failure::from_kube;
use super::object::ObjectId;
use super::retry::retry_if;
use crate::error::{CloudError, ErrorKind};

impl Kubernetes {
    /// Sets the number of replicas, by the subresource `scale` that every scalable kind has, custom resources too.
    pub async fn scale(&self, id: &ObjectId, replicas: u32) -> Result<(), CloudError> {
        let prefix = format!(
            "Failed to scale {}/{} from {}: ",
            id.kind, id.name, id.namespace
        );
        let scaled = retry_if(CloudError::is_retryable, || self.scale_once(id, replicas)).await;
        scaled.map_err(|error| error.prefixed(&prefix))
    }

    async fn scale_once(&self, id: &ObjectId, replicas: u32) -> Result<(), CloudError> {
        let resource = self.resource(&id.kind, None).await?;
        self.permit(&id.kind, resource.namespaced, &id.namespace)?;
        if !resource.subresources.iter().any(|name| name == "scale") {
            return Err(CloudError::new(
                ErrorKind::Unsupported,
                format!("Resource with kind {} does not support scale", id.kind),
            ));
        }
        let api = self.api(&resource, self.namespace_or_default(&id.namespace));
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let patched = api
            .patch_scale(&id.name, &PatchParams::default(), &patch)
            .await;
        patched.map(drop).map_err(from_kube)
    }
}
