//! Amazon ECR: EventBridge events, also wrapped in an SNS notification.

use spindrift_model::{JsonLimits, Value, parse_json};

use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::{at, filled};

pub(super) fn read(body: &Value) -> RegistryOutcome {
    if let Some(message) = filled(body, &["Message"]).filter(|_| at(body, &["TopicArn"]).is_some())
    {
        let inner = parse_json(message.as_bytes(), JsonLimits::default());
        return read(&inner.map_err(|_| "the message is not JSON")?);
    }
    let detail = at(body, &["detail"]).ok_or("it says nothing of the image")?;
    let part = |name: &str| filled(detail, &[name]);
    if part("action-type").as_deref() != Some("PUSH")
        || part("result").as_deref() != Some("SUCCESS")
    {
        return Err("no image was pushed");
    }
    let (account, region) = (filled(body, &["account"]), filled(body, &["region"]));
    let registry = account.zip(region).map(|(account, region)| {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("{account}.dkr.ecr.{region}.amazonaws.com{suffix}")
    });
    Ok(vec![ImageEvent {
        registry,
        repository: part("repository-name").ok_or("it names no repository")?,
        tag: part("image-tag"),
        digest: part("image-digest"),
        ..ImageEvent::default()
    }])
}
