//! bitbucket.org.

use spindrift_model::Value;

use super::event::{GitEvent, PullRequest, RefKind, RepositoryName, is_deleted};
use super::provider::{GitOutcome, GitProvider, event_key};
use crate::events::delivery::Headers;
use crate::events::json::{at, filled, list};

pub(super) fn read(headers: &Headers, body: &Value) -> GitOutcome {
    let names = names(body);
    if names.is_empty() {
        return Err("a ping");
    }
    let key = event_key(headers, body);
    if at(body, &["push"]).is_some() {
        return pushes(&names, &key, body);
    }
    let Some(request) = at(body, &["pullrequest"]) else {
        return Err("neither a push nor a pull request");
    };
    if at(body, &["comment"]).is_some() {
        return Err("a comment");
    }
    // A merged request is about what it was merged into, an open one about what it brings.
    let merged = key == "pullrequest:fulfilled";
    let side = if merged { "destination" } else { "source" };
    let hash = match merged {
        true => filled(request, &["merge_commit", "hash"]),
        false => filled(request, &["source", "commit", "hash"]),
    };
    Ok(vec![GitEvent {
        provider: GitProvider::BitbucketCloud,
        names,
        branch: filled(request, &[side, "branch", "name"]).unwrap_or_default(),
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

fn pushes(names: &[RepositoryName], key: &str, body: &Value) -> GitOutcome {
    let events: Vec<GitEvent> = list(body, &["push", "changes"])
        .iter()
        .filter_map(|change| push(names, key, change))
        .collect();
    match events.is_empty() {
        true => Err("a deleted branch"),
        false => Ok(events),
    }
}

fn push(names: &[RepositoryName], key: &str, change: &Value) -> Option<GitEvent> {
    let branch = filled(change, &["new", "name"])?;
    let hash = filled(change, &["commits", "0", "hash"])
        .or_else(|| filled(change, &["new", "target", "hash"]))?;
    if is_deleted(&hash) {
        return None;
    }
    let (branch, ref_kind) = match filled(change, &["new", "type"]).as_deref() {
        Some("tag" | "annotated_tag") => (format!("refs/tags/{branch}"), RefKind::Tag),
        _ => (branch, RefKind::Branch),
    };
    Some(GitEvent {
        provider: GitProvider::BitbucketCloud,
        names: names.to_vec(),
        branch,
        ref_kind,
        hash,
        action: if key.is_empty() {
            "repo:push".to_owned()
        } else {
            key.to_owned()
        },
        pull_request: None,
        files: Vec::new(),
    })
}

/// Echo's slug is the full name; people write the part behind the slash.
fn names(body: &Value) -> Vec<RepositoryName> {
    let Some(full) = filled(body, &["repository", "full_name"]) else {
        return Vec::new();
    };
    let (owner, bare) = full.rsplit_once('/').unwrap_or(("", &full));
    let project = filled(body, &["repository", "owner", "username"])
        .or_else(|| filled(body, &["repository", "project", "key"]))
        .unwrap_or_else(|| owner.to_owned());
    let mut names = vec![
        RepositoryName::new(project.clone(), full.clone()),
        RepositoryName::new(project, bare),
        RepositoryName::new(owner, full.clone()),
        RepositoryName::new(owner, bare),
    ];
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}
