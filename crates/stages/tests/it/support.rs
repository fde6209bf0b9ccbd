//! A server on loopback that answers as it was told, executions that stand as they were told, and what performs a task.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use spindrift_engine::{
    BoxFuture, ChildRequest, ChildState, Failure, IdempotencyKey, Launcher, Outcome, Registry,
    Sleep, StageType, TaskInput, TaskResult, TaskRunner,
};
use spindrift_model::{ExecutionId, Stage, Status, Trigger};
use spindrift_outbound::{Outbound, Policy, Resolver, Resolving};
use spindrift_stages::Services;

/// When the tasks of these tests began.
pub const START: i64 = 1_000_000;

pub fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

/// A client that may reach loopback.
pub fn outbound() -> Outbound {
    static CLIENT: OnceLock<()> = OnceLock::new();
    CLIENT.get_or_init(spindrift_outbound::install_crypto_provider);
    let policy = Policy {
        allow: vec!["127.0.0.1".parse().unwrap()],
        ..Policy::default()
    };
    Outbound::with_resolver(policy, Arc::new(NoNames)).unwrap()
}

/// Knows no name, so that no test depends on a network.
struct NoNames;

impl Resolver for NoNames {
    fn resolve(&self, host: &str) -> Resolving {
        let answer = Err(std::io::Error::other(format!("{host} is not known here")));
        Box::pin(std::future::ready(answer))
    }
}

pub fn services() -> Services {
    Services::new(outbound())
}

pub fn stage_type(registry: &Registry, name: &str) -> Arc<dyn StageType> {
    Arc::clone(registry.get(name).unwrap())
}

/// What a task of a stage with that context is given.
pub fn input(kind: &str, context: Value) -> TaskInput {
    TaskInput {
        execution: "run".into(),
        application: "shop".to_owned(),
        pipeline_name: Some("release".to_owned()),
        pipeline: Some("config".into()),
        execution_start: 77,
        trigger: Trigger::default(),
        stage: Stage {
            id: "stage".into(),
            kind: kind.to_owned(),
            status: Status::Running,
            context: map(context),
            ..Stage::default()
        },
        stage_index: 0,
        inherited: Map::new(),
        user: Some("ann".to_owned()),
        allowed_accounts: Vec::new(),
        key: IdempotencyKey::new(&"run".into(), &"stage".into(), 0, "task", 1),
        task_start: START,
        now: START,
        launcher: Arc::new(Executions::default()),
    }
}

/// Performs a task once.
pub async fn perform(stage_type: &dyn StageType, task: &str, input: TaskInput) -> TaskResult {
    match stage_type.task(task) {
        Some(TaskRunner::Effect(runner)) => runner.run(input).await,
        Some(TaskRunner::Inline(_)) => panic!("{task} touches nothing"),
        None => panic!("there is no task {task}"),
    }
}

/// Ends a task from outside; none when there is nothing to do then.
pub async fn cancel(
    stage_type: &dyn StageType,
    task: &str,
    input: TaskInput,
) -> Option<TaskResult> {
    match stage_type.task(task) {
        Some(TaskRunner::Effect(runner)) => {
            let asked = runner.has_cancel(&input.stage);
            let cancel = runner.cancel(input);
            assert_eq!(asked, cancel.is_some(), "{task} contradicts itself");
            Some(cancel?.await)
        }
        Some(TaskRunner::Inline(_)) => panic!("{task} touches nothing"),
        None => panic!("there is no task {task}"),
    }
}

/// An outcome in one line.
pub fn shown(outcome: &Outcome) -> String {
    let said = |failure: &Option<Failure>| {
        failure
            .as_ref()
            .map(|failure| format!(": {}", failure.errors.join("; ")))
            .unwrap_or_default()
    };
    match outcome {
        Outcome::Succeeded => "SUCCEEDED".to_owned(),
        Outcome::FailedContinue => "FAILED_CONTINUE".to_owned(),
        Outcome::Stopped => "STOPPED".to_owned(),
        Outcome::Skipped => "SKIPPED".to_owned(),
        Outcome::Redirect => "REDIRECT".to_owned(),
        Outcome::Terminal(failure) => format!("TERMINAL{}", said(failure)),
        Outcome::Canceled(failure) => format!("CANCELED{}", said(failure)),
        Outcome::Running(Sleep::Signal) => "RUNNING until a signal".to_owned(),
        Outcome::Running(Sleep::For(time)) => format!("RUNNING for {time}"),
        Outcome::Running(Sleep::Until(time)) => format!("RUNNING until {time}"),
    }
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub fn json(value: Value) -> Self {
        Self::status(200)
            .header("content-type", "application/json")
            .body(value.to_string())
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    seen: Vec<Seen>,
}

/// A server that gives its answers in order, and then 404.
#[derive(Clone)]
pub struct Server {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Arc::new(Mutex::new(Script {
            replies: replies.into_iter().collect(),
            seen: Vec::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.script.lock().unwrap().seen.clone()
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut script = script.lock().unwrap();
    script.seen.push(Seen {
        method: method.to_string(),
        path: uri.to_string(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let reply = script.replies.pop_front().unwrap_or(Reply::status(404));
    let mut response = (StatusCode::from_u16(reply.status).unwrap(), reply.body).into_response();
    response.headers_mut().remove("content-type");
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// Executions that stand as they were told.
#[derive(Default)]
pub struct Executions {
    pub states: BTreeMap<String, ChildState>,
    pub started: Mutex<Vec<ChildRequest>>,
    pub canceled: Mutex<Vec<(String, String, Option<String>)>>,
    pub withdrawn: Mutex<Vec<(String, String, String)>>,
    /// What every call answers instead.
    pub failure: Option<Failure>,
}

pub fn state(status: Status) -> ChildState {
    ChildState {
        name: "deploy".to_owned(),
        status,
        outputs: Map::new(),
        failures: Vec::new(),
    }
}

impl Executions {
    pub fn of(states: impl IntoIterator<Item = (&'static str, ChildState)>) -> Arc<Self> {
        let states = states.into_iter();
        Arc::new(Self {
            states: states.map(|(id, state)| (id.to_owned(), state)).collect(),
            ..Self::default()
        })
    }

    fn answer<T: Send + 'static>(&self, value: T) -> BoxFuture<Result<T, Failure>> {
        let answer = match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(value),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Launcher for Executions {
    fn start(&self, request: ChildRequest) -> BoxFuture<Result<ExecutionId, Failure>> {
        self.started.lock().unwrap().push(request);
        self.answer("child".into())
    }

    fn state(&self, execution: ExecutionId) -> BoxFuture<Result<Option<ChildState>, Failure>> {
        self.answer(self.states.get(execution.as_str()).cloned())
    }

    fn withdraw(
        &self,
        correlation: String,
        by: String,
        reason: String,
    ) -> BoxFuture<Result<(), Failure>> {
        let withdrawn = (correlation, by, reason);
        self.withdrawn.lock().unwrap().push(withdrawn);
        self.answer(())
    }

    fn cancel(
        &self,
        execution: ExecutionId,
        by: String,
        reason: Option<String>,
    ) -> BoxFuture<Result<(), Failure>> {
        let canceled = (execution.to_string(), by, reason);
        self.canceled.lock().unwrap().push(canceled);
        self.answer(())
    }
}
