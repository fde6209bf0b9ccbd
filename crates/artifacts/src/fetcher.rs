//! The choice of the account, and of what fetches a type.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use spindrift_model::{Artifact, Value};
use spindrift_outbound::Outbound;

use crate::account::{Account, AccountKind, AccountProblem, ArtifactAccount, read_accounts};
use crate::error::FetchError;
use crate::kinds;
use crate::place::Line;

/// An artifact on its way.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Bytes, FetchError>> + Send>>;

/// Fetches the content of artifacts.
pub trait ArtifactFetcher: Send + Sync + 'static {
    /// The content of an artifact. The account is the one named here, else the artifact's own `artifactAccount`, else the only
    /// one that fetches its type.
    fn fetch(&self, artifact: Artifact, account: Option<String>) -> Fetching;
}

/// How fetching is set up.
#[derive(Debug, Clone)]
pub struct ArtifactOptions {
    /// The accounts besides those that every server has.
    pub accounts: Vec<ArtifactAccount>,
    /// The most bytes an artifact may have.
    pub max_bytes: u64,
}

impl Default for ArtifactOptions {
    fn default() -> Self {
        Self {
            accounts: Vec::new(),
            max_bytes: 32 * 1024 * 1024,
        }
    }
}

/// An account as lists show it (Clouddriver's `/artifacts/credentials`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// Its name.
    pub name: String,
    /// The types of artifacts it fetches.
    pub types: Vec<&'static str>,
}

/// Fetches through the outbound client. Cloning is cheap.
#[derive(Clone)]
pub struct Artifacts {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.credentials()).finish()
    }
}

struct Shared {
    outbound: Outbound,
    accounts: Vec<Account>,
    anonymous: Vec<Account>,
    max_bytes: u64,
}

/// The accounts that every server has, and what they fetch: public things.
const ANONYMOUS: [(&str, AccountKind); 5] = [
    ("embedded-artifact", AccountKind::Embedded),
    ("no-auth-http-account", AccountKind::Http),
    ("public-github", AccountKind::Github),
    ("public-gitlab", AccountKind::Gitlab),
    ("public-registries", AccountKind::Docker),
];

impl Artifacts {
    /// A fetcher with these accounts. Errors: everything that is wrong with them.
    pub fn new(outbound: Outbound, options: ArtifactOptions) -> Result<Self, Vec<AccountProblem>> {
        let anonymous = ANONYMOUS.map(|(name, kind)| Account::anonymous(name, kind));
        let shared = Shared {
            outbound,
            accounts: read_accounts(options.accounts)?,
            anonymous: anonymous.to_vec(),
            max_bytes: options.max_bytes,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The accounts, those of every server last.
    pub fn credentials(&self) -> Vec<Credential> {
        let all = self.shared.all();
        all.map(|account| Credential {
            name: account.name.clone(),
            types: account.kind.types().to_vec(),
        })
        .collect()
    }
}

impl ArtifactFetcher for Artifacts {
    fn fetch(&self, artifact: Artifact, account: Option<String>) -> Fetching {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let kind = artifact.kind.clone().unwrap_or_default();
            let account = shared.account(&artifact, &kind, account.as_deref())?;
            let line = Line {
                outbound: &shared.outbound,
                account,
                max_bytes: shared.max_bytes,
            };
            let content = kinds::fetch(&line, &artifact).await?;
            if content.len() as u64 > shared.max_bytes {
                return Err(FetchError::TooLarge(shared.max_bytes));
            }
            Ok(content)
        })
    }
}

impl Shared {
    /// An operator's account may take the name of one that every server has.
    fn all(&self) -> impl Iterator<Item = &Account> {
        let named = |name: &str| self.accounts.iter().any(|account| account.name == name);
        let rest = self.anonymous.iter();
        let rest = rest.filter(move |account| !named(&account.name));
        self.accounts.iter().chain(rest)
    }

    fn account(
        &self,
        artifact: &Artifact,
        kind: &str,
        wanted: Option<&str>,
    ) -> Result<&Account, FetchError> {
        let fetches = |account: &&Account| account.kind.types().contains(&kind);
        if !AccountKind::ALL
            .iter()
            .any(|account| account.types().contains(&kind))
        {
            return Err(FetchError::UnknownType(kind.to_owned(), known_types()));
        }
        let own = artifact.rest.get("artifactAccount").and_then(Value::as_str);
        let wanted = wanted.or(own).filter(|name| !name.trim().is_empty());
        if let Some(name) = wanted {
            let found = self.all().find(|account| account.name == name);
            // Spinnaker's pipelines name this account for whatever they carry in themselves.
            let found = found.or_else(|| {
                let embedded = self.anonymous.iter().find(fetches);
                embedded.filter(|account| account.kind == AccountKind::Embedded)
            });
            return match found {
                Some(account) if fetches(&account) => Ok(account),
                Some(account) => Err(FetchError::NoAccount(format!(
                    "the artifact account {name:?} fetches {}, not {kind}",
                    account.kind.types().join(" and ")
                ))),
                None => Err(FetchError::NoAccount(format!(
                    "there is no artifact account {name:?}; there are {}",
                    self.names(|_| true)
                ))),
            };
        }
        let mut own = self.accounts.iter().filter(fetches);
        match (own.next(), own.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(FetchError::NoAccount(format!(
                "several artifact accounts fetch {kind}: {}; name one as artifactAccount",
                self.names(|account| fetches(&account))
            ))),
            (None, _) => self.anonymous.iter().find(fetches).ok_or_else(|| {
                FetchError::NoAccount(format!(
                    "no artifact account fetches {kind}; add one under artifacts.accounts"
                ))
            }),
        }
    }

    fn names(&self, wanted: impl Fn(&Account) -> bool) -> String {
        let names = self.all().filter(|account| wanted(account));
        let names: Vec<&str> = names.map(|account| account.name.as_str()).collect();
        names.join(", ")
    }
}

fn known_types() -> String {
    let mut types: Vec<&str> = AccountKind::ALL
        .iter()
        .flat_map(|kind| kind.types())
        .copied()
        .collect();
    types.sort_unstable();
    types.dedup();
    types.join(", ")
}
