//! `metadata.managedFields`: who set which fields.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::{self, Leaves, Path};
use crate::json::Json;
use crate::kinds::Kind;
use crate::schema::Shape;

/// How a manager writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Apply,
    Update,
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub manager: String,
    pub operation: Operation,
    pub api_version: String,
    pub subresource: String,
    pub time: String,
    pub fields: BTreeSet<Path>,
}

impl Owner {
    pub fn is(&self, manager: &str, operation: Operation, subresource: &str) -> bool {
        self.manager == manager && self.operation == operation && self.subresource == subresource
    }
}

pub(crate) fn read(object: &Value) -> Vec<Owner> {
    let entries = object.items(&["metadata", "managedFields"]);
    entries
        .iter()
        .map(|entry| Owner {
            manager: entry.text(&["manager"]).to_owned(),
            operation: if entry.text(&["operation"]) == "Apply" {
                Operation::Apply
            } else {
                Operation::Update
            },
            api_version: entry.text(&["apiVersion"]).to_owned(),
            subresource: entry.text(&["subresource"]).to_owned(),
            time: entry.text(&["time"]).to_owned(),
            fields: entry.get("fieldsV1").map(fields::read).unwrap_or_default(),
        })
        .collect()
}

/// Writes the entries, leaving out those that own nothing.
pub(crate) fn write(object: &mut Value, owners: &[Owner]) {
    let entries: Vec<Value> = owners
        .iter()
        .filter(|owner| !owner.fields.is_empty())
        .map(|owner| {
            let operation = match owner.operation {
                Operation::Apply => "Apply",
                Operation::Update => "Update",
            };
            let mut entry = json!({"manager": owner.manager, "operation": operation, "apiVersion": owner.api_version, "time": owner.time,
                "fieldsType": "FieldsV1", "fieldsV1": fields::write(&owner.fields)});
            if !owner.subresource.is_empty() {
                entry["subresource"] = json!(owner.subresource);
            }
            entry
        })
        .collect();
    if entries.is_empty() {
        object.cut(&["metadata", "managedFields"]);
    } else {
        object.put(&["metadata", "managedFields"], entries);
    }
}

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub manager: &'a str,
    pub subresource: &'a str,
    pub now: &'a str,
}

/// Records a write that is not an apply: the writer owns what it changed, and nobody owns what is gone.
pub(crate) fn track_update(kind: &Kind, old: Option<&Value>, new: &mut Value, writer: Writer<'_>) {
    let shape = Shape::of(kind);
    let none = Leaves::new();
    let before = old.map(|old| fields::leaves(shape, old)).unwrap_or(none);
    // A writer may hand in entries of its own, as kubectl does when it moves an object to server-side apply.
    let handed_in = new.at(&["metadata", "managedFields"]).is_some() && old.is_some();
    let mut owners = if handed_in {
        read(new)
    } else {
        old.map(read).unwrap_or_default()
    };
    let after = fields::leaves(shape, new);
    let changed: BTreeSet<Path> = after
        .iter()
        .filter(|(path, value)| before.get(*path) != Some(value))
        .map(|(path, _)| path.clone())
        .collect();
    for owner in &mut owners {
        let own = owner.is(writer.manager, Operation::Update, writer.subresource);
        owner.fields.retain(|path| {
            (own || !changed.contains(path))
                && (after.contains_key(path) || after.keys().any(|other| other.starts_with(path)))
        });
    }
    drop(after);
    if !changed.is_empty() {
        match owners
            .iter_mut()
            .find(|owner| owner.is(writer.manager, Operation::Update, writer.subresource))
        {
            Some(owner) => {
                owner.fields.extend(changed);
                writer.now.clone_into(&mut owner.time);
                owner.api_version = kind.api_version();
            }
            None => owners.push(Owner {
                manager: writer.manager.to_owned(),
                operation: Operation::Update,
                api_version: kind.api_version(),
                subresource: writer.subresource.to_owned(),
                time: writer.now.to_owned(),
                fields: changed,
            }),
        }
    }
    write(new, &owners);
}
