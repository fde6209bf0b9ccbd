//! How the tasks of one execution start, read and end others.

use std::sync::{Arc, PoisonError, Weak};

use serde_json::json;
use spindrift_engine::{
    BoxFuture, ChildFailure, ChildRequest, ChildState, Failure, Launcher, PipelineRevision,
    is_performing, outline,
};
use spindrift_model::{
    Authentication, Execution, ExecutionId, ExecutionKind, Map, Pipeline, Status, Value,
};

use crate::engine::{Engine, Shared};
use crate::error::EngineError;
use crate::submit::StartRequest;

/// A pipeline that starts itself through others is stopped at this depth.
const MAX_DEPTH: u64 = 32;

/// So many executions are started on behalf of one topmost execution, children of children included.
const MAX_DESCENDANTS: usize = 1_000;

/// The descendants of so many topmost executions are counted; then the counting begins anew.
const FAMILIES: usize = 10_000;

/// Reaches the engine without keeping it alive.
pub(crate) struct RuntimeLauncher {
    shared: Weak<Shared>,
}

impl RuntimeLauncher {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
        }
    }

    fn engine(&self) -> Result<Engine, Failure> {
        let shared = self.shared.upgrade();
        shared
            .map(|shared| Engine { shared })
            .ok_or_else(|| Failure::new("Unavailable", "the engine is shutting down").retryable())
    }
}

impl Launcher for RuntimeLauncher {
    fn start(&self, request: ChildRequest) -> BoxFuture<Result<ExecutionId, Failure>> {
        let engine = self.engine();
        Box::pin(async move { engine?.start_child(request).await })
    }

    fn withdraw(
        &self,
        correlation_id: String,
        by: String,
        reason: String,
    ) -> BoxFuture<Result<(), Failure>> {
        let engine = self.engine();
        Box::pin(async move {
            let engine = engine?;
            let child = engine.started_with(&correlation_id).await;
            match child.map_err(|error| to_failure(&error))? {
                Some(child) => engine.end_child(&child, &by, Some(reason)).await,
                None => Ok(()),
            }
        })
    }

    fn state(&self, execution: ExecutionId) -> BoxFuture<Result<Option<ChildState>, Failure>> {
        let engine = self.engine();
        Box::pin(async move {
            match engine?.execution(&execution) {
                Ok(execution) => Ok(Some(child_state(&execution))),
                Err(EngineError::UnknownExecution(_)) => Ok(None),
                Err(error) => Err(to_failure(&error)),
            }
        })
    }

    fn cancel(
        &self,
        execution: ExecutionId,
        by: String,
        reason: Option<String>,
    ) -> BoxFuture<Result<(), Failure>> {
        let engine = self.engine();
        Box::pin(async move { engine?.end_child(&execution, &by, reason).await })
    }
}

impl Engine {
    /// The execution that has not ended and was started with that correlation id, once no start with it is under way.
    async fn started_with(&self, correlation: &str) -> Result<Option<ExecutionId>, EngineError> {
        let _one_at_a_time = self.shared.correlation_lock(correlation).lock().await;
        Ok(self.shared.store.correlated(correlation)?)
    }

    async fn end_child(
        &self,
        child: &ExecutionId,
        by: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        match self.cancel(child, by, reason).await {
            // It has ended by itself, or never came to be.
            Ok(_) | Err(EngineError::Refused(_) | EngineError::UnknownExecution(_)) => Ok(()),
            Err(error) => Err(to_failure(&error)),
        }
    }

    /// Whether the stage that asks for a child still waits for it, as far as the store knows. A stage that is ended later
    /// ends the child, too: that waits for the lock which the start holds now.
    fn is_wanted(&self, request: &ChildRequest) -> Result<(), EngineError> {
        let parent = self.execution(&request.parent)?;
        match is_performing(&parent, &request.parent_stage, &request.key) {
            true => Ok(()),
            false => Err(EngineError::Conflict(format!(
                "stage {} of execution {} no longer asks for it",
                request.parent_stage, request.parent
            ))),
        }
    }

    async fn start_child(&self, request: ChildRequest) -> Result<ExecutionId, Failure> {
        let parent = self
            .execution(&request.parent)
            .map_err(|error| to_failure(&error))?;
        let depth = parent
            .trigger
            .map()
            .get("depth")
            .and_then(Value::as_u64)
            .unwrap_or(0)
            + 1;
        if depth > MAX_DEPTH {
            let message = format!(
                "pipelines start each other more than {MAX_DEPTH} deep; a pipeline probably starts itself"
            );
            return Err(Failure::new("PipelineDepthException", message));
        }
        let root = parent.root_id.clone().unwrap_or_else(|| parent.id.clone());
        self.count_descendant(&root, &request.correlation_id)?;
        let revision = self.child_pipeline(&request, &parent)?;
        let (pipeline, _) = Pipeline::parse(Value::Object(revision.document))
            .map_err(|problems| to_failure(&EngineError::Invalid(problems)))?;
        let user = request
            .user
            .clone()
            .unwrap_or_else(|| parent.trigger.user().to_owned());
        let trigger = child_trigger(&request, parent, &user, depth);
        let start = StartRequest {
            pipeline,
            trigger,
            authentication: Authentication {
                user: Some(user),
                allowed_accounts: Vec::new(),
            },
            origin: Some("pipeline".to_owned()),
            kind: ExecutionKind::Pipeline,
            id: None,
            root: Some(root),
        };
        let submitted = self
            .submit_for(start, move |engine| engine.is_wanted(&request))
            .await
            .map_err(|error| to_failure(&error))?;
        Ok(submitted.execution.id.clone())
    }

    /// Counts what is started on behalf of one topmost execution: two stages that start their own pipeline would
    /// otherwise start more executions than there is room for. Repeating a request counts nothing.
    fn count_descendant(&self, root: &ExecutionId, correlation: &str) -> Result<(), Failure> {
        let mut families = self
            .shared
            .families
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if families.len() >= FAMILIES {
            families.clear();
        }
        let family = families.entry(root.clone()).or_default();
        if family.len() >= MAX_DESCENDANTS && !family.contains(correlation) {
            let message = format!(
                "{MAX_DESCENDANTS} executions were started on behalf of execution {root} already; a pipeline probably starts itself"
            );
            return Err(Failure::new("PipelineDepthException", message));
        }
        family.insert(correlation.to_owned());
        Ok(())
    }

    fn child_pipeline(
        &self,
        request: &ChildRequest,
        parent: &Execution,
    ) -> Result<PipelineRevision, Failure> {
        let application = request
            .application
            .as_deref()
            .unwrap_or(&parent.application);
        let store = &self.shared.store;
        let found = match store.pipeline(&request.pipeline) {
            Ok(None) => store.pipeline_named(application, request.pipeline.as_str()),
            found => found,
        };
        match found {
            Ok(Some(pipeline)) => Ok(pipeline),
            Ok(None) => Err(Failure::new(
                "ConfigurationException",
                format!(
                    "the requested pipeline {:?} does not exist in application {application:?}",
                    request.pipeline
                ),
            )),
            Err(error) => Err(to_failure(&error.into())),
        }
    }
}

fn child_trigger(request: &ChildRequest, parent: Execution, user: &str, depth: u64) -> Map {
    let mut trigger = Map::new();
    let stage = request.parent_stage.as_str();
    trigger.insert("type".into(), "pipeline".into());
    trigger.insert("user".into(), user.into());
    trigger.insert(
        "parameters".into(),
        Value::Object(request.parameters.clone()),
    );
    trigger.insert("artifacts".into(), Value::Array(request.artifacts.clone()));
    trigger.insert(
        "correlationId".into(),
        request.correlation_id.clone().into(),
    );
    trigger.insert("dryRun".into(), request.dry_run.into());
    trigger.insert("strategy".into(), request.strategy.into());
    trigger.insert("parentExecutionId".into(), request.parent.as_str().into());
    trigger.insert("parentPipelineId".into(), request.parent.as_str().into());
    trigger.insert("parentPipelineStageId".into(), stage.into());
    trigger.insert(
        "parentPipelineApplication".into(),
        parent.application.clone().into(),
    );
    trigger.insert("parentPipelineName".into(), parent.name.clone().into());
    trigger.insert("depth".into(), depth.into());
    trigger.insert("parentExecution".into(), parent_summary(parent));
    trigger
}

/// What expressions of a child can read of its parent: everything but the stages' contexts and outputs, and the parent's own
/// parent, so that a chain of pipelines does not grow with every link.
fn parent_summary(parent: Execution) -> Value {
    let mut trigger = parent.trigger.to_map();
    trigger.shift_remove("parentExecution");
    let mut summary = outline(parent);
    summary.trigger = spindrift_model::Trigger::new(trigger);
    serde_json::to_value(&summary).unwrap_or(Value::Null)
}

fn child_state(execution: &Execution) -> ChildState {
    let mut outputs = Map::new();
    for stage in execution
        .stages
        .iter()
        .filter(|stage| !stage.is_synthetic())
    {
        for (key, value) in &stage.outputs {
            match (outputs.get_mut(key), value) {
                (Some(Value::Array(list)), Value::Array(more)) => {
                    let fresh: Vec<Value> = more
                        .iter()
                        .filter(|item| !list.contains(item))
                        .cloned()
                        .collect();
                    list.extend(fresh);
                }
                _ => {
                    outputs.insert(key.clone(), value.clone());
                }
            }
        }
    }
    let failures = execution
        .stages
        .iter()
        .enumerate()
        .filter(|(_, stage)| stage.status == Status::Terminal)
        .map(|(index, stage)| ChildFailure {
            stage_id: stage.id.to_string(),
            stage_name: stage.display_name().to_owned(),
            stage_index: index,
            errors: stage.errors().into_iter().map(str::to_owned).collect(),
        })
        .collect();
    ChildState {
        name: execution.display_name().to_owned(),
        status: execution.status,
        outputs,
        failures,
    }
}

fn to_failure(error: &EngineError) -> Failure {
    let failure = Failure::new("PipelineStartException", error.to_string());
    let failure = Failure {
        details: json_details(error),
        ..failure
    };
    match error {
        EngineError::Unavailable(_) | EngineError::Busy(_) => failure.retryable(),
        EngineError::UnknownExecution(_)
        | EngineError::UnknownPipeline(_)
        | EngineError::Refused(_)
        | EngineError::Invalid(_)
        | EngineError::Conflict(_) => failure,
    }
}

fn json_details(error: &EngineError) -> Map {
    let mut details = Map::new();
    if let EngineError::Invalid(problems) = error {
        details.insert("problems".into(), json!(problems));
    }
    details
}
