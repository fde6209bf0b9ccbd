//! Patching an object.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use spindrift_model::Artifact;

use super::account::{Kubernetes, to_value};
use super::binding::{Artifacts, Bound, ImageMatch, Namespace, bind};
use super::failure::from_kube;
use super::object::ObjectId;
use super::retry::retry_if;
use crate::error::{CloudError, ErrorKind};

/// How a patch is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeStrategy {
    /// RFC 6902: a list of operations.
    Json,
    /// Kubernetes' own, which knows the keys of lists; not for custom resources.
    Strategic,
    /// RFC 7386: lists are replaced, and null removes.
    Merge,
}

impl MergeStrategy {
    /// Reads the `mergeStrategy` of a stage.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "strategic" => Some(Self::Strategic),
            "merge" => Some(Self::Merge),
            _ => None,
        }
    }
}

/// Where `kubectl rollout history` looks for what a revision came from.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

impl Kubernetes {
    /// Patches an object, and answers with what it is then. `cause` is written where `kubectl rollout history` shows it.
    pub async fn patch(
        &self,
        id: &ObjectId,
        strategy: MergeStrategy,
        body: &Value,
        cause: Option<&str>,
    ) -> Result<Value, CloudError> {
        let prefix = format!(
            "Patch failed for: {} in namespace: {}: ",
            id.name, id.namespace
        );
        let noted = cause.map(|cause| json!({"metadata": {"annotations": {CHANGE_CAUSE: cause}}}));
        let patched = match (strategy, noted) {
            (MergeStrategy::Json, noted) => {
                let patched = match operations(body) {
                    Ok(list) => self.send(id, &list, false).await,
                    Err(error) => Err(error),
                };
                match (patched, noted) {
                    (Ok(_), Some(noted)) => self.send(id, &Patch::Merge(noted), true).await,
                    (patched, _) => patched,
                }
            }
            (MergeStrategy::Strategic, noted) => {
                self.send(id, &Patch::Strategic(joined(body, noted)), true)
                    .await
            }
            (MergeStrategy::Merge, noted) => {
                self.send(id, &Patch::Merge(joined(body, noted)), true)
                    .await
            }
        };
        patched.map_err(|error| error.prefixed(&prefix))
    }

    /// Puts artifacts in the places of a patch that refer to them, as in a manifest of that object; answers with the patch and with what was bound.
    pub fn bind_patch(
        &self,
        id: &ObjectId,
        mut body: Value,
        required: &[Artifact],
        optional: &[Artifact],
    ) -> Result<(Value, Vec<Artifact>), CloudError> {
        let namespace = Namespace {
            account: self.account_name(),
            name: &id.namespace,
            default: self.default_namespace(),
        };
        let artifacts = Artifacts::new(required, optional);
        let mut bound = Bound::default();
        bind(
            &id.kind,
            &mut body,
            &namespace,
            ImageMatch::default(),
            &artifacts,
            &mut bound,
        );
        bound.require(required)?;
        Ok((body, bound.into_list()))
    }

    /// Sends a patch. One that says the end state is repeated, another one only when it was surely not carried out.
    pub(crate) async fn send(
        &self,
        id: &ObjectId,
        patch: &Patch<Value>,
        end_state: bool,
    ) -> Result<Value, CloudError> {
        let mends = |error: &CloudError| match end_state {
            true => error.is_retryable(),
            false => error.details.get("code").is_some_and(|code| *code == 429),
        };
        retry_if(mends, || self.send_once(id, patch)).await
    }

    async fn send_once(&self, id: &ObjectId, patch: &Patch<Value>) -> Result<Value, CloudError> {
        let resource = self.resource(&id.kind, None).await?;
        self.permit(&id.kind, resource.namespaced, &id.namespace)?;
        let api = self.api(&resource, self.namespace_or_default(&id.namespace));
        let patched = api.patch(&id.name, &PatchParams::default(), patch).await;
        to_value(patched.map_err(from_kube)?)
    }
}

/// A list of operations as a JSON patch.
pub(crate) fn operations(list: &Value) -> Result<Patch<Value>, CloudError> {
    serde_json::from_value(list.clone())
        .map(Patch::Json)
        .map_err(|error| {
            CloudError::new(
                ErrorKind::Invalid,
                format!("this is no list of JSON patch operations: {error}"),
            )
        })
}

/// The body with the annotation in it; what the body itself says of it stays.
fn joined(body: &Value, noted: Option<Value>) -> Value {
    fn merge(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    match into.get_mut(&key) {
                        Some(known) => merge(known, value),
                        None => {
                            into.insert(key, value);
                        }
                    }
                }
            }
            (
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_),
                _,
            ) => {}
        }
    }
    let mut body = body.clone();
    if let Some(noted) = noted {
        merge(&mut body, noted);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_goes_into_the_body_and_nothing_of_the_body_is_lost() {
        let noted = || Some(json!({"metadata": {"annotations": {CHANGE_CAUSE: "release"}}}));
        let table = [
            (
                json!({"spec": null}),
                json!({"spec": null, "metadata": {"annotations": {CHANGE_CAUSE: "release"}}}),
            ),
            (
                json!({"metadata": {"annotations": {"a": null}}}),
                json!({"metadata": {"annotations": {"a": null, CHANGE_CAUSE: "release"}}}),
            ),
            (
                json!({"metadata": {"annotations": {CHANGE_CAUSE: "mine"}}}),
                json!({"metadata": {"annotations": {CHANGE_CAUSE: "mine"}}}),
            ),
            (
                json!({"metadata": {"annotations": null}}),
                json!({"metadata": {"annotations": null}}),
            ),
        ];
        for (body, expected) in table {
            assert_eq!(joined(&body, noted()), expected);
        }
        assert_eq!(joined(&json!({"a": 1}), None), json!({"a": 1}));
    }
}
