//! An API over an engine in memory, under a clock that stands still and chance that counts.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use spindrift_api::{ApiOptions, ApiState, router};
use spindrift_artifacts::{ArtifactOptions, Artifacts};
use spindrift_catalog::{Catalog, CatalogOptions, LateJobs, StoredLookup};
use spindrift_outbound::{Outbound, Policy};
use spindrift_runtime::{Clock, Engine, EngineOptions, Entropy};
use spindrift_stages::{Services, registry};
use spindrift_store::MemoryStore;
use spindrift_triggers::{TriggerOptions, Triggers};
use tower::ServiceExt;

/// Where the clock stands at first.
pub const START: i64 = 1_780_000_000_000;

#[derive(Clone)]
struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn bits(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

pub struct Api {
    pub state: ApiState,
    pub store: Arc<MemoryStore>,
    router: Router,
    clock: Arc<AtomicI64>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_else(|| panic!("no message: {:?}", self.body))
            .to_owned()
    }

    /// The status, and the body when there is one.
    pub fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        format!("{} {text}", self.status.as_u16())
            .trim_end()
            .to_owned()
    }
}

impl Api {
    pub fn new() -> Self {
        Self::with(ApiOptions::default())
    }

    pub fn with(options: ApiOptions) -> Self {
        spindrift_outbound::install_crypto_provider();
        let clock = Arc::new(AtomicI64::new(START));
        let store = Arc::new(MemoryStore::new());
        let outbound = Outbound::new(Policy::default()).unwrap();
        let jobs = LateJobs::default();
        let engine = Engine::start(
            store.clone(),
            registry(Services {
                catalog: Some(Arc::new(jobs.clone())),
                ..Services::new(outbound.clone())
            }),
            EngineOptions {
                lookup: Some(Arc::new(StoredLookup::new(store.clone()))),
                ..EngineOptions::default()
            },
            Arc::new(TestClock(clock.clone())),
            Arc::new(Counter(AtomicU64::new(0))),
        );
        let triggers = Triggers::start(
            engine.clone(),
            TriggerOptions::default(),
            Arc::new(Counter(AtomicU64::new(1 << 32))),
        );
        let triggers = triggers.unwrap();
        let catalog = Catalog::new(engine.clone(), triggers.clone(), CatalogOptions::default());
        jobs.set(&catalog);
        let artifacts = Artifacts::new(outbound, ArtifactOptions::default()).unwrap();
        let options = ApiOptions {
            artifacts: Some(artifacts),
            ..options
        };
        let state = ApiState::new(engine, triggers, catalog, options);
        let router = router(state.clone());
        Self {
            state,
            store,
            router,
            clock,
        }
    }

    pub fn advance(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.call_with(method, path, &[], body).await
    }

    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        self.send(request(
            method,
            path,
            headers,
            body.map(|body| body.to_string()),
        ))
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// Saves a pipeline of the application `shop` and answers with its id.
    pub async fn save(&self, pipeline: Value) -> String {
        let answer = self.call("POST", "/pipelines", Some(pipeline)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Starts a pipeline of the application `shop` and answers with the execution's id.
    pub async fn start(&self, name: &str, trigger: Value) -> String {
        let answer = self
            .call("POST", &format!("/pipelines/shop/{name}"), Some(trigger))
            .await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let path = answer.json()["ref"].as_str().unwrap().to_owned();
        path.strip_prefix("/pipelines/").unwrap().to_owned()
    }

    pub async fn execution(&self, id: &str) -> Value {
        let answer = self.get(&format!("/pipelines/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// What each of the calls was answered.
    pub async fn transcript(&self, calls: &[(&str, &str, Option<Value>)]) -> String {
        let mut transcript = String::new();
        for (method, path, body) in calls {
            let answer = self.call(method, path, body.clone()).await;
            let body = body
                .as_ref()
                .map(|body| format!(" {body}"))
                .unwrap_or_default();
            writeln!(transcript, "{method} {path}{body}\n  -> {}", answer.line()).unwrap();
        }
        transcript
    }
}

pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<String>,
) -> Request<Body> {
    let mut builder = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path)
        .header("host", "localhost:8084");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder
        .body(body.map_or_else(Body::empty, Body::from))
        .unwrap()
}

/// A pipeline of one stage.
pub fn pipeline(name: &str, kind: &str) -> Value {
    json!({"name": name, "application": "shop", "stages": [{"refId": "1", "type": kind, "name": kind}]})
}

/// A pipeline that waits for an hour.
pub fn waiting(name: &str) -> Value {
    json!({"name": name, "application": "shop", "stages": [{"refId": "1", "type": "wait", "waitTime": 3600}]})
}
