//! The Git hosts, and how their requests are told apart.

use std::fmt;

use spindrift_model::Value;

use super::event::GitEvent;
use super::{
    azure_devops, bitbucket_cloud, bitbucket_server, coding, gitea, github, gitlab, stash,
};
use crate::events::delivery::Headers;
use crate::events::json::{at, filled};

/// A Git host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GitProvider {
    /// GitHub and GitHub Enterprise.
    GitHub,
    /// GitLab.
    GitLab,
    /// bitbucket.org.
    BitbucketCloud,
    /// Bitbucket Server and Data Center.
    BitbucketServer,
    /// The requests of Stash, Bitbucket Server's predecessor.
    Stash,
    /// CODING (coding.net).
    Coding,
    /// Gitea and Gogs.
    Gitea,
    /// Azure DevOps.
    AzureDevOps,
}

impl fmt::Display for GitProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GitProvider::GitHub => "github",
            GitProvider::GitLab => "gitlab",
            GitProvider::BitbucketCloud | GitProvider::BitbucketServer => "bitbucket",
            GitProvider::Stash => "stash",
            GitProvider::Coding => "coding",
            GitProvider::Gitea => "gitea",
            GitProvider::AzureDevOps => "azuredevops",
        })
    }
}

/// What a request of a Git host says.
pub(crate) type GitOutcome = Result<Vec<GitEvent>, &'static str>;

impl GitProvider {
    /// The host of a route's source, such as `github`. Bitbucket and Stash have one word for two forms; the body tells.
    pub fn of_source(source: &str, headers: &Headers, body: &Value) -> Option<Self> {
        Some(match source.to_ascii_lowercase().as_str() {
            "github" => GitProvider::GitHub,
            "gitlab" => GitProvider::GitLab,
            "bitbucket" | "bitbucket-cloud" | "bitbucket-server" => match at(body, &["refChanges"])
            {
                Some(_) => GitProvider::Stash,
                None if is_bitbucket_server(headers, body) => GitProvider::BitbucketServer,
                None => GitProvider::BitbucketCloud,
            },
            "stash"
                if is_bitbucket_server(headers, body) && at(body, &["refChanges"]).is_none() =>
            {
                GitProvider::BitbucketServer
            }
            "stash" => GitProvider::Stash,
            "coding" => GitProvider::Coding,
            "gitea" | "gogs" | "forgejo" => GitProvider::Gitea,
            "azuredevops" | "azure-devops" => GitProvider::AzureDevOps,
            _ => return None,
        })
    }

    /// What a request of this host says. Errors: why it is not about anything that starts runs.
    pub(crate) fn read(self, headers: &Headers, body: &Value) -> GitOutcome {
        match self {
            GitProvider::GitHub => github::read(headers, body),
            GitProvider::GitLab => gitlab::read(body),
            GitProvider::BitbucketCloud => bitbucket_cloud::read(headers, body),
            GitProvider::BitbucketServer => bitbucket_server::read(headers, body),
            GitProvider::Stash => stash::read(body),
            GitProvider::Coding => coding::read(headers, body),
            GitProvider::Gitea => gitea::read(headers, body),
            GitProvider::AzureDevOps => azure_devops::read(body),
        }
    }
}

fn is_bitbucket_server(headers: &Headers, body: &Value) -> bool {
    let key = event_key(headers, body);
    key.starts_with("pr:")
        || key == "repo:refs_changed"
        || at(body, &["pullRequest"]).is_some()
        || at(body, &["eventKey"]).is_some()
}

/// Bitbucket's word for what happened: a header, and in Bitbucket Server also a member of the body.
pub(super) fn event_key(headers: &Headers, body: &Value) -> String {
    let header = headers.get("x-event-key").map(str::to_owned);
    header
        .or_else(|| filled(body, &["eventKey"]))
        .unwrap_or_default()
}

/// The host that a request without a known source comes from, by its headers and then by its shape.
pub(crate) fn recognise(headers: &Headers, body: &Value) -> Option<GitProvider> {
    // Gitea and CODING also send GitHub's header.
    let by_header = [
        ("x-gitea-event", GitProvider::Gitea),
        ("x-gogs-event", GitProvider::Gitea),
        ("x-forgejo-event", GitProvider::Gitea),
        ("x-coding-event", GitProvider::Coding),
        ("x-github-event", GitProvider::GitHub),
        ("x-gitlab-event", GitProvider::GitLab),
    ];
    if let Some((_, provider)) = by_header
        .iter()
        .find(|(name, _)| headers.get(name).is_some())
    {
        return Some(*provider);
    }
    let has = |path: &[&str]| at(body, path).is_some();
    let kind =
        |prefix: &str, key: &str| filled(body, &[key]).is_some_and(|text| text.starts_with(prefix));
    if has(&["object_kind"]) {
        Some(GitProvider::GitLab)
    } else if has(&["refChanges"]) {
        Some(GitProvider::Stash)
    } else if is_bitbucket_server(headers, body) {
        Some(GitProvider::BitbucketServer)
    } else if has(&["push", "changes"]) || has(&["pullrequest"]) {
        Some(GitProvider::BitbucketCloud)
    } else if has(&["eventType"]) && has(&["publisherId"]) && has(&["resource"]) {
        Some(GitProvider::AzureDevOps)
    } else if kind("GIT_", "event") || has(&["team"]) && has(&["project"]) {
        Some(GitProvider::Coding)
    } else if has(&["repository", "owner", "username"])
        || has(&["repository", "allow_rebase_explicit"])
    {
        Some(GitProvider::Gitea)
    } else if has(&["repository", "name"])
        && (has(&["ref"])
            || has(&["pull_request"])
            || has(&["hook_id"])
            || has(&["release"])
            || has(&["deployment"])
            || has(&["workflow_run"]))
        || has(&["workflow_run", "repository", "owner"])
    {
        Some(GitProvider::GitHub)
    } else {
        None
    }
}
