//! Azure DevOps: service hooks of pushes and pull requests.

use spindrift_model::Value;

use super::event::{GitEvent, PullRequest, RefKind, RepositoryName, branch_of, is_deleted};
use super::provider::{GitOutcome, GitProvider};
use crate::events::json::{at, filled, list};

pub(super) fn read(body: &Value) -> GitOutcome {
    let kind = filled(body, &["eventType"]).unwrap_or_default();
    let Some(resource) = at(body, &["resource"]).filter(|_| kind.starts_with("git.")) else {
        return Err("neither a push nor a pull request");
    };
    let Some(slug) = filled(resource, &["repository", "name"]) else {
        return Err("it names no repository");
    };
    let project = filled(resource, &["repository", "project", "name"]).unwrap_or_default();
    let name = RepositoryName::new(project, slug);
    if kind.starts_with("git.pullrequest.") {
        return Ok(vec![pull_request(kind, name, resource)]);
    }
    let events: Vec<GitEvent> = list(resource, &["refUpdates"])
        .iter()
        .filter_map(|update| {
            let hash = filled(update, &["newObjectId"]).filter(|hash| !is_deleted(hash))?;
            let (branch, ref_kind) = branch_of(&filled(update, &["name"])?);
            Some(GitEvent {
                provider: GitProvider::AzureDevOps,
                names: vec![name.clone()],
                branch,
                ref_kind,
                hash,
                action: kind.clone(),
                pull_request: None,
                files: Vec::new(),
            })
        })
        .collect();
    match events.is_empty() {
        true => Err("a deleted branch"),
        false => Ok(events),
    }
}

fn pull_request(kind: String, name: RepositoryName, resource: &Value) -> GitEvent {
    // A merged request is about what it was merged into, an open one about what it brings.
    let (side, commit) = match kind.as_str() {
        "git.pullrequest.merged" => ("targetRefName", "lastMergeCommit"),
        _ => ("sourceRefName", "lastMergeSourceCommit"),
    };
    GitEvent {
        provider: GitProvider::AzureDevOps,
        names: vec![name],
        branch: branch_of(&filled(resource, &[side]).unwrap_or_default()).0,
        ref_kind: RefKind::Branch,
        hash: filled(resource, &[commit, "commitId"]).unwrap_or_default(),
        action: kind,
        pull_request: Some(PullRequest {
            number: filled(resource, &["pullRequestId"]).unwrap_or_default(),
            title: filled(resource, &["title"]).unwrap_or_default(),
            state: filled(resource, &["status"]).unwrap_or_default(),
            draft: filled(resource, &["isDraft"]).unwrap_or_default(),
        }),
        files: Vec::new(),
    }
}
