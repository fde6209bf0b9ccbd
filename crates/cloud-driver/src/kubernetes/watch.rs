//! Watching objects of one kind: a list, then what changes, for as long as somebody looks.
//!
//! Invariants:
//! - After the first [`Watch::changed`] the objects are those that exist; nothing is asked for twice unless the server forgot where the watch was.
//! - A watch that breaks goes on from where it was; one that expired (410) lists again. Both wait longer each time, unless something came in between.
//! - [`Watch::changed`] may be dropped and called again at any time.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use kube::Api;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::TypeMeta;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::account::{Kubernetes, to_value};
use super::failure::{from_kube, from_status};
use super::object::ObjectId;
use super::resources::Resource;
use super::retry::Backoff;
use crate::error::{CloudError, ErrorKind};

/// For how long the API server may fail before whoever watches is told so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How long the server keeps a watch open, in seconds; the longest that all versions allow.
const OPEN_FOR: u32 = 290;
/// A watch that has not been closed by then is a dead connection.
const DEAD_AFTER: Duration = Duration::from_secs(300);
/// A watch that ends sooner has not done its work.
const SHORT: Duration = Duration::from_secs(1);

/// Which objects of a kind are watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// A label selector; empty: any.
    pub(crate) labels: String,
    /// A field selector; empty: any.
    pub(crate) fields: String,
}

impl Selection {
    pub(crate) fn labels(labels: impl Into<String>) -> Self {
        Self {
            labels: labels.into(),
            ..Self::default()
        }
    }

    pub(crate) fn fields(fields: impl Into<String>) -> Self {
        Self {
            fields: fields.into(),
            ..Self::default()
        }
    }
}

/// Objects that are kept current.
pub(crate) struct Watch {
    changes: BoxStream<'static, Result<Change, CloudError>>,
    objects: BTreeMap<String, Value>,
}

enum Change {
    Listed(Vec<Value>),
    Put(Value),
    Gone(Value),
}

impl Watch {
    /// Ends with the next change of any of the objects, the first time when they are all there.
    ///
    /// # Errors
    /// Those that no repetition mends, and those that have lasted for [`PATIENCE`].
    pub(crate) async fn changed(&mut self) -> Result<(), CloudError> {
        match self.changes.next().await {
            Some(Ok(Change::Listed(objects))) => {
                self.objects = objects
                    .into_iter()
                    .map(|object| (uid(&object), object))
                    .collect();
            }
            Some(Ok(Change::Put(object))) => {
                self.objects.insert(uid(&object), object);
            }
            Some(Ok(Change::Gone(object))) => {
                self.objects.remove(&uid(&object));
            }
            Some(Err(error)) => return Err(error),
            None => return Err(CloudError::new(ErrorKind::Failed, "the watch has ended")),
        }
        Ok(())
    }

    /// The objects there are.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Value> {
        self.objects.values()
    }

    /// The object, where only one is watched.
    pub(crate) fn object(&self) -> Option<&Value> {
        self.objects.values().next()
    }
}

fn uid(object: &Value) -> String {
    let text = |path| object.pointer(path).and_then(Value::as_str);
    text("/metadata/uid")
        .or_else(|| text("/metadata/name"))
        .unwrap_or_default()
        .to_owned()
}

impl Kubernetes {
    /// Watches objects of a resource in a namespace.
    pub(crate) fn watch(
        &self,
        resource: &Resource,
        namespace: &str,
        selection: Selection,
    ) -> Watch {
        let source = Source {
            api: self.api(resource, self.namespace_or_default(namespace)),
            types: TypeMeta {
                api_version: resource.api.api_version.clone(),
                kind: resource.api.kind.clone(),
            },
            selection,
            state: State::Unknown,
            backoff: Backoff::default(),
            failing_since: None,
        };
        let changes = stream::unfold(source, |mut source| async move {
            let change = source.next().await;
            Some((change, source))
        });
        Watch {
            changes: changes.boxed(),
            objects: BTreeMap::new(),
        }
    }

    /// Watches one object.
    pub(crate) fn watch_one(&self, resource: &Resource, id: &ObjectId) -> Watch {
        let selection = Selection::fields(format!("metadata.name={}", id.name));
        self.watch(resource, &id.namespace, selection)
    }
}

type Events = BoxStream<'static, kube::Result<WatchEvent<DynamicObject>>>;

enum State {
    /// What exists is not known.
    Unknown,
    /// What existed at that version is known.
    Known(String),
    /// What changes is told.
    Open {
        version: String,
        events: Events,
        since: Instant,
    },
}

/// Where the changes come from.
struct Source {
    api: Api<DynamicObject>,
    types: TypeMeta,
    selection: Selection,
    state: State,
    backoff: Backoff,
    failing_since: Option<Instant>,
}

impl Source {
    async fn next(&mut self) -> Result<Change, CloudError> {
        loop {
            let step = match mem::replace(&mut self.state, State::Unknown) {
                State::Unknown => self.list().await.map(Some),
                State::Known(version) => self.open(version).await.map(|()| None),
                State::Open {
                    version,
                    events,
                    since,
                } => self.read(version, events, since).await,
            };
            match step {
                Ok(Some(change)) => return Ok(change),
                Ok(None) => {}
                Err(error) => self.bear(error).await?,
            }
        }
    }

    fn selector(&self, text: &str) -> Option<String> {
        (!text.is_empty()).then(|| text.to_owned())
    }

    async fn list(&mut self) -> Result<Change, CloudError> {
        let parameters = ListParams {
            label_selector: self.selector(&self.selection.labels),
            field_selector: self.selector(&self.selection.fields),
            ..ListParams::default()
        };
        let list = self.api.list(&parameters).await.map_err(from_kube)?;
        let version = list.metadata.resource_version.unwrap_or_default();
        let objects = list
            .items
            .into_iter()
            .map(|object| self.read_object(object));
        let objects = objects.collect::<Result<_, _>>()?;
        self.state = State::Known(version);
        self.failing_since = None;
        Ok(Change::Listed(objects))
    }

    async fn open(&mut self, version: String) -> Result<(), CloudError> {
        let parameters = WatchParams {
            label_selector: self.selector(&self.selection.labels),
            field_selector: self.selector(&self.selection.fields),
            timeout: Some(OPEN_FOR),
            bookmarks: true,
            send_initial_events: false,
        };
        match self.api.watch(&parameters, &version).await {
            Ok(events) => {
                self.state = State::Open {
                    version,
                    events: events.boxed(),
                    since: Instant::now(),
                };
                Ok(())
            }
            Err(error) => {
                let error = from_kube(error);
                if !is_expired(&error) {
                    self.state = State::Known(version);
                }
                Err(error)
            }
        }
    }

    async fn read(
        &mut self,
        version: String,
        mut events: Events,
        since: Instant,
    ) -> Result<Option<Change>, CloudError> {
        let event = timeout(DEAD_AFTER, events.next()).await;
        let lasted = since.elapsed() >= SHORT;
        if lasted {
            self.recovered();
        }
        let event = match event {
            Ok(Some(event)) => event,
            Ok(None) | Err(_) => {
                self.state = State::Known(version);
                return match lasted {
                    true => Ok(None),
                    false => Err(CloudError::new(
                        ErrorKind::Unavailable,
                        "the API server closed the watch",
                    )),
                };
            }
        };
        let (object, gone) = match event {
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => (object, false),
            Ok(WatchEvent::Deleted(object)) => (object, true),
            Ok(WatchEvent::Bookmark(bookmark)) => {
                let version = bookmark.metadata.resource_version;
                self.state = State::Open {
                    version,
                    events,
                    since,
                };
                return Ok(None);
            }
            Ok(WatchEvent::Error(status)) => {
                let error = from_status(&status);
                if !is_expired(&error) {
                    self.state = State::Known(version);
                }
                return Err(error);
            }
            Err(error) => {
                self.state = State::Known(version);
                return Err(from_kube(error));
            }
        };
        let version = object.metadata.resource_version.clone().unwrap_or(version);
        self.state = State::Open {
            version,
            events,
            since,
        };
        self.recovered();
        let object = self.read_object(object)?;
        Ok(Some(if gone {
            Change::Gone(object)
        } else {
            Change::Put(object)
        }))
    }

    fn recovered(&mut self) {
        self.backoff.reset();
        self.failing_since = None;
    }

    /// Waits after a failure, or gives up.
    async fn bear(&mut self, error: CloudError) -> Result<(), CloudError> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if !error.is_retryable() {
            return Err(error);
        }
        if since.elapsed() >= PATIENCE {
            return Err(error.prefixed(&format!(
                "the API server has failed for {} seconds: ",
                PATIENCE.as_secs()
            )));
        }
        sleep(self.backoff.after(&error)).await;
        Ok(())
    }

    /// Items of a list carry no type of their own.
    fn read_object(&self, mut object: DynamicObject) -> Result<Value, CloudError> {
        object.types.get_or_insert_with(|| self.types.clone());
        to_value(object)
    }
}

fn is_expired(error: &CloudError) -> bool {
    error.details.get("code").and_then(Value::as_u64) == Some(410)
}
