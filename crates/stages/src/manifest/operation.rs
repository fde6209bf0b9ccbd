//! What the stages that change objects have in common: find the object, change it, wait for that to take effect, wait for it to be stable.
//!
//! One type implements [`Operation`] for each stage type; [`ManifestStage`] makes a stage type of it. The names of the tasks are Orca's.

use std::marker::PhantomData;
use std::sync::Arc;

use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::kubernetes::Kubernetes;
use spindrift_cloud_driver::{Accounts, CloudError};
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, InlineTask, StageType, StageView, TaskInput,
    TaskPolicy, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig, Value};

use super::target::{self, ResolveTarget, Target};
use super::{account, failure, produced, source, wait};
use crate::server_group::TrafficRules;
use crate::{artifacts, fields};

/// The longest that one operation takes, also when the API server is away in between.
pub(crate) const POLICY: TaskPolicy = TaskPolicy {
    timeout: Some(30 * 60 * 1_000),
    overridable: true,
    backoff: 5_000,
};

const PROMOTE: &str = "promoteOutputs";

/// Why a task of these stages fails.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The stage cannot be carried out as it is written.
    Stage(Failure),
    /// The cloud has failed it.
    Cloud(CloudError),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Stage(failure)
    }
}

impl From<CloudError> for Fault {
    fn from(error: CloudError) -> Self {
        Self::Cloud(error)
    }
}

impl Fault {
    /// How the task ends.
    pub(crate) fn result(self, input: &TaskInput) -> TaskResult {
        match self {
            Self::Stage(failure) => TaskResult::terminal(failure),
            Self::Cloud(error) => failure::result(&error, input),
        }
    }
}

/// The account of a stage.
pub(crate) fn kubernetes(
    accounts: &dyn Accounts,
    input: &TaskInput,
) -> Result<Kubernetes, Failure> {
    let provider = account::kubernetes(accounts, &input.stage.context)?;
    let kubernetes = provider.kubernetes().cloned();
    kubernetes.ok_or_else(|| fields::invalid("account: it is none of Kubernetes"))
}

/// A fault, or what came out.
pub(crate) type Done = Result<TaskResult, Fault>;

/// One kind of change.
pub(crate) trait Operation: Send + Sync + 'static {
    /// The stage type, and the task that carries it out.
    const TYPE: &'static str;
    /// Other names of the stage type.
    const ALIASES: &'static [&'static str] = &[];
    /// The tasks, in order.
    const TASKS: &'static [&'static str];
    /// The task that waits until the change has taken effect.
    const MONITOR: &'static str;
    /// Whether there is anything to wait for then.
    const SETTLES: bool = false;
    /// Members that the tasks note besides those of every operation; a restart forgets them.
    const NOTES: &'static [&'static str] = &[];

    /// How a traffic guard calls the change, when it takes instances out of traffic.
    fn guarded(context: &Map) -> Option<&'static str> {
        let _ = context;
        None
    }

    /// Makes the change. It may be made again after a crash, with the same key.
    fn perform(kubernetes: Kubernetes, input: TaskInput) -> impl Future<Output = Done> + Send;

    /// Waits until the change has taken effect.
    fn settle(kubernetes: Kubernetes, input: TaskInput) -> impl Future<Output = Done> + Send {
        drop((kubernetes, input));
        std::future::ready(Ok(TaskResult::succeeded()))
    }

    /// Members whose expressions are text: what the cluster has said.
    fn unevaluated(context: &Map) -> &'static [&'static str] {
        let _ = context;
        &NOTES
    }

    /// What is wrong with the members that only this operation has: member and why.
    fn check(context: &Map) -> Vec<(&'static str, String)> {
        let _ = context;
        Vec::new()
    }

    /// Whether a target of that kind is one of this operation.
    fn takes(target: &Target) -> bool {
        matches!(target, Target::Static(_) | Target::Dynamic(..))
    }
}

/// The stage type of an operation.
pub(crate) struct ManifestStage<O> {
    accounts: Arc<dyn Accounts>,
    fetcher: Option<Arc<dyn ArtifactFetcher>>,
    traffic: TrafficRules,
    operation: PhantomData<fn() -> O>,
}

impl<O: Operation> ManifestStage<O> {
    pub(crate) fn new(
        accounts: &Arc<dyn Accounts>,
        fetcher: Option<&Arc<dyn ArtifactFetcher>>,
        traffic: &TrafficRules,
    ) -> Self {
        Self {
            accounts: Arc::clone(accounts),
            fetcher: fetcher.cloned(),
            traffic: traffic.clone(),
            operation: PhantomData,
        }
    }

    fn effect(&self, step: Step) -> TaskRunner {
        TaskRunner::Effect(Arc::new(Perform::<O> {
            accounts: Arc::clone(&self.accounts),
            traffic: self.traffic.clone(),
            step,
            operation: PhantomData,
        }))
    }
}

/// What the tasks of every operation note.
const NOTES: [&str; 9] = [
    "deploy.account.name",
    "outputs.manifestNamesByNamespace",
    "messages",
    "events",
    "warnings",
    "stableManifests",
    "failedManifests",
    "unstableManifests",
    "loadBalancersTurned",
];

impl<O: Operation> StageType for ManifestStage<O> {
    fn name(&self) -> &str {
        O::TYPE
    }

    fn aliases(&self) -> &[&str] {
        O::ALIASES
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(O::TASKS.iter().map(|name| TaskSpec::new(name)).collect())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        if !O::TASKS.contains(&name) {
            return None;
        }
        let accounts = || Arc::clone(&self.accounts);
        Some(match name {
            target::RESOLVE => TaskRunner::Effect(Arc::new(ResolveTarget {
                accounts: accounts(),
            })),
            wait::WAIT => TaskRunner::Effect(Arc::new(wait::WaitForStable {
                accounts: accounts(),
            })),
            super::patch::RESOLVE => TaskRunner::Effect(Arc::new(super::patch::ResolvePatch {
                fetcher: self.fetcher.clone(),
            })),
            artifacts::BIND => produced::bind(),
            PROMOTE => TaskRunner::Inline(Arc::new(Pass)),
            name if name == O::TYPE => self.effect(Step::Perform),
            name if name == O::MONITOR && O::SETTLES => self.effect(Step::Settle),
            _ => TaskRunner::Inline(Arc::new(Pass)),
        })
    }

    fn restart(&self, stage: &Stage) -> ContextEdit {
        let mut unset: Vec<String> = NOTES
            .iter()
            .chain(O::NOTES)
            .map(|key| (*key).to_owned())
            .collect();
        // What criteria have chosen belongs to the run before.
        if fields::text(&stage.context, "mode") == Some("dynamic") {
            unset.push("manifestName".to_owned());
        }
        ContextEdit {
            unset,
            ..ContextEdit::default()
        }
    }

    fn unevaluated(&self, context: &Map, _: bool) -> &'static [&'static str] {
        O::unevaluated(context)
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let mut found = Vec::new();
        let context = &stage.context;
        if account::name(context).is_err() {
            found.push(("account", "the stage fails without an account".to_owned()));
        }
        match Target::of(context, "") {
            Ok(target) if !O::takes(&target) => found.push((
                "mode",
                format!("a target of that kind is none of {}", O::TYPE),
            )),
            Ok(_) => {}
            Err(unreadable) => found.push(unreadable),
        }
        found.extend(O::check(context));
        problems(O::TYPE, context, at, found)
    }
}

/// Members of a stage and what is wrong with them, as problems; those with an expression are judged when the stage runs.
pub(crate) fn problems(
    kind: &str,
    context: &Map,
    at: &Pointer,
    found: Vec<(&'static str, String)>,
) -> Vec<Problem> {
    let judged = found
        .into_iter()
        .filter(|(key, _)| !context.get(*key).is_some_and(is_open));
    judged
        .map(|(key, why)| Problem::warning(at.key(key), &format!("stage.{kind}.{key}"), why))
        .collect()
}

/// Whether an expression is anywhere in it.
fn is_open(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(is_open),
        Value::Object(map) => map.values().any(is_open),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            fields::is_expression(value)
        }
    }
}

/// A task in which Orca waits for Clouddriver or takes over what it has told; here that has happened already.
struct Pass;

impl InlineTask for Pass {
    fn run(&self, _: &StageView<'_>) -> TaskResult {
        TaskResult::succeeded()
    }
}

#[derive(Clone, Copy)]
enum Step {
    Perform,
    Settle,
}

struct Perform<O> {
    accounts: Arc<dyn Accounts>,
    traffic: TrafficRules,
    step: Step,
    operation: PhantomData<fn() -> O>,
}

impl<O: Operation> Perform<O> {
    /// Asks the traffic guards. What labels pick is not judged.
    async fn permit(&self, kubernetes: &Kubernetes, input: &TaskInput) -> Result<(), Failure> {
        let context = &input.stage.context;
        let (Some(operation), Ok(id)) = (O::guarded(context), target::object(input)) else {
            return Ok(());
        };
        let provider = account::kubernetes(&*self.accounts, context)?;
        let namespace = kubernetes.namespace_or_default(&id.namespace);
        let application = &input.application;
        self.traffic
            .permit(
                &*provider,
                application,
                operation,
                namespace,
                &[id.to_string()],
            )
            .await
    }
}

impl<O: Operation> EffectTask for Perform<O> {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            let kubernetes = match kubernetes(&*self.accounts, &input) {
                Ok(kubernetes) => kubernetes,
                Err(failure) => return TaskResult::terminal(failure),
            };
            let done = match self.step {
                Step::Perform => match self.permit(&kubernetes, &input).await {
                    Ok(()) => O::perform(kubernetes, input.clone()).await,
                    Err(refused) => Err(refused.into()),
                },
                Step::Settle => O::settle(kubernetes, input.clone()).await,
            };
            done.unwrap_or_else(|fault| fault.result(&input))
        })
    }

    fn policy(&self) -> TaskPolicy {
        POLICY
    }

    fn reads(&self) -> &'static [&'static str] {
        source::READS
    }
}

/// The result of a performance that goes on at once with a new message, when it has one; the other context stays.
pub(crate) fn shows(message: &str, context: &Map) -> Option<TaskResult> {
    let shown = context.get("messages").and_then(Value::as_array);
    let same = shown.is_some_and(|shown| shown.iter().any(|shown| shown == message));
    (!same).then(|| TaskResult::again_in(0).with_context("messages", vec![Value::from(message)]))
}
