//! Bitbucket Server and Data Center.

use spindrift_model::Value;

use super::event::{GitEvent, PullRequest, RefKind, RepositoryName, branch_of, is_deleted};
use super::provider::{GitOutcome, GitProvider, event_key};
use crate::events::delivery::Headers;
use crate::events::json::{at, filled, list};

pub(super) fn read(headers: &Headers, body: &Value) -> GitOutcome {
    let key = event_key(headers, body);
    if let Some(request) = at(body, &["pullRequest"]) {
        return pull_request(key, request);
    }
    let changes = list(body, &["changes"]);
    let Some(name) = at(body, &["repository"]).and_then(name) else {
        return Err(match at(body, &["eventKey"]) {
            None => "a ping",
            Some(_) if changes.is_empty() => "not a push",
            Some(_) => "it names no repository",
        });
    };
    if changes.is_empty() {
        return Err("not a push");
    }
    let events: Vec<GitEvent> = changes
        .iter()
        .filter_map(|change| {
            let hash = filled(change, &["toHash"])?;
            let reference =
                filled(change, &["ref", "id"]).or_else(|| filled(change, &["refId"]))?;
            let (branch, ref_kind) = branch_of(&reference);
            Some(GitEvent {
                provider: GitProvider::BitbucketServer,
                names: vec![name.clone()],
                branch,
                ref_kind,
                hash,
                action: key.clone(),
                pull_request: None,
                files: Vec::new(),
            })
        })
        .filter(|event| !is_deleted(&event.hash))
        .collect();
    match events.is_empty() {
        true => Err("a deleted branch"),
        false => Ok(events),
    }
}

fn pull_request(key: String, request: &Value) -> GitOutcome {
    // A merged request is about what it was merged into, an open one about what it brings.
    let (side, hash) = match key.as_str() {
        "pr:merged" => (
            "toRef",
            filled(request, &["properties", "mergeCommit", "id"]),
        ),
        "pr:opened" | "pr:from_ref_updated" | "pr:declined" | "pr:deleted" | "pr:modified" => {
            ("fromRef", filled(request, &["fromRef", "latestCommit"]))
        }
        key if key.starts_with("pr:comment") => return Err("a comment"),
        key if key.starts_with("pr:reviewer") => return Err("a review"),
        _ => return Err("neither a push nor a pull request"),
    };
    let Some(name) = at(request, &[side, "repository"]).and_then(name) else {
        return Err("it names no repository");
    };
    let reference = filled(request, &[side, "id"]).unwrap_or_default();
    Ok(vec![GitEvent {
        provider: GitProvider::BitbucketServer,
        names: vec![name],
        branch: branch_of(&reference).0,
        ref_kind: RefKind::Branch,
        hash: hash.unwrap_or_default(),
        action: key,
        pull_request: Some(PullRequest {
            number: filled(request, &["id"]).unwrap_or_default(),
            title: filled(request, &["title"]).unwrap_or_default(),
            state: filled(request, &["state"]).unwrap_or_default(),
            draft: filled(request, &["draft"]).unwrap_or_default(),
        }),
        files: Vec::new(),
    }])
}

pub(super) fn name(repository: &Value) -> Option<RepositoryName> {
    let project = filled(repository, &["project", "key"])?;
    Some(RepositoryName::new(project, filled(repository, &["slug"])?))
}
