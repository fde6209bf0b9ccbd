//! One bound account at work: its provider, its state, and the task that looks again when a call failed.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures::FutureExt;
use kube::Client;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::definition::{AccountDefinition, Origin};
use super::status::{AccountState, AccountStatus, AccountView};
use crate::kubernetes::{Clock, Kubernetes, KubernetesInventory, KubernetesProvider};
use crate::provider::Provider;

/// After calls failed, an account is looked at at most that often.
const AGAIN: Duration = Duration::from_secs(30);

/// Grows with every change of the accounts.
pub(super) type Changes = Arc<watch::Sender<u64>>;

/// One bound account. Dropping it stops its task and its live model; who holds its provider keeps that.
pub(super) struct Entry {
    pub(super) definition: AccountDefinition,
    pub(super) origin: Origin,
    working: Option<Working>,
    status: RwLock<AccountStatus>,
    changes: Option<Changes>,
}

struct Working {
    provider: Arc<KubernetesProvider>,
    inventory: Arc<KubernetesInventory>,
    task: AbortHandle,
}

impl Entry {
    /// An account with a client. `status` is what is believed of it until it is verified.
    pub(super) fn working(
        definition: AccountDefinition,
        origin: Origin,
        client: Client,
        failures: Arc<Notify>,
        clock: Clock,
        status: AccountStatus,
        changes: Changes,
    ) -> Arc<Self> {
        let kubernetes = Kubernetes::new(&definition.name, client, definition.options());
        let inventory = Arc::new(KubernetesInventory::new(
            kubernetes.clone(),
            Arc::clone(&failures),
        ));
        let shared: Arc<dyn crate::provider::Inventory> = inventory.clone();
        let provider = Arc::new(KubernetesProvider::new(kubernetes, shared, clock));
        Arc::new_cyclic(|entry| Self {
            definition,
            origin,
            working: Some(Working {
                provider,
                inventory,
                task: tokio::spawn(look_again(entry.clone(), failures)).abort_handle(),
            }),
            status: RwLock::new(status),
            changes: Some(changes),
        })
    }

    /// An account that cannot be used, and why.
    pub(super) fn broken(
        definition: AccountDefinition,
        origin: Origin,
        reason: String,
    ) -> Arc<Self> {
        Arc::new(Self {
            definition,
            origin,
            working: None,
            status: RwLock::new(AccountStatus::broken(reason)),
            changes: None,
        })
    }

    pub(super) fn provider(&self) -> Option<Arc<dyn Provider>> {
        let working = self.working.as_ref()?;
        Some(Arc::clone(&working.provider) as Arc<dyn Provider>)
    }

    /// Asks the API server, and remembers what it said.
    pub(super) async fn verify(&self) {
        let Some(working) = &self.working else { return };
        let found = AccountStatus::from(working.provider.verify().await);
        let before = std::mem::replace(
            &mut *self.status.write().unwrap_or_else(PoisonError::into_inner),
            found.clone(),
        );
        if before.state == found.state {
            return;
        }
        if let Some(changes) = &self.changes {
            changes.send_modify(|number| *number += 1);
        }
        let (account, reason) = (&self.definition.name, found.reason.unwrap_or_default());
        match found.state {
            AccountState::Ready | AccountState::Unverified => {
                tracing::info!(account, "the account is ready");
            }
            AccountState::Limited => tracing::warn!(account, reason, "the account is limited"),
            AccountState::Unreachable | AccountState::Broken => {
                tracing::warn!(account, reason, "the account cannot be used");
            }
        }
    }

    pub(super) fn view(&self) -> AccountView {
        let status = self.status.read().unwrap_or_else(PoisonError::into_inner);
        let namespaces = match (&self.working, self.definition.namespaces.is_empty()) {
            (Some(working), true) => working.inventory.namespaces(),
            _ => self.definition.namespaces.clone(),
        };
        AccountView {
            definition: self.definition.clone(),
            origin: self.origin,
            status: status.clone(),
            namespaces,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(working) = &self.working {
            working.task.abort();
            working.inventory.stop();
        }
    }
}

/// Verifies an account again when calls failed, or its watches came back; one that is lost again and again until it is found.
async fn look_again(entry: Weak<Entry>, failures: Arc<Notify>) {
    let mut lost = false;
    loop {
        if !lost {
            failures.notified().await;
        }
        match entry.upgrade() {
            Some(entry) => {
                entry.verify().await;
                lost = entry.view().status.state == AccountState::Unreachable;
            }
            None => return,
        }
        tokio::time::sleep(AGAIN).await;
        // The verification's own failure is no news.
        let _ = failures.notified().now_or_never();
    }
}
