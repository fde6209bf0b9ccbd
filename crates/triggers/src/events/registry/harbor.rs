//! Harbor, old and new, and Tencent's TCR Enterprise, which is built on it.

use spindrift_model::Value;

use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::{at, filled, list};

/// The words for a push: Harbor 2, Harbor 1 and TCR, Harbor's CloudEvents.
const PUSHES: [&str; 6] = [
    "PUSH_ARTIFACT",
    "pushImage",
    "PUSH_IMAGE",
    "harbor.artifact.pushed",
    "uploadChart",
    "UPLOAD_CHART",
];

pub(super) fn read(body: &Value) -> RegistryOutcome {
    let kind = filled(body, &["type"]).unwrap_or_default();
    if !PUSHES.contains(&kind.as_str()) {
        return Err("no image was pushed");
    }
    let data = at(body, &["event_data"])
        .or_else(|| at(body, &["data"]))
        .ok_or("it says nothing of the image")?;
    let repository = filled(data, &["repository", "repo_full_name"])
        .or_else(|| {
            let name = filled(data, &["repository", "name"])?;
            Some(match filled(data, &["repository", "namespace"]) {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name,
            })
        })
        .ok_or("it names no repository")?;
    let chart = kind.to_ascii_lowercase().contains("chart");
    let image = |resource: &Value| ImageEvent {
        registry: filled(resource, &["resource_url"]).and_then(|url| host_of(&url, &repository)),
        repository: repository.clone(),
        tag: filled(resource, &["tag"]),
        digest: filled(resource, &["digest"]),
        chart,
        pusher: filled(body, &["operator"]),
        ..ImageEvent::default()
    };
    Ok(list(data, &["resources"]).iter().map(image).collect())
}

/// `harbor.example/org/app:1` is `org/app` on `harbor.example`.
fn host_of(url: &str, repository: &str) -> Option<String> {
    let (host, rest) = url.split_once('/')?;
    rest.starts_with(repository).then(|| host.to_owned())
}
