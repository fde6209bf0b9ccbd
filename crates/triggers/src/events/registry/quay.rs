//! Quay.

use spindrift_model::Value;

use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::{at, filled};

pub(super) fn read(body: &Value) -> RegistryOutcome {
    let url = filled(body, &["docker_url"]).ok_or("it names no repository")?;
    let (registry, repository) = match url.split_once('/') {
        Some((registry, repository)) => (Some(registry.to_owned()), repository.to_owned()),
        None => (None, url),
    };
    // A list of tags, or in older versions an object from tag to image.
    let tags: Vec<String> = match at(body, &["updated_tags"]) {
        Some(Value::Array(tags)) => tags
            .iter()
            .filter_map(|tag| tag.as_str().map(str::to_owned))
            .collect(),
        Some(Value::Object(tags)) => tags.keys().cloned().collect(),
        _ => return Err("no tag was updated"),
    };
    let image = |tag| ImageEvent {
        registry: registry.clone(),
        repository: repository.clone(),
        tag: Some(tag),
        provenance: filled(body, &["homepage"]),
        ..ImageEvent::default()
    };
    Ok(tags.into_iter().map(image).collect())
}
