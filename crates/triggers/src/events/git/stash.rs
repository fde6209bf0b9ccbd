//! Stash, as Bitbucket Server was called, with its first hooks.

use spindrift_model::Value;

use super::bitbucket_server::name;
use super::event::{GitEvent, branch_of, is_deleted};
use super::provider::{GitOutcome, GitProvider};
use crate::events::json::{at, filled, list};

pub(super) fn read(body: &Value) -> GitOutcome {
    let Some(name) = at(body, &["repository"]).and_then(name) else {
        return Err("it names no repository");
    };
    let events: Vec<GitEvent> = list(body, &["refChanges"])
        .iter()
        .filter_map(|change| {
            let hash = filled(change, &["toHash"]).filter(|hash| !is_deleted(hash))?;
            let (branch, ref_kind) = branch_of(&filled(change, &["refId"])?);
            Some(GitEvent {
                provider: GitProvider::Stash,
                names: vec![name.clone()],
                branch,
                ref_kind,
                hash,
                action: String::new(),
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
