//! Reads and writes with the semantics of the Kubernetes API, free of HTTP. Controllers and handlers both go through here.

pub(crate) mod admission;
mod create;
mod delete;
mod update;

use std::sync::Arc;

use serde_json::Value;

use crate::json::Json;
use crate::kinds::{Kind, Schema};
use crate::schema;
use crate::status::Status;
use crate::validation;

pub(crate) use create::{Place, create};
pub(crate) use delete::{DeleteOptions, Propagation, collect_if_orphaned, delete, remove};
pub(crate) use update::{Part, update};

/// What to do with fields the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// How a write is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WriteOptions<'a> {
    pub dry_run: bool,
    /// Who writes; `None` leaves `managedFields` alone.
    pub manager: Option<&'a str>,
    pub fields: FieldValidation,
}

/// What a write did.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub object: Arc<Value>,
    pub created: bool,
    pub warnings: Vec<String>,
}

/// Brings a document into the form the cluster stores: known fields of the right types, with defaults.
fn decode(
    kind: &Kind,
    object: &mut Value,
    options: &WriteOptions<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    let mut unknown = Vec::new();
    match &kind.schema {
        Schema::BuiltIn(_) => schema::decode(kind, object, &mut unknown).map_err(|why| {
            let Kind {
                kind: name,
                version,
                ..
            } = kind;
            Status::bad_request(format!(
                "{name} in version \"{version}\" cannot be handled as a {name}: {why}"
            ))
        })?,
        Schema::Custom(schema) => validation::prune_custom(schema, object, "", &mut unknown),
    }
    if !unknown.is_empty() {
        let complaints: Vec<_> = unknown
            .iter()
            .map(|path| format!("unknown field \"{path}\""))
            .collect();
        match options.fields {
            FieldValidation::Strict => {
                let Kind {
                    kind: name,
                    version,
                    ..
                } = kind;
                let strict = format!("strict decoding error: {}", complaints.join(", "));
                let message = if kind.is_custom() {
                    strict
                } else {
                    format!(
                        "{name} in version \"{version}\" cannot be handled as a {name}: {strict}"
                    )
                };
                return Err(Status::bad_request(message));
            }
            FieldValidation::Warn => warnings.extend(complaints),
            FieldValidation::Ignore => {}
        }
    }
    Ok(())
}

/// The stored form of an object as one version of its kind shows it.
pub(crate) fn present(kind: &Kind, object: &Arc<Value>) -> Arc<Value> {
    let api_version = kind.api_version();
    if object.text(&["apiVersion"]) == api_version {
        return object.clone();
    }
    let mut shown = Value::clone(object);
    if kind.is("horizontalpodautoscalers.autoscaling") {
        crate::convert::autoscaler_to_v1(&mut shown);
    }
    shown.put(&["apiVersion"], api_version);
    Arc::new(shown)
}

/// The other way: a document in any served version as it is stored.
fn to_stored(kind: &Kind, stored: &Kind, object: &mut Value) {
    if kind.is("horizontalpodautoscalers.autoscaling") && kind.version == "v1" {
        crate::convert::autoscaler_to_v2(object);
    }
    object.put(&["apiVersion"], stored.api_version());
}
