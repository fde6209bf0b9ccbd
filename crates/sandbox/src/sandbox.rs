//! The sandbox as its users hold it.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::bootstrap;
use crate::cluster::Cluster;
use crate::controllers;
use crate::faults::Faults;
use crate::http;
use crate::json::Json;
use crate::options::SandboxOptions;
use crate::recorder::RecordedRequest;

/// A Kubernetes cluster in this process. Clones share it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    cluster: Arc<Cluster>,
}

/// Why a snapshot cannot be restored.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// The document is not a snapshot of a sandbox.
    #[error("this is not a snapshot of a sandbox: `{0}` is missing or has the wrong type")]
    Malformed(&'static str),
    /// The snapshot was written by a later version.
    #[error(
        "the snapshot has format {found}, and this version reads format {known}: use the version that wrote it"
    )]
    UnknownFormat {
        /// Format of the snapshot.
        found: i64,
        /// Newest format this version reads.
        known: i64,
    },
    /// An object's kind is not served, not even by a definition in the snapshot.
    #[error("the snapshot holds a {kind} of {api_version}, which this version does not serve")]
    UnknownKind {
        /// `apiVersion` of the object.
        api_version: String,
        /// `kind` of the object.
        kind: String,
    },
}

const SNAPSHOT_FORMAT: i64 = 1;

impl Sandbox {
    /// A new cluster with its namespaces, node and classes. Its controllers stand still until [`Sandbox::start`].
    #[must_use]
    pub fn new(options: SandboxOptions) -> Self {
        let cluster = Arc::new(Cluster::new(options));
        cluster
            .store
            .write(|state| bootstrap::furnish(&cluster, state));
        Self { cluster }
    }

    /// The API: a service for `kube::Client::new` in process, and for `axum::serve` over a socket.
    pub fn router(&self) -> axum::Router {
        http::router(self.cluster.clone())
    }

    /// Starts the controllers on a runtime. They stop when the returned guard is shut down or dropped.
    #[must_use = "the controllers stop when this is dropped"]
    pub fn start(&self, runtime: &Handle) -> Controllers {
        let task = runtime.spawn(controllers::run(self.cluster.clone()));
        Controllers {
            cluster: self.cluster.clone(),
            task: Some(task),
        }
    }

    /// A kubeconfig for the API served at an address. `kubectl` sends the token of [`SandboxOptions::token`] over TLS only, so with a token
    /// it needs a TLS server in front; other clients send it always.
    #[must_use]
    pub fn kubeconfig(&self, address: SocketAddr) -> String {
        let user = match &self.cluster.options.token {
            Some(token) => json!({"token": token}),
            None => json!({}),
        };
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sandbox", "preferences": {},
            "clusters": [{"name": "sandbox", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "sandbox", "user": user}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox", "namespace": "default"}}],
        });
        // JSON is YAML, and needs no writer of its own.
        format!("{config:#}\n")
    }

    /// Scripted failures of the API.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.cluster.faults
    }

    /// The most recent requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.cluster.requests.all()
    }

    /// Forgets the recorded requests.
    pub fn forget_requests(&self) {
        self.cluster.requests.clear();
    }

    /// Forgets the history of changes: every watch that lags behind, and every unfinished list, is answered `410 Gone`.
    pub fn compact(&self) {
        self.cluster.store.write(crate::store::State::compact);
    }

    /// Appends a line to the log of a running container; returns whether there is such a pod.
    pub fn append_log(&self, namespace: &str, pod: &str, container: &str, line: &str) -> bool {
        let uid = self.cluster.store.read(|state| {
            state
                .get("pods", namespace, pod)
                .map(|pod| pod.uid().to_owned())
        });
        if let Some(uid) = &uid {
            self.cluster
                .logs
                .append(uid, container, self.cluster.clock.now(), line);
        }
        uid.is_some()
    }

    /// Tells of every change: the value is the newest revision. Use it to save a snapshot when something happened.
    #[must_use]
    pub fn revisions(&self) -> tokio::sync::watch::Receiver<u64> {
        self.cluster.store.revisions()
    }

    /// Every object as one JSON document, for [`Sandbox::restore`]. Events and logs are left out.
    #[must_use]
    pub fn snapshot(&self) -> Value {
        self.cluster.store.read(|state| {
            let objects: Vec<Value> =
                state.everything().filter(|(resource, _)| &***resource != "events").map(|(_, object)| Value::clone(object)).collect();
            json!({"format": SNAPSHOT_FORMAT, "revision": state.revision(), "allocated": state.allocated, "objects": objects})
        })
    }

    /// Replaces everything by a snapshot. Revisions go on from where the snapshot was, so clients that watched it list again.
    ///
    /// # Errors
    /// If the document is not a snapshot this version reads; the cluster is unchanged then.
    pub fn restore(&self, snapshot: &Value) -> Result<(), RestoreError> {
        let found = snapshot
            .int(&["format"])
            .ok_or(RestoreError::Malformed("format"))?;
        if found > SNAPSHOT_FORMAT {
            return Err(RestoreError::UnknownFormat {
                found,
                known: SNAPSHOT_FORMAT,
            });
        }
        let revision = snapshot
            .get("revision")
            .and_then(Value::as_u64)
            .ok_or(RestoreError::Malformed("revision"))?;
        let objects = snapshot
            .get("objects")
            .and_then(Value::as_array)
            .ok_or(RestoreError::Malformed("objects"))?;
        // Definitions first: they say where custom objects belong.
        let is_definition = |object: &&Value| object.kind() == "CustomResourceDefinition";
        let mut registry = crate::kinds::Registry::default();
        objects
            .iter()
            .filter(is_definition)
            .for_each(|definition| registry.define(definition));
        let ordered = objects
            .iter()
            .filter(is_definition)
            .chain(objects.iter().filter(|object| !is_definition(object)));
        let placed: Vec<_> = ordered
            .map(
                |object| match registry.find_kind(object.text(&["apiVersion"]), object.kind()) {
                    Some(kind) => Ok((kind.resource.clone(), object.clone())),
                    None => Err(RestoreError::UnknownKind {
                        api_version: object.text(&["apiVersion"]).to_owned(),
                        kind: object.kind().to_owned(),
                    }),
                },
            )
            .collect::<Result<_, _>>()?;
        self.cluster.store.write(|state| {
            state.clear();
            for (resource, object) in placed {
                state.restore(&resource, object);
            }
            state.allocated = u32::try_from(snapshot.int(&["allocated"]).unwrap_or(0)).unwrap_or(0);
            state.resume_at(revision + 1);
        });
        Ok(())
    }

    /// Ends every watch and followed log, so that a server in front can finish.
    pub fn close_streams(&self) {
        self.cluster.closing.cancel();
    }
}

/// The running controllers of one sandbox.
#[derive(Debug)]
pub struct Controllers {
    cluster: Arc<Cluster>,
    task: Option<JoinHandle<()>>,
}

impl Controllers {
    /// Stops the controllers and ends every watch and followed log; returns when the last reconcile is done. This is for good: a sandbox that
    /// is to go on is made anew and restored from a snapshot.
    pub async fn shutdown(mut self) {
        self.cluster.closing.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(error = %error, "the sandbox's controllers ended badly");
        }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
