//! What a `deployManifest` stage plans.

use std::sync::Arc;

use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::Accounts;
use spindrift_engine::{
    ContextEdit, Failure, StageType, StageView, SyntheticPlan, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig, Value};

use super::super::{plan, produced, wait};
use super::{after, cleanup, promote, rollback, submit, traffic};
use crate::fields;

/// The stage type.
pub(crate) struct DeployManifest {
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) fetcher: Option<Arc<dyn ArtifactFetcher>>,
}

const RESOLVE: &str = "resolveDeploySourceManifest";
const DEPLOY: &str = "deployManifest";
const MONITOR: &str = "monitorDeploy";
const PROMOTE: &str = "promoteOutputs";
const CLEAN_UP: &str = "cleanupArtifacts";
const MONITOR_CLEAN_UP: &str = "monitorCleanup";

/// What the tasks have noted of the cluster: expressions in it are text.
const NOTED: &[&str] = &[
    "outputs.manifests",
    "outputs.manifestNamesByNamespace",
    "outputs.boundArtifacts",
    "outputs.createdArtifacts",
    "deployedObjects",
    "siblings",
    "messages",
    "events",
    "warnings",
    "unstableManifests",
    "stableManifests",
    "failedManifests",
    "plan",
];

/// The same, and what the author wants left alone.
const UNEVALUATED: &[&str] = &[
    "outputs.manifests",
    "outputs.manifestNamesByNamespace",
    "outputs.boundArtifacts",
    "outputs.createdArtifacts",
    "deployedObjects",
    "siblings",
    "messages",
    "events",
    "warnings",
    "unstableManifests",
    "stableManifests",
    "failedManifests",
    "plan",
    "manifests",
    "manifest",
];

impl StageType for DeployManifest {
    fn name(&self) -> &str {
        "deployManifest"
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        // What cannot be read is told before anything is touched.
        traffic::Traffic::of(&view.stage().context)?;
        rollback::Rollback::of(&view.stage().context)?;
        Ok([
            RESOLVE,
            DEPLOY,
            MONITOR,
            PROMOTE,
            wait::WAIT,
            CLEAN_UP,
            MONITOR_CLEAN_UP,
            PROMOTE,
            crate::artifacts::BIND,
        ]
        .map(TaskSpec::new)
        .to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        let accounts = || Arc::clone(&self.accounts);
        Some(match name {
            RESOLVE => TaskRunner::Effect(Arc::new(submit::Resolve {
                fetcher: self.fetcher.clone(),
            })),
            DEPLOY => TaskRunner::Effect(Arc::new(submit::Deploy {
                accounts: accounts(),
            })),
            MONITOR | MONITOR_CLEAN_UP => TaskRunner::Inline(Arc::new(promote::Monitor)),
            PROMOTE => TaskRunner::Inline(Arc::new(promote::Promote)),
            wait::WAIT => TaskRunner::Effect(Arc::new(wait::WaitForStable {
                accounts: accounts(),
            })),
            CLEAN_UP => TaskRunner::Effect(Arc::new(cleanup::CleanUp {
                accounts: accounts(),
            })),
            crate::artifacts::BIND => produced::bind(),
            _ => return None,
        })
    }

    fn before(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        plan::before(view, plan)
    }

    fn after(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        after::after(view, plan)
    }

    fn on_failure(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        rollback::on_failure(view, plan)
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        let unset: Vec<String> = NOTED.iter().map(|key| (*key).to_owned()).collect();
        ContextEdit {
            unset,
            unset_outputs: NOTED
                .iter()
                .chain(&["artifacts"])
                .map(|key| (*key).to_owned())
                .collect(),
            ..ContextEdit::default()
        }
    }

    fn unevaluated(&self, context: &Map, _: bool) -> &'static [&'static str] {
        if fields::flag(context.get("skipExpressionEvaluation")) {
            UNEVALUATED
        } else {
            NOTED
        }
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        check(&stage.context, at)
    }
}

/// What is wrong with the members that say what is deployed where.
pub(crate) fn check(context: &Map, at: &Pointer) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut warn = |key: &str, message: String| {
        let code = format!("stage.deployManifest.{key}");
        problems.push(Problem::warning(at.key(key), &code, message));
    };
    let open = |key: &str| context.get(key).is_some_and(fields::is_expression);
    if super::super::account::name(context).is_err() && !open("account") {
        warn("account", "the stage fails without an account".to_owned());
    }
    match fields::text(context, "source") {
        Some("artifact") => {
            let named = ["manifestArtifactId", "manifestArtifact"]
                .iter()
                .any(|key| context.get(*key).is_some_and(|value| !value.is_null()));
            if !named {
                warn(
                    "manifestArtifactId",
                    "the stage fails without an artifact that holds its manifests".to_owned(),
                );
            }
        }
        Some("text") | None => {
            let empty = |key: &str| match context.get(key) {
                None | Some(Value::Null) => true,
                Some(Value::Array(list)) => list.is_empty(),
                Some(_) => false,
            };
            if empty("manifests") && empty("manifest") {
                warn("manifests", "the stage fails without manifests".to_owned());
            }
        }
        Some(_) if open("source") => {}
        Some(_) => warn("source", "it is text or artifact".to_owned()),
    }
    if let Err(failure) = traffic::Traffic::of(context) {
        warn("trafficManagement", failure.errors.join("; "));
    }
    if let Err(failure) = rollback::Rollback::of(context) {
        warn("rollback", failure.errors.join("; "));
    }
    problems
}
