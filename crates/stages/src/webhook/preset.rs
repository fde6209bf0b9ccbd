//! Preconfigured webhooks: stage types that an operator makes from a URL and a form.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spindrift_engine::Failure;
use spindrift_model::Map;

use super::line::custom_headers;

/// A stage type that calls one URL. What the operator has set wins over the stage; what is absent here is the stage's to set.
///
/// Values may contain expressions; they are evaluated in the stage, where `parameterValues` holds what its author has filled in.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PreconfiguredWebhook {
    /// Whether the type exists.
    pub enabled: bool,
    /// The stage type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call it.
    pub label: String,
    /// What it does.
    pub description: String,
    /// What its author fills in.
    pub parameters: Vec<WebhookParameter>,
    /// The roles that may run it, under `WRITE`; without any, everybody may.
    pub permissions: BTreeMap<String, Vec<String>>,
    /// Headers that are added while sending and kept nowhere.
    pub sensitive_headers: Map,
    /// The URL.
    pub url: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// The payload.
    pub payload: Option<Value>,
    /// More headers.
    pub custom_headers: Option<Map>,
    /// Values of parameters.
    pub parameter_values: Option<Map>,
    /// Codes that end the stage at once.
    pub fail_fast_status_codes: Option<Vec<u16>>,
    /// Codes after which the call is made again.
    pub webhook_retry_status_codes: Option<Vec<u16>>,
    /// Whether the stage waits for what it has begun.
    pub wait_for_completion: Option<bool>,
    /// Seconds before the status is first asked for.
    pub wait_before_monitor: Option<u64>,
    /// Where the status URL comes from.
    pub status_url_resolution: Option<String>,
    /// Where the status URL is in the answer.
    pub status_url_json_path: Option<String>,
    /// Where the status is in its answer.
    pub status_json_path: Option<String>,
    /// Where the progress is in that answer.
    pub progress_json_path: Option<String>,
    /// The statuses of success, separated by commas.
    pub success_statuses: Option<String>,
    /// The statuses of a cancellation, separated by commas.
    pub canceled_statuses: Option<String>,
    /// The statuses of failure, separated by commas.
    pub terminal_statuses: Option<String>,
    /// Codes after which the status is asked for again.
    pub retry_status_codes: Option<Vec<u16>>,
    /// Codes after which the status is asked for again so many times: `{code: {maxAttempts}}`.
    pub retries: Option<Map>,
    /// Whether people are offered to end what the webhook has begun; `cancelEndpoint` decides.
    pub signal_cancellation: Option<bool>,
    /// Where to call to end what the webhook has begun.
    pub cancel_endpoint: Option<String>,
    /// How to call there.
    pub cancel_method: Option<String>,
    /// What to send there.
    pub cancel_payload: Option<Value>,
}

/// A field that the author of a stage fills in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebhookParameter {
    /// Its name in `parameterValues`.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// What it is when nothing is filled in.
    pub default_value: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its type, such as `string`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its place in the form.
    pub order: Option<i64>,
}

/// How many fields there are that an operator may set or leave; see [`PreconfiguredWebhook::fixed`].
const OPEN_FIELDS: usize = 22;

impl Default for PreconfiguredWebhook {
    fn default() -> Self {
        Self {
            enabled: true,
            kind: String::new(),
            label: String::new(),
            description: String::new(),
            parameters: Vec::new(),
            permissions: BTreeMap::new(),
            sensitive_headers: Map::new(),
            url: None,
            method: None,
            payload: None,
            custom_headers: None,
            parameter_values: None,
            fail_fast_status_codes: None,
            webhook_retry_status_codes: None,
            wait_for_completion: None,
            wait_before_monitor: None,
            status_url_resolution: None,
            status_url_json_path: None,
            status_json_path: None,
            progress_json_path: None,
            success_statuses: None,
            canceled_statuses: None,
            terminal_statuses: None,
            retry_status_codes: None,
            retries: None,
            signal_cancellation: None,
            cancel_endpoint: None,
            cancel_method: None,
            cancel_payload: None,
        }
    }
}

impl PreconfiguredWebhook {
    /// What is wrong with it, for the one who configures it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.kind.trim().is_empty() {
            problems.push("a preconfigured webhook needs a type".to_owned());
        }
        if self.has_secrets() && self.url.is_none() {
            problems.push(format!(
                "{} has sensitiveHeaders but no url; authors of stages could send them anywhere",
                self.kind
            ));
        }
        if let Err(failure) = self.secrets() {
            problems.push(format!("{}: {}", self.kind, failure.errors.join("; ")));
        }
        problems
    }

    /// It as clients list it (`GET /webhooks/preconfigured`): without secrets, permissions and values.
    pub fn describe(&self) -> Value {
        let fixed: Vec<&str> = self.fixed().into_iter().map(|(key, _)| key).collect();
        let closed = match self.wait_for_completion {
            None => false,
            Some(true) => fixed.len() == OPEN_FIELDS,
            Some(false) => ["url", "customHeaders", "method", "payload"]
                .iter()
                .all(|key| fixed.contains(key)),
        };
        json!({
            "type": self.kind,
            "label": self.label,
            "description": self.description,
            "waitForCompletion": self.wait_for_completion,
            "preconfiguredProperties": fixed,
            "noUserConfigurableFields": closed,
            "parameters": self.parameters,
        })
    }

    /// The fields that the operator has set, by their names in a stage's context.
    pub(super) fn fixed(&self) -> Vec<(&'static str, Value)> {
        let all: [(&'static str, Option<Value>); OPEN_FIELDS] = [
            ("url", self.url.as_ref().map(|v| json!(v))),
            ("method", self.method.as_ref().map(|v| json!(v))),
            ("payload", self.payload.clone()),
            (
                "customHeaders",
                self.custom_headers.as_ref().map(|v| json!(v)),
            ),
            (
                "parameterValues",
                self.parameter_values.as_ref().map(|v| json!(v)),
            ),
            (
                "failFastStatusCodes",
                self.fail_fast_status_codes.as_ref().map(|v| json!(v)),
            ),
            (
                "webhookRetryStatusCodes",
                self.webhook_retry_status_codes.as_ref().map(|v| json!(v)),
            ),
            (
                "waitForCompletion",
                self.wait_for_completion.map(|v| json!(v)),
            ),
            (
                "waitBeforeMonitor",
                self.wait_before_monitor.map(|v| json!(v)),
            ),
            (
                "statusUrlResolution",
                self.status_url_resolution.as_ref().map(|v| json!(v)),
            ),
            (
                "statusUrlJsonPath",
                self.status_url_json_path.as_ref().map(|v| json!(v)),
            ),
            (
                "statusJsonPath",
                self.status_json_path.as_ref().map(|v| json!(v)),
            ),
            (
                "progressJsonPath",
                self.progress_json_path.as_ref().map(|v| json!(v)),
            ),
            (
                "successStatuses",
                self.success_statuses.as_ref().map(|v| json!(v)),
            ),
            (
                "canceledStatuses",
                self.canceled_statuses.as_ref().map(|v| json!(v)),
            ),
            (
                "terminalStatuses",
                self.terminal_statuses.as_ref().map(|v| json!(v)),
            ),
            (
                "retryStatusCodes",
                self.retry_status_codes.as_ref().map(|v| json!(v)),
            ),
            ("retries", self.retries.as_ref().map(|v| json!(v))),
            (
                "signalCancellation",
                self.signal_cancellation.map(|v| json!(v)),
            ),
            (
                "cancelEndpoint",
                self.cancel_endpoint.as_ref().map(|v| json!(v)),
            ),
            (
                "cancelMethod",
                self.cancel_method.as_ref().map(|v| json!(v)),
            ),
            ("cancelPayload", self.cancel_payload.clone()),
        ];
        all.into_iter()
            .filter_map(|(key, value)| value.map(|value| (key, value)))
            .collect()
    }

    /// What the operator has set, and the author's parameters with their defaults: what goes over the stage's context.
    pub(super) fn overlay(&self, context: &Map) -> Map {
        let mut over: Map = self
            .fixed()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        if !over.contains_key("parameterValues") {
            let given = context.get("parameterValues").and_then(Value::as_object);
            let mut values = given.cloned().unwrap_or_default();
            for parameter in &self.parameters {
                let missing = values.get(&parameter.name).is_none_or(Value::is_null);
                if let (true, Some(default)) = (missing, &parameter.default_value) {
                    values.insert(parameter.name.clone(), default.clone().into());
                }
            }
            over.insert("parameterValues".to_owned(), Value::Object(values));
        }
        over
    }

    /// The roles that may run it.
    pub(super) fn runners(&self) -> &[String] {
        self.permissions.get("WRITE").map_or(&[], Vec::as_slice)
    }

    pub(super) fn has_secrets(&self) -> bool {
        !self.sensitive_headers.is_empty()
    }

    pub(super) fn secrets(&self) -> Result<Vec<(String, String)>, Failure> {
        custom_headers(Some(&Value::Object(self.sensitive_headers.clone())))
    }
}

impl fmt::Debug for PreconfiguredWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreconfiguredWebhook")
            .field("type", &self.kind)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    fn webhook(value: Value) -> PreconfiguredWebhook {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_the_operator_set_goes_over_the_stage() {
        let webhook = webhook(json!({
            "type": "ticket", "url": "https://t.example.com/${parameterValues['project']}", "method": "PUT",
            "parameters": [{"name": "project", "defaultValue": "ops"}, {"name": "title"}],
        }));
        let context = json!({"url": "https://evil.example.com", "payload": {"a": 1}, "parameterValues": {"title": "t"}});
        assert_eq!(
            Value::Object(webhook.overlay(&map(context))),
            json!({
                "url": "https://t.example.com/${parameterValues['project']}", "method": "PUT",
                "parameterValues": {"title": "t", "project": "ops"},
            })
        );
    }

    #[test]
    fn a_list_for_clients_has_no_secrets() {
        let webhook = webhook(json!({
            "type": "ticket", "label": "Ticket", "url": "https://t.example.com/secret", "method": "PUT",
            "payload": "{}", "customHeaders": {}, "waitForCompletion": false,
            "sensitiveHeaders": {"Authorization": "Bearer hush"}, "permissions": {"WRITE": ["ops"]},
        }));
        insta::assert_json_snapshot!(webhook.describe(), @r#"
        {
          "type": "ticket",
          "label": "Ticket",
          "description": "",
          "waitForCompletion": false,
          "preconfiguredProperties": [
            "url",
            "method",
            "payload",
            "customHeaders",
            "waitForCompletion"
          ],
          "noUserConfigurableFields": true,
          "parameters": []
        }
        "#);
        assert!(!format!("{webhook:?}").contains("hush"));
    }

    #[test]
    fn an_unsafe_configuration_is_named() {
        let open = webhook(json!({"type": "t", "sensitiveHeaders": {"X": "1"}}));
        assert_eq!(
            open.problems(),
            ["t has sensitiveHeaders but no url; authors of stages could send them anywhere"]
        );
        let nameless = webhook(json!({"url": "https://t.example.com"}));
        assert_eq!(
            nameless.problems(),
            ["a preconfigured webhook needs a type"]
        );
        assert!(webhook(json!({"type": "t"})).problems().is_empty());
        assert!(serde_json::from_value::<PreconfiguredWebhook>(json!({"typ": "t"})).is_err());
    }
}
