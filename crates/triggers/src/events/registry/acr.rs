//! Azure Container Registry: one event of the distribution's form.

use spindrift_model::Value;

use super::distribution::read_event;
use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::filled;

pub(super) fn read(body: &Value) -> RegistryOutcome {
    match filled(body, &["action"]).as_deref() {
        Some("push") => read_event(body)
            .map(|image| vec![image])
            .ok_or("it is not about an image"),
        Some("chart_push") => Ok(vec![ImageEvent {
            registry: filled(body, &["request", "host"]),
            repository: filled(body, &["target", "repository"])
                .or_else(|| filled(body, &["target", "name"]))
                .ok_or("it names no repository")?,
            tag: filled(body, &["target", "tag"]).or_else(|| filled(body, &["target", "version"])),
            digest: filled(body, &["target", "digest"]),
            chart: true,
            ..ImageEvent::default()
        }]),
        Some("ping") => Err("a ping"),
        _ => Err("no image was pushed"),
    }
}
