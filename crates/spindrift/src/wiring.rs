//! Putting the parts together: the only place that names a concrete store and concrete stage types.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, anyhow, bail};
use spindrift_artifacts::{ArtifactOptions, Artifacts};
use spindrift_catalog::{StoredLookup, StoredRights, Users};
use spindrift_cloud_driver::Accounts;
use spindrift_engine::{BoxFuture, Caller, Registry, Store};
use spindrift_outbound::{Outbound, Policy, Request};
use spindrift_runtime::{Engine, EngineOptions, Fetcher, SystemClock, SystemEntropy};
use spindrift_stages::{CatalogJobs, Roles, Services, TrafficRules, registry};
use spindrift_store::{SledStore, StoreOptions};
use spindrift_triggers::{Secret, Secrets, SignaturePolicy, TriggerOptions, Triggers};
use spindrift_vault::Vault;

use crate::config::Config;
use crate::registries;

/// The largest body that an expression may fetch: the largest value it may have.
const LARGEST_PAGE: u64 = 1024 * 1024;

/// Every stage type, as configured; without a catalog, those that change it fail.
pub fn stages(config: &Config, accounts: Arc<dyn Accounts>) -> anyhow::Result<Registry> {
    stages_with(config, accounts, None, TrafficRules::default())
}

/// Every stage type, as configured, with what changes the catalog and what is read of it.
pub fn stages_with(
    config: &Config,
    accounts: Arc<dyn Accounts>,
    catalog: Option<Arc<dyn CatalogJobs>>,
    traffic: TrafficRules,
) -> anyhow::Result<Registry> {
    let outbound = Outbound::new(config.outbound.clone()).context("outbound cannot be used")?;
    for webhook in &config.webhooks {
        let problems = webhook.problems();
        if let Some(problem) = problems.first() {
            bail!("the webhook {:?} cannot be used: {problem}", webhook.kind);
        }
    }
    let roles = config
        .tokens
        .iter()
        .map(|token| (token.user.clone(), token.roles.clone()))
        .collect();
    Ok(registry(Services {
        preconfigured_webhooks: config.webhooks.clone(),
        roles: Some(Arc::new(ConfiguredRoles(roles))),
        accounts,
        catalog,
        traffic,
        artifacts: Some(Arc::new(fetcher(outbound.clone(), config)?)),
        ..Services::new(outbound)
    }))
}

/// Opens the store of a data directory.
pub fn open_store(directory: &Path, config: &Config) -> anyhow::Result<SledStore> {
    let options = StoreOptions {
        cache_bytes: config.store.cache_mib * 1024 * 1024,
        reserve_bytes: config.store.reserve_mib * 1024 * 1024,
        ..StoreOptions::default()
    };
    SledStore::open(directory, options)
        .with_context(|| format!("the data directory {} cannot be used", directory.display()))
}

/// An engine on a store, with the machine's clock.
pub fn engine(store: Arc<dyn Store>, stages: Registry, config: &Config) -> Engine {
    let options = EngineOptions {
        time_zone: config.time_zone.clone(),
        fetcher: Some(Arc::new(Pages::new(config.outbound.clone()))),
        lookup: Some(Arc::new(StoredLookup::new(Arc::clone(&store)))),
        ..EngineOptions::default()
    };
    Engine::start(
        store,
        stages,
        options,
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
    )
}

/// The keys of the environment under which secrets are sealed, in base64 and separated by commas; else they are in the data
/// directory.
const VAULT_KEY: &str = "SPINDRIFT_VAULT_KEY";

/// What seals the secrets of a data directory.
pub fn vault(directory: &Path) -> anyhow::Result<Arc<Vault>> {
    let keys = std::env::var(VAULT_KEY).ok();
    let vault = Vault::open(directory, keys.as_deref()).context("secrets cannot be sealed")?;
    Ok(Arc::new(vault))
}

/// The users that the configuration names; without tokens everybody has the local roles.
pub fn users(config: &Config) -> Users {
    if config.tokens.is_empty() {
        return Users::Local(config.local_roles.clone());
    }
    Users::known(config.tokens.iter().map(|token| Caller {
        roles: token.roles.clone(),
        admin: token.admin,
        ..Caller::named(&token.user)
    }))
}

/// The triggers of an engine's pipelines, at work.
pub fn triggers(
    engine: &Engine,
    store: Arc<dyn Store>,
    vault: &Arc<Vault>,
    config: &Config,
) -> anyhow::Result<Triggers> {
    let (registries, outbound) = registries::accounts(&config.registries, &config.outbound)?;
    let triggers = &config.triggers;
    let secret = |text: &Option<String>| text.as_deref().and_then(Secret::new);
    let options = TriggerOptions {
        signatures: SignaturePolicy {
            allow_sha1: triggers.allow_sha1,
        },
        shared_secrets: Secrets::new(
            secret(&triggers.git_secret),
            secret(&triggers.git_previous_secret),
        ),
        sealer: Some(Arc::clone(vault) as _),
        rights: Some(Arc::new(StoredRights::new(store, users(config)))),
        registries,
        outbound,
        time_zone: config.time_zone.clone(),
        schedules: triggers.schedules,
        keep_events: Config::days(triggers.keep_events_days),
        max_idle_events: triggers.keep_events,
        ..TriggerOptions::default()
    };
    Triggers::start(engine.clone(), options, Arc::new(SystemEntropy))
        .context("the triggers cannot be started")
}

/// The traffic guards of the applications of a store.
pub fn traffic(store: Arc<dyn Store>) -> TrafficRules {
    TrafficRules {
        guards: Arc::new(StoredLookup::new(store)),
        ..TrafficRules::default()
    }
}

/// What fetches the content of artifacts, as configured.
pub fn artifacts(config: &Config) -> anyhow::Result<Artifacts> {
    let outbound = Outbound::new(config.outbound.clone()).context("outbound cannot be used")?;
    fetcher(outbound, config)
}

fn fetcher(outbound: Outbound, config: &Config) -> anyhow::Result<Artifacts> {
    let options = ArtifactOptions {
        accounts: config.artifacts.accounts.clone(),
        max_bytes: config.artifacts.max_mib.saturating_mul(1024 * 1024),
    };
    Artifacts::new(outbound, options).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!(lines.join("; "))
    })
}

/// The roles of the users that the configuration names.
struct ConfiguredRoles(HashMap<String, Vec<String>>);

impl Roles for ConfiguredRoles {
    fn of(&self, user: &str) -> BoxFuture<Vec<String>> {
        Box::pin(std::future::ready(
            self.0.get(user).cloned().unwrap_or_default(),
        ))
    }
}

/// Fetches what expressions ask for, through a client of the same policy as the webhooks'; it is made when first needed.
#[derive(Debug)]
struct Pages {
    policy: Policy,
    outbound: OnceLock<Result<Outbound, String>>,
}

impl Pages {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            outbound: OnceLock::new(),
        }
    }
}

impl Fetcher for Pages {
    fn fetch(&self, url: String) -> BoxFuture<Result<String, String>> {
        let made = || Outbound::new(self.policy.clone()).map_err(|error| error.to_string());
        let outbound = self.outbound.get_or_init(made).clone();
        Box::pin(async move {
            let mut request = Request::get(url);
            request.max_response_bytes = Some(LARGEST_PAGE);
            let response = outbound?
                .send(request)
                .await
                .map_err(|error| error.to_string())?;
            if response.is_success() {
                Ok(response.text())
            } else {
                Err(format!("the answer has status {}", response.status))
            }
        })
    }
}
