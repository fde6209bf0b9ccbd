//! What a stage deploys: its manifests, the artifacts it requires, and those in sight.

use std::sync::Arc;

use serde_json::Value;
use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::kubernetes::read_yaml;
use spindrift_engine::{Failure, TaskInput};
use spindrift_model::{Artifact, Map};

use crate::fields;

/// The members that tasks read to resolve a source.
pub(crate) const READS: &[&str] = &["artifacts", RESOLVED];

const RESOLVED: &str = "resolvedExpectedArtifacts";

/// The manifests of a stage: its own, or those in an artifact.
pub(crate) async fn manifests(
    input: &TaskInput,
    fetcher: Option<&Arc<dyn ArtifactFetcher>>,
) -> Result<Vec<Value>, Failure> {
    let context = &input.stage.context;
    match fields::text(context, "source") {
        Some("artifact") => from_artifact(input, fetcher).await,
        Some("text") | None => from_text(context),
        Some(other) => Err(fields::invalid(format!(
            "source: {other:?} is unknown; write text or artifact"
        ))),
    }
}

fn from_text(context: &Map) -> Result<Vec<Value>, Failure> {
    let found = match context.get("manifests") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(other) => vec![other.clone()],
    };
    if !found.is_empty() {
        return Ok(found);
    }
    match context.get("manifest") {
        None | Some(Value::Null) => Err(fields::invalid(
            "manifests: there are none; write them in the stage, or set source to artifact",
        )),
        Some(manifest) => Ok(vec![manifest.clone()]),
    }
}

async fn from_artifact(
    input: &TaskInput,
    fetcher: Option<&Arc<dyn ArtifactFetcher>>,
) -> Result<Vec<Value>, Failure> {
    let context = &input.stage.context;
    let artifact = manifest_artifact(input)?;
    let account = fields::text(context, "manifestArtifactAccount").map(str::to_owned);
    let name = artifact.name.clone().unwrap_or_default();
    let Some(fetcher) = fetcher else {
        return Err(fields::invalid(
            "manifestArtifact: this process fetches no artifacts",
        ));
    };
    let content = fetcher
        .fetch(artifact, account)
        .await
        .map_err(|error| Failure::new("ArtifactFetchException", error.to_string()))?;
    let text = std::str::from_utf8(&content).map_err(|_| {
        fields::invalid(format!(
            "the manifest artifact {name:?} is not a text in UTF-8"
        ))
    })?;
    let mut manifests = Vec::new();
    for document in read_yaml(text).map_err(|error| {
        fields::invalid(format!("the manifest artifact {name:?}: {}", error.message))
    })? {
        match document {
            Value::Null => {}
            Value::Array(list) => manifests.extend(list),
            other => manifests.push(other),
        }
    }
    Ok(manifests)
}

/// The artifact that holds the manifests: written in the stage, or bound to an expected one.
fn manifest_artifact(input: &TaskInput) -> Result<Artifact, Failure> {
    let context = &input.stage.context;
    if let Some(id) = fields::text(context, "manifestArtifactId")
        && let Some(artifact) = bound(input, id)
    {
        return read(artifact);
    }
    match context.get("manifestArtifact") {
        Some(artifact @ Value::Object(_)) => read(artifact),
        Some(_) | None => Err(fields::invalid(
            match fields::text(context, "manifestArtifactId") {
                Some(id) => {
                    format!("No artifact with id {id} could be found in the pipeline context.")
                }
                None => "No manifest artifact was specified.".to_owned(),
            },
        )),
    }
}

/// The artifacts a stage requires.
pub(crate) fn required(input: &TaskInput) -> Result<Vec<Artifact>, Failure> {
    let context = &input.stage.context;
    let mut found: Vec<Artifact> = Vec::new();
    let mut add = |artifact: Artifact| {
        if !found.contains(&artifact) {
            found.push(artifact);
        }
    };
    for id in fields::texts(context.get("requiredArtifactIds")) {
        add(by_id(input, &id)?);
    }
    let list = context.get("requiredArtifacts").and_then(Value::as_array);
    for entry in list.into_iter().flatten() {
        let Value::Object(entry) = entry else {
            continue;
        };
        let written = entry
            .get("artifact")
            .filter(|artifact| artifact.is_object());
        let id = fields::text(entry, "expectedArtifactId");
        match (id.and_then(|id| bound(input, id)), written, id) {
            (Some(artifact), _, _) | (None, Some(artifact), _) => add(read(artifact)?),
            (None, None, Some(id)) => add(by_id(input, id)?),
            // What an earlier run of this task has resolved.
            (None, None, None) => add(read(&Value::Object(entry.clone()))?),
        }
    }
    Ok(found)
}

/// The artifacts in sight that manifests can be bound to, nearest first.
pub(crate) fn optional(input: &TaskInput) -> Vec<Artifact> {
    let mut found: Vec<Artifact> = Vec::new();
    for artifact in input.artifacts() {
        let kind = artifact
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if kind != "docker/image" && !kind.starts_with("kubernetes/") {
            continue;
        }
        if let Ok(artifact) = read(artifact)
            && !found.contains(&artifact)
        {
            found.push(artifact);
        }
    }
    found
}

pub(crate) fn by_id(input: &TaskInput, id: &str) -> Result<Artifact, Failure> {
    let artifact = bound(input, id).ok_or_else(|| {
        fields::invalid(format!(
            "No artifact with id {id} could be found in the pipeline context."
        ))
    })?;
    read(artifact)
}

/// What an expected artifact was bound to: by the nearest stage that has resolved it, else by the trigger.
fn bound<'a>(input: &'a TaskInput, id: &str) -> Option<&'a Value> {
    let lists = [
        input.stage.context.get(RESOLVED),
        input.inherited.get(RESOLVED),
        input.trigger.map().get(RESOLVED),
    ];
    lists
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|expected| expected.get("id").and_then(Value::as_str) == Some(id))
        .find_map(|expected| {
            expected
                .get("boundArtifact")
                .filter(|artifact| artifact.is_object())
        })
}

fn read(artifact: &Value) -> Result<Artifact, Failure> {
    serde_json::from_value(artifact.clone())
        .map_err(|error| fields::invalid(format!("an artifact cannot be read: {error}")))
}
