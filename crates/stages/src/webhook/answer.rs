//! An answer as later stages read it, in `webhook` and `webhook.monitor`.

use serde_json::Value;
use spindrift_engine::{Failure, Outcome, TaskResult};
use spindrift_model::Map;
use spindrift_outbound::Response;

use super::status_name::status_name;

/// Headers of an answer that open something; they are not kept.
const SECRET: [&str; 3] = ["set-cookie", "authorization", "proxy-authenticate"];

/// Status, headers and body of an answer.
pub(super) fn describe(response: &Response) -> Map {
    let mut found = Map::new();
    let name =
        status_name(response.status).map_or_else(|| response.status.to_string(), str::to_owned);
    found.insert("statusCode".to_owned(), name.into());
    found.insert("statusCodeValue".to_owned(), response.status.into());
    let headers = headers(response);
    if !headers.is_empty() {
        found.insert("headers".to_owned(), headers.into());
    }
    if let Some(body) = body(response) {
        found.insert("body".to_owned(), body);
    }
    found
}

/// The first value of each header, under the name as HTTP/1.1 servers write it, which is how expressions ask for it.
fn headers(response: &Response) -> Map {
    let mut found = Map::new();
    for (name, value) in &response.headers {
        if !SECRET.contains(&name.as_str()) {
            found
                .entry(capitalize(name))
                .or_insert_with(|| value.clone().into());
        }
    }
    found
}

fn capitalize(name: &str) -> String {
    let mut start = true;
    let letters = name.chars().map(|letter| {
        let written = match start {
            true => letter.to_ascii_uppercase(),
            false => letter,
        };
        start = letter == '-';
        written
    });
    letters.collect()
}

/// The body as JSON where it is, else as text; none when it is empty.
pub(super) fn body(response: &Response) -> Option<Value> {
    if response.body.is_empty() {
        return None;
    }
    let declared = response
        .header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    let looks = matches!(response.body.trim_ascii_start().first(), Some(b'{' | b'['));
    let parsed = match declared || looks {
        true => serde_json::from_slice(&response.body).ok(),
        false => None,
    };
    Some(parsed.unwrap_or_else(|| response.text().into()))
}

/// `404 NOT_FOUND`.
pub(super) fn shown_status(code: u16) -> String {
    match status_name(code) {
        Some(name) => format!("{code} {name}"),
        None => code.to_string(),
    }
}

/// The end of a task that failed: people read the reason in `webhook.error` and in the stage's exception.
pub(super) fn failed(reason: &str) -> Outcome {
    Outcome::Terminal(Some(Failure::new("WebhookFailed", reason)))
}

/// A result that leaves `webhook` as it is given.
pub(super) fn result(outcome: Outcome, webhook: Map) -> TaskResult {
    TaskResult::new(outcome).with_context("webhook", webhook)
}
