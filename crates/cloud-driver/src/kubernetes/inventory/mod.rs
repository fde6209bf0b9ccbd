//! What a Kubernetes account holds, kept current by one watch for each kind and answered from memory.
//!
//! - `wire` is what is read of an object, `record` what is kept of it: about a kilobyte for a pod.
//! - `table` has the records by kind, namespace and name, `view` makes the neutral model of them when it is asked for.
//! - `watching` lists and watches, and starts over when a watch breaks or has expired.
//!
//! Watches start when somebody first asks, and end when the account is unbound. A kind that the account may not list is missing from the model, and
//! [`Inventory::problems`] says so; everything else works.

mod progress;
mod record;
mod selector;
mod table;
mod view;
mod watching;
mod wire;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::account::Kubernetes;
use crate::error::{CloudError, ErrorKind};
use crate::model::{Instance, LoadBalancer, SecurityGroup, ServerGroup, ServerGroupManager};
use crate::provider::{BoxFuture, Inventory, ObjectSummary, Query};
use progress::Progress;
use table::Tables;

/// What a Kubernetes account holds.
pub struct KubernetesInventory {
    inner: Arc<Inner>,
    task: Mutex<Task>,
}

enum Task {
    Idle,
    Running(AbortHandle),
    Stopped,
}

/// What the watches and those who ask share.
struct Inner {
    kubernetes: Kubernetes,
    tables: RwLock<Tables>,
    progress: Progress,
    changes: watch::Sender<u64>,
    /// Told when the API server is lost, and when it is back.
    failures: Arc<Notify>,
}

impl KubernetesInventory {
    /// The model of an account; nothing is watched until somebody asks. `failures` is told when the API server is lost, and when it is back.
    pub fn new(kubernetes: Kubernetes, failures: Arc<Notify>) -> Self {
        Self {
            inner: Arc::new(Inner {
                kubernetes,
                tables: RwLock::new(Tables::default()),
                progress: Progress::default(),
                changes: watch::Sender::new(0),
                failures,
            }),
            task: Mutex::new(Task::Idle),
        }
    }

    /// The namespaces that are known of.
    pub fn namespaces(&self) -> Vec<String> {
        let tables = self.inner.tables();
        let names: BTreeSet<String> = match tables.of_kind("namespace") {
            Some(table) => table
                .records(None)
                .map(|record| record.name.to_string())
                .collect(),
            None => BTreeSet::new(),
        };
        let used = tables.tables.iter().flat_map(table::Table::namespaces);
        let used = used
            .filter(|name| !name.is_empty())
            .map(|name| name.to_string());
        names
            .into_iter()
            .chain(used)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Ends the watches for good. What is in memory stays as it is.
    pub fn stop(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Task::Running(running) = std::mem::replace(&mut *task, Task::Stopped) {
            running.abort();
        }
        self.inner.progress.stop();
    }

    /// Starts the watches unless they run.
    fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*task, Task::Idle) {
            let running = tokio::spawn(watching::run(Arc::clone(&self.inner)));
            *task = Task::Running(running.abort_handle());
        }
    }
}

impl Inner {
    fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables_mut(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|number| *number += 1);
    }
}

impl Inventory for KubernetesInventory {
    fn ready(&self) -> BoxFuture<'_, Result<(), CloudError>> {
        self.start();
        Box::pin(async {
            self.inner.progress.listed().await.map_err(|reason| {
                let account = self.inner.kubernetes.account_name();
                CloudError::new(
                    ErrorKind::Unavailable,
                    format!("the account {account:?} has no model: {reason}"),
                )
            })
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    fn problems(&self) -> Vec<String> {
        self.inner.progress.problems()
    }

    fn server_groups(&self, query: &Query) -> Vec<ServerGroup> {
        self.view(|view| view.server_groups(query))
    }

    fn server_group_managers(&self, query: &Query) -> Vec<ServerGroupManager> {
        self.view(|view| view.server_group_managers(query))
    }

    fn instances(&self, query: &Query) -> Vec<Instance> {
        self.view(|view| view.instances(query))
    }

    fn load_balancers(&self, query: &Query) -> Vec<LoadBalancer> {
        self.view(|view| view.load_balancers(query))
    }

    fn security_groups(&self, query: &Query) -> Vec<SecurityGroup> {
        self.view(|view| view.security_groups(query))
    }

    fn objects(&self, query: &Query) -> Vec<ObjectSummary> {
        self.view(|view| view.objects(query))
    }
}

impl KubernetesInventory {
    fn view<T>(&self, ask: impl FnOnce(&view::View<'_>) -> T) -> T {
        let tables = self.inner.tables();
        ask(&view::View {
            account: self.inner.kubernetes.account_name(),
            tables: &tables,
        })
    }
}

impl Drop for KubernetesInventory {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for KubernetesInventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KubernetesInventory")
            .field(&self.inner.kubernetes)
            .finish()
    }
}
