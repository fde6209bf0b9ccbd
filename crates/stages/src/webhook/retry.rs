//! When a call is made again, and when.

use serde_json::Value;
use spindrift_model::{Map, Millis};
use spindrift_outbound::Response;

use crate::fields;

/// The longest wait that a server can ask for.
const LONGEST_WAIT: Millis = 5 * 60 * 1_000;

/// Whether a status code is in a list of the context.
pub(super) fn is_listed(context: &Map, key: &str, code: u16) -> bool {
    let list = match context.get(key) {
        Some(Value::Array(list)) => list.iter().filter_map(fields::integer).collect(),
        value => fields::texts(value)
            .iter()
            .filter_map(|code| code.parse().ok())
            .collect::<Vec<i64>>(),
    };
    list.contains(&i64::from(code))
}

/// The usual wait, or the longer one that the server asks for in seconds.
pub(super) fn wait(usual: Millis, response: &Response) -> Millis {
    let asked = response
        .header("retry-after")
        .and_then(|value| value.trim().parse::<Millis>().ok());
    let asked = asked.unwrap_or(0).clamp(0, LONGEST_WAIT / 1_000);
    usual.max(asked * 1_000)
}
