//! Whole repositories as archives, from the archive routes of the hosts' APIs.
//!
//! The reference is the address one would clone, the version a branch, tag or commit. The archive is the host's own, with the one
//! folder around everything that hosts put there.

use bytes::Bytes;
use spindrift_model::Artifact;
use url::Url;

use super::{incomplete, reference};
use crate::account::AccountKind;
use crate::error::FetchError;
use crate::place::{Line, address, host_of};

/// Gets the archive (tar, gzip).
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let written = reference(artifact)?;
    let wrong = |reason: &str| incomplete(artifact, reason);
    let (host, path) = clone_address(written).ok_or_else(|| {
        wrong("its reference is no address of a repository, such as https://github.com/org/app")
    })?;
    let Some(base) = &line.account.base else {
        return Err(wrong("its account has no url"));
    };
    if !serves(base, &host) {
        return Err(FetchError::Elsewhere {
            account: line.account.name.clone(),
            host,
            expected: base.to_string(),
        });
    }
    let version = artifact.version.as_deref().unwrap_or_default().trim();
    let version = if version.is_empty() { "HEAD" } else { version };
    let url = archive(line.account.kind, base, &path, version)
        .ok_or_else(|| wrong("its host has no archive of it: the reference names owner and repository, and the host is not Bitbucket's cloud"))?;
    Ok(line.get(&url, &[]).await?.body)
}

/// Host and path of `https://host/path(.git)` or `git@host:path(.git)`.
fn clone_address(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let (host, path) = match text
        .strip_prefix("git@")
        .and_then(|rest| rest.split_once(':'))
    {
        Some((host, path)) => (host.to_owned(), path.to_owned()),
        None => {
            let url = address(text).ok()?;
            (host_of(&url), url.path().to_owned())
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!path.is_empty()).then(|| (host, path.to_owned()))
}

/// Whether the API at `base` is that of the host from which one clones.
fn serves(base: &Url, host: &str) -> bool {
    let own = host_of(base);
    own == host || own.strip_prefix("api.") == Some(host)
}

fn archive(kind: AccountKind, base: &Url, path: &str, version: &str) -> Option<Url> {
    let segments: Vec<&str> = path.split('/').collect();
    let (owner, name) = match segments.as_slice() {
        [.., owner, name] => (*owner, *name),
        _ => return None,
    };
    let mut url = base.clone();
    {
        let mut steps = url.path_segments_mut().ok()?;
        steps.pop_if_empty();
        match kind {
            AccountKind::Github => {
                steps.extend(["repos", owner, name, "tarball", version]);
            }
            AccountKind::Gitlab => {
                // A project's whole path is one segment of the address.
                steps.extend([
                    "api",
                    "v4",
                    "projects",
                    path,
                    "repository",
                    "archive.tar.gz",
                ]);
            }
            // The cloud gives archives at an address that takes none of its API's credentials.
            AccountKind::Bitbucket if base.host_str() == Some("api.bitbucket.org") => return None,
            AccountKind::Bitbucket => {
                let archive = [
                    "rest", "api", "latest", "projects", owner, "repos", name, "archive",
                ];
                steps.extend(archive);
            }
            AccountKind::Embedded
            | AccountKind::Http
            | AccountKind::Helm
            | AccountKind::Docker
            | AccountKind::Local => return None,
        }
    }
    if kind == AccountKind::Gitlab {
        url.query_pairs_mut().append_pair("sha", version);
    }
    if kind == AccountKind::Bitbucket {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("at", version)
            .append_pair("format", "tar.gz");
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_found_behind_their_apis() {
        let table = [
            (
                AccountKind::Github,
                "https://api.github.com",
                "https://github.com/org/app",
                "https://api.github.com/repos/org/app/tarball/v1",
            ),
            (
                AccountKind::Github,
                "https://git.corp/api/v3",
                "git@git.corp:org/app.git",
                "https://git.corp/api/v3/repos/org/app/tarball/v1",
            ),
            (
                AccountKind::Gitlab,
                "https://gitlab.com",
                "https://gitlab.com/a/b/c.git",
                "https://gitlab.com/api/v4/projects/a%2Fb%2Fc/repository/archive.tar.gz?sha=v1",
            ),
        ];
        for (kind, base, reference, expected) in table {
            let base = Url::parse(base).unwrap();
            let (host, path) = clone_address(reference).unwrap();
            assert!(serves(&base, &host), "{reference}");
            assert_eq!(
                archive(kind, &base, &path, "v1").unwrap().as_str(),
                expected
            );
        }
        let server = Url::parse("https://git.corp").unwrap();
        assert_eq!(
            archive(AccountKind::Bitbucket, &server, "scm/PROJ/app", "v1")
                .unwrap()
                .as_str(),
            "https://git.corp/rest/api/latest/projects/PROJ/repos/app/archive?at=v1&format=tar.gz"
        );
        let base = Url::parse("https://api.github.com").unwrap();
        assert!(!serves(&base, "github.com.evil"));
        assert_eq!(clone_address("file:///x"), None);
        assert_eq!(archive(AccountKind::Github, &base, "alone", "v1"), None);
    }
}
