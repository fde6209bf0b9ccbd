//! The one form of a Git event.

use std::fmt;

use crate::events::json::{filled, list};
use spindrift_model::Value;

use super::provider::GitProvider;

/// What a ref is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefKind {
    /// A branch.
    Branch,
    /// A tag.
    Tag,
}

/// A name of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryName {
    /// The owner, group or project.
    pub project: String,
    /// The repository.
    pub slug: String,
}

impl RepositoryName {
    pub(super) fn new(project: impl Into<String>, slug: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            slug: slug.into(),
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.slug)
    }
}

/// A pull or merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: String,
    /// Its title.
    pub title: String,
    /// Its state in the host's words.
    pub state: String,
    /// Whether it is a draft, as a text.
    pub draft: String,
}

/// Something that happened to a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitEvent {
    /// Which host.
    pub provider: GitProvider,
    /// The names of the repository, Echo's first.
    pub names: Vec<RepositoryName>,
    /// The branch without `refs/heads/`; a tag keeps `refs/tags/`.
    pub branch: String,
    /// What the ref is.
    pub ref_kind: RefKind,
    /// The commit; forty zeros when a ref was deleted.
    pub hash: String,
    /// What happened, in the host's words, such as `push` or `pull_request:opened`.
    pub action: String,
    /// The pull request, when it is about one.
    pub pull_request: Option<PullRequest>,
    /// The files added and modified, without repetition.
    pub files: Vec<String>,
}

impl GitEvent {
    /// The name Echo has for the repository.
    pub fn name(&self) -> Option<&RepositoryName> {
        self.names.first()
    }

    /// The tag or branch without any prefix.
    pub fn short_ref(&self) -> &str {
        let branch = self
            .branch
            .strip_prefix("refs/tags/")
            .unwrap_or(&self.branch);
        branch.strip_prefix("refs/heads/").unwrap_or(branch)
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let kind = match self.ref_kind {
            RefKind::Branch => "branch",
            RefKind::Tag => "tag",
        };
        let action = if self.action.is_empty() {
            "change"
        } else {
            &self.action
        };
        let name = self.name().map(ToString::to_string).unwrap_or_default();
        format!("{action} of {kind} {} in {name}", self.short_ref())
    }
}

/// `refs/heads/x` is the branch x, `refs/tags/x` a tag that keeps its prefix.
pub(super) fn branch_of(reference: &str) -> (String, RefKind) {
    match reference.strip_prefix("refs/heads/") {
        Some(branch) => (branch.to_owned(), RefKind::Branch),
        None if reference.starts_with("refs/tags/") => (reference.to_owned(), RefKind::Tag),
        None => (reference.to_owned(), RefKind::Branch),
    }
}

/// The files of `commits[].added` and `commits[].modified`.
pub(super) fn files_of(body: &Value) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let names = list(body, &["commits"])
        .iter()
        .flat_map(|commit| {
            list(commit, &["added"])
                .iter()
                .chain(list(commit, &["modified"]))
        })
        .filter_map(Value::as_str);
    names
        .filter(|name| seen.insert(*name))
        .take(MAX_FILES)
        .map(str::to_owned)
        .collect()
}

/// A push of more files than these is nobody's trigger for a single file.
const MAX_FILES: usize = 10_000;

/// `number`, `title`, `state` and `draft` of an object.
pub(super) fn pull_request_of(request: &Value, number: &str) -> PullRequest {
    let part = |name: &str| filled(request, &[name]).unwrap_or_default();
    PullRequest {
        number: part(number),
        title: part("title"),
        state: part("state"),
        draft: part("draft"),
    }
}

/// Whether a commit stands for a deleted ref in Bitbucket and Stash.
pub(super) fn is_deleted(hash: &str) -> bool {
    hash.starts_with("000000000")
}
