//! The start of executions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use spindrift_engine::{RunState, Start, plan_execution};
use spindrift_model::{
    Authentication, Execution, ExecutionId, ExecutionKind, Map, Pipeline, Trigger,
};

use crate::admission::Admission;
use crate::clock::FreshIds;
use crate::engine::Engine;
use crate::environment::SubmissionEnvironment;
use crate::error::EngineError;
use crate::shard::Message;

/// So many URLs the expressions of one submission may read.
const MOST_PAGES: usize = 32;

/// A request to start an execution.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// The pipeline, or the stages of an ad-hoc task.
    pub pipeline: Pipeline,
    /// What triggered it; an empty one is a manual start.
    pub trigger: Map,
    /// As whom it acts.
    pub authentication: Authentication,
    /// Where it was started from.
    pub origin: Option<String>,
    /// Pipeline run or ad-hoc task.
    pub kind: ExecutionKind,
    /// The id it gets, when the caller chose one.
    pub id: Option<ExecutionId>,
    /// The topmost ancestor, when it is a child.
    pub root: Option<ExecutionId>,
}

impl StartRequest {
    /// A manual start of a pipeline by a user.
    pub fn manual(pipeline: Pipeline, trigger: Map, user: &str) -> Self {
        Self {
            pipeline,
            trigger,
            authentication: Authentication {
                user: Some(user.to_owned()),
                allowed_accounts: Vec::new(),
            },
            origin: Some("api".to_owned()),
            kind: ExecutionKind::Pipeline,
            id: None,
            root: None,
        }
    }
}

/// An execution that is on disk.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The execution as it stood when it was stored.
    pub execution: Arc<Execution>,
    /// Whether it was there already: an earlier start had the same correlation id or execution id.
    pub existed: bool,
}

impl Engine {
    /// Starts an execution, or puts it into its pipeline's queue. It is on disk when this returns.
    ///
    /// A start whose trigger has the `correlationId` of an execution that has not ended is that execution. Errors: the
    /// pipeline cannot be started, its queue is full, or there is an execution of the chosen id.
    ///
    /// A start is carried through once it has begun, also when whoever asked for it goes away.
    pub async fn submit(&self, request: StartRequest) -> Result<Submitted, EngineError> {
        self.submit_for(request, |_| Ok(())).await
    }

    /// Starts an execution on somebody's behalf. `wanted` is asked while no other start has the same correlation id.
    pub(crate) async fn submit_for(
        &self,
        request: StartRequest,
        wanted: impl FnOnce(&Engine) -> Result<(), EngineError> + Send + 'static,
    ) -> Result<Submitted, EngineError> {
        let engine = self.clone();
        let start = async move { engine.submit_once(request, wanted).await };
        // A task of its own: a start that is dropped half-way could leave a run that nobody knows, or a slot taken for ever.
        let start = self.shared.tracker.spawn(start);
        start.await.unwrap_or_else(|_| Err(EngineError::stopping()))
    }

    async fn submit_once(
        &self,
        request: StartRequest,
        wanted: impl FnOnce(&Engine) -> Result<(), EngineError>,
    ) -> Result<Submitted, EngineError> {
        let correlation = request
            .trigger
            .get("correlationId")
            .and_then(|id| id.as_str())
            .filter(|id| !id.is_empty())
            .map(str::to_owned);
        let Some(correlation) = correlation else {
            wanted(self)?;
            return self.create(request).await;
        };
        let _one_at_a_time = self.shared.correlation_lock(&correlation).lock().await;
        wanted(self)?;
        if let Some(id) = self.shared.store.correlated(&correlation)? {
            let execution = Arc::new(self.execution(&id)?);
            return Ok(Submitted {
                execution,
                existed: true,
            });
        }
        self.create(request).await
    }

    async fn create(&self, request: StartRequest) -> Result<Submitted, EngineError> {
        let state = self.plan_with_pages(request).await?;
        let shared = &self.shared;
        let now = shared.clock.now();
        let admitted = match shared.admission.ask(&state.execution, now)? {
            Admission::Admitted => true,
            Admission::Waits => false,
            Admission::Full => return Err(queue_full(&state.execution)),
        };
        let (id, pipeline) = (
            state.execution.id.clone(),
            state.execution.pipeline_config_id.clone(),
        );
        let mut state = Box::new(state);
        state.ledger.waiting = (!admitted).then_some(now);
        let result = shared
            .ask(|reply| Message::Create {
                state,
                admitted,
                reply,
            })
            .await;
        if let (Err(_), Some(pipeline)) = (&result, pipeline) {
            shared.turn(pipeline, Some(id));
        }
        result.map(|execution| Submitted {
            execution,
            existed: false,
        })
    }

    /// Makes the execution, with what the pipeline's own expressions read from URLs. Those of `v4` stages are fetched when
    /// the stages start.
    async fn plan_with_pages(&self, mut request: StartRequest) -> Result<RunState, EngineError> {
        request.pipeline = self.runnable(request.pipeline)?;
        let mut answers = BTreeMap::new();
        loop {
            let (state, asked) = self.plan_knowing(&request, &answers)?;
            let asked: Vec<String> = asked
                .into_iter()
                .take(MOST_PAGES.saturating_sub(answers.len()))
                .collect();
            if asked.is_empty() {
                return Ok(state);
            }
            let pages = asked.iter().map(|url| self.shared.fetch(url.clone()));
            let pages = tokio::select! {
                biased;
                pages = join_all(pages) => pages,
                () = self.shared.stopping.cancelled() => return Err(EngineError::stopping()),
            };
            answers.extend(asked.into_iter().zip(pages));
        }
    }

    /// Makes the execution that a request would start, and starts nothing. What it would fetch stays as it is written.
    pub fn plan(&self, mut request: StartRequest) -> Result<RunState, EngineError> {
        request.pipeline = self.runnable(request.pipeline)?;
        let (state, _) = self.plan_knowing(&request, &BTreeMap::new())?;
        Ok(state)
    }

    fn plan_knowing(
        &self,
        request: &StartRequest,
        answers: &BTreeMap<String, Result<String, String>>,
    ) -> Result<(RunState, BTreeSet<String>), EngineError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let mut ids = FreshIds {
            entropy: &*shared.entropy,
            now,
        };
        let mut trigger = request.trigger.clone();
        if trigger
            .get("type")
            .and_then(|kind| kind.as_str())
            .is_none_or(str::is_empty)
        {
            trigger.insert("type".into(), "manual".into());
        }
        if !trigger.contains_key("user")
            && let Some(user) = &request.authentication.user
        {
            trigger.insert("user".into(), user.clone().into());
        }
        let start = Start {
            id: request.id.clone().unwrap_or_else(|| ids.execution_id()),
            root: request.root.clone(),
            trigger: Trigger::new(trigger),
            authentication: request.authentication.clone(),
            origin: request.origin.clone(),
            kind: request.kind,
            now,
        };
        let environment = SubmissionEnvironment {
            world: shared.environment(now),
            answers,
            asked: Mutex::default(),
        };
        let state = plan_execution(&request.pipeline, start, &mut ids, &environment)
            .map_err(EngineError::Invalid)?;
        Ok((state, environment.open()))
    }
}

pub(crate) fn queue_full(execution: &Execution) -> EngineError {
    EngineError::Busy(format!(
        "too many executions of pipeline {:?} wait already ({}); cancel some, or raise its limit",
        execution.display_name(),
        spindrift_engine::MAX_WAITING
    ))
}
