//! A Kubernetes account as everything outside this module sees it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::account::Kubernetes;
use crate::error::{CloudError, ErrorKind};
use crate::model::{Capacity, ServerGroupId};
use crate::provider::{BoxFuture, Goal, Inventory, Provider, Verification};

/// A Kubernetes account with its live model.
pub struct KubernetesProvider {
    kubernetes: Kubernetes,
    inventory: Arc<dyn Inventory>,
}

impl KubernetesProvider {
    /// An account with its live model.
    pub fn new(kubernetes: Kubernetes, inventory: Arc<dyn Inventory>) -> Self {
        Self {
            kubernetes,
            inventory,
        }
    }

    fn unsupported(&self, operation: &str) -> CloudError {
        CloudError::new(
            ErrorKind::Unsupported,
            format!(
                "the account {:?} has no operation {operation}",
                self.account()
            ),
        )
    }
}

impl Provider for KubernetesProvider {
    fn cloud(&self) -> &'static str {
        "kubernetes"
    }

    fn account(&self) -> &str {
        self.kubernetes.account_name()
    }

    fn verify(&self) -> BoxFuture<'_, Verification> {
        Box::pin(async move {
            let version = self.kubernetes.client().apiserver_version().await;
            Verification {
                reachable: version.is_ok(),
                version: version.as_ref().ok().map(|info| info.git_version.clone()),
                problems: version
                    .err()
                    .map(|error| super::from_kube(error).message)
                    .into_iter()
                    .collect(),
                at: 0,
            }
        })
    }

    fn inventory(&self) -> &dyn Inventory {
        self.inventory.as_ref()
    }

    fn resize<'a>(
        &'a self,
        _: &'a ServerGroupId,
        _: Capacity,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async { Err(self.unsupported("resizeServerGroup")) })
    }

    fn enable<'a>(&'a self, _: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async { Err(self.unsupported("enableServerGroup")) })
    }

    fn disable<'a>(&'a self, _: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async { Err(self.unsupported("disableServerGroup")) })
    }

    fn destroy<'a>(&'a self, _: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async { Err(self.unsupported("destroyServerGroup")) })
    }

    fn clone_group<'a>(
        &'a self,
        _: &'a ServerGroupId,
        _: &'a Map<String, Value>,
        _: &'a str,
    ) -> BoxFuture<'a, Result<ServerGroupId, CloudError>> {
        Box::pin(async { Err(self.unsupported("cloneServerGroup")) })
    }

    fn undo<'a>(&'a self, _: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async { Err(self.unsupported("rollbackServerGroup")) })
    }

    fn wait<'a>(
        &'a self,
        _: &'a ServerGroupId,
        _: Goal,
        _: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async { Err(self.unsupported("waiting")) })
    }

    fn kubernetes(&self) -> Option<&Kubernetes> {
        Some(&self.kubernetes)
    }
}
