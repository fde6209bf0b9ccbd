//! The objects of an account in memory, by kind, namespace and name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::record::{Detail, Record};
use crate::kubernetes::kind::Kind;

/// What the objects of a kind count as (Clouddriver's `SpinnakerKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    ServerGroup,
    ServerGroupManager,
    Instance,
    LoadBalancer,
    SecurityGroup,
    /// Something else that the model needs, or that was asked for.
    Other,
}

/// The objects of one kind.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kind: Kind,
    pub(super) api_version: String,
    pub(super) role: Role,
    records: BTreeMap<Arc<str>, BTreeMap<Box<str>, Arc<Record>>>,
}

/// The objects of an account.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tables: Vec<Table>,
    /// By the uid of their controller.
    children: HashMap<Box<str>, Vec<Arc<Record>>>,
}

impl Table {
    pub(super) fn new(kind: Kind, api_version: String, role: Role) -> Self {
        Self {
            kind,
            api_version,
            role,
            records: BTreeMap::new(),
        }
    }

    /// Its objects, in one namespace or in all.
    pub(super) fn records<'a>(
        &'a self,
        namespace: Option<&str>,
    ) -> Box<dyn Iterator<Item = &'a Arc<Record>> + 'a> {
        match namespace {
            Some(namespace) => Box::new(
                self.records
                    .get(namespace)
                    .into_iter()
                    .flat_map(BTreeMap::values),
            ),
            None => Box::new(self.records.values().flat_map(BTreeMap::values)),
        }
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Record>> {
        self.records.get(namespace)?.get(name)
    }

    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.records.keys()
    }
}

impl Tables {
    /// The objects whose controller has that uid.
    pub(super) fn children(&self, uid: &str) -> &[Arc<Record>] {
        self.children.get(uid).map_or(&[], Vec::as_slice)
    }

    pub(super) fn of_role(&self, role: Role) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(move |table| table.role == role)
    }

    pub(super) fn of_kind(&self, native: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.kind.is(native))
    }

    /// Puts an object in the place of what has its name. What it has in common with its siblings is kept once.
    pub(super) fn put(&mut self, mut record: Record) {
        self.remove(record.table, &record.namespace, &record.name);
        let table = &mut self.tables[record.table];
        if let Some((namespace, _)) = table.records.get_key_value(&*record.namespace) {
            record.namespace = Arc::clone(namespace);
        }
        if let Some(owner) = &mut record.owner
            && let Some(sibling) = self.children.get(&owner.uid).and_then(|all| all.first())
        {
            if sibling.labels == record.labels {
                record.labels = Arc::clone(&sibling.labels);
            }
            if sibling.moniker == record.moniker {
                record.moniker = Arc::clone(&sibling.moniker);
            }
            if let Some(other) = &sibling.owner {
                owner.name = Arc::clone(&other.name);
            }
            if let (Detail::Pod(pod), Detail::Pod(other)) = (&mut record.detail, &sibling.detail) {
                for ((name, _), (other, _)) in pod.containers.iter_mut().zip(&other.containers) {
                    if name == other {
                        *name = Arc::clone(other);
                    }
                }
            }
        }
        let record = Arc::new(record);
        if let Some(owner) = &record.owner {
            let siblings = self.children.entry(owner.uid.clone()).or_default();
            siblings.push(Arc::clone(&record));
        }
        let namespace = table
            .records
            .entry(Arc::clone(&record.namespace))
            .or_default();
        namespace.insert(record.name.clone(), record);
    }

    /// Takes an object out.
    pub(super) fn remove(&mut self, table: usize, namespace: &str, name: &str) {
        let records = &mut self.tables[table].records;
        let Some(names) = records.get_mut(namespace) else {
            return;
        };
        let Some(record) = names.remove(name) else {
            return;
        };
        if names.is_empty() {
            records.remove(namespace);
        }
        if let Some(owner) = &record.owner
            && let Some(siblings) = self.children.get_mut(&owner.uid)
        {
            if let Some(position) = siblings
                .iter()
                .position(|other| Arc::ptr_eq(other, &record))
            {
                siblings.swap_remove(position);
            }
            if siblings.is_empty() {
                self.children.remove(&owner.uid);
            }
        }
    }

    /// Takes out the objects of a table, in one namespace or in all, that a listing did not name.
    pub(super) fn retain(
        &mut self,
        table: usize,
        namespace: Option<&str>,
        is_listed: impl Fn(&Record) -> bool,
    ) {
        let gone: Vec<Arc<Record>> = self.tables[table]
            .records(namespace)
            .filter(|record| !is_listed(record))
            .cloned()
            .collect();
        for record in gone {
            self.remove(table, &record.namespace, &record.name);
        }
    }
}
