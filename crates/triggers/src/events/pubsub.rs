//! Messages of a message bus: Google Pub/Sub push requests and Amazon SNS notifications.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use spindrift_model::{JsonLimits, Map, Value, parse_json};

use super::json::{at, filled, text};

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct PubsubEvent {
    /// `google` or `amazon`.
    pub system: String,
    /// The subscription it came through.
    pub subscription: String,
    /// Its own id: a repeated message has the same one.
    pub message_id: Option<String>,
    /// What it says; a text that is not JSON stays a text.
    pub payload: Value,
    /// Its attributes.
    pub attributes: Map,
}

/// Reads a message. `{pubsubSystem, subscriptionName, payload, messageAttributes}` is also understood, which is how an
/// event looks inside Spinnaker.
pub(super) fn parse(body: &Value) -> Option<PubsubEvent> {
    google(body)
        .or_else(|| amazon(body))
        .or_else(|| plain(body))
}

fn google(body: &Value) -> Option<PubsubEvent> {
    let message = at(body, &["message"])?;
    let subscription = filled(body, &["subscription"])?;
    let data = text(message, &["data"]).unwrap_or_default();
    let bytes = STANDARD
        .decode(&data)
        .or_else(|_| URL_SAFE.decode(&data))
        .ok()?;
    Some(PubsubEvent {
        system: "google".to_owned(),
        // "projects/p/subscriptions/s" is known as "s" to triggers.
        subscription: subscription
            .rsplit('/')
            .next()
            .unwrap_or(&subscription)
            .to_owned(),
        message_id: filled(message, &["messageId"]).or_else(|| filled(message, &["message_id"])),
        payload: read(&bytes),
        attributes: at(message, &["attributes"])
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    })
}

fn amazon(body: &Value) -> Option<PubsubEvent> {
    let topic = filled(body, &["TopicArn"])?;
    let attributes = at(body, &["MessageAttributes"]).and_then(Value::as_object);
    let values = attributes
        .into_iter()
        .flatten()
        .filter_map(|(name, attribute)| Some((name.clone(), at(attribute, &["Value"])?.clone())));
    Some(PubsubEvent {
        system: "amazon".to_owned(),
        subscription: topic.rsplit(':').next().unwrap_or(&topic).to_owned(),
        message_id: filled(body, &["MessageId"]),
        payload: read(text(body, &["Message"])?.as_bytes()),
        attributes: values.collect(),
    })
}

fn plain(body: &Value) -> Option<PubsubEvent> {
    let attributes = at(body, &["messageAttributes"]).and_then(Value::as_object);
    Some(PubsubEvent {
        system: filled(body, &["pubsubSystem"])?,
        subscription: filled(body, &["subscriptionName"])?,
        message_id: filled(body, &["messageId"]),
        payload: at(body, &["payload"])
            .cloned()
            .unwrap_or(Value::Object(Map::new())),
        attributes: attributes.cloned().unwrap_or_default(),
    })
}

fn read(bytes: &[u8]) -> Value {
    parse_json(bytes, JsonLimits::default())
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}
