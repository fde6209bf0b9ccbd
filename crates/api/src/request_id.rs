//! The id by which a request is found again in logs: the caller's, or a new one.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header in which the id comes and goes.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-spinnaker-request-id");

/// A longer one is replaced: it would be repeated in every log line.
const MAX_LENGTH: usize = 128;

/// The id that the caller chose, when it is safe to repeat; else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let chosen = headers.get(REQUEST_ID).and_then(acceptable);
    chosen.map_or_else(fresh_id, str::to_owned)
}

/// An id that nothing has.
pub(crate) fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn acceptable(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    ((1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(safe)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        let long = "x".repeat(129);
        for (given, kept) in [
            ("abc-1:2.3_4", true),
            ("a b", false),
            ("", false),
            ("a\tb", false),
            (long.as_str(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            assert_eq!(request_id(&headers) == given, kept, "{given:?}");
        }
    }
}
