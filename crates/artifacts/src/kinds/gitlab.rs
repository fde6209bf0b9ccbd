//! Files of GitLab: the reference is the file's raw address in its API, the version a branch, tag or commit.

use bytes::Bytes;
use spindrift_model::Artifact;

use super::{reference_address, with_query};
use crate::error::FetchError;
use crate::place::Line;

/// Gets the raw file.
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let url = with_query(
        reference_address(artifact)?,
        "ref",
        artifact.version.as_deref(),
    );
    Ok(line.get(&url, &[]).await?.body)
}
