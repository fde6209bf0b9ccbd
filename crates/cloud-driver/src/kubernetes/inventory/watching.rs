//! Listing and watching: one stream for each kind, and for each namespace where the account names some.

use std::collections::HashSet;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::Api;
use kube::core::DynamicResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;

use super::Inner;
use super::progress::Listing;
use super::record::{IntoRecord, Record};
use super::table::{Role, Table, Tables};
use super::wire::{AnyWire, PlainWire, PodWire};
use crate::kubernetes::failure::{from_kube, from_status};
use crate::kubernetes::kind::Kind;
use crate::kubernetes::resources::Resource;

/// Between attempts to ask for the kinds.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The kinds that make the model, and what they count as.
const KINDS: [(&str, Role); 12] = [
    ("deployment", Role::ServerGroupManager),
    ("replicaSet", Role::ServerGroup),
    ("statefulSet", Role::ServerGroup),
    ("daemonSet", Role::ServerGroup),
    ("job", Role::ServerGroup),
    ("cronJob", Role::ServerGroup),
    ("pod", Role::Instance),
    ("service", Role::LoadBalancer),
    ("ingress", Role::LoadBalancer),
    ("networkPolicy", Role::SecurityGroup),
    ("horizontalpodautoscaler", Role::Other),
    ("namespace", Role::Other),
];

/// One stream of objects.
#[derive(Debug, Clone)]
struct Watch {
    table: usize,
    kind: Kind,
    resource: Resource,
    /// In one namespace; absent: in all.
    namespace: Option<String>,
}

impl Watch {
    fn name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} in {namespace}", self.kind),
            None => self.kind.to_string(),
        }
    }
}

/// Watches everything until it is aborted.
pub(super) async fn run(inner: Arc<Inner>) {
    let watches = plan(&inner).await;
    let streams = watches.into_iter().map(|watch| {
        let inner = Arc::clone(&inner);
        async move {
            match (watch.kind.name(), watch.kind.group()) {
                ("pod", None) => follow::<PodWire>(&inner, watch).await,
                ("namespace", None) => follow::<PlainWire>(&inner, watch).await,
                _ => follow::<AnyWire>(&inner, watch).await,
            }
        }
    });
    // One task for all: their work is short, and ends with this one.
    stream::iter(streams)
        .for_each_concurrent(None, |stream| stream)
        .await;
}

/// Asks for the kinds until they are known, and lays out a table for each that the API server has and the account may touch.
async fn plan(inner: &Inner) -> Vec<Watch> {
    let mut wait = FIRST_WAIT;
    let resources = loop {
        match inner.kubernetes.resources().await {
            Ok(resources) => break resources,
            Err(error) => {
                inner.progress.fail(error.message);
                inner.failures.notify_one();
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    };
    if wait != FIRST_WAIT {
        inner.failures.notify_one();
    }
    let mut watches = Vec::new();
    let mut tables = Tables::default();
    for (kind, role) in kinds(inner) {
        let Some(resource) = find(&resources, &kind) else {
            continue;
        };
        let table = tables.tables.len();
        let api_version = resource.api.api_version.clone();
        tables
            .tables
            .push(Table::new(kind.clone(), api_version, role));
        let namespaces = &inner.kubernetes.options().namespaces;
        let watch = |namespace: Option<String>| Watch {
            table,
            kind: kind.clone(),
            resource: resource.clone(),
            namespace,
        };
        if resource.namespaced && !namespaces.is_empty() {
            watches.extend(namespaces.iter().cloned().map(Some).map(watch));
        } else {
            watches.push(watch(None));
        }
    }
    *inner.tables_mut() = tables;
    inner.progress.begin(watches.iter().map(Watch::name));
    watches
}

/// The kinds that the account may touch.
fn kinds(inner: &Inner) -> Vec<(Kind, Role)> {
    let options = inner.kubernetes.options();
    let own = KINDS.map(|(kind, role)| (Kind::new(kind, ""), role));
    let custom = options.custom_resources.iter().filter_map(|resource| {
        let kind = Kind::parse(&resource.kubernetes_kind).ok()?;
        let role = match resource.spinnaker_kind.as_str() {
            "serverGroups" => Role::ServerGroup,
            "serverGroupManagers" => Role::ServerGroupManager,
            "instances" => Role::Instance,
            "loadBalancers" => Role::LoadBalancer,
            "securityGroups" => Role::SecurityGroup,
            _ => return None,
        };
        Some((kind, role))
    });
    let mut kinds: Vec<(Kind, Role)> = own.into_iter().chain(custom).collect();
    // An allow list of kinds need not name what only helps the model along.
    kinds.retain(|(kind, role)| {
        let helps = *role == Role::Other && options.omit_kinds.is_empty();
        helps || inner.kubernetes.permit(kind, false, "").is_ok()
    });
    kinds
}

fn find<'r>(resources: &'r [Resource], kind: &Kind) -> Option<&'r Resource> {
    let same = |resource: &&Resource| {
        Kind::new(&resource.api.kind, &resource.api.group) == *kind
            && resource.verbs.iter().any(|verb| verb == "watch")
    };
    let mut found = resources.iter().filter(same);
    let first = found.next()?;
    match first.is_preferred() {
        true => Some(first),
        false => found
            .find(|resource| resource.is_preferred())
            .or(Some(first)),
    }
}

/// Keeps a table as the API server has it. A watch that breaks goes on where it was; one that has expired lists again.
async fn follow<W>(inner: &Inner, watch: Watch)
where
    W: IntoRecord
        + kube::Resource<DynamicType = kube::core::ApiResource, Scope = DynamicResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let client = inner.kubernetes.client().clone();
    let api: Api<W> = match &watch.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &watch.resource.api),
        None => Api::all_with(client, &watch.resource.api),
    };
    let name = watch.name();
    let mut events = pin!(watcher(api, watcher::Config::default()).default_backoff());
    let mut table = Filling {
        inner,
        watch: &watch,
        listed: None,
    };
    let mut lost = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if std::mem::take(&mut lost) {
                    inner.failures.notify_one();
                }
                if table.take(event) {
                    inner.progress.set(&name, Listing::Listed);
                }
            }
            Err(error) => {
                let listing = judge(error);
                if let Some(Listing::Failed(reason)) = &listing {
                    tracing::debug!(account = inner.kubernetes.account_name(), kind = %watch.kind, reason, "a watch was interrupted");
                    lost = true;
                    inner.failures.notify_one();
                }
                if let Some(listing) = listing {
                    inner.progress.set(&name, listing);
                }
            }
        }
    }
}

/// What an error of a watch means; nothing for what the watcher repairs by itself.
fn judge(error: watcher::Error) -> Option<Listing> {
    let error = match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => {
            match &error {
                kube::Error::Api(status) if status.code == 410 => return None,
                kube::Error::Api(status) if matches!(status.code, 403..=405) => {
                    return Some(Listing::Forbidden(status.message.clone()));
                }
                _ => from_kube(error),
            }
        }
        watcher::Error::WatchError(status) if status.code == 410 => return None,
        watcher::Error::WatchError(status) => from_status(&status),
        // A connection that broke is made again at once; only when that fails, something is lost.
        watcher::Error::WatchFailed(_) => return None,
        watcher::Error::NoResourceVersion => {
            return Some(Listing::Forbidden("it cannot be watched".to_owned()));
        }
    };
    Some(Listing::Failed(error.message))
}

/// Puts the events of one watch into its table.
struct Filling<'a> {
    inner: &'a Inner,
    watch: &'a Watch,
    /// What a listing under way has named so far.
    listed: Option<HashSet<(Arc<str>, Box<str>)>>,
}

impl Filling<'_> {
    /// Takes an event; tells whether a listing is complete now.
    fn take<W: IntoRecord + kube::Resource>(&mut self, event: Event<W>) -> bool {
        match event {
            Event::Init => self.listed = Some(HashSet::new()),
            Event::InitApply(object) => {
                if let Some(record) = self.record(object) {
                    if let Some(listed) = &mut self.listed {
                        listed.insert((Arc::clone(&record.namespace), record.name.clone()));
                    }
                    self.inner.tables_mut().put(record);
                }
            }
            Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                self.inner.tables_mut().retain(
                    self.watch.table,
                    self.watch.namespace.as_deref(),
                    |record| listed.contains(&(Arc::clone(&record.namespace), record.name.clone())),
                );
                self.inner.changed();
                return true;
            }
            Event::Apply(object) => {
                let meta = object.meta();
                let place = (
                    meta.namespace.clone().unwrap_or_default(),
                    meta.name.clone().unwrap_or_default(),
                );
                match self.record(object) {
                    Some(record) => self.inner.tables_mut().put(record),
                    None => self.remove(&place.0, &place.1),
                }
                self.inner.changed();
            }
            Event::Delete(object) => {
                let meta = object.meta();
                let namespace = meta.namespace.as_deref().unwrap_or_default();
                self.remove(namespace, meta.name.as_deref().unwrap_or_default());
                self.inner.changed();
            }
        }
        false
    }

    fn remove(&self, namespace: &str, name: &str) {
        let mut tables = self.inner.tables_mut();
        tables.remove(self.watch.table, namespace, name);
    }

    /// What is kept of an object, if it is to be shown.
    fn record<W: IntoRecord>(&self, object: W) -> Option<Record> {
        let options = self.inner.kubernetes.options();
        let helps = matches!(
            self.watch.kind.name(),
            "namespace" | "horizontalpodautoscaler"
        );
        let managed_only = options.only_spinnaker_managed && !helps;
        let record = object.into_record(self.watch.table, &self.watch.kind, managed_only)?;
        let place = match self.watch.kind.is("namespace") {
            true => &*record.name,
            false => &*record.namespace,
        };
        let omitted = options.omit_namespaces.iter().any(|name| name == place);
        let listed = options.namespaces.is_empty()
            || place.is_empty()
            || options.namespaces.iter().any(|name| name == place);
        (!omitted && listed).then_some(record)
    }
}
