//! Accounts: where artifacts are, and as whom they are fetched.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::credentials::{Sealed, read};
use crate::error::FetchError;

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// What artifacts carry in themselves.
    Embedded,
    /// Files of a web server.
    Http,
    /// Files and whole repositories of GitHub, also GitHub Enterprise.
    Github,
    /// The same of GitLab.
    Gitlab,
    /// The same of Bitbucket, cloud and server.
    Bitbucket,
    /// Charts of a Helm repository.
    Helm,
    /// Charts and other single-layer artifacts of an OCI registry.
    Docker,
    /// Files of a directory of this machine.
    Local,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [AccountKind; 8] = [
        AccountKind::Embedded,
        AccountKind::Http,
        AccountKind::Github,
        AccountKind::Gitlab,
        AccountKind::Bitbucket,
        AccountKind::Helm,
        AccountKind::Docker,
        AccountKind::Local,
    ];

    /// The types of artifacts that such an account fetches.
    pub fn types(self) -> &'static [&'static str] {
        match self {
            AccountKind::Embedded => &["embedded/base64", "embedded/map/base64"],
            AccountKind::Http => &["http/file"],
            AccountKind::Github => &["github/file", "git/repo"],
            AccountKind::Gitlab => &["gitlab/file", "git/repo"],
            AccountKind::Bitbucket => &["bitbucket/file", "git/repo"],
            AccountKind::Helm => &["helm/chart"],
            AccountKind::Docker => &["helm/image"],
            AccountKind::Local => &["local/file"],
        }
    }

    /// The server of accounts that name none.
    fn usual_url(self) -> Option<&'static str> {
        match self {
            AccountKind::Github => Some("https://api.github.com"),
            AccountKind::Gitlab => Some("https://gitlab.com"),
            AccountKind::Bitbucket => Some("https://api.bitbucket.org"),
            AccountKind::Embedded
            | AccountKind::Http
            | AccountKind::Helm
            | AccountKind::Docker
            | AccountKind::Local => None,
        }
    }
}

/// An account as an operator writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactAccount {
    /// The name by which artifacts choose it.
    pub name: String,
    /// What it is for.
    pub kind: AccountKind,
    /// Its server: references must lie under it. Needed where there are credentials, except for the public servers of GitHub,
    /// GitLab and Bitbucket; a Helm account always needs it: the address of the repository.
    #[serde(default)]
    pub url: Option<String>,
    /// The user of a password.
    #[serde(default)]
    pub username: Option<String>,
    /// A password.
    #[serde(default)]
    pub password: Option<Sealed>,
    /// A file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A token.
    #[serde(default)]
    pub token: Option<Sealed>,
    /// A file that holds the token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The directory of a local account; nothing outside it can be read.
    #[serde(default)]
    pub directory: Option<PathBuf>,
}

/// What is wrong with an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the artifact account {account:?} cannot be used: {reason}")]
pub struct AccountProblem {
    /// Its name.
    pub account: String,
    /// What is wrong.
    pub reason: String,
}

/// As whom a request is made.
pub(crate) enum Login {
    Nobody,
    Token(Sealed),
    Basic(String, Sealed),
}

/// An account that can be used.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) kind: AccountKind,
    /// References must lie under it; without one they may lie anywhere, and there are no credentials.
    pub(crate) base: Option<Url>,
    pub(crate) directory: Option<PathBuf>,
    username: Option<String>,
    password: Option<Sealed>,
    password_file: Option<PathBuf>,
    token: Option<Sealed>,
    token_file: Option<PathBuf>,
}

impl Account {
    /// An account without credentials.
    pub(crate) fn anonymous(name: &str, kind: AccountKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            base: kind.usual_url().and_then(|url| Url::parse(url).ok()),
            directory: None,
            username: None,
            password: None,
            password_file: None,
            token: None,
            token_file: None,
        }
    }

    /// As whom its requests are made.
    pub(crate) async fn login(&self) -> Result<Login, FetchError> {
        if let Some(token) = &self.token {
            return Ok(Login::Token(token.clone()));
        }
        if let Some(file) = &self.token_file {
            return Ok(Login::Token(read(&self.name, file).await?));
        }
        let Some(user) = &self.username else {
            return Ok(Login::Nobody);
        };
        let password = match (&self.password, &self.password_file) {
            (Some(password), _) => password.clone(),
            (None, Some(file)) => read(&self.name, file).await?,
            (None, None) => Sealed::new(""),
        };
        Ok(Login::Basic(user.clone(), password))
    }
}

impl TryFrom<ArtifactAccount> for Account {
    type Error = AccountProblem;

    fn try_from(written: ArtifactAccount) -> Result<Self, AccountProblem> {
        let problem = |reason: String| AccountProblem {
            account: written.name.clone(),
            reason,
        };
        if written.name.trim().is_empty() {
            return Err(problem("it needs a name".to_owned()));
        }
        let has_credentials = written.username.is_some()
            || written.password.is_some()
            || written.password_file.is_some()
            || written.token.is_some()
            || written.token_file.is_some();
        let has_password = written.password.is_some() || written.password_file.is_some();
        if has_password && written.username.is_none() {
            return Err(problem("a password needs a username".to_owned()));
        }
        let url = written.url.as_deref().or(written.kind.usual_url());
        let base = match url {
            None => None,
            Some(text) => match Url::parse(text) {
                Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => Some(url),
                _ => {
                    let reason = "its url is no http or https address".to_owned();
                    return Err(problem(reason));
                }
            },
        };
        let needs_url = has_credentials || written.kind == AccountKind::Helm;
        if needs_url && base.is_none() {
            let reason = "it needs a url: what its credentials are for, or where the repository is";
            return Err(problem(reason.to_owned()));
        }
        if written.kind == AccountKind::Local && written.directory.is_none() {
            return Err(problem("it needs a directory".to_owned()));
        }
        if written.kind == AccountKind::Embedded {
            let reason = "embedded artifacts need no account; there is embedded-artifact";
            return Err(problem(reason.to_owned()));
        }
        Ok(Self {
            name: written.name,
            kind: written.kind,
            base,
            directory: written.directory,
            username: written.username,
            password: written.password,
            password_file: written.password_file,
            token: written.token,
            token_file: written.token_file,
        })
    }
}

/// Reads all accounts, and says everything that is wrong with them.
pub(crate) fn read_accounts(
    written: Vec<ArtifactAccount>,
) -> Result<Vec<Account>, Vec<AccountProblem>> {
    let mut names = BTreeSet::new();
    let mut problems = Vec::new();
    let mut accounts = Vec::new();
    for account in written {
        if !names.insert(account.name.clone()) {
            problems.push(AccountProblem {
                account: account.name.clone(),
                reason: "there are two of that name".to_owned(),
            });
        }
        match Account::try_from(account) {
            Ok(account) => accounts.push(account),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(accounts)
    } else {
        Err(problems)
    }
}
