//! CODING (coding.net): pushes in GitHub's form, merge requests in its own.

use spindrift_model::Value;

use super::event::{GitEvent, RefKind, RepositoryName, branch_of, files_of, pull_request_of};
use super::provider::{GitOutcome, GitProvider};
use crate::events::delivery::Headers;
use crate::events::json::{at, filled};

pub(super) fn read(headers: &Headers, body: &Value) -> GitOutcome {
    let event = headers.get("x-coding-event").unwrap_or_default();
    if event == "ping" || at(body, &["zen"]).is_some() && at(body, &["repository"]).is_none() {
        return Err("a ping");
    }
    let names = names(body);
    if names.is_empty() {
        return Err("it names no repository");
    }
    let requests = ["mergeRequest", "merge_request", "pull_request"];
    if let Some(request) = requests.iter().find_map(|key| at(body, &[key])) {
        return Ok(vec![merge_request(names, request, body)]);
    }
    if at(body, &["ref"]).is_none() {
        return Err("neither a push nor a merge request");
    }
    let reference = filled(body, &["ref"]).unwrap_or_default();
    // The first generation of hooks wrote "head/master".
    let (branch, ref_kind) = match reference.strip_prefix("head/") {
        Some(branch) => (branch.to_owned(), RefKind::Branch),
        None => branch_of(&reference),
    };
    Ok(vec![GitEvent {
        provider: GitProvider::Coding,
        names,
        branch,
        ref_kind,
        hash: filled(body, &["after"]).unwrap_or_default(),
        action: "push".to_owned(),
        pull_request: None,
        files: files_of(body),
    }])
}

/// The owner is the project of CODING, and in older hooks the account.
fn names(body: &Value) -> Vec<RepositoryName> {
    let mut names = Vec::new();
    let Some(slug) = filled(body, &["repository", "name"]) else {
        return names;
    };
    let owners: [&[&str]; 6] = [
        &["project", "name"],
        &["repository", "project", "name"],
        &["repository", "owner", "login"],
        &["repository", "owner", "name"],
        &["repository", "owner", "global_key"],
        &["project", "display_name"],
    ];
    let mut add = |name: RepositoryName| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for owner in owners.iter().filter_map(|path| filled(body, path)) {
        add(RepositoryName::new(owner, slug.clone()));
    }
    if let Some(full) = filled(body, &["repository", "full_name"])
        && let Some((owner, slug)) = full.rsplit_once('/')
    {
        add(RepositoryName::new(owner, slug));
    }
    if names.is_empty() {
        names.push(RepositoryName::new("", slug));
    }
    names
}

fn merge_request(names: Vec<RepositoryName>, request: &Value, body: &Value) -> GitEvent {
    let first = |paths: &[&[&str]]| {
        paths
            .iter()
            .find_map(|path| filled(request, path))
            .unwrap_or_default()
    };
    let branch = first(&[
        &["source_branch"],
        &["sourceBranch"],
        &["head", "ref"],
        &["srcBranch"],
    ]);
    let number = if at(request, &["iid"]).is_some() {
        "iid"
    } else {
        "number"
    };
    let mut pull_request = pull_request_of(request, number);
    pull_request.state = first(&[&["state"], &["merge_status"], &["status"]]);
    GitEvent {
        provider: GitProvider::Coding,
        names,
        branch: branch_of(&branch).0,
        ref_kind: RefKind::Branch,
        hash: first(&[
            &["merge_commit_sha"],
            &["source_sha"],
            &["sourceSha"],
            &["head", "sha"],
        ]),
        action: format!(
            "merge_request:{}",
            filled(body, &["action"]).unwrap_or_default()
        ),
        pull_request: Some(pull_request),
        files: Vec::new(),
    }
}
