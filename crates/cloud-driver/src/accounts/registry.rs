//! The bound accounts: bound, verified, changed and forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use kube::Client;
use serde::{Deserialize, Serialize};
use spindrift_outbound::{Gate, Policy};
use spindrift_vault::Vault;
use tokio::sync::{Mutex, Notify, watch};

use super::Accounts;
use super::definition::{AccountDefinition, Credentials, Origin};
use super::entry::{Changes, Entry};
use super::status::{AccountState, AccountStatus, AccountView};
use super::storage::AccountStorage;
use crate::error::{CloudError, ErrorKind};
use crate::kubernetes::{Clock, Connection, connect};
use crate::provider::Provider;

/// What the accounts of a process are made with.
pub struct RegistryOptions {
    /// Where accounts are kept that were bound through the API.
    pub storage: Arc<dyn AccountStorage>,
    /// What seals their credentials.
    pub vault: Arc<Vault>,
    /// Where such accounts may connect.
    pub policy: Policy,
    /// The time, in milliseconds since 1970.
    pub clock: Clock,
}

/// The bound accounts. Cloning is cheap.
///
/// A change is on disk before it takes effect; changes happen one after the other.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    changing: Mutex<()>,
    changes: Changes,
    storage: Arc<dyn AccountStorage>,
    vault: Arc<Vault>,
    gate: Gate,
    clock: Clock,
}

/// An account as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    definition: AccountDefinition,
    /// Its credentials, sealed; absent where it needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

impl Registry {
    /// The kept accounts. One that cannot be used is there and says why; nothing is asked of any API server yet. Errors: the storage cannot be read.
    pub async fn open(options: RegistryOptions) -> Result<Self, CloudError> {
        let registry = Self {
            shared: Arc::new(Shared {
                entries: RwLock::new(BTreeMap::new()),
                changing: Mutex::new(()),
                changes: Arc::new(watch::Sender::new(0)),
                storage: options.storage,
                vault: options.vault,
                gate: Gate::new(&options.policy),
                clock: options.clock,
            }),
        };
        let kept = registry.shared.storage.load().map_err(unavailable)?;
        for (name, value) in kept {
            let entry = registry.restore(&name, &value).await;
            registry.insert(entry);
        }
        Ok(registry)
    }

    /// Adds an account of the configuration file. One that cannot be used is there and says why.
    pub async fn configure(&self, definition: AccountDefinition, credentials: &Credentials) {
        let origin = Origin::Configuration;
        let entry = match self.make(&definition, credentials, origin).await {
            Ok(entry) => entry,
            Err(error) => Entry::broken(definition, origin, error.message),
        };
        self.insert(entry);
    }

    /// Adds an account of this program itself, such as the sandbox, which needs no verification.
    pub fn add_built_in(&self, definition: AccountDefinition, client: Client) {
        self.insert(Entry::working(
            definition,
            Origin::BuiltIn,
            client,
            Arc::new(Notify::new()),
            Arc::clone(&self.shared.clock),
            AccountStatus::plain(AccountState::Ready),
            Arc::clone(&self.shared.changes),
        ));
    }

    /// Verifies every account that nobody has looked at, at the same time.
    pub async fn verify_all(&self) {
        let entries: Vec<Arc<Entry>> = self.entries().values().cloned().collect();
        let unverified = entries
            .iter()
            .filter(|entry| entry.view().status.state == AccountState::Unverified);
        futures::future::join_all(unverified.map(|entry| entry.verify())).await;
    }

    /// Binds a new account for a caller of the API, and verifies it. It is bound also when its API server cannot be reached: its status says so.
    ///
    /// Errors: there is one of that name, or the definition is refused.
    pub async fn bind(
        &self,
        definition: AccountDefinition,
        credentials: Credentials,
    ) -> Result<AccountView, CloudError> {
        let _changing = self.shared.changing.lock().await;
        if self.entry(&definition.name).is_some() {
            return Err(CloudError::new(
                ErrorKind::Conflict,
                format!("there is an account {:?} already", definition.name),
            ));
        }
        self.keep(definition, &credentials).await
    }

    /// Changes an account that was bound through the API, or binds a new one. Without credentials those it has stay.
    pub async fn rebind(
        &self,
        definition: AccountDefinition,
        mut credentials: Credentials,
    ) -> Result<AccountView, CloudError> {
        let _changing = self.shared.changing.lock().await;
        if let Some(entry) = self.entry(&definition.name) {
            changeable(&entry)?;
            if credentials.is_empty() && !definition.service_account {
                credentials = self.kept_credentials(&definition.name)?;
            }
        }
        self.keep(definition, &credentials).await
    }

    /// Forgets an account that was bound through the API.
    pub async fn remove(&self, name: &str) -> Result<(), CloudError> {
        let _changing = self.shared.changing.lock().await;
        let entry = self.entry(name).ok_or_else(|| unknown(name))?;
        changeable(&entry)?;
        let forgotten = self.shared.storage.delete(name).await;
        forgotten.map_err(unavailable)?;
        self.write().remove(name);
        self.shared.changes.send_modify(|number| *number += 1);
        Ok(())
    }

    /// Looks at an account again.
    pub async fn verify(&self, name: &str) -> Result<AccountView, CloudError> {
        let entry = self.entry(name).ok_or_else(|| unknown(name))?;
        entry.verify().await;
        Ok(entry.view())
    }

    /// Every account, by name.
    pub fn list(&self) -> Vec<AccountView> {
        self.entries().values().map(|entry| entry.view()).collect()
    }

    /// One account.
    pub fn view(&self, name: &str) -> Option<AccountView> {
        self.entry(name).map(|entry| entry.view())
    }

    /// A number that grows whenever an account is bound, forgotten, or found to be in another state.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    async fn keep(
        &self,
        definition: AccountDefinition,
        credentials: &Credentials,
    ) -> Result<AccountView, CloudError> {
        let entry = self.make(&definition, credentials, Origin::Api).await?;
        let name = definition.name.clone();
        let value = self.encode(definition, credentials)?;
        let kept = self.shared.storage.put(&name, value).await;
        kept.map_err(unavailable)?;
        self.insert(Arc::clone(&entry));
        entry.verify().await;
        Ok(entry.view())
    }

    async fn make(
        &self,
        definition: &AccountDefinition,
        credentials: &Credentials,
        origin: Origin,
    ) -> Result<Arc<Entry>, CloudError> {
        definition.check()?;
        let failures = Arc::new(Notify::new());
        let client = connect(Connection {
            access: &definition.access(credentials)?,
            origin,
            gate: &self.shared.gate,
            default_namespace: definition.default_namespace.as_deref(),
            failures: Arc::clone(&failures),
        })
        .await?;
        Ok(Entry::working(
            definition.clone(),
            origin,
            client,
            failures,
            Arc::clone(&self.shared.clock),
            AccountStatus::plain(AccountState::Unverified),
            Arc::clone(&self.shared.changes),
        ))
    }

    fn encode(
        &self,
        definition: AccountDefinition,
        credentials: &Credentials,
    ) -> Result<Vec<u8>, CloudError> {
        let purpose = purpose(&definition.name);
        let seal = || self.shared.vault.seal(&purpose, &credentials.encode());
        let sealed = (!credentials.is_empty()).then(seal);
        serde_json::to_vec(&Kept { definition, sealed })
            .map_err(|error| unavailable(error.to_string()))
    }

    /// A kept account at work. What is sealed under an old key is sealed again.
    async fn restore(&self, name: &str, value: &[u8]) -> Arc<Entry> {
        let broken = |definition, reason| Entry::broken(definition, Origin::Api, reason);
        let kept: Kept = match serde_json::from_slice(value) {
            Ok(kept) => kept,
            Err(error) => {
                let reason = format!("what is kept of the account cannot be read: {error}");
                return broken(AccountDefinition::named(name), reason);
            }
        };
        let credentials = match self.open_sealed(name, kept.sealed.as_deref()) {
            Ok(credentials) => credentials,
            Err(error) => return broken(kept.definition, error.message),
        };
        if let Some(sealed) = &kept.sealed
            && let Ok(Some(resealed)) = self.shared.vault.reseal(&purpose(name), sealed)
        {
            let kept = Kept {
                definition: kept.definition.clone(),
                sealed: Some(resealed),
            };
            if let Ok(value) = serde_json::to_vec(&kept)
                && let Err(reason) = self.shared.storage.put(name, value).await
            {
                tracing::warn!(
                    account = name,
                    reason,
                    "the account stays under its old key"
                );
            }
        }
        match self.make(&kept.definition, &credentials, Origin::Api).await {
            Ok(entry) => entry,
            Err(error) => broken(kept.definition, error.message),
        }
    }

    fn open_sealed(&self, name: &str, sealed: Option<&str>) -> Result<Credentials, CloudError> {
        let Some(sealed) = sealed else {
            return Ok(Credentials::default());
        };
        let opened = self.shared.vault.unseal(&purpose(name), sealed);
        let opened = opened.map_err(|error| {
            unavailable(format!(
                "the credentials of {name:?} cannot be opened: {error}"
            ))
        })?;
        Credentials::decode(&opened)
            .ok_or_else(|| unavailable(format!("the credentials of {name:?} cannot be read")))
    }

    fn kept_credentials(&self, name: &str) -> Result<Credentials, CloudError> {
        let kept = self.shared.storage.load().map_err(unavailable)?;
        let found = kept.into_iter().find(|(other, _)| other == name);
        let Some((_, value)) = found else {
            return Ok(Credentials::default());
        };
        let kept: Kept = serde_json::from_slice(&value).map_err(|error| {
            unavailable(format!("the account {name:?} cannot be read: {error}"))
        })?;
        self.open_sealed(name, kept.sealed.as_deref())
    }

    fn insert(&self, entry: Arc<Entry>) {
        let name = entry.definition.name.clone();
        let before = self.write().insert(name, entry);
        // The old one may have work to stop, for which nobody needs to wait with the lock.
        drop(before);
        self.shared.changes.send_modify(|number| *number += 1);
    }

    fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        self.entries().get(name).cloned()
    }

    fn entries(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Entry>>> {
        let entries = self.shared.entries.read();
        entries.unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Arc<Entry>>> {
        let entries = self.shared.entries.write();
        entries.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts for Registry {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        self.entry(name)?.provider()
    }

    fn names(&self) -> Vec<String> {
        self.entries().keys().cloned().collect()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.names()).finish()
    }
}

fn purpose(name: &str) -> String {
    format!("account/{name}")
}

fn unknown(name: &str) -> CloudError {
    CloudError::not_found(format!("there is no account {name:?}"))
}

fn unavailable(reason: String) -> CloudError {
    CloudError::new(ErrorKind::Unavailable, reason)
}

fn changeable(entry: &Entry) -> Result<(), CloudError> {
    let name = &entry.definition.name;
    match entry.origin {
        Origin::Api => Ok(()),
        Origin::Configuration => Err(CloudError::new(
            ErrorKind::Conflict,
            format!("the account {name:?} is in the configuration file; change it there"),
        )),
        Origin::BuiltIn => Err(CloudError::new(
            ErrorKind::Conflict,
            format!(
                "the account {name:?} is part of the server; the configuration can turn it off"
            ),
        )),
    }
}
