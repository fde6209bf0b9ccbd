//! Where to ask how far something is that a webhook has begun.

use serde_json::Value;
use spindrift_model::Map;
use spindrift_outbound::Response;
use url::Url;

use super::{answer, json_path};
use crate::fields;

/// The URL, or why there is none.
pub(super) fn resolve(context: &Map, called: &str, response: &Response) -> Result<String, String> {
    let resolution = fields::text(context, "statusUrlResolution").unwrap_or("getMethod");
    let found = match resolution {
        "getMethod" => called.to_owned(),
        "locationHeader" => match response.header("location") {
            Some(location) => location.to_owned(),
            None => return Err(unresolved("the answer has no Location header")),
        },
        "webhookResponse" => from_body(context, response)?,
        other => {
            return Err(format!(
                "statusUrlResolution must be getMethod, locationHeader or webhookResponse, not {:?}",
                fields::shorten(other)
            ));
        }
    };
    absolute(&found, called, &response.final_url)
}

fn from_body(context: &Map, response: &Response) -> Result<String, String> {
    let path = fields::text(context, "statusUrlJsonPath").ok_or_else(|| {
        "statusUrlResolution webhookResponse needs a statusUrlJsonPath".to_owned()
    })?;
    let body = answer::body(response).unwrap_or(Value::Null);
    let value = json_path::read(&body, path)?;
    fields::as_text(&value)
        .map(str::to_owned)
        .ok_or_else(|| unresolved(&format!("{path} leads to no text in the answer")))
}

fn unresolved(why: &str) -> String {
    format!("The status URL couldn't be resolved, but 'Wait for completion' was checked: {why}")
}

/// A relative URL is meant relative to what answered. A URL of the called host keeps the scheme of the call: services
/// behind a proxy name themselves by http.
fn absolute(found: &str, called: &str, answered: &str) -> Result<String, String> {
    let wrong = || unresolved("what the answer names is not a URL");
    let called = Url::parse(called).map_err(|_| wrong())?;
    let base = Url::parse(answered).unwrap_or_else(|_| called.clone());
    let mut url = base.join(found.trim()).map_err(|_| wrong())?;
    if url.host_str() == called.host_str() && url.scheme() != called.scheme() {
        // Between http and https this cannot fail, and a call was made by no other scheme.
        let _ = url.set_scheme(called.scheme());
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use serde_json::json;

    const CALLED: &str = "https://ci.example.com/jobs";

    fn response(location: Option<&str>, body: &str) -> Response {
        let location = location.map(|location| ("location".to_owned(), location.to_owned()));
        Response {
            status: 202,
            headers: location.into_iter().collect(),
            body: body.to_owned().into(),
            final_url: CALLED.to_owned(),
        }
    }

    #[test]
    fn the_url_comes_from_where_the_author_says() {
        let location = |value| {
            (
                json!({"statusUrlResolution": "locationHeader"}),
                Some(value),
                "",
            )
        };
        let body =
            json!({"statusUrlResolution": "webhookResponse", "statusUrlJsonPath": "$.links.self"});
        let table = [
            ((json!({}), None, ""), Ok(CALLED)),
            (
                (json!({"statusUrlResolution": "getMethod"}), Some("/x"), ""),
                Ok(CALLED),
            ),
            (
                location("https://other.example.com/1"),
                Ok("https://other.example.com/1"),
            ),
            (location("/jobs/1"), Ok("https://ci.example.com/jobs/1")),
            (
                location("http://ci.example.com/jobs/1"),
                Ok("https://ci.example.com/jobs/1"),
            ),
            (
                location("http://other.example.com/1"),
                Ok("http://other.example.com/1"),
            ),
            (
                (json!({"statusUrlResolution": "locationHeader"}), None, ""),
                Err("no Location header"),
            ),
            (
                (
                    body.clone(),
                    None,
                    r#"{"links": {"self": "https://ci.example.com/7"}}"#,
                ),
                Ok("https://ci.example.com/7"),
            ),
            (
                (body.clone(), None, r#"{"links": {}}"#),
                Err("$.links.self"),
            ),
            (
                (body.clone(), None, r#"{"links": {"self": 7}}"#),
                Err("no text"),
            ),
            (
                (
                    json!({"statusUrlResolution": "webhookResponse"}),
                    None,
                    "{}",
                ),
                Err("needs a statusUrlJsonPath"),
            ),
            (
                (json!({"statusUrlResolution": "guess"}), None, ""),
                Err("not \"guess\""),
            ),
        ];
        for ((context, header, text), expected) in table {
            let found = resolve(&map(context.clone()), CALLED, &response(header, text));
            match expected {
                Ok(url) => assert_eq!(found.as_deref(), Ok(url), "{context}"),
                Err(part) => {
                    let message = found.unwrap_err();
                    assert!(message.contains(part), "{context}: {message}");
                }
            }
        }
    }
}
