//! The start of a run through a trigger.

use spindrift_engine::{ExecutionQuery, Scope, outline};
use spindrift_model::{
    Artifact, Execution, ExecutionId, ExecutionKind, ExpectedArtifact, Map, Millis, Pipeline,
    PipelineId, Pointer, Problem, Value,
};
use spindrift_runtime::{Engine, EngineError, StartRequest};

use super::shared::Shared;
use super::storage;
use crate::artifacts::resolve;
use crate::matching::{RunTrigger, Trigger};

/// Runs that start each other by their ends, before somebody has probably made a circle.
const MAX_DEPTH: u64 = 50;

/// The run whose end starts others.
pub(super) struct Parent {
    execution: Execution,
    artifacts: Vec<Artifact>,
    summary: Map,
    depth: u64,
}

impl Parent {
    /// Reads what its children need of it; `None` when it has been forgotten.
    pub(super) fn read(engine: &Engine, id: &ExecutionId) -> Result<Option<Self>, EngineError> {
        let execution = match engine.execution(id) {
            Ok(execution) => execution,
            Err(EngineError::UnknownExecution(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let artifacts = artifacts_of(&execution);
        let mut trigger = execution.trigger.to_map();
        // Its own parent stays behind, so that a chain does not grow with every link.
        trigger.shift_remove("parentExecution");
        let depth = trigger.get("depth").and_then(Value::as_u64).unwrap_or(0);
        let mut summary = outline(execution.clone());
        summary.trigger = spindrift_model::Trigger::new(trigger);
        let summary = match serde_json::to_value(&summary) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        Ok(Some(Self {
            execution,
            artifacts,
            summary,
            depth,
        }))
    }

    /// What the run carries that its end starts.
    pub(super) fn child(&self, trigger: &Trigger) -> RunTrigger {
        let parent = &self.execution;
        let user = Some(parent.trigger.user());
        let mut run = trigger.after_run(
            &parent.id,
            parent.start_time,
            self.summary.clone(),
            &self.artifacts,
            user,
        );
        run.document.insert("depth".into(), (self.depth + 1).into());
        run.document
            .insert("parentExecutionId".into(), parent.id.as_str().into());
        run.document.insert(
            "parentPipelineApplication".into(),
            parent.application.as_str().into(),
        );
        run.document
            .insert("parentPipelineName".into(), parent.name.clone().into());
        run.document
            .insert("dryRun".into(), parent.trigger.flag("dryRun").into());
        // Its parameters are the child's own business (Orca passes none).
        run.document.insert("parameters".into(), Map::new().into());
        run
    }
}

impl Shared {
    /// Starts the run of a trigger, or finds it when it was started before. `time` is the time of its id.
    pub(super) async fn start_run(
        &self,
        trigger: &Trigger,
        mut run: RunTrigger,
        time: Millis,
        parent: Option<&Parent>,
    ) -> Result<ExecutionId, EngineError> {
        let _one_of_a_few = self.starts.acquire().await;
        let correlation = run
            .document
            .get("correlationId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let id = ExecutionId::new(storage::stable_id(time, correlation));
        if self.engine.store().outline(&id)?.is_some() {
            return Ok(id);
        }
        if parent.is_some_and(|parent| parent.depth + 1 > MAX_DEPTH) {
            let message = format!(
                "pipelines start each other more than {MAX_DEPTH} deep; they probably form a circle"
            );
            return Err(invalid("trigger.depth", message));
        }
        let pipeline = self.pipeline_of(&trigger.pipeline)?;
        self.bind_artifacts(&pipeline, trigger, &mut run.document)?;
        let request = StartRequest {
            authentication: self.acts_as(&run),
            trigger: run.document,
            origin: Some("trigger".to_owned()),
            kind: ExecutionKind::Pipeline,
            id: Some(id.clone()),
            root: parent.and_then(|parent| parent.execution.root_id.clone()),
            pipeline,
        };
        match self.engine.submit(request).await {
            Ok(submitted) => Ok(submitted.execution.id.clone()),
            // Somebody else was faster with the same start.
            Err(EngineError::Conflict(_)) if self.engine.store().outline(&id)?.is_some() => Ok(id),
            Err(error) => Err(error),
        }
    }

    fn pipeline_of(&self, id: &PipelineId) -> Result<Pipeline, EngineError> {
        let revision =
            self.engine.store().pipeline(id)?.ok_or_else(|| {
                EngineError::UnknownPipeline(format!("there is no pipeline {id}"))
            })?;
        let (pipeline, _) =
            Pipeline::parse(Value::Object(revision.document)).map_err(EngineError::Invalid)?;
        Ok(pipeline)
    }

    /// Binds the expected artifacts of the pipeline to what the trigger brings, the run before it had, or the defaults.
    fn bind_artifacts(
        &self,
        pipeline: &Pipeline,
        trigger: &Trigger,
        document: &mut Map,
    ) -> Result<(), EngineError> {
        let expected: Vec<ExpectedArtifact> = read_list(pipeline.document.get("expectedArtifacts"));
        let received: Vec<Artifact> = read_list(document.get("artifacts"));
        let prior = || self.prior_artifacts(&trigger.pipeline);
        let resolved = resolve(&expected, &trigger.expected_ids, &received, prior)
            .map_err(|error| invalid("trigger.artifacts", error.to_string()))?;
        let resolved_list = to_value(&resolved.expected);
        document.insert("artifacts".into(), to_value(&resolved.artifacts));
        document.insert("expectedArtifacts".into(), resolved_list.clone());
        document.insert("resolvedExpectedArtifacts".into(), resolved_list);
        Ok(())
    }

    /// The artifacts of the latest run of a pipeline, however it ended.
    fn prior_artifacts(&self, pipeline: &PipelineId) -> Vec<Artifact> {
        let store = self.engine.store();
        let query = ExecutionQuery::newest(Scope::Pipeline(pipeline.clone()), 1);
        let newest = store.executions(&query).unwrap_or_default();
        let execution = newest
            .first()
            .and_then(|listed| self.engine.execution(&listed.id).ok());
        execution.as_ref().map(artifacts_of).unwrap_or_default()
    }
}

/// What a run has put out, the newest stage first, and what it was given.
fn artifacts_of(execution: &Execution) -> Vec<Artifact> {
    let mut artifacts: Vec<Artifact> = Vec::new();
    let put_out = execution.stages.iter().rev().flat_map(|stage| {
        let from_outputs: Vec<Artifact> = read_list(stage.outputs.get("artifacts"));
        from_outputs
    });
    let given = execution.trigger.artifacts().iter();
    let given = given.filter_map(|value| serde_json::from_value(value.clone()).ok());
    for artifact in put_out.chain(given) {
        if !artifacts.contains(&artifact) {
            artifacts.push(artifact);
        }
    }
    artifacts
}

/// The members of a list that can be read; others are nobody's artifacts.
fn read_list<T: serde::de::DeserializeOwned>(value: Option<&Value>) -> Vec<T> {
    let list = value.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|value| serde_json::from_value(value.clone()).ok())
        .collect()
}

fn to_value<T: serde::Serialize>(list: &[T]) -> Value {
    serde_json::to_value(list).unwrap_or_else(|_| Value::Array(Vec::new()))
}

fn invalid(code: &str, message: String) -> EngineError {
    EngineError::Invalid(vec![Problem::error(
        Pointer::root().key("triggers"),
        code,
        message,
    )])
}
