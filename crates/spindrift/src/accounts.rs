//! The cloud accounts of a process: those in the configuration, those bound through the API, and the sandbox.

use std::sync::Arc;

use anyhow::Context;
use spindrift_cloud_driver::BoxFuture;
use spindrift_cloud_driver::accounts::{
    AccountDefinition, AccountStorage, Registry, RegistryOptions,
};
use spindrift_engine::{Store, Write};
use spindrift_outbound::{HostRules, Policy};
use spindrift_runtime::{Clock, SystemClock};
use spindrift_vault::Vault;

use crate::config::Config;
use crate::sandbox::Embedded;

/// The space of the store's records in which accounts are kept.
const SPACE: &str = "account";

/// More accounts than anybody has; records are read page by page all the same.
const PAGE: usize = 1_000;

/// The name of the sandbox's account.
pub const SANDBOX: &str = "sandbox";

/// The addresses of private networks and of this machine.
const NEARBY: [&str; 6] = [
    "127.0.0.0/8",
    "::1",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
];

/// The accounts of a process. None is asked for anything yet.
pub async fn open(
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    sandbox: Option<&Arc<Embedded>>,
    config: &Config,
) -> anyhow::Result<Registry> {
    let registry = Registry::open(RegistryOptions {
        storage: Arc::new(Records(store)),
        vault,
        policy: policy(config)?,
        clock: Arc::new(|| SystemClock.now()),
    })
    .await
    .context("the cloud accounts cannot be read")?;
    for document in &config.accounts.kubernetes {
        let (definition, credentials) = AccountDefinition::parse(document.clone())
            .context("an account under accounts.kubernetes cannot be used")?;
        registry.configure(definition, &credentials).await;
    }
    if let Some(sandbox) = sandbox {
        registry.add_built_in(AccountDefinition::named(SANDBOX), sandbox.client());
    }
    Ok(registry)
}

/// Where accounts may connect that callers of the API bind. Without tokens every caller is on this machine, and may bind what is near it.
fn policy(config: &Config) -> anyhow::Result<Policy> {
    let mut allow = config.accounts.allow.clone();
    if config.tokens.is_empty() {
        for net in NEARBY {
            allow.push(net.parse()?);
        }
    }
    let mut deny = config.accounts.deny.clone();
    deny.extend(config.outbound.deny.iter().cloned());
    Ok(Policy {
        allow,
        deny,
        // API servers have addresses and short names; where they lead is judged.
        host_rules: HostRules {
            require_dot: false,
            denied_suffixes: Vec::new(),
            deny_literal_addresses: false,
        },
        ..Policy::default()
    })
}

/// Accounts among the records of the engine's store.
struct Records(Arc<dyn Store>);

impl AccountStorage for Records {
    fn load(&self) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut all: Vec<(String, Vec<u8>)> = Vec::new();
        loop {
            let after = all.last().map(|(name, _)| name.clone());
            let page = self.0.records(SPACE, "", after.as_deref(), PAGE);
            let page = page.map_err(|error| error.to_string())?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    fn put(&self, name: &str, value: Vec<u8>) -> BoxFuture<'_, Result<(), String>> {
        self.commit(Write::PutRecord {
            space: SPACE,
            key: name.to_owned(),
            value,
            expected: None,
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), String>> {
        self.commit(Write::DeleteRecord {
            space: SPACE,
            key: name.to_owned(),
        })
    }
}

impl Records {
    fn commit(&self, write: Write) -> BoxFuture<'_, Result<(), String>> {
        let ticket = self.0.commit(vec![write]);
        Box::pin(async move { ticket.await.map_err(|error| error.to_string()) })
    }
}
