//! Headers: which may be sent, which travel to another origin, which may be shown.

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::error::{Error, Part};

/// The client computes these from the connection and the body; a value from outside is dropped.
const COMPUTED: &[HeaderName] = &[header::CONTENT_LENGTH, header::CONNECTION];
const KEEP_ALIVE: &str = "keep-alive";

/// A value from outside would change how the request is framed, routed or cached on the way.
const FORBIDDEN: &[HeaderName] = &[
    header::HOST,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// These say what is wanted, not who asks. All others may hold a secret, whatever their name.
const HARMLESS: &[HeaderName] = &[
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::RANGE,
    header::RETRY_AFTER,
    header::USER_AGENT,
];

/// The headers of a request, with those this client adds.
pub(crate) fn outgoing(
    headers: &[(String, String)],
    user_agent: &HeaderValue,
) -> Result<HeaderMap, Error> {
    let invalid = |reason: String| Error::InvalidRequest { reason };
    let mut map = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        let name = HeaderName::try_from(name.trim())
            .map_err(|_| invalid(format!("{name:?} is not a header name")))?;
        if COMPUTED.contains(&name) || name == KEEP_ALIVE {
            continue;
        }
        if FORBIDDEN.contains(&name) {
            return Err(invalid(format!(
                "the header {name} cannot be set; it follows from the URL and the body"
            )));
        }
        let value = HeaderValue::try_from(value.trim()).map_err(|_| {
            invalid(format!(
                "the value of the header {name} contains characters that cannot be sent"
            ))
        })?;
        map.append(name, value);
    }
    map.entry(header::USER_AGENT)
        .or_insert_with(|| user_agent.clone());
    map.entry(header::ACCEPT_ENCODING)
        .or_insert(HeaderValue::from_static("gzip"));
    Ok(map)
}

/// Leaves only what another origin may see.
pub(crate) fn strip_secrets(headers: &mut HeaderMap) {
    let secret: Vec<HeaderName> = headers
        .keys()
        .filter(|name| !HARMLESS.contains(name))
        .cloned()
        .collect();
    for name in secret {
        headers.remove(name);
    }
}

/// Leaves out what describes a body that is no longer sent.
pub(crate) fn strip_body(headers: &mut HeaderMap) {
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
    ] {
        headers.remove(name);
    }
}

/// The headers of an answer as text, within the limits.
pub(crate) fn incoming(
    headers: &HeaderMap,
    host: &str,
    count: usize,
    bytes: usize,
) -> Result<Vec<(String, String)>, Error> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if count < headers.len() || bytes < size {
        return Err(Error::TooLarge {
            host: host.to_owned(),
            part: Part::Headers { count, bytes },
        });
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect())
}

/// A header as it may be shown: a value that could be a secret is left out.
pub(crate) fn shown<'a>(name: &'a str, value: &'a str) -> (&'a str, &'a str) {
    let harmless = HARMLESS
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_str()));
    (name, if harmless { value } else { "***" })
}
