//! The tasks that find out what is deployed, and deploy it.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::kubernetes::{DeployRequest, DeploySettings, Deployed, LabelSelector};
use spindrift_cloud_driver::model::Moniker;
use spindrift_cloud_driver::{Accounts, CloudError};
use spindrift_engine::{BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult};
use spindrift_model::{Artifact, Map};

use super::super::{account, failure, source, wait};
use super::traffic::Traffic;
use crate::fields;

/// The task `resolveDeploySourceManifest`.
pub(crate) struct Resolve {
    pub(crate) fetcher: Option<Arc<dyn ArtifactFetcher>>,
}

impl EffectTask for Resolve {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            resolve(&input, self.fetcher.as_ref())
                .await
                .unwrap_or_else(TaskResult::terminal)
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        source::READS
    }
}

async fn resolve(
    input: &TaskInput,
    fetcher: Option<&Arc<dyn ArtifactFetcher>>,
) -> Result<TaskResult, Failure> {
    let manifests = source::manifests(input, fetcher).await?;
    let required = source::required(input)?;
    let optional = source::optional(input);
    Ok(TaskResult::succeeded()
        .with_context("manifests", manifests)
        .with_context("requiredArtifacts", as_json(&required))
        .with_context("optionalArtifacts", as_json(&optional)))
}

/// The task `deployManifest`.
pub(crate) struct Deploy {
    pub(crate) accounts: Arc<dyn Accounts>,
}

impl EffectTask for Deploy {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            deploy(&*self.accounts, &input)
                .await
                .unwrap_or_else(TaskResult::terminal)
        })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: None,
            overridable: false,
            backoff: 5_000,
        }
    }
}

async fn deploy(accounts: &dyn Accounts, input: &TaskInput) -> Result<TaskResult, Failure> {
    let context = &input.stage.context;
    refuse_unevaluated(context)?;
    let provider = account::kubernetes(accounts, context)?;
    let Some(kubernetes) = provider.kubernetes() else {
        return Err(fields::invalid("account: it is none of Kubernetes"));
    };
    let request = request(input)?;
    let name = provider.account();
    match kubernetes.deploy(&request).await {
        Ok(deployed) => Ok(told(name, &deployed)),
        Err(error) => Ok(failed(name, &error, input)),
    }
}

/// With `failOnFailedExpressions` nothing is deployed that still holds an expression which failed.
fn refuse_unevaluated(context: &Map) -> Result<(), Failure> {
    let summary = context
        .get("expressionEvaluationSummary")
        .and_then(Value::as_object)
        .filter(|summary| !summary.is_empty());
    match summary {
        Some(summary) if fields::flag(context.get("failOnFailedExpressions")) => Err(Failure::new(
            "FailedExpressionEvaluation",
            format!(
                "expressions in the manifests failed, and failOnFailedExpressions is set: {}",
                summary.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// The deploy that a stage asks for.
pub(crate) fn request(input: &TaskInput) -> Result<DeployRequest, Failure> {
    let context = &input.stage.context;
    let traffic = Traffic::of(context)?;
    let manifests = context
        .get("manifests")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    Ok(DeployRequest {
        manifests,
        moniker: moniker(context, &input.application)?,
        namespace_override: fields::text(context, "namespaceOverride").map(str::to_owned),
        versioned: context
            .get("versioned")
            .filter(|value| !value.is_null())
            .map(|value| fields::flag(Some(value))),
        required_artifacts: artifacts(context, "requiredArtifacts")?,
        optional_artifacts: artifacts(context, "optionalArtifacts")?,
        bind_artifacts: context
            .get("enableArtifactBinding")
            .is_none_or(|value| value.is_null() || fields::flag(Some(value))),
        strategy: traffic.at_deploy(),
        services: traffic.services,
        enable_traffic: traffic.enabled,
        label_selectors: selectors(context)?,
        allow_nothing_selected: fields::flag(context.get("allowNothingSelected")),
        skip_spec_template_labels: fields::flag(context.get("skipSpecTemplateLabels")),
        settings: DeploySettings::default(),
        // Not the key of this performance: a deploy that is tried again is the same deploy.
        key: format!(
            "{}-{}-{}",
            input.execution, input.stage.id, input.stage.restarts
        ),
    })
}

fn moniker(context: &Map, application: &str) -> Result<Moniker, Failure> {
    let mut moniker: Moniker = match context.get("moniker") {
        None | Some(Value::Null) => Moniker::default(),
        Some(written @ Value::Object(_)) => serde_json::from_value(written.clone())
            .map_err(|error| fields::invalid(format!("moniker: {error}")))?,
        Some(_) => return Err(fields::invalid("moniker: it is not an object")),
    };
    if moniker.app.as_deref().is_none_or(str::is_empty) {
        moniker.app = Some(application.to_owned());
    }
    Ok(moniker)
}

fn selectors(context: &Map) -> Result<Vec<LabelSelector>, Failure> {
    match context
        .get("labelSelectors")
        .and_then(|map| map.get("selectors"))
    {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|error| fields::invalid(format!("labelSelectors.selectors: {error}"))),
    }
}

fn artifacts(context: &Map, key: &str) -> Result<Vec<Artifact>, Failure> {
    match context.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|error| fields::invalid(format!("{key}: {error}"))),
    }
}

fn as_json<T: serde::Serialize>(value: &T) -> Value {
    // Artifacts and names have only texts for keys.
    serde_json::to_value(value).unwrap_or_default()
}

/// What a deploy has made, as members of the context.
fn told(account: &str, deployed: &Deployed) -> TaskResult {
    let created = as_json(&deployed.created);
    TaskResult::succeeded()
        .with_context("deploy.account.name", account)
        .with_context("outputs.manifests", deployed.manifests.clone())
        .with_context(wait::NAMES, as_json(&deployed.names_by_namespace()))
        .with_context("outputs.boundArtifacts", as_json(&deployed.bound))
        .with_context("outputs.createdArtifacts", created.clone())
        .with_context("artifacts", created)
        .with_context("deployedObjects", as_json(&deployed.objects))
        .with_context("warnings", deployed.warnings.clone())
}

/// A failure, with what was made before it.
fn failed(account: &str, error: &CloudError, input: &TaskInput) -> TaskResult {
    let mut result = failure::result(error, input).with_context("deploy.account.name", account);
    let applied = error.details.get("applied").and_then(Value::as_array);
    let mut names = Map::new();
    for object in applied.into_iter().flatten() {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let list = names
            .entry(text("namespace").to_owned())
            .or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(format!("{} {}", text("kind"), text("name")).into());
        }
    }
    if !names.is_empty() {
        result = result.with_context(wait::NAMES, names);
    }
    if let Some(created) = error.details.get("created") {
        result = result.with_context("outputs.createdArtifacts", created.clone());
    }
    if let Some(objects) = error.details.get("objects") {
        result = result.with_context("deployedObjects", objects.clone());
    }
    result
}
