//! What fetches each kind of artifact, one file each.

mod bitbucket;
mod embedded;
mod github;
mod gitlab;
mod helm;
mod http;
mod local;
mod oci;
mod repository;

use bytes::Bytes;
use spindrift_model::Artifact;
use url::Url;

use crate::account::AccountKind;
use crate::error::FetchError;
use crate::place::{Line, address};

/// Fetches an artifact through an account that can.
pub(crate) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    if artifact.kind.as_deref() == Some("git/repo") {
        return repository::fetch(line, artifact).await;
    }
    match line.account.kind {
        AccountKind::Embedded => embedded::fetch(line.max_bytes, artifact),
        AccountKind::Http => http::fetch(line, artifact).await,
        AccountKind::Github => github::fetch(line, artifact).await,
        AccountKind::Gitlab => gitlab::fetch(line, artifact).await,
        AccountKind::Bitbucket => bitbucket::fetch(line, artifact).await,
        AccountKind::Helm => helm::fetch(line, artifact).await,
        AccountKind::Docker => oci::fetch(line, artifact).await,
        AccountKind::Local => local::fetch(line, artifact).await,
    }
}

fn incomplete(artifact: &Artifact, reason: impl Into<String>) -> FetchError {
    FetchError::Incomplete {
        kind: artifact.kind.clone().unwrap_or_default(),
        name: artifact.name.clone().unwrap_or_default(),
        reason: reason.into(),
    }
}

/// The reference, which most kinds need.
fn reference(artifact: &Artifact) -> Result<&str, FetchError> {
    artifact
        .reference
        .as_deref()
        .filter(|reference| !reference.trim().is_empty())
        .ok_or_else(|| incomplete(artifact, "it needs a reference"))
}

/// The address that the reference is.
fn reference_address(artifact: &Artifact) -> Result<Url, FetchError> {
    address(reference(artifact)?).map_err(|reason| incomplete(artifact, reason))
}

/// Adds a query parameter unless the address has it or its value is empty.
fn with_query(mut url: Url, name: &str, value: Option<&str>) -> Url {
    let has = url.query_pairs().any(|(key, _)| key == name);
    if let Some(value) = value.filter(|value| !value.trim().is_empty())
        && !has
    {
        url.query_pairs_mut().append_pair(name, value);
    }
    url
}
