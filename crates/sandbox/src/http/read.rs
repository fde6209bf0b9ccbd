//! GET of an object, and lists.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::path::Info;
use super::{Call, Reply, version};
use crate::api;
use crate::ids;
use crate::json::Json;
use crate::kinds::Kind;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::{Cause, Status};
use crate::store::{Page, State};
use crate::table;

/// In what form objects are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Table,
    Metadata,
}

impl Form {
    /// The first form of the `Accept` header that the server can give.
    pub fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        for part in accept.split(',') {
            if part.contains("as=Table") {
                return Self::Table;
            }
            if part.contains("as=PartialObjectMetadata") {
                return Self::Metadata;
            }
            if part.trim().starts_with("application/json") || part.trim() == "*/*" {
                return Self::Whole;
            }
        }
        Self::Whole
    }
}

/// What of an object a table's rows carry.
pub(super) fn include_object(call: &Call<'_>) -> table::Include {
    match call.params.get("includeObject") {
        Some("None") => table::Include::Nothing,
        Some("Object") => table::Include::Object,
        _ => table::Include::Metadata,
    }
}

pub(super) fn get(call: &Call<'_>, kind: &Kind, info: &Info) -> Result<Reply, Status> {
    let object = find(call, kind, info)?;
    let value = match Form::wanted(call.headers) {
        Form::Whole => object,
        Form::Metadata => Arc::new(metadata_only(&object)),
        Form::Table => {
            let list = json!({"resourceVersion": object.text(&["metadata", "resourceVersion"])});
            Arc::new(table::render(
                kind,
                std::slice::from_ref(&object),
                list,
                include_object(call),
                call.cluster.clock.now(),
            ))
        }
    };
    Ok(Reply::ok(value))
}

pub(super) fn find(call: &Call<'_>, kind: &Kind, info: &Info) -> Result<Arc<Value>, Status> {
    let found = call.cluster.store.read(|state| {
        state
            .get(&kind.resource, &info.namespace, &info.name)
            .cloned()
    });
    found
        .map(|object| api::present(kind, &object))
        .ok_or_else(|| Status::not_found(kind, &info.name))
}

pub(super) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// Which objects of a kind a list or watch is about.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub namespace: Option<String>,
    pub labels: LabelSelector,
    pub fields: FieldSelector,
}

impl Filter {
    pub fn of(call: &Call<'_>, kind: &Kind, info: &Info) -> Result<Self, Status> {
        let mut fields = call.params.text("fieldSelector").to_owned();
        if !info.name.is_empty() {
            fields = format!("metadata.name={}", info.name);
        }
        Ok(Self {
            namespace: Some(info.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            labels: LabelSelector::parse(call.params.text("labelSelector"))?,
            fields: FieldSelector::parse(&fields, &kind.resource)?,
        })
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.namespace
            .as_deref()
            .is_none_or(|namespace| namespace == object.namespace())
            && self.labels.matches(object)
            && self.fields.matches(object)
    }

    pub fn select(&self, state: &State, kind: &Kind) -> Vec<Arc<Value>> {
        state
            .list(&kind.resource, self.namespace.as_deref())
            .filter(|object| self.matches(object))
            .cloned()
            .collect()
    }
}

pub(super) fn list(call: &Call<'_>, kind: &Kind, info: &Info) -> Result<Reply, Status> {
    let filter = Filter::of(call, kind, info)?;
    let limit = call
        .params
        .int("limit")
        .filter(|limit| *limit > 0)
        .and_then(|limit| usize::try_from(limit).ok());
    let token = call.params.text("continue");
    let page = call.cluster.store.write(|state| {
        check_version(call, state)?;
        if token.is_empty() {
            Ok(Page {
                token: String::new(),
                revision: state.revision(),
                items: filter.select(state, kind),
            })
        } else {
            resume(state, token)
        }
    })?;
    let (items, rest) = match limit {
        Some(limit) if limit < page.items.len() => page.items.split_at(limit),
        _ => (&page.items[..], &[][..]),
    };
    let mut metadata = json!({"resourceVersion": page.revision.to_string()});
    if !rest.is_empty() {
        let token = call
            .cluster
            .store
            .write(|state| keep(state, page.revision, rest.to_vec()));
        metadata["continue"] = json!(token);
        if filter.labels.is_empty() && filter.fields.is_empty() {
            metadata["remainingItemCount"] = json!(rest.len());
        }
    }
    let items: Vec<Arc<Value>> = items
        .iter()
        .map(|object| api::present(kind, object))
        .collect();
    Ok(Reply::ok(render(call, kind, &items, metadata)))
}

fn render(call: &Call<'_>, kind: &Kind, items: &[Arc<Value>], metadata: Value) -> Value {
    match Form::wanted(call.headers) {
        Form::Table => table::render(
            kind,
            items,
            metadata,
            include_object(call),
            call.cluster.clock.now(),
        ),
        Form::Metadata => {
            let items: Vec<_> = items.iter().map(|object| metadata_only(object)).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
        }
        Form::Whole => {
            let items: Vec<Value> = items.iter().map(|object| Value::clone(object)).collect();
            json!({"kind": kind.list_kind, "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
        }
    }
}

/// A list can be asked for at a version: the present must have reached it, and an exact one must still be the present.
fn check_version(call: &Call<'_>, state: &State) -> Result<(), Status> {
    let Some(wanted) = version(call.params)?.filter(|wanted| *wanted > 0) else {
        return Ok(());
    };
    let current = state.revision();
    if wanted > current {
        let message = format!("Too large resource version: {wanted}, current: {current}");
        let mut status = Status::new(504, "Timeout", format!("Timeout: {message}"));
        status.retry_after_seconds = Some(1);
        return Err(status.with_cause(Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        }));
    }
    if call.params.get("resourceVersionMatch") == Some("Exact") && wanted < current {
        return Err(Status::expired(format!(
            "The resourceVersion for the provided list is too old: {wanted} ({current})"
        )));
    }
    Ok(())
}

/// How many unfinished lists are remembered; the oldest are told that they are too old.
const PAGES: usize = 32;

fn keep(state: &mut State, revision: u64, items: Vec<Arc<Value>>) -> String {
    let token = ids::uid();
    state.pages.push_back(Page {
        token: token.clone(),
        revision,
        items,
    });
    while state.pages.len() > PAGES {
        state.pages.pop_front();
    }
    token
}

fn resume(state: &State, token: &str) -> Result<Page, Status> {
    // The page stays: a client that lost the answer asks again with the same token.
    let page = state
        .pages
        .iter()
        .find(|page| page.token == token)
        .filter(|page| !state.is_forgotten(page.revision));
    let page = page.ok_or_else(|| Status::expired("The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter."))?;
    Ok(Page {
        token: token.to_owned(),
        revision: page.revision,
        items: page.items.clone(),
    })
}
