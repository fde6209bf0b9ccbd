//! Requests and responses as plain data. Their `Debug` output shows no secret.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;

use crate::headers;
use crate::target::Target;

/// A request to a URL that somebody else may have written.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method; `CONNECT` and `TRACE` are refused.
    pub method: Method,
    /// An absolute http or https URL.
    pub url: String,
    /// Header names and values; a name may occur again. Those that frame the request are computed and cannot be set.
    pub headers: Vec<(String, String)>,
    /// The body, if any.
    pub body: Option<Bytes>,
    /// Limit for the whole request with its redirects; the policy has a default and a maximum.
    pub timeout: Option<Duration>,
    /// Whether redirects are followed, or are the response.
    pub follow_redirects: bool,
    /// Limit for the body of the response; the policy has a maximum, which is also the default.
    pub max_response_bytes: Option<u64>,
}

impl Request {
    /// A request without headers and body that follows redirects.
    pub fn new(method: Method, url: impl Into<String>) -> Request {
        Request {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout: None,
            follow_redirects: true,
            max_response_bytes: None,
        }
    }

    /// A `GET` request.
    pub fn get(url: impl Into<String>) -> Request {
        Request::new(Method::GET, url)
    }

    /// A `POST` request.
    pub fn post(url: impl Into<String>, body: impl Into<Bytes>) -> Request {
        Request {
            body: Some(body.into()),
            ..Request::new(Method::POST, url)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// An answer, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values; without `content-encoding` and `content-length` where the body was decompressed.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Bytes,
    /// The URL that answered, after redirects.
    pub final_url: String,
}

impl Response {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 become replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &origin(&self.url))
            .field("headers", &shown(&self.headers))
            .field("body", &Length(self.body.as_ref()))
            .field("timeout", &self.timeout)
            .field("follow_redirects", &self.follow_redirects)
            .field("max_response_bytes", &self.max_response_bytes)
            .finish()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &shown(&self.headers))
            .field("body", &Length(Some(&self.body)))
            .field("final_url", &origin(&self.final_url))
            .finish()
    }
}

struct Length<'a>(Option<&'a Bytes>);

impl fmt::Debug for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(body) => write!(f, "{} bytes", body.len()),
            None => f.write_str("none"),
        }
    }
}

fn shown(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| headers::shown(name, value))
        .collect()
}

/// Chat services put their secret into the path, others into the query; so only the origin is shown.
fn origin(url: &str) -> String {
    match Target::parse(url) {
        Ok(target) => format!("{}://{}/***", target.url.scheme(), target.authority()),
        Err(_) => "***".to_owned(),
    }
}
