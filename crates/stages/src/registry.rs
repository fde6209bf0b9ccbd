//! Every stage type of this crate, listed once.

use std::sync::Arc;

use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::{Accounts, NoAccounts};
use spindrift_engine::{Registry, StageType};
use spindrift_model::{Pointer, Problem, StageConfig};
use spindrift_outbound::Outbound;

use crate::catalog::{CatalogJobs, CatalogStage, KINDS};
use crate::depends_on_execution::DependsOnExecution;
use crate::evaluate_variables::EvaluateVariables;
use crate::manifest::{self, DeployManifest, PlanManifest};
use crate::manual_judgment::ManualJudgment;
use crate::noop::Noop;
use crate::pipeline::{MonitorPipeline, Pipeline};
use crate::precondition::{CheckPrecondition, CheckPreconditions, ClusterSizes};
use crate::server_group::{self, AccountClusterSizes, Clouds, TrafficRules};
use crate::wait::Wait;
use crate::wait_until::WaitUntil;
use crate::webhook::{Line, PreconfiguredWebhook, Roles, Webhook, WebhookSettings};
use crate::window::{self, RestrictExecutionDuringTimeWindow};

/// What the stage types need of the process they run in.
#[derive(Clone)]
pub struct Services {
    /// The HTTP client.
    pub outbound: Outbound,
    /// What an operator has set for all webhooks.
    pub webhooks: WebhookSettings,
    /// The webhooks that an operator has made stage types of.
    pub preconfigured_webhooks: Vec<PreconfiguredWebhook>,
    /// Which roles users have; without it a webhook for certain roles runs for nobody.
    pub roles: Option<Arc<dyn Roles>>,
    /// How clusters are counted, when not in the accounts.
    pub cluster_sizes: Option<Arc<dyn ClusterSizes>>,
    /// The cloud accounts.
    pub accounts: Arc<dyn Accounts>,
    /// The traffic guards of applications.
    pub traffic: TrafficRules,
    /// Who keeps applications, projects, templates and pipelines; without it a change of them fails.
    pub catalog: Option<Arc<dyn CatalogJobs>>,
    /// What fetches artifacts; without it a stage whose source is one fails.
    pub artifacts: Option<Arc<dyn ArtifactFetcher>>,
    /// Whether a child pipeline's outputs stay with it where a stage says nothing about that.
    pub skip_downstream_output: bool,
}

impl Services {
    /// The services of a process with an HTTP client and nothing else.
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            webhooks: WebhookSettings::default(),
            preconfigured_webhooks: Vec::new(),
            roles: None,
            cluster_sizes: None,
            catalog: None,
            accounts: Arc::new(NoAccounts),
            traffic: TrafficRules::default(),
            artifacts: None,
            skip_downstream_output: false,
        }
    }
}

/// Every stage type. A preconfigured webhook cannot take the name of another type; see [`PreconfiguredWebhook::problems`] for
/// what else is wrong with one.
pub fn registry(services: Services) -> Registry {
    let mut registry = Registry::new();
    let line = |preset: Option<PreconfiguredWebhook>| {
        Arc::new(Line {
            outbound: services.outbound.clone(),
            settings: services.webhooks.clone(),
            preset,
            roles: services.roles.clone(),
        })
    };
    for preset in &services.preconfigured_webhooks {
        if preset.enabled {
            registry.add(Arc::new(Webhook {
                kind: preset.kind.clone(),
                line: line(Some(preset.clone())),
            }));
        }
    }
    let types: [Arc<dyn StageType>; 14] = [
        Arc::new(Wait),
        Arc::new(WaitUntil),
        Arc::new(ManualJudgment),
        Arc::new(Webhook {
            kind: "webhook".to_owned(),
            line: line(None),
        }),
        Arc::new(Pipeline {
            skip_downstream_output: services.skip_downstream_output,
        }),
        Arc::new(MonitorPipeline),
        Arc::new(CheckPreconditions),
        Arc::new(CheckPrecondition {
            cluster_sizes: services
                .cluster_sizes
                .clone()
                .unwrap_or_else(|| Arc::new(AccountClusterSizes::new(services.accounts.clone()))),
        }),
        Arc::new(EvaluateVariables),
        Arc::new(DependsOnExecution),
        Arc::new(RestrictExecutionDuringTimeWindow),
        Arc::new(Noop),
        Arc::new(DeployManifest {
            accounts: Arc::clone(&services.accounts),
            fetcher: services.artifacts.clone(),
        }),
        Arc::new(PlanManifest {
            accounts: Arc::clone(&services.accounts),
            fetcher: services.artifacts.clone(),
        }),
    ];
    let clouds = Clouds {
        accounts: services.accounts.clone(),
        traffic: services.traffic.clone(),
    };
    let server_groups = server_group::types(&clouds);
    let operations = manifest::operations(
        &services.accounts,
        services.artifacts.as_ref(),
        &services.traffic,
    );
    for stage_type in types.into_iter().chain(operations).chain(server_groups) {
        registry.add(stage_type);
    }
    for (name, kind) in KINDS {
        registry.add(Arc::new(CatalogStage {
            name,
            kind,
            jobs: services.catalog.clone(),
        }));
    }
    registry
}

/// What is wrong with a stage as its author wrote it: its type, what the type says, and its time window.
pub fn check(registry: &Registry, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
    let alias = stage.context.get("alias").and_then(|alias| alias.as_str());
    let found = alias
        .and_then(|alias| registry.get(alias))
        .or_else(|| registry.get(&stage.kind));
    let mut problems = match found {
        Some(stage_type) => stage_type.check(stage, at),
        None => vec![Problem::warning(
            at.key("type"),
            "stage.type.unknown",
            format!(
                "there is no stage type {:?}; the stage would fail",
                stage.kind
            ),
        )],
    };
    problems.extend(window::check(&stage.context, at));
    problems
}
