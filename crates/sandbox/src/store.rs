//! All objects of the cluster, one revision counter, and the recent changes that watches read.
//!
//! Invariants: every change has its own revision; an object's `metadata.resourceVersion` is the revision of its last change; the
//! history holds the newest changes without gaps, so a watch that starts at or after `forgotten` misses nothing. The lock is
//! never held across an await.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use crate::json::Json;
use crate::kinds::{Kind, Registry, Resource};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One change of one object.
#[derive(Debug)]
pub(crate) struct Change {
    pub revision: u64,
    pub resource: Resource,
    pub kind: ChangeKind,
    pub object: Arc<Value>,
    pub previous: Option<Arc<Value>>,
}

/// Where an object lives. The namespace of cluster-scoped objects is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectKey {
    pub resource: Resource,
    pub namespace: String,
    pub name: String,
}

impl ObjectKey {
    pub fn of(resource: &Resource, object: &Value) -> Self {
        Self {
            resource: resource.clone(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
        }
    }
}

type Table = BTreeMap<String, BTreeMap<String, Arc<Value>>>;

/// A list result kept for the pages that follow the first.
#[derive(Debug)]
pub(crate) struct Page {
    pub token: String,
    pub revision: u64,
    pub items: Vec<Arc<Value>>,
}

/// Resources whose objects owners adopt by selector.
const ADOPTABLE: &[&str] = &["pods", "replicasets.apps"];

/// The state behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub kinds: Registry,
    pub pages: VecDeque<Page>,
    tables: BTreeMap<Resource, Table>,
    dependents: HashMap<String, BTreeSet<ObjectKey>>,
    /// Objects without an owner, of the kinds that owners adopt: a look for them must not cost a look at all.
    orphans: BTreeSet<ObjectKey>,
    revision: u64,
    history: VecDeque<Arc<Change>>,
    history_limit: usize,
    /// Revision of the newest change that is no longer in the history.
    forgotten: u64,
    /// Number of service addresses and node ports handed out.
    pub allocated: u32,
}

impl State {
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.tables.get(resource)?.get(namespace)?.get(name)
    }

    pub fn find(&self, key: &ObjectKey) -> Option<&Arc<Value>> {
        self.get(&key.resource, &key.namespace, &key.name)
    }

    /// Objects of a resource in order of namespace and name, in one namespace or in all.
    pub fn list<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Value>> + use<'a> {
        let table = self.tables.get(resource);
        table
            .into_iter()
            .flatten()
            .filter(move |(name, _)| namespace.is_none_or(|wanted| wanted == name.as_str()))
            .flat_map(|(_, objects)| objects.values())
    }

    /// Every stored object with its resource.
    pub fn everything(&self) -> impl Iterator<Item = (&Resource, &Arc<Value>)> {
        self.tables.iter().flat_map(|(resource, table)| {
            table
                .values()
                .flat_map(BTreeMap::values)
                .map(move |object| (resource, object))
        })
    }

    /// Objects that name an owner, by the owner's uid.
    pub fn dependents(&self, uid: &str) -> Vec<ObjectKey> {
        self.dependents
            .get(uid)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Objects of a resource and namespace that have no owner and may be adopted.
    pub fn orphans(&self, resource: &Resource, namespace: &str) -> Vec<Arc<Value>> {
        let start = ObjectKey {
            resource: resource.clone(),
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let here = self
            .orphans
            .range(start..)
            .take_while(|key| key.resource == *resource && key.namespace == namespace);
        here.filter_map(|key| self.find(key).cloned()).collect()
    }

    /// Stores an object under the next revision.
    pub fn put(&mut self, kind: &Kind, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object.put(&["metadata", "resourceVersion"], self.revision.to_string());
        let object = Arc::new(object);
        let previous = self.insert(&kind.resource, object.clone());
        let change = if previous.is_some() {
            ChangeKind::Modified
        } else {
            ChangeKind::Added
        };
        self.record(&kind.resource, change, object.clone(), previous);
        object
    }

    fn insert(&mut self, resource: &Resource, object: Arc<Value>) -> Option<Arc<Value>> {
        let key = ObjectKey::of(resource, &object);
        if &**resource == "customresourcedefinitions.apiextensions.k8s.io" {
            self.kinds.define(&object);
        }
        let table = self.tables.entry(resource.clone()).or_default();
        let previous = table
            .entry(key.namespace.clone())
            .or_default()
            .insert(key.name.clone(), object.clone());
        if let Some(previous) = &previous {
            self.unlink(&key, previous);
        }
        if ADOPTABLE.contains(&&**resource)
            && object.items(&["metadata", "ownerReferences"]).is_empty()
        {
            self.orphans.insert(key.clone());
        }
        for owner in object.items(&["metadata", "ownerReferences"]) {
            self.dependents
                .entry(owner.text(&["uid"]).to_owned())
                .or_default()
                .insert(key.clone());
        }
        previous
    }

    fn unlink(&mut self, key: &ObjectKey, object: &Value) {
        self.orphans.remove(key);
        for owner in object.items(&["metadata", "ownerReferences"]) {
            let uid = owner.text(&["uid"]);
            if let Some(set) = self.dependents.get_mut(uid) {
                set.remove(key);
                if set.is_empty() {
                    self.dependents.remove(uid);
                }
            }
        }
    }

    /// Removes an object; watches see its last state under the revision of the removal.
    pub fn remove(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<Value>> {
        let table = self.tables.get_mut(resource)?;
        let objects = table.get_mut(namespace)?;
        let object = objects.remove(name)?;
        if objects.is_empty() {
            table.remove(namespace);
        }
        self.unlink(&ObjectKey::of(resource, &object), &object);
        if &**resource == "customresourcedefinitions.apiextensions.k8s.io" {
            self.kinds.undefine(&object);
        }
        self.revision += 1;
        let mut last = Value::clone(&object);
        last.put(&["metadata", "resourceVersion"], self.revision.to_string());
        let last = Arc::new(last);
        self.record(resource, ChangeKind::Deleted, last.clone(), Some(object));
        Some(last)
    }

    fn record(
        &mut self,
        resource: &Resource,
        kind: ChangeKind,
        object: Arc<Value>,
        previous: Option<Arc<Value>>,
    ) {
        self.history.push_back(Arc::new(Change {
            revision: self.revision,
            resource: resource.clone(),
            kind,
            object,
            previous,
        }));
        while self.history.len() > self.history_limit {
            if let Some(oldest) = self.history.pop_front() {
                self.forgotten = oldest.revision;
            }
        }
    }

    /// Changes after a revision, or `None` when some of them are forgotten or the revision is of another life of the cluster.
    pub fn changes_after(&self, revision: u64) -> Option<impl Iterator<Item = &Arc<Change>>> {
        if revision < self.forgotten || revision > self.revision {
            return None;
        }
        let start = self
            .history
            .partition_point(|change| change.revision <= revision);
        Some(self.history.range(start..))
    }

    /// Whether a watch from this revision would be told that it is too old.
    pub fn is_forgotten(&self, revision: u64) -> bool {
        revision < self.forgotten || revision > self.revision
    }

    /// Forgets all changes so far: watches that lag behind have to list again.
    pub fn compact(&mut self) {
        self.history.clear();
        self.forgotten = self.revision;
        self.pages.clear();
    }

    /// Puts back an object as it was saved, without making a change.
    pub fn restore(&mut self, resource: &Resource, object: Value) {
        self.insert(resource, Arc::new(object));
    }

    /// Moves the counter on, so that revisions of an earlier life are in the past.
    pub fn resume_at(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
        self.compact();
    }

    /// Removes everything, for a restore.
    pub fn clear(&mut self) {
        self.tables.clear();
        self.dependents.clear();
        self.orphans.clear();
        self.kinds = Registry::default();
        self.compact();
    }
}

/// The state with its lock and the signal of new revisions.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
}

impl Store {
    pub fn new(history_limit: usize) -> Self {
        let state = State {
            kinds: Registry::default(),
            pages: VecDeque::new(),
            tables: BTreeMap::new(),
            dependents: HashMap::new(),
            orphans: BTreeSet::new(),
            // Revision 0 has a meaning of its own in lists and watches.
            revision: 1,
            history: VecDeque::new(),
            history_limit: history_limit.max(1),
            forgotten: 1,
            allocated: 0,
        };
        Self {
            state: Mutex::new(state),
            revision: watch::Sender::new(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves whole objects: every change is one insert.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    pub fn write<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, revision) = {
            let mut state = self.lock();
            let result = change(&mut state);
            (result, state.revision)
        };
        self.revision
            .send_if_modified(|known| std::mem::replace(known, revision) != revision);
        result
    }

    /// Tells of every new revision.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn history_is_bounded_and_says_what_it_forgot() {
        let store = Store::new(3);
        store.write(|state| {
            let kind = state.kinds.by_resource("configmaps").unwrap().clone();
            for index in 0..5 {
                state.put(
                    &kind,
                    json!({"metadata": {"name": format!("c{index}"), "namespace": "n"}}),
                );
            }
            let first = state
                .get("configmaps", "n", "c0")
                .unwrap()
                .text(&["metadata", "resourceVersion"])
                .to_owned();
            assert_eq!(first, "2");
            assert!(state.changes_after(2).is_none(), "revision 3 is forgotten");
            assert_eq!(state.changes_after(3).unwrap().count(), 3);
            assert_eq!(state.changes_after(6).unwrap().count(), 0);
            assert!(
                state.changes_after(7).is_none(),
                "a revision of the future is of another life"
            );
        });
    }

    #[test]
    fn dependents_follow_owner_references() {
        let store = Store::new(10);
        store.write(|state| {
            let kind = state.kinds.by_resource("pods").unwrap().clone();
            let pod = json!({"metadata": {"name": "p", "namespace": "n", "ownerReferences": [{"uid": "u1"}]}});
            state.put(&kind, pod);
            assert_eq!(state.dependents("u1").len(), 1);
            state.put(&kind, json!({"metadata": {"name": "p", "namespace": "n"}}));
            assert!(state.dependents("u1").is_empty());
        });
    }
}
