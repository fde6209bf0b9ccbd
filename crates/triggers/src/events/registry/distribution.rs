//! The CNCF distribution ("docker registry v2").

use spindrift_model::Value;

use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::{filled, list};

pub(super) fn read(body: &Value) -> RegistryOutcome {
    Ok(list(body, &["events"])
        .iter()
        .filter_map(read_event)
        .collect())
}

/// One event of the envelope; nothing for pulls, deletions and blobs.
pub(super) fn read_event(event: &Value) -> Option<ImageEvent> {
    if filled(event, &["action"])? != "push" {
        return None;
    }
    let url = filled(event, &["target", "url"]).unwrap_or_default();
    let media_type = filled(event, &["target", "mediaType"]).unwrap_or_default();
    if !is_manifest(&media_type, &url) {
        return None;
    }
    let host = filled(event, &["request", "host"]).or_else(|| host_of(&url));
    Some(ImageEvent {
        registry: host,
        repository: filled(event, &["target", "repository"])?,
        tag: filled(event, &["target", "tag"]),
        digest: filled(event, &["target", "digest"]),
        chart: media_type.contains("helm"),
        pusher: filled(event, &["actor", "name"]),
        ..ImageEvent::default()
    })
}

/// Echo knows Docker's two manifests only; images pushed by other tools are OCI manifests and lists of them. The first
/// registries sent every manifest as plain bytes: there the URL tells.
fn is_manifest(media_type: &str, url: &str) -> bool {
    let known = [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.cncf.helm.config.v1+json",
    ];
    known.contains(&media_type)
        || media_type == "application/octet-stream" && url.contains("/manifests/")
}

fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    Some(host.to_owned()).filter(|host| !host.is_empty())
}
