//! Pipelines that people have published, as far as they need nothing but Kubernetes: each runs to its end in the sandbox.
//!
//! Their manifests are left as they are; where they lack something that the trigger or a person would give, that is given.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use spindrift_model::{Pipeline, Status};
use spindrift_runtime::StartRequest;
use spindrift_sandbox::SandboxOptions;

use super::world::{World, failures, world_with};

/// Stage types that touch nothing but Kubernetes.
const ENOUGH: [&str; 8] = [
    "deployManifest",
    "wait",
    "manualJudgment",
    "checkPreconditions",
    "evaluateVariables",
    "scaleManifest",
    "disableManifest",
    "deleteManifest",
];

fn pipelines() -> Vec<(String, Pipeline)> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real-inputs/pipelines");
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .filter_map(|file| {
            let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).ok()?;
            let (pipeline, _) = Pipeline::parse(document).ok()?;
            let name = file.file_stem()?.to_string_lossy().into_owned();
            let kinds: BTreeSet<&str> = pipeline
                .stages
                .iter()
                .map(|stage| stage.kind.as_str())
                .collect();
            let fits = kinds.contains("deployManifest")
                && kinds.iter().all(|kind| ENOUGH.contains(kind))
                && pipeline
                    .stages
                    .iter()
                    .all(|stage| is_self_contained(&stage.context));
            fits.then_some((name, pipeline))
        })
        .collect()
}

/// Whether a stage says itself what it deploys.
fn is_self_contained(context: &Map<String, Value>) -> bool {
    context.get("source").and_then(Value::as_str) != Some("artifact")
}

/// What its trigger would bring: an image for each that it expects, under the tag `1`.
fn trigger(pipeline: &Pipeline) -> Map<String, Value> {
    let expected = pipeline
        .document
        .get("expectedArtifacts")
        .and_then(Value::as_array);
    let bound: Vec<Value> = expected
        .into_iter()
        .flatten()
        .map(|expected| {
            let mut bound = expected.clone();
            let mut artifact = expected["matchArtifact"].clone();
            if artifact["reference"].as_str().is_none_or(str::is_empty) {
                let name = artifact["name"].as_str().unwrap_or("image").to_owned();
                artifact["reference"] = format!("{name}:1").into();
            }
            bound["boundArtifact"] = artifact;
            bound
        })
        .collect();
    let artifacts: Vec<Value> = bound
        .iter()
        .map(|bound| bound["boundArtifact"].clone())
        .collect();
    let trigger = json!({"type": "manual", "user": "ann", "artifacts": artifacts, "resolvedExpectedArtifacts": bound,
        "tag": "1", "parameters": parameters(pipeline)});
    match trigger {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A value for each parameter that has no default: the first choice, else `1`.
fn parameters(pipeline: &Pipeline) -> Value {
    let configured = pipeline
        .document
        .get("parameterConfig")
        .and_then(Value::as_array);
    configured
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["default"].as_str().is_none_or(str::is_empty))
        .filter_map(|parameter| {
            let choice = parameter["options"][0]["value"].as_str().unwrap_or("1");
            Some((parameter["name"].as_str()?.to_owned(), choice.into()))
        })
        .collect::<Map<String, Value>>()
        .into()
}

/// Makes what a pipeline takes for granted: namespaces, Services in front of its workloads, and definitions of custom kinds.
async fn furnish(world: &World, pipeline: &Pipeline) {
    let mut namespaces = BTreeSet::new();
    let mut others: Vec<Value> = Vec::new();
    for stage in &pipeline.stages {
        let context = Value::Object(stage.context.clone());
        find_namespaces(&context, &mut namespaces);
        let manifests = context["manifests"].as_array().cloned().unwrap_or_default();
        for manifest in &manifests {
            others.extend(definition(manifest));
        }
        let namespace = manifests
            .iter()
            .find_map(|manifest| manifest["metadata"]["namespace"].as_str())
            .filter(|name| namespaces.contains(*name))
            .unwrap_or("default");
        let written = manifests.iter().filter_map(|manifest| {
            let text = manifest
                .pointer("/metadata/annotations/traffic.spinnaker.io~1load-balancers")?
                .as_str()?;
            serde_json::from_str::<Vec<String>>(text).ok()
        });
        let services = context
            .pointer("/trafficManagement/options/services")
            .and_then(|list| serde_json::from_value::<Vec<String>>(list.clone()).ok());
        for name in written.chain(services).flatten() {
            let name = name.strip_prefix("service ").unwrap_or(&name);
            others.push(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
                "spec": {"selector": {"lb": name}, "ports": [{"port": 80}]}}));
        }
    }
    let made = namespaces
        .iter()
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let request = spindrift_cloud_driver::kubernetes::DeployRequest {
        manifests: made.chain(others).collect(),
        ..Default::default()
    };
    if !request.manifests.is_empty() {
        world.kubernetes.deploy(&request).await.unwrap();
    }
}

/// The definition of a custom kind that a manifest is of.
fn definition(manifest: &Value) -> Option<Value> {
    let (group, version) = manifest["apiVersion"].as_str()?.split_once('/')?;
    let kind = manifest["kind"].as_str()?;
    if !group.contains('.') || group.ends_with(".k8s.io") {
        return None;
    }
    let plural = format!("{}s", kind.to_ascii_lowercase());
    Some(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "singular": kind.to_ascii_lowercase(), "kind": kind},
            "versions": [{"name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
    }))
}

fn find_namespaces(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let named = value.as_str().filter(|name| {
                    matches!(key.as_str(), "namespace" | "namespaceOverride")
                        && !name.is_empty()
                        && name
                            .chars()
                            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                });
                found.extend(named.map(str::to_owned));
                find_namespaces(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| find_namespaces(value, found)),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn published_pipelines_run_to_their_end() {
    let pipelines = pipelines();
    if pipelines.is_empty() {
        return;
    }
    let mut results = Vec::new();
    for (name, pipeline) in pipelines {
        let world = world_with(SandboxOptions::immediate());
        furnish(&world, &pipeline).await;
        let mut request = StartRequest::manual(pipeline.clone(), Map::new(), "ann");
        request.trigger = trigger(&pipeline);
        let id = match world.engine.submit(request).await {
            Ok(started) => started.execution.id.clone(),
            Err(error) => {
                results.push(format!("{name}: refused: {error}"));
                continue;
            }
        };
        let execution = loop {
            let waits = |execution: &spindrift_model::Execution| {
                execution.status.is_complete() || judgment(execution).is_some()
            };
            let execution = world.until(&id, waits).await;
            match judgment(&execution) {
                Some(stage) if !execution.status.is_complete() => {
                    world.judge(&id, stage, "continue").await;
                }
                Some(_) | None => break execution,
            }
        };
        let why = failures(&execution);
        let why: String = why
            .first()
            .map_or(String::new(), |text| format!(": {}", head(text)));
        results.push(format!("{name}: {}{why}", execution.status));
    }
    let succeeded = results
        .iter()
        .filter(|result| result.ends_with("SUCCEEDED"))
        .count();
    println!(
        "{succeeded} of {} succeeded\n{}",
        results.len(),
        results.join("\n")
    );
    assert!(
        results.len() >= 10,
        "only {} pipelines were found",
        results.len()
    );
    insta::assert_snapshot!(results.join("\n"));
}

fn judgment(execution: &spindrift_model::Execution) -> Option<&spindrift_model::Stage> {
    execution
        .stages
        .iter()
        .find(|stage| stage.kind == "manualJudgment" && stage.status == Status::Running)
        .filter(|stage| !stage.context.contains_key("judgmentStatus"))
}

fn head(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(240).collect()
}
