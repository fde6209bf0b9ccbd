//! What follows from a redirect.

use bytes::Bytes;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};

use crate::error::Error;
use crate::headers;
use crate::rule::Rule;
use crate::target::Target;

/// One request of a chain.
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

impl Hop {
    /// The next request that an answer asks for; `None` if it is no redirect.
    ///
    /// The method changes as in browsers: 303 asks for a `GET`, and so do 301 and 302 after a `POST`.
    pub(crate) fn next(
        &self,
        status: StatusCode,
        answer: &HeaderMap,
        allow_downgrade: bool,
    ) -> Result<Option<Hop>, Error> {
        let becomes_get = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
            _ => return Ok(None),
        };
        let Some(location) = answer.get(LOCATION) else {
            return Ok(None);
        };
        let bad = |reason: String| Error::BadRedirect {
            host: self.target.authority(),
            reason,
        };
        let location = std::str::from_utf8(location.as_bytes())
            .map_err(|_| bad("it is not UTF-8".to_owned()))?;
        let target = self.target.join(location).map_err(bad)?;
        let downgrade = self.target.url.scheme() == "https" && target.url.scheme() == "http";
        if downgrade && !allow_downgrade {
            let refused = Error::Refused {
                host: target.authority(),
                address: None,
                rule: Rule::Downgrade,
            };
            return Err(refused.after(self.target.authority()));
        }
        let mut headers = self.headers.clone();
        if !self.target.shares_secrets_with(&target) {
            headers::strip_secrets(&mut headers);
        }
        if becomes_get {
            headers::strip_body(&mut headers);
            return Ok(Some(Hop {
                method: Method::GET,
                target,
                headers,
                body: None,
            }));
        }
        Ok(Some(Hop {
            method: self.method.clone(),
            target,
            headers,
            body: self.body.clone(),
        }))
    }
}
