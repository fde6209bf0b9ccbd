//! What every handler is given.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use spindrift_artifacts::Artifacts;
use spindrift_catalog::{Catalog, CatalogError};
use spindrift_cloud_driver::accounts::Registry;
use spindrift_runtime::{Engine, EngineError};
use spindrift_triggers::Triggers;
use tokio_util::sync::CancellationToken;

use crate::identity::ApiToken;
use crate::limits::Limits;
use crate::problem::HttpProblem;

/// How the API is set up.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// The version of the program, for `/version`.
    pub version: String,
    /// Who may call. Without any, the server must be reachable from its own machine only, and callers say who they are.
    pub tokens: Vec<ApiToken>,
    /// The roles of everybody, while there are no tokens.
    pub local_roles: Vec<String>,
    /// Names besides those of the loopback interface by which the server may be addressed while there are no tokens.
    pub local_hosts: Vec<String>,
    /// What a request may cost.
    pub limits: Limits,
    /// Whether `/echo` answers with the request it was sent: for demonstrations of the webhook stage.
    pub echo: bool,
    /// What fetches the content of artifacts.
    pub artifacts: Option<Artifacts>,
    /// The cloud accounts.
    pub accounts: Option<Registry>,
    /// The figures for `/metrics`, from [`install_metrics`](crate::install_metrics).
    pub metrics: Option<PrometheusHandle>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tokens: Vec::new(),
            local_roles: Vec::new(),
            local_hosts: Vec::new(),
            limits: Limits::default(),
            echo: true,
            artifacts: None,
            accounts: None,
            metrics: None,
        }
    }
}

/// What every handler is given. Cloning is cheap.
#[derive(Clone)]
pub struct ApiState {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    triggers: Triggers,
    catalog: Catalog,
    options: ApiOptions,
    closing: CancellationToken,
}

impl ApiState {
    /// The API of an engine, its triggers, and what is kept beside its pipelines.
    pub fn new(engine: Engine, triggers: Triggers, catalog: Catalog, options: ApiOptions) -> Self {
        let closing = CancellationToken::new();
        let shared = Arc::new(Shared {
            engine,
            triggers,
            catalog,
            options,
            closing,
        });
        Self { shared }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// What starts runs. Pipelines are saved and deleted through it, so that their triggers take effect at once.
    pub fn triggers(&self) -> &Triggers {
        &self.shared.triggers
    }

    /// Applications, projects and templates.
    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    /// How the API is set up.
    pub fn options(&self) -> &ApiOptions {
        &self.shared.options
    }

    /// What a request may cost.
    pub fn limits(&self) -> &Limits {
        &self.shared.options.limits
    }

    /// Answers a question of the catalog, away from the threads that serve connections.
    pub(crate) async fn browse<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Catalog) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, HttpProblem> {
        let catalog = self.shared.catalog.clone();
        self.read(move |_| Ok(question(&catalog)?)).await
    }

    /// Answers a question that reads much of the store, away from the threads that serve connections.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine) -> Result<T, HttpProblem> + Send + 'static,
    ) -> Result<T, HttpProblem> {
        let engine = self.shared.engine.clone();
        match tokio::task::spawn_blocking(move || question(&engine)).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_) => {
                    Err(EngineError::Unavailable("the server is shutting down".to_owned()).into())
                }
            },
        }
    }

    /// Ends the streams of events when the server shuts down.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.shared.closing
    }
}
