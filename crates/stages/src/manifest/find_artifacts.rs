//! `findArtifactsFromResource`: reads an object, and the artifacts it refers to become the stage's.
//!
//! Context: the target. Outputs: `manifest`, `artifacts`.

use serde_json::json;
use spindrift_cloud_driver::CloudError;
use spindrift_cloud_driver::kubernetes::{Kubernetes, find_artifacts, redacted};
use spindrift_engine::{TaskInput, TaskResult};
use spindrift_model::Map;

use super::operation::{Done, Operation};
use super::target;
use crate::artifacts;

pub(crate) struct FindArtifacts;

impl Operation for FindArtifacts {
    const TYPE: &'static str = "findArtifactsFromResource";
    const ALIASES: &'static [&'static str] = &["findArtifactFromResource"];
    const TASKS: &'static [&'static str] = &[
        target::RESOLVE,
        "findArtifactsFromResource",
        artifacts::BIND,
    ];
    const MONITOR: &'static str = "";
    const NOTES: &'static [&'static str] = &["manifest", "artifacts"];

    /// Commands in a manifest may look like expressions.
    fn unevaluated(_: &Map) -> &'static [&'static str] {
        &["manifest", "artifacts"]
    }

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let id = target::object(&input)?;
        let object = kubernetes.get(&id).await?;
        let object = object.ok_or_else(|| {
            CloudError::not_found(format!("there is no {id} in {:?}", id.namespace))
        })?;
        let artifacts = json!(find_artifacts(&object));
        let manifest = redacted(object);
        Ok(TaskResult::succeeded()
            .with_context("manifest", manifest.clone())
            .with_context("artifacts", artifacts.clone())
            .with_output("manifest", manifest)
            .with_output("artifacts", artifacts))
    }
}
