//! GitLab.

use spindrift_model::Value;

use super::event::{GitEvent, RefKind, RepositoryName, branch_of, files_of, pull_request_of};
use super::provider::{GitOutcome, GitProvider};
use crate::events::json::{at, filled};

pub(super) fn read(body: &Value) -> GitOutcome {
    let kind = filled(body, &["object_kind"]).unwrap_or_default();
    let names = names(body);
    match kind.as_str() {
        "push" | "tag_push" if !names.is_empty() => {
            let (branch, ref_kind) = branch_of(&filled(body, &["ref"]).unwrap_or_default());
            Ok(vec![GitEvent {
                provider: GitProvider::GitLab,
                names,
                branch,
                ref_kind,
                hash: filled(body, &["after"]).unwrap_or_default(),
                action: kind,
                pull_request: None,
                files: files_of(body),
            }])
        }
        "merge_request" if !names.is_empty() => Ok(vec![merge_request(names, body)]),
        "push" | "tag_push" | "merge_request" => Err("it names no repository"),
        "note" => Err("a comment"),
        _ => Err("neither a push nor a merge request"),
    }
}

/// Echo compares the display names; people expect those of the URL.
fn names(body: &Value) -> Vec<RepositoryName> {
    let mut names = Vec::new();
    if let Some(slug) = filled(body, &["project", "name"]) {
        let project = filled(body, &["project", "namespace"]).unwrap_or_default();
        names.push(RepositoryName::new(project, slug));
    }
    if let Some(path) = filled(body, &["project", "path_with_namespace"])
        && let Some((project, slug)) = path.rsplit_once('/')
    {
        let name = RepositoryName::new(project, slug);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn merge_request(names: Vec<RepositoryName>, body: &Value) -> GitEvent {
    let empty = Value::Null;
    let request = at(body, &["object_attributes"]).unwrap_or(&empty);
    let action = filled(request, &["action"]).unwrap_or_default();
    let mut pull_request = pull_request_of(request, "iid");
    if pull_request.draft.is_empty() {
        pull_request.draft = filled(request, &["work_in_progress"]).unwrap_or_default();
    }
    GitEvent {
        provider: GitProvider::GitLab,
        names,
        branch: filled(request, &["source_branch"]).unwrap_or_default(),
        ref_kind: RefKind::Branch,
        hash: filled(request, &["last_commit", "id"]).unwrap_or_default(),
        action: format!("merge_request:{action}"),
        pull_request: Some(pull_request),
        files: Vec::new(),
    }
}
