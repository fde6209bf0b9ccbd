//! `deleteManifest`: deletes one object, or those that labels pick, and waits until they are gone.
//!
//! Context besides the target: `options {cascading, orphanDependents, gracePeriodSeconds}`. Objects that are not there are deleted already.

use std::time::Duration;

use futures::future::try_join_all;
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{DeleteOptions, Kubernetes, ObjectId, redacted};
use spindrift_engine::{TaskInput, TaskResult};
use spindrift_model::Map;
use tokio::sync::mpsc;

use super::operation::{Done, Operation, shows};
use super::target::{self, Target};
use crate::fields;

pub(crate) struct DeleteManifest;

/// The deleted objects, by which the next task knows what to wait for.
const DELETED: &str = "deletedObjects";

impl Operation for DeleteManifest {
    const TYPE: &'static str = "deleteManifest";
    const TASKS: &'static [&'static str] = &[
        target::RESOLVE,
        "deleteManifest",
        "monitorDelete",
        "promoteOutputs",
    ];
    const MONITOR: &'static str = "monitorDelete";
    const SETTLES: bool = true;
    const NOTES: &'static [&'static str] = &[DELETED];

    fn guarded(_: &Map) -> Option<&'static str> {
        Some("Destroying")
    }

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let options = options(&input.stage.context)
            .map_err(|error| fields::invalid(format!("options: {}", error.message)))?;
        let deleted: Vec<Value> = match Target::read(&input)? {
            Target::Label {
                namespace,
                kinds,
                labels,
            } => {
                let each = kinds
                    .iter()
                    .map(|kind| kubernetes.delete_by_labels(kind, &namespace, &labels, &options));
                try_join_all(each).await?.into_iter().flatten().collect()
            }
            Target::Static(_) | Target::Dynamic(..) => {
                let id = target::object(&input)?;
                kubernetes
                    .delete(&id, &options)
                    .await?
                    .into_iter()
                    .collect()
            }
        };
        let ids: Vec<ObjectId> = deleted.iter().filter_map(ObjectId::of).collect();
        let result = target::changed(&kubernetes, &ids);
        let result = result.with_context(DELETED, deleted.iter().map(identity).collect::<Vec<_>>());
        Ok(result.with_output(
            "manifests",
            deleted.into_iter().map(redacted).collect::<Vec<_>>(),
        ))
    }

    async fn settle(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let context = &input.stage.context;
        let deleted = context
            .get(DELETED)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let (tell, mut told) = mpsc::channel(1);
        let progress = |message: String| drop(tell.try_send(message));
        let gone = try_join_all(
            deleted
                .iter()
                .map(|object| kubernetes.await_gone(object, &progress)),
        );
        let news = async {
            while let Some(message) = told.recv().await {
                if let Some(result) = shows(&message, context) {
                    // What is gone soon needs no message.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    return result;
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            gone = gone => gone.map(|_| TaskResult::succeeded()).map_err(Into::into),
            result = news => Ok(result),
        }
    }

    fn check(context: &Map) -> Vec<(&'static str, String)> {
        options(context)
            .err()
            .map(|error| ("options", error.message))
            .into_iter()
            .collect()
    }

    fn takes(_: &Target) -> bool {
        true
    }
}

fn options(context: &Map) -> Result<DeleteOptions, spindrift_cloud_driver::CloudError> {
    let options = context.get("options").and_then(Value::as_object);
    DeleteOptions::read(options.unwrap_or(&Map::new()))
}

/// What tells an object from another one of the same name.
fn identity(object: &Value) -> Value {
    let metadata = |key: &str| {
        object
            .pointer(&format!("/metadata/{key}"))
            .cloned()
            .unwrap_or_default()
    };
    json!({
        "apiVersion": object.get("apiVersion"),
        "kind": object.get("kind"),
        "metadata": {"name": metadata("name"), "namespace": metadata("namespace"), "uid": metadata("uid")},
    })
}
