//! A Kubernetes account as everything outside this module sees it.

use std::sync::Arc;

use serde_json::{Map, Value};
use spindrift_model::Millis;

use super::account::Kubernetes;
use crate::error::{CloudError, ErrorKind};
use crate::model::{Capacity, ServerGroupId};
use crate::provider::{BoxFuture, Goal, Inventory, Provider, Verification};

/// Tells the time, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// A Kubernetes account with its live model.
pub struct KubernetesProvider {
    kubernetes: Kubernetes,
    inventory: Arc<dyn Inventory>,
    clock: Clock,
}

impl KubernetesProvider {
    /// An account with its live model.
    pub fn new(kubernetes: Kubernetes, inventory: Arc<dyn Inventory>, clock: Clock) -> Self {
        Self {
            kubernetes,
            inventory,
            clock,
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
        Box::pin(async move { self.kubernetes.verify((self.clock)()).await })
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

    fn undo<'a>(
        &'a self,
        _: &'a ServerGroupId,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
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
