//! Pushes, tags and pull requests of Git hosts, in one form.
//!
//! Names follow Echo's `echo-scm`, which triggers were written against: `project` is the owner, `slug` the repository,
//! `branch` the branch without `refs/heads/` (a tag keeps `refs/tags/`), `action` the host's own word for what happened.
//! Where a host has several names for one repository, all of them are kept, Echo's first.

mod azure_devops;
mod bitbucket_cloud;
mod bitbucket_server;
mod coding;
mod event;
mod gitea;
mod github;
mod gitlab;
mod provider;
mod stash;

pub use event::{GitEvent, PullRequest, RefKind, RepositoryName};
pub use provider::GitProvider;

pub(crate) use provider::recognise;
