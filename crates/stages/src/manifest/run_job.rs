//! `runJobManifest`: runs a Job to its end, and reads what it has found out.
//!
//! Context: `manifest` (or `manifests`, or `source: artifact`), `namespace`, `waitForCompletion` (true), `propertyFile` (the container whose log says properties),
//! `expectedArtifacts`, `consumeArtifactSource: artifact` with `consumeArtifactId` and `consumeArtifactAccount`, `earlyFailure`. Outputs: the properties, also as
//! `propertyFileContents`; `jobStatus`.
//!
//! Invariants:
//! - A stage makes one Job, also when the process dies in between; a restart of the stage makes another one.
//! - A stage that is canceled, times out, or gives up because of its pods leaves no Job behind that could still run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::Accounts;
use spindrift_cloud_driver::kubernetes::{
    DeployRequest, JobEnd, Kubernetes, ObjectId, Status, read_properties, redacted,
};
use spindrift_cloud_driver::model::Moniker;
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, InlineTask, StageType, StageView, TaskInput,
    TaskPolicy, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};
use tokio::sync::mpsc;

use super::operation::{self, Done, Fault, problems, shows};
use super::{account, source, wait};
use crate::{artifacts, fields};

const RESOLVE: &str = "resolveDeploySourceManifest";
const RUN: &str = "runJob";
const MONITOR: &str = "monitorDeploy";
const PROMOTE: &str = "promoteOutputs";
const WAIT: &str = "waitOnJobCompletion";
const CONSUME: &str = "consumeArtifact";

/// The Jobs of a stage by namespace.
const JOBS: &str = "deploy.jobs";

const NOTES: [&str; 6] = [
    JOBS,
    "jobStatus",
    "messages",
    "propertyFileContents",
    "outputs.manifests",
    "deploy.account.name",
];

/// The stage type.
pub(crate) struct RunJob {
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) fetcher: Option<Arc<dyn ArtifactFetcher>>,
}

impl StageType for RunJob {
    fn name(&self) -> &str {
        "runJobManifest"
    }

    fn aliases(&self) -> &[&str] {
        &["runJob"]
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let context = &view.stage().context;
        let waits = context
            .get("waitForCompletion")
            .is_none_or(|wait| wait.is_null() || fields::flag(Some(wait)));
        let planned = [
            (RESOLVE, fields::text(context, "source") == Some("artifact")),
            (RUN, true),
            (MONITOR, true),
            (PROMOTE, true),
            (WAIT, waits),
            (artifacts::BIND, artifacts::expects_any(context)),
            (
                CONSUME,
                fields::text(context, "consumeArtifactSource") == Some("artifact"),
            ),
        ];
        let planned = planned.into_iter().filter(|(_, is_planned)| *is_planned);
        Ok(planned.map(|(name, _)| TaskSpec::new(name)).collect())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        let step = match name {
            RESOLVE => Step::Resolve,
            RUN => Step::Run,
            WAIT => Step::Wait,
            CONSUME => Step::Consume,
            artifacts::BIND => return Some(artifacts::bind_produced()),
            MONITOR | PROMOTE => return Some(TaskRunner::Inline(Arc::new(Pass))),
            _ => return None,
        };
        Some(TaskRunner::Effect(Arc::new(Job {
            accounts: Arc::clone(&self.accounts),
            fetcher: self.fetcher.clone(),
            step,
        })))
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        ContextEdit {
            unset: NOTES.iter().map(|key| (*key).to_owned()).collect(),
            ..ContextEdit::default()
        }
    }

    fn unevaluated(&self, context: &Map, _: bool) -> &'static [&'static str] {
        const ALL: [&str; 8] = [
            JOBS,
            "jobStatus",
            "messages",
            "propertyFileContents",
            "outputs.manifests",
            "deploy.account.name",
            "manifest",
            "manifests",
        ];
        match fields::flag(context.get("skipExpressionEvaluation")) {
            true => &ALL,
            false => &NOTES,
        }
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let context = &stage.context;
        let mut found = Vec::new();
        if account::name(context).is_err() {
            found.push(("account", "the stage fails without an account".to_owned()));
        }
        if fields::text(context, "source") != Some("artifact") {
            found.extend(written(context).err().map(|why| ("manifest", why)));
        }
        problems("runJobManifest", context, at, found)
    }
}

/// What is wrong with the manifest of a stage that has its own.
fn written(context: &Map) -> Result<(), String> {
    let manifest = match (context.get("manifest"), context.get("manifests")) {
        (_, Some(Value::Array(list))) if list.len() == 1 => list.first(),
        (_, Some(Value::Array(list))) if list.len() > 1 => {
            return Err("Run Job only supports manifests with a single Job.".to_owned());
        }
        (manifest, _) => manifest,
    };
    match manifest {
        None | Some(Value::Null) if context.contains_key("container") || context.contains_key("containers") => Err(
            "it is missing: containers without a manifest were for the first Kubernetes provider, which is gone; write the manifest of a Job".to_owned(),
        ),
        None | Some(Value::Null) => Err("it is missing; write the manifest of a Job".to_owned()),
        Some(Value::Object(manifest)) => match fields::text(manifest, "kind") {
            Some(kind) if kind.eq_ignore_ascii_case("job") || kind.contains("${") => Ok(()),
            Some(_) | None => Err("Only kind of Job is accepted for the Run Job operation.".to_owned()),
        },
        Some(_) => Ok(()),
    }
}

struct Pass;

impl InlineTask for Pass {
    fn run(&self, _: &StageView<'_>) -> TaskResult {
        TaskResult::succeeded()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Resolve,
    Run,
    Wait,
    Consume,
}

struct Job {
    accounts: Arc<dyn Accounts>,
    fetcher: Option<Arc<dyn ArtifactFetcher>>,
    step: Step,
}

impl EffectTask for Job {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            let done = match self.step {
                Step::Resolve => self.resolve(&input).await,
                Step::Run => self.make(&input).await,
                Step::Wait => self.wait(&input).await,
                Step::Consume => self.consume(&input).await,
            };
            done.unwrap_or_else(|fault| fault.result(&input))
        })
    }

    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        self.has_cancel(&input.stage)
            .then(|| -> BoxFuture<TaskResult> {
                Box::pin(async move {
                    let canceled = match operation::kubernetes(&*self.accounts, &input) {
                        Ok(kubernetes) => cancel(&kubernetes, &input).await,
                        Err(failure) => Err(Fault::Stage(failure)),
                    };
                    match canceled {
                        Ok(()) => TaskResult::succeeded(),
                        Err(fault) => fault.result(&input),
                    }
                })
            })
    }

    fn has_cancel(&self, _: &Stage) -> bool {
        matches!(self.step, Step::Run | Step::Wait)
    }

    fn policy(&self) -> TaskPolicy {
        match self.step {
            Step::Wait => TaskPolicy {
                timeout: Some(120 * 60 * 1_000),
                ..operation::POLICY
            },
            Step::Resolve | Step::Run | Step::Consume => operation::POLICY,
        }
    }

    fn reads(&self) -> &'static [&'static str] {
        source::READS
    }
}

/// The same however often the task is tried; another one after a restart of the stage.
fn key(input: &TaskInput) -> String {
    format!(
        "{}-{}-{}",
        input.execution, input.stage.id, input.stage.restarts
    )
}

/// The Job that was made.
fn job(context: &Map) -> Result<ObjectId, Failure> {
    let jobs = context.get(JOBS).and_then(Value::as_object);
    let (namespace, names) = jobs
        .and_then(|jobs| jobs.iter().next())
        .ok_or_else(|| fields::invalid(format!("{JOBS}: no Job was made")))?;
    let name = names
        .pointer("/0")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ObjectId::parse(name, namespace)
        .map_err(|error| fields::invalid(format!("{JOBS}: {}", error.message)))
}

async fn cancel(kubernetes: &Kubernetes, input: &TaskInput) -> Result<(), Fault> {
    let context = &input.stage.context;
    let namespace = match job(context) {
        Ok(id) => id.namespace,
        // The Job may have been made and not noted.
        Err(_) => namespace(context).unwrap_or_else(|| {
            let manifest = context
                .get("manifests")
                .and_then(|list| list.get(0))
                .or(context.get("manifest"));
            let named =
                manifest.and_then(|manifest| manifest.pointer("/metadata/namespace")?.as_str());
            named.unwrap_or_default().to_owned()
        }),
    };
    Ok(kubernetes.cancel_job(&namespace, &key(input)).await?)
}

fn namespace(context: &Map) -> Option<String> {
    let keys = ["namespaceOverride", "namespace"];
    keys.iter()
        .find_map(|key| fields::text(context, key))
        .map(str::to_owned)
}

impl Job {
    async fn resolve(&self, input: &TaskInput) -> Done {
        let manifests = source::manifests(input, self.fetcher.as_ref()).await?;
        Ok(TaskResult::succeeded().with_context("manifests", manifests))
    }

    async fn make(&self, input: &TaskInput) -> Done {
        let context = &input.stage.context;
        let manifests = match context.get("manifests").and_then(Value::as_array) {
            Some(list) if !list.is_empty() => list.clone(),
            Some(_) | None => {
                written(context).map_err(|why| fields::invalid(format!("manifest: {why}")))?;
                context.get("manifest").cloned().into_iter().collect()
            }
        };
        let kubernetes = operation::kubernetes(&*self.accounts, input)?;
        let application = fields::text(context, "application").unwrap_or(&input.application);
        let request = DeployRequest {
            manifests,
            moniker: Moniker {
                app: Some(application.to_owned()),
                ..Moniker::default()
            },
            namespace_override: namespace(context),
            required_artifacts: source::required(input)?,
            optional_artifacts: source::optional(input),
            key: key(input),
            ..DeployRequest::default()
        };
        let made = kubernetes.run_job(&request).await?;
        let manifests: Vec<Value> = made.manifests.iter().cloned().map(redacted).collect();
        Ok(TaskResult::succeeded()
            .with_context("deploy.account.name", kubernetes.account_name())
            .with_context(JOBS, json!(made.names_by_namespace()))
            .with_context("outputs.manifests", manifests.clone())
            .with_output(JOBS, json!(made.names_by_namespace()))
            .with_output("outputs.manifests", manifests))
    }

    async fn wait(&self, input: &TaskInput) -> Done {
        let context = &input.stage.context;
        let kubernetes = operation::kubernetes(&*self.accounts, input)?;
        let id = job(context)?;
        let options = wait::options(context)?;
        let (tell, mut told) = mpsc::channel(1);
        let account = kubernetes.account_name();
        let progress = |status: &Status| {
            let said = format!(
                "'{id}' in '{}' for account {account}: {}",
                id.namespace,
                status.waiting_for()
            );
            drop(tell.try_send(said));
        };
        let news = async {
            while let Some(message) = told.recv().await {
                if let Some(result) = shows(&message, context) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    return result;
                }
            }
            std::future::pending().await
        };
        let end = tokio::select! {
            biased;
            end = kubernetes.await_job(&id.namespace, &id.name, &options, &progress) => end?,
            result = news => return Ok(result),
        };
        if end.trouble.is_some() {
            // It would go on after the stage has failed.
            cancel(&kubernetes, input).await?;
        }
        ended(&kubernetes, &id, &end, context).await
    }

    async fn consume(&self, input: &TaskInput) -> Done {
        let context = &input.stage.context;
        let Some(id) = fields::text(context, "consumeArtifactId") else {
            return Err(fields::invalid(
                "consumeArtifactId: it is missing; name an expected artifact",
            )
            .into());
        };
        let artifact = source::by_id(input, id)?;
        let account = fields::text(context, "consumeArtifactAccount").map(str::to_owned);
        let Some(fetcher) = &self.fetcher else {
            return Err(
                fields::invalid("consumeArtifactId: this process fetches no artifacts").into(),
            );
        };
        let content = fetcher
            .fetch(artifact, account)
            .await
            .map_err(|error| Failure::new("ArtifactFetchException", error.to_string()))?;
        let members: Map = serde_json::from_slice(&content).map_err(|error| {
            fields::invalid(format!("the artifact {id} is no JSON object: {error}"))
        })?;
        let mut result = TaskResult::succeeded();
        result
            .outputs
            .extend(members.into_iter().filter(|(_, value)| !value.is_null()));
        Ok(result)
    }
}

/// What a stage tells of a Job that has ended.
async fn ended(kubernetes: &Kubernetes, id: &ObjectId, end: &JobEnd, context: &Map) -> Done {
    let failure = (!end.succeeded).then(|| end.failure());
    let status = json!({
        "name": id.name,
        "account": kubernetes.account_name(),
        "location": id.namespace,
        "provider": "kubernetes",
        "createdTime": end.job.pointer("/metadata/creationTimestamp"),
        "jobState": if end.succeeded { "Succeeded" } else { "Failed" },
        "message": failure,
    });
    let properties = match fields::text(context, "propertyFile") {
        Some(container) => properties(kubernetes, end, container).await?,
        None => None,
    };
    let mut result = match failure {
        None => TaskResult::succeeded(),
        Some(failure) => TaskResult::terminal(Failure::new("JobFailedException", failure)),
    };
    result = result
        .with_context("jobStatus", status.clone())
        .with_output("jobStatus", status);
    if let Some(properties) = properties {
        result = result.with_context("propertyFileContents", properties.clone());
        result.outputs.extend(properties.clone());
        result = result.with_output("propertyFileContents", properties);
    }
    Ok(result)
}

/// The properties in the log; none is a failure where the Job succeeded.
async fn properties(
    kubernetes: &Kubernetes,
    end: &JobEnd,
    container: &str,
) -> Result<Option<Map>, Fault> {
    let read = match kubernetes.job_log(end, container).await {
        Ok(log) => read_properties(&log).map_err(|error| error.to_string()),
        Err(error) if error.is_retryable() => return Err(error.into()),
        Err(error) => Err(error.message),
    };
    let why = match read {
        Ok(properties) if !properties.is_empty() => return Ok(Some(properties)),
        Ok(_) => String::new(),
        Err(why) => format!(": {why}"),
    };
    match end.succeeded {
        true => Err(Failure::new(
            "ConfigurationException",
            format!("Expected properties file: {container} but it was either missing, empty or contained invalid syntax{why}"),
        )
        .into()),
        false => Ok(None),
    }
}
