//! What the tasks of one webhook stage type share: the client, the limits, and what the operator has set.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use spindrift_engine::{BoxFuture, Failure, TaskInput};
use spindrift_model::Map;
use spindrift_outbound::{Error, Method, Outbound, Request, Response};

use super::preset::PreconfiguredWebhook;
use crate::fields;

/// Which roles a user has.
pub trait Roles: Send + Sync {
    /// The names of the user's roles.
    fn of(&self, user: &str) -> BoxFuture<Vec<String>>;
}

/// What an operator may set for all webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Limit for one call, redirects included.
    pub timeout: Duration,
    /// The longest body that is read; a body is kept in the stage's context.
    pub max_body_bytes: u64,
    /// Whether redirects are followed, or are the answer.
    pub follow_redirects: bool,
    /// Status codes below 500 after which a call is made again.
    pub retry_status_codes: Vec<u16>,
    /// Hosts to which a call that changes something is made again when its answer did not come in time.
    pub safe_to_retry_hosts: Vec<String>,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(35),
            max_body_bytes: 1024 * 1024,
            follow_redirects: true,
            retry_status_codes: vec![429],
            safe_to_retry_hosts: Vec::new(),
        }
    }
}

/// The way to the outside for one webhook stage type.
pub(crate) struct Line {
    pub(crate) outbound: Outbound,
    pub(crate) settings: WebhookSettings,
    pub(crate) preset: Option<PreconfiguredWebhook>,
    pub(crate) roles: Option<Arc<dyn Roles>>,
}

/// A call to make.
pub(super) struct Call<'c> {
    pub(super) url: &'c str,
    pub(super) method: Method,
    pub(super) payload: Option<&'c Value>,
    /// What tells this call of a task from its other calls.
    pub(super) purpose: &'static str,
}

/// Why a call has no answer.
pub(super) enum Unanswered {
    /// It cannot be made as it is written.
    Invalid(Failure),
    /// It was made, or tried.
    Failed(Error),
}

impl Line {
    /// Makes a call for the stage.
    pub(super) async fn call(
        &self,
        input: &TaskInput,
        call: Call<'_>,
    ) -> Result<Response, Unanswered> {
        let request = self.request(input, call).map_err(Unanswered::Invalid)?;
        self.outbound
            .send(request)
            .await
            .map_err(Unanswered::Failed)
    }

    fn request(&self, input: &TaskInput, call: Call<'_>) -> Result<Request, Failure> {
        if call.url.contains("${") {
            return Err(fields::invalid(
                "the URL contains an expression that could not be evaluated",
            ));
        }
        let context = &input.stage.context;
        let mut headers = custom_headers(context.get("customHeaders"))?;
        let reading = matches!(call.method, Method::GET | Method::HEAD);
        let body = match call.payload {
            Some(payload) if !reading && !payload.is_null() => Some(body(payload)),
            Some(_) | None => None,
        };
        if let Some((kind, _)) = &body {
            add_missing(&mut headers, "Content-Type", kind);
        }
        add_missing(&mut headers, "Accept", "application/json, */*;q=0.8");
        let key = format!("{}{}", input.key, call.purpose);
        add_missing(&mut headers, "Idempotency-Key", &key);
        headers.push((
            "X-Spindrift-Execution".to_owned(),
            input.execution.to_string(),
        ));
        headers.push(("X-Spindrift-Stage".to_owned(), input.stage.id.to_string()));
        self.add_sensitive(&mut headers, context, call.url)?;
        Ok(Request {
            method: call.method,
            url: call.url.to_owned(),
            headers,
            body: body.map(|(_, bytes)| bytes.into()),
            timeout: Some(self.settings.timeout),
            follow_redirects: self.settings.follow_redirects,
            max_response_bytes: Some(self.settings.max_body_bytes),
        })
    }

    /// Adds the operator's secrets, but only on the way to where the operator's own URL leads: an answer may name any host as the
    /// place to ask for the status.
    fn add_sensitive(
        &self,
        headers: &mut Vec<(String, String)>,
        context: &Map,
        url: &str,
    ) -> Result<(), Failure> {
        let Some(preset) = self.preset.as_ref().filter(|preset| preset.has_secrets()) else {
            return Ok(());
        };
        if preset.url.is_none() {
            return Err(fields::invalid(format!(
                "the preconfigured webhook {} has sensitiveHeaders but no url of its own to send them to; its operator must add one",
                preset.kind
            )));
        }
        let home = fields::text(context, "url").and_then(door);
        if home.is_some() && home == door(url) {
            for (name, value) in preset.secrets()? {
                headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
                headers.push((name, value));
            }
        }
        Ok(())
    }

    /// Refuses users who have none of the roles that may run a preconfigured webhook.
    pub(super) async fn authorize(&self, input: &TaskInput) -> Result<(), Failure> {
        let Some(preset) = &self.preset else {
            return Ok(());
        };
        let allowed = preset.runners();
        if allowed.is_empty() {
            return Ok(());
        }
        let refused = |why: String| Err(Failure::new("Forbidden", why));
        let Some(roles) = &self.roles else {
            return refused(format!(
                "{} may be run by certain roles only, and this process knows no roles: authorization is off",
                preset.kind
            ));
        };
        let user = input.user.as_deref().unwrap_or("anonymous");
        let has = roles.of(user).await;
        match allowed.iter().any(|role| has.contains(role)) {
            true => Ok(()),
            false => refused(format!(
                "{} may be run by members of {} only, and {user} is in none of them",
                preset.kind,
                allowed.join(", ")
            )),
        }
    }
}

/// The method of that name.
pub(super) fn method(context: &Map, key: &str) -> Result<Method, Failure> {
    let name = fields::text(context, key).unwrap_or("POST").trim();
    Method::from_bytes(name.to_ascii_uppercase().as_bytes())
        .map_err(|_| fields::invalid(format!("{key}: {name:?} is not an HTTP method")))
}

/// The host of a URL.
pub(super) fn host(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.host_str().map(str::to_owned)
}

/// The scheme, host and port of a URL.
fn door(url: &str) -> Option<(String, String, Option<u16>)> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str()?.to_owned();
    Some((url.scheme().to_owned(), host, url.port_or_known_default()))
}

/// A payload and its usual content type: a text is sent as it is.
fn body(payload: &Value) -> (&'static str, Vec<u8>) {
    match payload {
        Value::String(text) => {
            let json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            let kind = match json {
                true => "application/json",
                false => "text/plain; charset=utf-8",
            };
            (kind, text.clone().into_bytes())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            ("application/json", payload.to_string().into_bytes())
        }
    }
}

fn add_missing(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    let known = headers
        .iter()
        .any(|(known, _)| known.eq_ignore_ascii_case(name));
    if !known {
        headers.push((name.to_owned(), value.to_owned()));
    }
}

/// Names and values, or lists of values. Headers that say who asks are not the author's to set.
pub(super) fn custom_headers(headers: Option<&Value>) -> Result<Vec<(String, String)>, Failure> {
    let map = match headers {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Vec::new()),
        Some(Value::Object(map)) => map,
        Some(other) => {
            return Err(fields::invalid(format!(
                "customHeaders must be an object of names and values, not {}",
                fields::shorten(&other.to_string())
            )));
        }
    };
    let mut found = Vec::new();
    for (name, value) in map.iter().filter(|(name, _)| !is_identity(name)) {
        let values = match value {
            Value::Array(list) => list.iter().map(fields::scalar).collect(),
            Value::Null => Some(Vec::new()),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                fields::scalar(value).map(|value| vec![value])
            }
        };
        let values = values.ok_or_else(|| {
            fields::invalid(format!(
                "the header {name:?} must be a text or a list of texts"
            ))
        })?;
        found.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Ok(found)
}

fn is_identity(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    name.starts_with("x-spinnaker-") || name.starts_with("x-spindrift-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn headers_are_values_or_lists_and_never_say_who_asks() {
        let headers = json!({
            "X-One": "a", "X-Many": ["b", 3], "X-None": null,
            "X-SPINNAKER-USER": "root", "x-spindrift-stage": "other",
        });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            custom_headers(Some(&headers)),
            Ok(vec![
                pair("X-One", "a"),
                pair("X-Many", "b"),
                pair("X-Many", "3")
            ])
        );
        for wrong in [json!("X: 1"), json!({"X": {"y": 1}}), json!({"X": [[]]})] {
            assert!(custom_headers(Some(&wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_is_sent_as_it_is() {
        let table = [
            (json!({"a": 1}), "application/json", "{\"a\":1}"),
            (json!([1]), "application/json", "[1]"),
            (json!("{\"a\": 1}"), "application/json", "{\"a\": 1}"),
            (json!("a=1"), "text/plain; charset=utf-8", "a=1"),
        ];
        for (payload, kind, text) in table {
            assert_eq!(body(&payload), (kind, text.as_bytes().to_vec()));
        }
    }
}
