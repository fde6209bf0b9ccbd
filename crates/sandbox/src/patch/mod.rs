//! The four patch types, and the field ownership that server-side apply needs.

pub(crate) mod apply;
pub(crate) mod fields;
pub(crate) mod ownership;
pub(crate) mod strategic;

use serde_json::Value;

use crate::schema::Shape;
use crate::status::Status;

/// How the body of a PATCH request is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchKind {
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        Some(match content_type {
            "application/json-patch+json" => Self::Json,
            "application/merge-patch+json" => Self::Merge,
            "application/strategic-merge-patch+json" => Self::Strategic,
            "application/apply-patch+yaml" => Self::Apply,
            _ => return None,
        })
    }
}

/// RFC 6902.
pub(crate) fn json(target: &Value, patch: &Value) -> Result<Value, Status> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    let mut result = target.clone();
    json_patch::patch(&mut result, &patch).map_err(|error| {
        let text =
            format!("the server rejected our request due to an error in our request: {error}");
        Status::new(422, "Invalid", text)
    })?;
    Ok(result)
}

/// RFC 7386.
pub(crate) fn merge(target: &Value, patch: &Value) -> Result<Value, Status> {
    if !patch.is_object() {
        return Err(Status::bad_request(
            "error decoding patch: a merge patch must be an object",
        ));
    }
    let mut result = target.clone();
    json_patch::merge(&mut result, patch);
    Ok(result)
}

/// Kubernetes' own merge, which knows the keys of lists.
pub(crate) fn strategic(shape: Shape<'_>, target: &Value, patch: &Value) -> Result<Value, Status> {
    let Value::Object(patch) = patch else {
        return Err(Status::bad_request(
            "error decoding patch: a strategic merge patch must be an object",
        ));
    };
    strategic::merge(shape, target, patch)
}

/// Puts items of `extra` that `ordered` lacks back beside the neighbours they had: after the item that preceded them.
pub(crate) fn interleave<T, K: PartialEq>(
    ordered: Vec<T>,
    extra: Vec<T>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let mut result = ordered;
    let mut next = 0;
    for item in extra {
        match result.iter().position(|present| key(present) == key(&item)) {
            Some(position) => next = position + 1,
            None => {
                result.insert(next, item);
                next += 1;
            }
        }
    }
    result
}
