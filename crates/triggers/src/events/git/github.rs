//! GitHub.

use spindrift_model::Value;

use super::event::{GitEvent, RefKind, RepositoryName, branch_of, files_of, pull_request_of};
use super::provider::{GitOutcome, GitProvider};
use crate::events::delivery::Headers;
use crate::events::json::{at, filled};

pub(super) fn read(headers: &Headers, body: &Value) -> GitOutcome {
    read_like(GitProvider::GitHub, headers.get("x-github-event"), body)
}

/// Reads what GitHub sends, and what others send in its form. `event` is the header's word for what happened.
pub(super) fn read_like(provider: GitProvider, event: Option<&str>, body: &Value) -> GitOutcome {
    if at(body, &["hook_id"]).is_some() || event == Some("ping") {
        return Err("a ping");
    }
    let Some(name) = name(body) else {
        return Err("it names no repository");
    };
    if let Some(request) = at(body, &["pull_request"]) {
        if at(body, &["comment"]).is_some() {
            return Err("a comment");
        }
        return Ok(vec![pull_request(provider, name, request, body)]);
    }
    if let Some(kind) = filled(body, &["ref_type"]) {
        return Ok(vec![created_or_deleted(provider, event, name, &kind, body)]);
    }
    if at(body, &["after"]).is_none() {
        return Err("neither a push nor a pull request");
    }
    let (branch, ref_kind) = branch_of(&filled(body, &["ref"]).unwrap_or_default());
    Ok(vec![GitEvent {
        provider,
        names: vec![name],
        branch,
        ref_kind,
        hash: filled(body, &["after"]).unwrap_or_default(),
        action: "push:push".to_owned(),
        pull_request: None,
        files: files_of(body),
    }])
}

fn name(body: &Value) -> Option<RepositoryName> {
    let repository = at(body, &["repository"])?;
    let slug = filled(repository, &["name"])?;
    let owner = ["name", "login", "username"]
        .iter()
        .find_map(|key| filled(repository, &["owner", key]))
        .or_else(|| {
            Some(
                filled(repository, &["full_name"])?
                    .rsplit_once('/')?
                    .0
                    .to_owned(),
            )
        });
    Some(RepositoryName::new(owner.unwrap_or_default(), slug))
}

/// A review is a request too, as in Echo.
fn pull_request(
    provider: GitProvider,
    name: RepositoryName,
    request: &Value,
    body: &Value,
) -> GitEvent {
    let action = filled(body, &["action"]).unwrap_or_default();
    GitEvent {
        provider,
        names: vec![name],
        branch: filled(request, &["head", "ref"]).unwrap_or_default(),
        ref_kind: RefKind::Branch,
        hash: filled(request, &["head", "sha"]).unwrap_or_default(),
        action: format!("pull_request:{action}"),
        pull_request: Some(pull_request_of(request, "number")),
        files: Vec::new(),
    }
}

/// `create` and `delete` events; without the header nobody can tell which, and a deletion has no `master_branch`.
fn created_or_deleted(
    provider: GitProvider,
    event: Option<&str>,
    name: RepositoryName,
    kind: &str,
    body: &Value,
) -> GitEvent {
    let guess = match at(body, &["master_branch"]).or_else(|| at(body, &["sha"])) {
        Some(_) => "create",
        None => "delete",
    };
    let reference = filled(body, &["ref"]).unwrap_or_default();
    let (branch, ref_kind) = match kind {
        "tag" => (format!("refs/tags/{reference}"), RefKind::Tag),
        _ => (reference, RefKind::Branch),
    };
    GitEvent {
        provider,
        names: vec![name],
        branch,
        ref_kind,
        hash: filled(body, &["sha"]).unwrap_or_default(),
        action: format!("{kind}:{}", event.unwrap_or(guess)),
        pull_request: None,
        files: Vec::new(),
    }
}
