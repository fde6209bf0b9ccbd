//! Gitea, Forgejo and Gogs: GitHub's form under other headers.

use spindrift_model::Value;

use super::github::read_like;
use super::provider::{GitOutcome, GitProvider};
use crate::events::delivery::Headers;

pub(super) fn read(headers: &Headers, body: &Value) -> GitOutcome {
    let names = [
        "x-gitea-event",
        "x-forgejo-event",
        "x-gogs-event",
        "x-github-event",
    ];
    let event = names.iter().find_map(|name| headers.get(name));
    read_like(GitProvider::Gitea, event, body)
}
