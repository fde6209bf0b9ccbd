//! Files of GitHub: the reference is the file's address in the contents API, the version a branch, tag or commit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use spindrift_model::Artifact;
use spindrift_outbound::Response;

use super::{reference_address, with_query};
use crate::error::FetchError;
use crate::place::{Line, address, host_of};

/// A file as the contents API describes it.
#[derive(Deserialize)]
struct Description {
    content: Option<String>,
    encoding: Option<String>,
    download_url: Option<String>,
}

/// Asks for the bytes themselves; servers that describe the file instead are understood, too.
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let url = with_query(
        reference_address(artifact)?,
        "ref",
        artifact.version.as_deref(),
    );
    let accept = [("Accept", "application/vnd.github.v3.raw")];
    let response = line.get(&url, &accept).await?;
    let Some(description) = description(&response) else {
        return Ok(response.body);
    };
    if let (Some(content), Some("base64")) = (&description.content, description.encoding.as_deref())
        && !content.is_empty()
    {
        let text: String = content.split_ascii_whitespace().collect();
        return STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|error| FetchError::Unreadable {
                place: host_of(&url),
                reason: format!("the file's content is no base64: {error}"),
            });
    }
    let download = description
        .download_url
        .ok_or_else(|| FetchError::Unreadable {
            place: host_of(&url),
            reason: "the reference is no file; a directory cannot be fetched".to_owned(),
        })?;
    let download = address(&download).map_err(|reason| FetchError::Unreadable {
        place: host_of(&url),
        reason,
    })?;
    // The address carries its own short-lived token where one is needed, unless it is the account's own server.
    let response = match line.check(&download) {
        Ok(()) => line.get(&download, &[]).await?,
        Err(_) => line.get_openly(&download, &[]).await?,
    };
    Ok(response.body)
}

/// The description of a file, unless this is the file.
fn description(response: &Response) -> Option<Description> {
    let content_type = response.header("content-type")?;
    if !content_type.contains("json") || content_type.contains("raw") {
        return None;
    }
    let value: serde_json::Value = response.json().ok()?;
    // A list is a directory; a file of JSON has none of these members together.
    if value.is_array() {
        return Some(Description {
            content: None,
            encoding: None,
            download_url: None,
        });
    }
    let described = value.get("sha").is_some() || value.get("encoding").is_some();
    let described = described || value.get("download_url").is_some();
    described.then(|| serde_json::from_value(value).ok())?
}
