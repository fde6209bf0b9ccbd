//! `patchManifest`: patches one object, and waits until it is stable.
//!
//! Context besides the target: `source` (`text` with `patchBody`, or `artifact`), `options {mergeStrategy: strategic, json or merge, record}`, required artifacts as in
//! `deployManifest`. Artifacts are bound in patches that are no list of operations. A member that is null removes, as Kubernetes reads it.

use std::sync::Arc;

use serde_json::{Map as Object, Value, json};
use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::kubernetes::{Kubernetes, MergeStrategy, redacted};
use spindrift_engine::{BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult};
use spindrift_model::Map;

use super::operation::{self, Done, Operation};
use super::{source, target, wait};
use crate::{artifacts, fields};

/// The task that finds out what the patch is.
pub(crate) const RESOLVE: &str = "resolvePatchSourceManifest";

/// The patch, resolved.
const BODY: &str = "resolvedPatchBody";

pub(crate) struct PatchManifest;

impl Operation for PatchManifest {
    const TYPE: &'static str = "patchManifest";
    const TASKS: &'static [&'static str] = &[
        RESOLVE,
        target::RESOLVE,
        "patchManifest",
        "monitorPatch",
        "promoteOutputs",
        wait::WAIT,
        artifacts::BIND,
    ];
    const MONITOR: &'static str = "monitorPatch";
    const NOTES: &'static [&'static str] = &[BODY];

    /// What the stage has written is evaluated where it is written; what an artifact says, once it is there.
    fn unevaluated(context: &Map) -> &'static [&'static str] {
        let is_artifact = fields::text(context, "source") == Some("artifact");
        match is_artifact && !fields::flag(context.get("skipExpressionEvaluation")) {
            true => &["outputs.manifests", "messages", "events"],
            false => &[BODY, "outputs.manifests", "messages", "events"],
        }
    }

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let context = &input.stage.context;
        let id = target::object(&input)?;
        let strategy =
            strategy(context).map_err(|why| fields::invalid(format!("options: {why}")))?;
        let list = context
            .get(BODY)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let body =
            body(list, strategy).map_err(|why| fields::invalid(format!("patchBody: {why}")))?;
        let (body, bound) = match strategy {
            MergeStrategy::Json => (body, Vec::new()),
            MergeStrategy::Strategic | MergeStrategy::Merge => kubernetes.bind_patch(
                &id,
                body,
                &source::required(&input)?,
                &source::optional(&input),
            )?,
        };
        let cause = records(context).then(|| cause(&input));
        let patched = kubernetes
            .patch(&id, strategy, &body, cause.as_deref())
            .await?;
        let bound = json!(bound);
        let result = target::changed(&kubernetes, &[id]);
        Ok(result
            .with_context("outputs.boundArtifacts", bound.clone())
            .with_output("outputs.boundArtifacts", bound)
            .with_output("outputs.manifests", vec![redacted(patched)]))
    }

    fn check(context: &Map) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let is_text = fields::text(context, "source") != Some("artifact");
        match strategy(context) {
            Err(why) => found.push(("options", why)),
            Ok(strategy) if is_text => {
                found.extend(
                    body(written(context), strategy)
                        .err()
                        .map(|why| ("patchBody", why)),
                );
            }
            Ok(_) => {}
        }
        found
    }
}

/// What is written where `kubectl rollout history` shows why a revision came about.
fn cause(input: &TaskInput) -> String {
    let pipeline = input.pipeline_name.as_deref().unwrap_or("an orchestration");
    format!(
        "{pipeline} of {} (execution {})",
        input.application, input.execution
    )
}

fn options(context: &Map) -> Option<&Object<String, Value>> {
    context.get("options").and_then(Value::as_object)
}

fn strategy(context: &Map) -> Result<MergeStrategy, String> {
    match options(context).and_then(|options| fields::text(options, "mergeStrategy")) {
        None => Ok(MergeStrategy::Strategic),
        Some(text) => MergeStrategy::parse(text).ok_or_else(|| {
            format!("mergeStrategy {text:?} is unknown; write strategic, json or merge")
        }),
    }
}

fn records(context: &Map) -> bool {
    let record = options(context).and_then(|options| options.get("record"));
    record.is_none_or(|record| record.is_null() || fields::flag(Some(record)))
}

fn written(context: &Map) -> Vec<Value> {
    match context.get("patchBody") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(other) => vec![other.clone()],
    }
}

/// The patch as it is sent: all operations of a JSON patch, else the one object.
fn body(mut list: Vec<Value>, strategy: MergeStrategy) -> Result<Value, String> {
    list.retain(|body| !body.is_null());
    match (strategy, list.len()) {
        (_, 0) => Err("the stage requires a valid patch body".to_owned()),
        (MergeStrategy::Json, _) => Ok(Value::Array(list)),
        (_, 1) => match list.pop() {
            Some(body @ Value::Object(_)) => Ok(body),
            Some(_) | None => Err("it must be an object".to_owned()),
        },
        (_, _) => Err("Only one patch object is valid when patching with `strategic` and `merge` patch strategies.".to_owned()),
    }
}

/// Finds out what the patch is: written in the stage, or in an artifact.
pub(crate) struct ResolvePatch {
    pub(crate) fetcher: Option<Arc<dyn ArtifactFetcher>>,
}

impl EffectTask for ResolvePatch {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            self.resolve(&input)
                .await
                .unwrap_or_else(TaskResult::terminal)
        })
    }

    fn policy(&self) -> TaskPolicy {
        operation::POLICY
    }

    fn reads(&self) -> &'static [&'static str] {
        source::READS
    }
}

impl ResolvePatch {
    async fn resolve(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let list = match fields::text(context, "source") {
            Some("artifact") => source::manifests(input, self.fetcher.as_ref()).await?,
            Some(_) | None => written(context),
        };
        Ok(TaskResult::succeeded().with_context(BODY, list))
    }
}
