//! Files of Bitbucket: the reference is the file's raw address.
//!
//! An address of the cloud names the commit itself; one of a server takes the version as `at`.

use bytes::Bytes;
use spindrift_model::Artifact;

use super::{reference_address, with_query};
use crate::error::FetchError;
use crate::place::Line;

/// Gets the raw file.
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let mut url = reference_address(artifact)?;
    if url.path().contains("/rest/api/") {
        url = with_query(url, "at", artifact.version.as_deref());
    }
    Ok(line.get(&url, &[]).await?.body)
}
