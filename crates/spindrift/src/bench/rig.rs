//! What several benchmarks need: stage types that do nothing, an engine on a fresh store, pipelines of a given shape.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use spindrift_cloud_driver::NoAccounts;
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, InlineTask, Registry, StageType, StageView, TaskInput,
    TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pipeline, Value};
use spindrift_runtime::{Engine, EngineError, StartRequest};

use crate::config::Config;
use crate::wiring;

/// A stage type with one task.
struct Single {
    name: &'static str,
    runner: TaskRunner,
}

impl StageType for Single {
    fn name(&self) -> &str {
        self.name
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new("work")])
    }

    fn task(&self, _: &str) -> Option<TaskRunner> {
        Some(self.runner.clone())
    }
}

struct NoOp;

impl EffectTask for NoOp {
    fn run(self: Arc<Self>, _: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(std::future::ready(TaskResult::succeeded()))
    }
}

struct Held;

impl InlineTask for Held {
    fn run(&self, _: &StageView<'_>) -> TaskResult {
        TaskResult::until_signal()
    }
}

/// A stage whose task is performed outside the decision, and does nothing: every stage is two decisions apart on disk.
pub const EFFECT: &str = "benchEffect";

/// A stage that waits for a person.
pub const HELD: &str = "benchHeld";

/// Stage types that do nothing, and those of the product.
pub fn stages(config: &Config) -> anyhow::Result<Registry> {
    let mut stages = wiring::stages(config, Arc::new(NoAccounts))?;
    stages.add(Arc::new(Single {
        name: EFFECT,
        runner: TaskRunner::Effect(Arc::new(NoOp)),
    }));
    stages.add(Arc::new(Single {
        name: HELD,
        runner: TaskRunner::Inline(Arc::new(Held)),
    }));
    Ok(stages)
}

/// A stage type whose task is that one.
pub fn add(stages: &mut Registry, name: &'static str, task: Arc<dyn EffectTask>) {
    stages.add(Arc::new(Single {
        name,
        runner: TaskRunner::Effect(task),
    }));
}

/// An engine on the store in that directory.
pub fn engine(directory: &Path) -> anyhow::Result<Engine> {
    let config = Config::default();
    let store = Arc::new(wiring::open_store(directory, &config)?);
    Ok(wiring::engine(store, stages(&config)?, &config))
}

/// A pipeline whose stages follow each other.
pub fn chain(kind: &str, stages: usize, context: &Map) -> anyhow::Result<Pipeline> {
    let stages: Vec<Value> = (0..stages)
        .map(|position| {
            let before: Vec<String> = position
                .checked_sub(1)
                .map(|n| n.to_string())
                .into_iter()
                .collect();
            let mut stage = context.clone();
            stage.insert("refId".into(), position.to_string().into());
            stage.insert("type".into(), kind.into());
            stage.insert("requisiteStageRefIds".into(), json!(before));
            Value::Object(stage)
        })
        .collect();
    let document =
        json!({"id": "bench", "name": "bench", "application": "bench", "stages": stages});
    Pipeline::parse(document)
        .map(|(pipeline, _)| pipeline)
        .map_err(|problems| EngineError::Invalid(problems).into())
}

/// A request to start a pipeline.
pub fn request(pipeline: &Pipeline) -> StartRequest {
    StartRequest::manual(pipeline.clone(), Map::new(), "bench")
}

/// Starts that many runs at once, and returns when all have ended.
pub async fn run_all(engine: &Engine, pipeline: &Pipeline, runs: usize) -> anyhow::Result<()> {
    let mut notices = engine.watch();
    let mut submitted = Vec::with_capacity(runs);
    for _ in 0..runs {
        let (engine, request) = (engine.clone(), request(pipeline));
        submitted.push(tokio::spawn(async move {
            engine.submit(request).await.map(|_| ())
        }));
    }
    let mut open = runs;
    while open > 0 {
        match notices.recv().await {
            Ok(notice) if notice.has_ended() => open -= 1,
            Ok(_) => {}
            Err(_) => {
                // So many news that some were lost: count what the store says.
                open = open_runs(engine)?;
            }
        }
    }
    for submit in submitted {
        submit.await??;
    }
    Ok(())
}

fn open_runs(engine: &Engine) -> anyhow::Result<usize> {
    use spindrift_engine::{ExecutionQuery, Scope};
    use spindrift_model::Status;
    let query = ExecutionQuery {
        statuses: vec![Status::Running, Status::NotStarted],
        ..ExecutionQuery::newest(Scope::All, usize::MAX)
    };
    Ok(engine.store().executions(&query)?.len())
}
