//! Files of a web server.

use bytes::Bytes;
use spindrift_model::Artifact;

use super::reference_address;
use crate::error::FetchError;
use crate::place::Line;

/// Gets the reference.
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let url = reference_address(artifact)?;
    Ok(line.get(&url, &[]).await?.body)
}
