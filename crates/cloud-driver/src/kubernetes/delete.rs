//! Deleting objects, and waiting until they are gone.

use futures::future::try_join_all;
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use serde_json::{Map, Value};

use super::account::Kubernetes;
use super::failure::from_kube;
use super::kind::Kind;
use super::object::ObjectId;
use super::retry::{retry, retry_if};
use crate::error::{CloudError, ErrorKind};

/// What becomes of the objects that a deleted object owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cascade {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay, without an owner.
    Orphan,
}

/// How an object is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// What becomes of what it owns.
    pub cascade: Cascade,
    /// Seconds that its pods have to end; absent: what they ask for.
    pub grace_period_seconds: Option<u32>,
}

impl DeleteOptions {
    /// Reads the `options` of a stage: `orphanDependents`, which wins over `cascading`, and `gracePeriodSeconds`, which is left out when it is no number.
    ///
    /// # Errors
    /// A `cascading` that nobody knows.
    pub fn read(options: &Map<String, Value>) -> Result<Self, CloudError> {
        let word = |key: &str| match options.get(key) {
            Some(Value::Bool(flag)) => Some(flag.to_string()),
            Some(Value::String(text)) if !text.trim().is_empty() => {
                Some(text.trim().to_ascii_lowercase())
            }
            Some(_) | None => None,
        };
        let cascade = match (
            word("orphanDependents").as_deref(),
            word("cascading").as_deref(),
        ) {
            (Some("true"), _) | (None, Some("false" | "orphan")) => Cascade::Orphan,
            (Some(_), _) | (None, None | Some("true" | "background")) => Cascade::Background,
            (None, Some("foreground")) => Cascade::Foreground,
            (None, Some(other)) => {
                return Err(CloudError::invalid(format!(
                    "invalid cascade value ({other}); it must be true, false, background, foreground or orphan"
                )));
            }
        };
        let grace_period_seconds = match options.get("gracePeriodSeconds") {
            Some(Value::Number(number)) => number
                .as_u64()
                .and_then(|seconds| u32::try_from(seconds).ok()),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) | None => None,
        };
        Ok(Self {
            cascade,
            grace_period_seconds,
        })
    }
}

impl Kubernetes {
    /// Deletes an object, and answers with what it was when there was one.
    ///
    /// It returns when the cluster has accepted that; see [`Kubernetes::await_gone`].
    pub async fn delete(
        &self,
        id: &ObjectId,
        options: &DeleteOptions,
    ) -> Result<Option<Value>, CloudError> {
        let prefix = format!(
            "Failed to delete {}/{} from {}: ",
            id.kind, id.name, id.namespace
        );
        // A conflict means that the name has come to mean another object: look again.
        let deleted = retry_if(CloudError::is_retryable, || self.delete_once(id, options)).await;
        deleted.map_err(|error| error.prefixed(&prefix))
    }

    async fn delete_once(
        &self,
        id: &ObjectId,
        options: &DeleteOptions,
    ) -> Result<Option<Value>, CloudError> {
        let resource = self.resource(&id.kind, None).await?;
        let Some(object) = self.get(id).await? else {
            return Ok(None);
        };
        let parameters = DeleteParams {
            dry_run: false,
            grace_period_seconds: options.grace_period_seconds,
            propagation_policy: Some(match options.cascade {
                Cascade::Background => PropagationPolicy::Background,
                Cascade::Foreground => PropagationPolicy::Foreground,
                Cascade::Orphan => PropagationPolicy::Orphan,
            }),
            preconditions: Some(Preconditions {
                uid: uid(&object).map(str::to_owned),
                resource_version: None,
            }),
        };
        let api = self.api(&resource, self.namespace_or_default(&id.namespace));
        match api.delete(&id.name, &parameters).await.map_err(from_kube) {
            Ok(_) => Ok(Some(object)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(object)),
            Err(error) => Err(error),
        }
    }

    /// Deletes the objects of a kind that a label selector picks, and answers with what they were.
    pub async fn delete_by_labels(
        &self,
        kind: &Kind,
        namespace: &str,
        labels: &str,
        options: &DeleteOptions,
    ) -> Result<Vec<Value>, CloudError> {
        let prefix = format!("Failed to delete {kind}/{labels} from {namespace}: ");
        if labels.is_empty() {
            let error = CloudError::invalid(
                "neither a name nor label selectors say which objects to delete",
            );
            return Err(error.prefixed(&prefix));
        }
        let found = retry(|| self.list(kind, namespace, labels)).await;
        let found = found.map_err(|error| error.prefixed(&prefix))?;
        let ids: Vec<ObjectId> = found.iter().filter_map(ObjectId::of).collect();
        let deleted = try_join_all(ids.iter().map(|id| self.delete(id, options))).await?;
        Ok(deleted.into_iter().flatten().collect())
    }

    /// Watches until an object is gone: that object, not another one of the same name.
    ///
    /// `progress` is told the finalizers that hold it, whenever they change.
    pub async fn await_gone(
        &self,
        object: &Value,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(), CloudError> {
        let id = ObjectId::of(object)
            .ok_or_else(|| CloudError::invalid("an object without a kind or a name"))?;
        let resource = retry(|| self.resource(&id.kind, None)).await?;
        self.permit(&id.kind, resource.namespaced, &id.namespace)?;
        let mut watch = self.watch_one(&resource, &id);
        let mut told = None;
        loop {
            watch.changed().await?;
            let Some(left) = watch.object().filter(|left| uid(left) == uid(object)) else {
                return Ok(());
            };
            let finalizers = left
                .pointer("/metadata/finalizers")
                .and_then(Value::as_array);
            let finalizers: Vec<&str> = finalizers
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let said = match finalizers.as_slice() {
                [] => format!("{id} is being deleted"),
                some => format!("{id} is being deleted, and held by {}", some.join(", ")),
            };
            if told.as_ref() != Some(&said) {
                told = Some(said.clone());
                progress(said);
            }
        }
    }
}

/// What tells an object from another one of the same name.
pub(crate) fn uid(object: &Value) -> Option<&str> {
    object.pointer("/metadata/uid").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_options_of_a_stage_are_read() {
        use Cascade::*;
        let table = [
            (json!({}), Ok((Background, None))),
            (json!({"cascading": true}), Ok((Background, None))),
            (
                json!({"cascading": "true", "gracePeriodSeconds": 5}),
                Ok((Background, Some(5))),
            ),
            (
                json!({"cascading": false, "gracePeriodSeconds": "30"}),
                Ok((Orphan, Some(30))),
            ),
            (
                json!({"cascading": "foreground", "gracePeriodSeconds": null}),
                Ok((Foreground, None)),
            ),
            (
                json!({"cascading": true, "orphanDependents": true}),
                Ok((Orphan, None)),
            ),
            (
                json!({"cascading": false, "orphanDependents": "false"}),
                Ok((Background, None)),
            ),
            (
                json!({"gracePeriodSeconds": "soon"}),
                Ok((Background, None)),
            ),
            (
                json!({"cascading": "bogus"}),
                Err(
                    "invalid cascade value (bogus); it must be true, false, background, foreground or orphan",
                ),
            ),
        ];
        for (options, expected) in table {
            let read = DeleteOptions::read(options.as_object().unwrap());
            let read = read.map(|read| (read.cascade, read.grace_period_seconds));
            assert_eq!(
                read.map_err(|error| error.message),
                expected.map_err(str::to_owned),
                "{options}"
            );
        }
    }
}
