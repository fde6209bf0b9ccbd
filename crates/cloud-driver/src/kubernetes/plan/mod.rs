//! What a deploy would do, found out without doing it: every manifest is sent as a dry run, and what would come out is compared with what is there.
//!
//! Secrets are compared like everything else, but a plan tells only which of their members differ.

mod difference;

use serde::{Deserialize, Serialize};

pub use difference::{FieldChange, differences};

use super::account::Kubernetes;
use super::apply::{Mode, Sent};
use super::deploy::{DeployRequest, Prepared};
use super::object::ObjectId;
use super::strategy::Submission;
use crate::error::{CloudError, ErrorKind};

/// What a deploy would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What would become of each manifest, in the order in which they would be sent.
    pub objects: Vec<PlannedObject>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What would become of one manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedObject {
    /// The object; its name is empty when the API server would choose it.
    pub id: ObjectId,
    /// What would be done.
    pub action: PlannedAction,
    /// The object that the differences are from, when it is another one: the version before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compared_with: Option<String>,
    /// What would be different.
    pub differences: Vec<FieldChange>,
    /// Why it is forbidden, or why nothing more is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
}

/// What would be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlannedAction {
    /// It would be made.
    Create,
    /// It would be changed.
    Change,
    /// It would be deleted and made anew.
    Recreate,
    /// It is as it should be.
    Unchanged,
    /// The API server would refuse it.
    Forbidden,
}

impl Plan {
    /// Whether anything would be done.
    pub fn changes_anything(&self) -> bool {
        self.objects
            .iter()
            .any(|object| object.action != PlannedAction::Unchanged)
    }

    /// Whether the API server would refuse anything.
    pub fn is_forbidden(&self) -> bool {
        self.objects
            .iter()
            .any(|object| object.action == PlannedAction::Forbidden)
    }
}

impl Kubernetes {
    /// Finds out what a deploy would do. Nothing is changed.
    ///
    /// # Errors
    /// Those with which the deploy would fail before it sends anything, and failures to reach the API server. What the API server itself refuses is told in
    /// the plan.
    pub async fn plan(&self, request: &DeployRequest) -> Result<Plan, CloudError> {
        let prepared = self.prepare(request).await?;
        let namespaces: Vec<&str> = prepared
            .manifests
            .iter()
            .filter(|prepared| prepared.judged.kind.is("namespace"))
            .map(|prepared| prepared.name.as_str())
            .collect();
        let mut plan = Plan {
            objects: Vec::with_capacity(prepared.manifests.len()),
            warnings: prepared.warnings.clone(),
        };
        for manifest in &prepared.manifests {
            let made_here = namespaces.contains(&manifest.judged.namespace.as_str());
            plan.objects.push(self.plan_one(manifest, made_here).await?);
        }
        Ok(plan)
    }

    async fn plan_one(
        &self,
        prepared: &Prepared,
        in_new_namespace: bool,
    ) -> Result<PlannedObject, CloudError> {
        let id = ObjectId {
            kind: prepared.judged.kind.clone(),
            namespace: prepared.judged.namespace.clone(),
            name: prepared.name.clone(),
        };
        let previous = prepared.previous.as_ref();
        let planned = |action, differences, message: Option<String>| PlannedObject {
            id: id.clone(),
            action,
            compared_with: None,
            differences,
            message,
        };
        if prepared.judged.defined_here {
            let message = "its kind is made by a definition in the same deploy".to_owned();
            return Ok(planned(PlannedAction::Create, Vec::new(), Some(message)));
        }
        let step = prepared.step(Mode::DryRun);
        let outcome = match step.send(self).await {
            Ok(Sent { object, before }) => Ok((object, before)),
            // The namespace may not exist until the deploy makes it.
            Err(error) if in_new_namespace && error.kind == ErrorKind::NotFound => {
                Ok((prepared.judged.manifest.clone(), None))
            }
            Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
            Err(error) => Err(error.message),
        };
        let (object, before) = match outcome {
            Ok(found) => found,
            Err(message) => {
                return Ok(planned(PlannedAction::Forbidden, Vec::new(), Some(message)));
            }
        };
        Ok(match (before, previous) {
            (Some(before), _) => {
                let found = differences(Some(&before), &object);
                let action = match (prepared.submission, found.is_empty()) {
                    (Submission::Recreate, _) => PlannedAction::Recreate,
                    (_, true) => PlannedAction::Unchanged,
                    (_, false) => PlannedAction::Change,
                };
                planned(action, found, None)
            }
            (None, Some(previous)) => PlannedObject {
                compared_with: ObjectId::of(previous).map(|id| id.to_string()),
                ..planned(
                    PlannedAction::Create,
                    differences(Some(previous), &object),
                    None,
                )
            },
            (None, None) => planned(PlannedAction::Create, differences(None, &object), None),
        })
    }
}

/// What the members of an object that say something else to everyone are called.
pub(super) fn is_noise(pointer: &[&str]) -> bool {
    const OF_METADATA: [&str; 8] = [
        "managedFields",
        "resourceVersion",
        "generation",
        "uid",
        "creationTimestamp",
        "selfLink",
        "name",
        "namespace",
    ];
    match pointer {
        ["status", ..] | ["apiVersion"] | ["kind"] => true,
        ["metadata", member] => OF_METADATA.contains(member),
        ["metadata", "annotations", key] => {
            *key == super::annotations::LAST_APPLIED
                || *key == super::annotations::DEPLOY_KEY
                || *key == super::annotations::CONTENT
        }
        _ => false,
    }
}
