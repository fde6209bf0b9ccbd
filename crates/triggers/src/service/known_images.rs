//! Completing the artifacts of a start by hand (Echo's `ManualEventHandler`): an image that a registry was seen to have.

use spindrift_engine::StoreError;
use spindrift_model::{Artifact, Map, Value};

use super::shared::Triggers;
use super::storage;
use crate::events::registry::ImageEvent;

impl Triggers {
    /// Replaces the artifacts in a start's `artifacts` that have a name, a version and, as their location, an account of a
    /// registry that is asked for images, when the image was there at the last look. All others stay as they are.
    pub fn complete_artifacts(&self, trigger: &mut Map) -> Result<(), StoreError> {
        let artifacts = trigger.get_mut("artifacts").and_then(Value::as_array_mut);
        for value in artifacts.into_iter().flatten() {
            let Ok(artifact) = serde_json::from_value::<Artifact>(value.clone()) else {
                continue;
            };
            if let Some(known) = self.known_image(&artifact)?
                && let Ok(known) = serde_json::to_value(known)
            {
                *value = known;
            }
        }
        Ok(())
    }

    fn known_image(&self, artifact: &Artifact) -> Result<Option<Artifact>, StoreError> {
        let (Some(name), Some(version), Some(location)) =
            (&artifact.name, &artifact.version, &artifact.location)
        else {
            return Ok(None);
        };
        let shared = &self.shared;
        let mut accounts = shared.options.registries.iter();
        let Some(account) = accounts.find(|account| account.name == *location) else {
            return Ok(None);
        };
        let prefix = format!("{}/", account.host());
        let repository = name.strip_prefix(&prefix).unwrap_or(name);
        let key = storage::images_key(&account.name, repository);
        let (_, seen) = storage::images(shared.engine.store(), &key)?;
        let Some(digest) = seen.and_then(|mut seen| seen.remove(version)) else {
            return Ok(None);
        };
        let image = ImageEvent {
            registry: Some(account.host().to_owned()),
            repository: repository.to_owned(),
            tag: Some(version.clone()),
            chart: account.charts,
            ..ImageEvent::default()
        };
        let mut known = image.artifact();
        known.location = Some(location.clone());
        if let Some(digest) = digest {
            let metadata = Map::from_iter([("digest".to_owned(), Value::from(digest))]);
            known.rest.insert("metadata".to_owned(), metadata.into());
        }
        Ok(Some(known))
    }
}
