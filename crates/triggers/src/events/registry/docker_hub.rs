//! Docker Hub.

use spindrift_model::Value;

use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::filled;

/// The host by which Echo names Docker Hub in artifacts.
const HOST: &str = "index.docker.io";

pub(super) fn read(body: &Value) -> RegistryOutcome {
    let repository = filled(body, &["repository", "repo_name"]).ok_or("it names no repository")?;
    // An official image has no owner in the notification, and "library" in the registry.
    let official =
        filled(body, &["repository", "namespace"]).is_some_and(|owner| owner == "library");
    let repository = match official && !repository.contains('/') {
        true => format!("library/{repository}"),
        false => repository,
    };
    Ok(vec![ImageEvent {
        registry: Some(HOST.to_owned()),
        repository,
        tag: filled(body, &["push_data", "tag"]),
        pusher: filled(body, &["push_data", "pusher"]),
        provenance: filled(body, &["callback_url"]),
        ..ImageEvent::default()
    }])
}
