//! A Kubernetes account as everything outside this module sees it.

use std::sync::Arc;

use serde_json::{Map, Value};
use spindrift_model::Millis;

use super::account::Kubernetes;
use crate::error::CloudError;
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
        group: &'a ServerGroupId,
        capacity: Capacity,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(self.kubernetes.resize_group(group, capacity))
    }

    fn enable<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(self.kubernetes.enable_group(self.inventory(), group))
    }

    fn disable<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(self.kubernetes.disable_group(self.inventory(), group))
    }

    fn destroy<'a>(&'a self, group: &'a ServerGroupId) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(self.kubernetes.destroy_group(group))
    }

    fn clone_group<'a>(
        &'a self,
        source: &'a ServerGroupId,
        changes: &'a Map<String, Value>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<ServerGroupId, CloudError>> {
        Box::pin(self.kubernetes.clone_of_group(source, changes, key))
    }

    fn previous<'a>(
        &'a self,
        group: &'a ServerGroupId,
    ) -> BoxFuture<'a, Result<String, CloudError>> {
        Box::pin(self.kubernetes.previous_of_group(group))
    }

    fn undo<'a>(
        &'a self,
        group: &'a ServerGroupId,
        previous: &'a str,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(self.kubernetes.undo_group(group, previous))
    }

    fn wait<'a>(
        &'a self,
        group: &'a ServerGroupId,
        goal: Goal,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        let inventory = self.inventory();
        Box::pin(
            self.kubernetes
                .await_group(inventory, group, goal, progress),
        )
    }

    fn kubernetes(&self) -> Option<&Kubernetes> {
        Some(&self.kubernetes)
    }
}
