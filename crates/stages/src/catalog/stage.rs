//! The stage types of the catalog: one task each, which does one job.

use std::sync::Arc;

use spindrift_engine::{
    BoxFuture, EffectTask, Failure, StageType, StageView, TaskInput, TaskPolicy, TaskResult,
    TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Millis};

use super::job::{CatalogJobs, JobAuthor, Kind, read};

/// Every stage type of the catalog, by name.
pub(crate) const KINDS: [(&str, Kind); 12] = [
    ("createApplication", Kind::UpsertApplication),
    ("updateApplication", Kind::UpsertApplication),
    ("upsertApplication", Kind::UpsertApplication),
    ("deleteApplication", Kind::DeleteApplication),
    ("upsertProject", Kind::UpsertProject),
    ("deleteProject", Kind::DeleteProject),
    ("savePipeline", Kind::SavePipeline),
    ("updatePipeline", Kind::UpdatePipeline),
    ("deletePipeline", Kind::DeletePipeline),
    ("createV2PipelineTemplate", Kind::CreateTemplate),
    ("updateV2PipelineTemplate", Kind::UpdateTemplate),
    ("deleteV2PipelineTemplate", Kind::DeleteTemplate),
];

/// A store that is busy is free again in a moment; one that has stopped stays stopped.
const LONGEST: Millis = 60_000;

/// A stage type.
pub(crate) struct CatalogStage {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) jobs: Option<Arc<dyn CatalogJobs>>,
}

impl StageType for CatalogStage {
    fn name(&self) -> &str {
        self.name
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new(self.name)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == self.name).then(|| {
            TaskRunner::Effect(Arc::new(CatalogTask {
                kind: self.kind,
                jobs: self.jobs.clone(),
            }))
        })
    }

    /// The expressions of a pipeline that is saved are for its runs.
    fn unevaluated(&self, _: &Map, _: bool) -> &'static [&'static str] {
        &[
            "application",
            "project",
            "pipeline",
            "pipelines",
            "pipelineTemplate",
        ]
    }
}

struct CatalogTask {
    kind: Kind,
    jobs: Option<Arc<dyn CatalogJobs>>,
}

impl EffectTask for CatalogTask {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            let mut result = match self.perform(input).await {
                Ok(result) => result,
                Err(failure) => TaskResult::terminal(failure),
            };
            // Triggers hold secrets, which are sealed in the pipeline and would lie open in the execution.
            if matches!(self.kind, Kind::SavePipeline | Kind::UpdatePipeline) {
                result.unset = ["pipeline", "pipelines"].map(str::to_owned).to_vec();
            }
            result
        })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(LONGEST),
            overridable: false,
            backoff: 1_000,
        }
    }
}

impl CatalogTask {
    async fn perform(&self, input: TaskInput) -> Result<TaskResult, Failure> {
        let job = read(self.kind, &input.stage.context)?;
        let Some(jobs) = &self.jobs else {
            return Err(Failure::new(
                "UnsupportedOperation",
                "applications, projects and templates are kept by a server; this process keeps none",
            ));
        };
        let author = JobAuthor {
            user: input.user.clone().unwrap_or_else(|| "anonymous".to_owned()),
            key: input.key.to_string(),
            since: input.task_start,
        };
        let done = jobs.perform(job, author).await?;
        let mut result = TaskResult::succeeded();
        result.context = done.context;
        result.outputs = done.outputs;
        Ok(result)
    }
}
