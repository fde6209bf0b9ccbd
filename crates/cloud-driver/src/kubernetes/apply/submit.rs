//! Sending one manifest, in the way it asks for.

use std::time::Duration;

use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Request;
use serde_json::Value;

use super::{canonical, json_merge, strategic};
use crate::error::{CloudError, ErrorKind};
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::annotations;
use crate::kubernetes::kind::Kind;
use crate::kubernetes::object::ObjectId;
use crate::kubernetes::request::{Repeat, built};
use crate::kubernetes::resources::Resource;
use crate::kubernetes::strategy::Submission;

/// How often a merge is computed anew when somebody else changes the object meanwhile.
const MERGES: u32 = 5;
/// How long the object that is to be made anew may take to go away, and a new kind to be served.
const PATIENCE: Duration = Duration::from_secs(600);
/// The most that an API server keeps of annotations.
const LARGEST_ANNOTATIONS: usize = 262_144;
/// Who applies on the client's side and on the server's. These are the names `kubectl` uses, so that objects which Spinnaker has deployed have one owner.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";
const SERVER_SIDE: &str = "kubectl";

/// Whether what is sent is to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is.
    Lasting,
    /// The API server only says what would be.
    DryRun,
}

/// One manifest on its way.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// What is sent.
    pub(crate) manifest: &'a Value,
    /// Its kind.
    pub(crate) kind: &'a Kind,
    /// Its resource.
    pub(crate) resource: &'a Resource,
    /// Its namespace.
    pub(crate) namespace: &'a str,
    /// Its name; empty when the API server chooses it.
    pub(crate) name: &'a str,
    /// How it is sent.
    pub(crate) submission: Submission,
    /// Whether there is surely no object of that name yet.
    pub(crate) is_new: bool,
    /// Whether it is to last.
    pub(crate) mode: Mode,
}

/// What became of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    /// The object as the API server has it.
    pub(crate) object: Value,
    /// The object as it was; `None`: there was none.
    pub(crate) before: Option<Value>,
}

impl Step<'_> {
    /// Sends the manifest.
    pub(crate) async fn send(&self, account: &Kubernetes) -> Result<Sent, CloudError> {
        match self.submission {
            Submission::Apply => self.apply(account).await,
            Submission::Recreate => self.recreate(account).await,
            Submission::Replace => self.replace(account).await,
            Submission::ServerSide { force } => self.apply_server_side(account, force).await,
            Submission::Create => self.create_generated(account).await,
        }
        .map_err(|error| {
            let what = match self.submission {
                Submission::Apply | Submission::Recreate | Submission::ServerSide { .. } => {
                    "Deploy"
                }
                Submission::Replace => "Replace",
                Submission::Create => "Create",
            };
            error.prefixed(&format!(
                "{what} failed for manifest: {}. Error: ",
                self.full_name()
            ))
        })
    }

    fn full_name(&self) -> String {
        let name = if self.name.is_empty() {
            let metadata = self.manifest.get("metadata");
            metadata
                .and_then(|metadata| metadata.get("generateName"))
                .and_then(Value::as_str)
                .unwrap_or_default()
        } else {
            self.name
        };
        format!("{} {name}", self.kind)
    }

    fn requests(&self, account: &Kubernetes) -> Request {
        account.requests(self.resource, self.namespace)
    }

    fn post(&self, manager: &str) -> PostParams {
        PostParams {
            dry_run: self.mode == Mode::DryRun,
            field_manager: Some(manager.to_owned()),
        }
    }

    /// The object as it is.
    async fn live(&self, account: &Kubernetes) -> Result<Option<Value>, CloudError> {
        let request = built(self.requests(account).get(self.name, &Default::default()))?;
        match account.call(Repeat::Always, request).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(
        &self,
        account: &Kubernetes,
        manifest: &Value,
        manager: &str,
    ) -> Result<Value, CloudError> {
        let body = manifest.to_string().into_bytes();
        let request = built(self.requests(account).create(&self.post(manager), body))?;
        account.call(Repeat::IfRefused, request).await
    }

    async fn apply(&self, account: &Kubernetes) -> Result<Sent, CloudError> {
        let wanted = with_last_applied(self.manifest)?;
        let mut last = None;
        for attempt in 0..MERGES {
            let live = if self.is_new && attempt == 0 {
                None
            } else {
                self.live(account).await?
            };
            let Some(live) = live else {
                match self.create(account, &wanted, CLIENT_SIDE).await {
                    Ok(object) => {
                        return Ok(Sent {
                            object,
                            before: None,
                        });
                    }
                    // Somebody was faster, or the answer to our own request was lost: what is there is looked at.
                    Err(error) if is_taken(&error) || is_unclear(&error) => last = Some(error),
                    Err(error) => return Err(error),
                }
                continue;
            };
            match self.merge(account, &wanted, &live).await {
                Ok(object) => {
                    return Ok(Sent {
                        object,
                        before: Some(live),
                    });
                }
                // Changed or deleted since it was read.
                Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => {
                    last = Some(error)
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            CloudError::new(ErrorKind::Conflict, "the object changes all the time")
        }))
    }

    async fn merge(
        &self,
        account: &Kubernetes,
        wanted: &Value,
        live: &Value,
    ) -> Result<Value, CloudError> {
        let applied = annotations::raw(live, annotations::LAST_APPLIED)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null);
        let is_native = self.kind.group().is_none();
        let patch = if is_native {
            strategic::patch(self.kind, &applied, wanted, live)
        } else {
            json_merge::patch(&applied, wanted, live)
        };
        if patch.is_empty() {
            return Ok(live.clone());
        }
        let patch = if is_native {
            Patch::Strategic(patch)
        } else {
            Patch::Merge(patch)
        };
        let parameters = PatchParams {
            dry_run: self.mode == Mode::DryRun,
            field_manager: Some(CLIENT_SIDE.to_owned()),
            ..PatchParams::default()
        };
        let request = built(self.requests(account).patch(self.name, &parameters, &patch))?;
        account.call(Repeat::Always, request).await
    }

    async fn apply_server_side(
        &self,
        account: &Kubernetes,
        force: bool,
    ) -> Result<Sent, CloudError> {
        let before = if self.is_new {
            None
        } else {
            self.live(account).await?
        };
        let mut manifest = self.manifest.clone();
        if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
            // Copied from a cluster, and refused by this verb.
            metadata.shift_remove("managedFields");
        }
        let parameters = PatchParams {
            dry_run: self.mode == Mode::DryRun,
            force,
            field_manager: Some(SERVER_SIDE.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Apply(&manifest);
        let request = built(self.requests(account).patch(self.name, &parameters, &patch))?;
        let object = account.call(Repeat::Always, request).await?;
        Ok(Sent { object, before })
    }

    async fn replace(&self, account: &Kubernetes) -> Result<Sent, CloudError> {
        let mut last = None;
        for _ in 0..MERGES {
            let Some(live) = self.live(account).await? else {
                match self.create(account, self.manifest, "kubectl-create").await {
                    Ok(object) => {
                        return Ok(Sent {
                            object,
                            before: None,
                        });
                    }
                    Err(error) if is_taken(&error) || is_unclear(&error) => last = Some(error),
                    Err(error) => return Err(error),
                }
                continue;
            };
            let mut manifest = self.manifest.clone();
            // The version that was read makes this a replacement of exactly that.
            if let Some(version) = live.pointer("/metadata/resourceVersion") {
                manifest["metadata"]["resourceVersion"] = version.clone();
            }
            let body = manifest.to_string().into_bytes();
            let parameters = self.post("kubectl-replace");
            let request = built(self.requests(account).replace(self.name, &parameters, body))?;
            match account.call(Repeat::Always, request).await {
                Ok(object) => {
                    return Ok(Sent {
                        object,
                        before: Some(live),
                    });
                }
                Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => {
                    last = Some(error)
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            CloudError::new(ErrorKind::Conflict, "the object changes all the time")
        }))
    }

    async fn recreate(&self, account: &Kubernetes) -> Result<Sent, CloudError> {
        if self.mode == Mode::DryRun {
            // What cannot be deleted for a look is compared as if it were replaced.
            return self.replace(account).await;
        }
        let before = self.live(account).await?;
        if let Some(live) = &before {
            if self.is_made_by_this_deploy(live) {
                return Ok(Sent {
                    object: live.clone(),
                    before,
                });
            }
            self.delete_and_wait(account, live).await?;
        }
        let step = Step {
            submission: Submission::Apply,
            is_new: true,
            ..*self
        };
        let sent = step.apply(account).await?;
        Ok(Sent {
            object: sent.object,
            before,
        })
    }

    /// Whether the same deploy has already made that object: a repetition must not run a Job twice.
    fn is_made_by_this_deploy(&self, live: &Value) -> bool {
        let key = annotations::raw(self.manifest, annotations::DEPLOY_KEY);
        let is_going = live.pointer("/metadata/deletionTimestamp").is_some();
        key.is_some() && key == annotations::raw(live, annotations::DEPLOY_KEY) && !is_going
    }

    async fn delete_and_wait(&self, account: &Kubernetes, live: &Value) -> Result<(), CloudError> {
        let prefix = format!(
            "Failed to delete {} {} from {}: ",
            self.kind, self.name, self.namespace
        );
        let parameters = kube::api::DeleteParams::background();
        let request = built(self.requests(account).delete(self.name, &parameters))?;
        match account.call(Repeat::Always, request).await {
            Err(error) if error.kind != ErrorKind::NotFound => return Err(error.prefixed(&prefix)),
            Ok(_) | Err(_) => {}
        }
        let uid = live
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let gone = self
            .until(account, |object| {
                object.and_then(|object| object.pointer("/metadata/uid")?.as_str()) != Some(uid)
            })
            .await;
        gone.map_err(|error| error.prefixed(&prefix))
    }

    /// Waits, by a watch, until the object is as wanted; `None` is an object that does not exist.
    pub(crate) async fn until(
        &self,
        account: &Kubernetes,
        wanted: impl Fn(Option<&Value>) -> bool,
    ) -> Result<(), CloudError> {
        let id = ObjectId {
            kind: self.kind.clone(),
            namespace: self.namespace.to_owned(),
            name: self.name.to_owned(),
        };
        let waiting = async {
            let mut watch = account.watch_one(self.resource, &id);
            loop {
                watch.changed().await?;
                if wanted(watch.object()) {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| {
                Err(CloudError::new(
                    ErrorKind::Failed,
                    format!(
                        "{} is not as it should be after {} minutes; see its finalizers and conditions",
                        self.full_name(),
                        PATIENCE.as_secs() / 60
                    ),
                ))
            })
    }

    async fn create_generated(&self, account: &Kubernetes) -> Result<Sent, CloudError> {
        if let Some(object) = self.generated(account).await? {
            return Ok(Sent {
                object,
                before: None,
            });
        }
        match self.create(account, self.manifest, "kubectl-create").await {
            Ok(object) => Ok(Sent {
                object,
                before: None,
            }),
            Err(error) if is_unclear(&error) => match self.generated(account).await? {
                Some(object) => Ok(Sent {
                    object,
                    before: None,
                }),
                None => self
                    .create(account, self.manifest, "kubectl-create")
                    .await
                    .map(|object| Sent {
                        object,
                        before: None,
                    }),
            },
            Err(error) => Err(error),
        }
    }

    /// What the same deploy has already made from this manifest under a name of the API server's choice.
    async fn generated(&self, account: &Kubernetes) -> Result<Option<Value>, CloudError> {
        let Some(key) = annotations::raw(self.manifest, annotations::DEPLOY_KEY) else {
            return Ok(None);
        };
        if self.mode == Mode::DryRun {
            return Ok(None);
        }
        let live = account.list_all(self.resource, self.namespace).await?;
        Ok(live
            .into_iter()
            .find(|object| annotations::raw(object, annotations::DEPLOY_KEY) == Some(key)))
    }
}

/// Whether the name is taken.
fn is_taken(error: &CloudError) -> bool {
    error.details.get("reason").and_then(Value::as_str) == Some("AlreadyExists")
}

/// Whether nobody knows if the request was carried out.
fn is_unclear(error: &CloudError) -> bool {
    error.kind == ErrorKind::Unavailable
}

/// Refuses a manifest whose copy an API server would not keep.
pub(crate) fn check_size(manifest: &Value) -> Result<(), CloudError> {
    with_last_applied(manifest).map(drop)
}

/// The manifest with a copy of itself in the annotation that the next merge begins with.
fn with_last_applied(manifest: &Value) -> Result<Value, CloudError> {
    let mut wanted = manifest.clone();
    annotations::remove(&mut wanted, annotations::LAST_APPLIED);
    let mut copy = canonical(&wanted);
    copy.push('\n');
    let others: usize = wanted
        .pointer("/metadata/annotations")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum();
    let size = others + annotations::LAST_APPLIED.len() + copy.len();
    if size > LARGEST_ANNOTATIONS {
        return Err(CloudError::invalid(format!(
            "metadata.annotations: Too long: with the copy of the manifest that the merge keeps they have {size} bytes, and an API server takes {LARGEST_ANNOTATIONS}; \
             annotate the manifest with strategy.spinnaker.io/server-side-apply: \"true\" or strategy.spinnaker.io/replace: \"true\""
        )));
    }
    annotations::annotate(&mut wanted, annotations::LAST_APPLIED, &copy);
    Ok(wanted)
}
