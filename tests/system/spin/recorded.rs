//! The requests of both generations of the client, in `requests.json`, with what each needs of the answer.
//!
//! They were recorded from the client of the standalone repository at 6de5ad7; what its successor in Spinnaker's own repository sends
//! otherwise is noted beside. Without the client nothing else would notice that an answer has changed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::http::{self, Request};
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

/// What was learned from answers, such as the id of a pipeline.
#[derive(Default)]
struct Known(BTreeMap<String, String>);

impl Known {
    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.0 {
            text = text.replace(&format!("{{{{{name}}}}}"), value);
        }
        assert!(!text.contains("{{"), "{text} has an unknown part");
        text
    }
}

/// Whether a value is what was recorded; `"<text>"`, `"<list>"` and `"<object>"` stand for any of that kind.
fn fits(found: Option<&Value>, wanted: &Value) -> bool {
    match (wanted.as_str(), found) {
        (Some("<absent>"), found) => found.is_none_or(Value::is_null),
        (Some("<text>"), Some(found)) => found.is_string(),
        (Some("<list>"), Some(found)) => found.is_array(),
        (Some("<object>"), Some(found)) => found.is_object(),
        (_, Some(found)) => found == wanted,
        (_, None) => false,
    }
}

#[test]
fn every_command_is_answered_as_the_clients_need_it() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let commands: Vec<Value> = serde_json::from_str(include_str!("requests.json")).unwrap();
    let mut known = Known::default();
    let mut count = 0;
    for command in &commands {
        let name = command["command"].as_str().unwrap();
        for request in command["requests"].as_array().unwrap() {
            let method = request["method"].as_str().unwrap();
            let path = known.fill(request["path"].as_str().unwrap());
            let body = request
                .get("body")
                .map(|body| known.fill(&body.to_string()));
            let place = format!("spin {name}: {method} {path}");
            let headers = [("User-Agent", "Spin-CLI/dev"), ("Accept", "*/*")];
            let sent = Request {
                method,
                path: &path,
                headers: &headers,
                body: body.as_deref().map(str::as_bytes),
            };
            let answer = http::send(server.address, &sent).unwrap();
            let text = answer.text();
            assert_eq!(
                u64::from(answer.status),
                request["status"],
                "{place}: {text}"
            );
            // The newer client takes an empty body or JSON, and nothing else.
            let json = match text.is_empty() {
                true => Value::Null,
                false => answer.json(),
            };
            let wanted = request.get("is").and_then(Value::as_object);
            for (pointer, wanted) in wanted.into_iter().flatten() {
                let wanted: Value = serde_json::from_str(&known.fill(&wanted.to_string())).unwrap();
                let found = json.pointer(pointer);
                assert!(
                    fits(found, &wanted),
                    "{place}: {pointer} is {found:?}, not {wanted}"
                );
            }
            let keep = request.get("keep").and_then(Value::as_object);
            for (name, pointer) in keep.into_iter().flatten() {
                let found = json
                    .pointer(pointer.as_str().unwrap())
                    .and_then(Value::as_str);
                let found =
                    found.unwrap_or_else(|| panic!("{place}: {pointer} is no text: {text}"));
                known.0.insert(name.clone(), found.to_owned());
            }
            count += 1;
        }
    }
    assert!(
        commands.len() > 40 && count > 60,
        "{} commands, {count} requests",
        commands.len()
    );
}
