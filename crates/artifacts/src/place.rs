//! Where a reference leads, and a request there on behalf of an account.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spindrift_outbound::{Outbound, Request, Response};
use url::Url;

use crate::account::{Account, AccountKind, Login};
use crate::error::FetchError;

/// The host of an address as people read it.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether an address lies under another: the same server, and a path that begins with all its segments.
fn lies_under(url: &Url, base: &Url) -> bool {
    let segments = |url: &Url| -> Vec<String> {
        let all = url.path_segments().into_iter().flatten();
        all.map(str::to_owned).collect()
    };
    let mut wanted = segments(base);
    while wanted.last().is_some_and(String::is_empty) {
        wanted.pop();
    }
    url.origin() == base.origin() && segments(url).starts_with(&wanted)
}

/// Reads an absolute address. A path that climbs is resolved before anything compares it.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    match Url::parse(text.trim()) {
        Ok(url) if !["http", "https"].contains(&url.scheme()) => Err(format!(
            "its reference has the scheme {:?}; http and https can be fetched",
            url.scheme()
        )),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("its reference carries a user or a password; use an artifact account".to_owned())
        }
        Ok(url) => Ok(url),
        Err(error) => Err(format!("its reference is no address: {error}")),
    }
}

/// Requests on behalf of an account.
pub(crate) struct Line<'l> {
    pub(crate) outbound: &'l Outbound,
    pub(crate) account: &'l Account,
    pub(crate) max_bytes: u64,
}

impl Line<'_> {
    /// Refuses what lies elsewhere than the account's server.
    pub(crate) fn check(&self, url: &Url) -> Result<(), FetchError> {
        match &self.account.base {
            Some(base) if !lies_under(url, base) => Err(FetchError::Elsewhere {
                account: self.account.name.clone(),
                host: host_of(url),
                expected: base.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Gets what lies on the account's server, as the account.
    pub(crate) async fn get(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
    ) -> Result<Response, FetchError> {
        self.check(url)?;
        let mut request = self.request(url, headers);
        let login = self.account.login().await?;
        if let Some((name, value)) = authorization(self.account.kind, &login) {
            request = request.header(name, value);
        }
        self.send(url, request).await
    }

    /// Gets what lies anywhere, as nobody.
    pub(crate) async fn get_openly(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
    ) -> Result<Response, FetchError> {
        let request = self.request(url, headers);
        self.send(url, request).await
    }

    pub(crate) fn request(&self, url: &Url, headers: &[(&str, &str)]) -> Request {
        // A decompressed archive would not be the archive.
        let mut request = Request::get(url.as_str()).header("Accept-Encoding", "identity");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.max_response_bytes = Some(self.max_bytes);
        request
    }

    /// Sends a request; an answer that is no success is an error.
    pub(crate) async fn send(&self, url: &Url, request: Request) -> Result<Response, FetchError> {
        let response = self.try_send(request).await?;
        if response.is_success() {
            Ok(response)
        } else {
            Err(FetchError::answer(&host_of(url), response.status))
        }
    }

    /// Sends a request; the answer may have any status.
    pub(crate) async fn try_send(&self, request: Request) -> Result<Response, FetchError> {
        self.outbound
            .send(request)
            .await
            .map_err(|error| match error.cause() {
                spindrift_outbound::Error::TooLarge {
                    part: spindrift_outbound::Part::Body { .. },
                    ..
                } => FetchError::TooLarge(self.max_bytes),
                _ => FetchError::Outbound(error),
            })
    }
}

/// The header value by which a server of no particular kind knows an account.
pub(crate) fn authorization_of(login: &Login) -> Option<String> {
    match login {
        Login::Nobody => None,
        Login::Basic(user, password) => Some(basic(user, password.open())),
        Login::Token(token) => Some(format!("Bearer {}", token.open())),
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The header by which a server knows an account.
fn authorization(kind: AccountKind, login: &Login) -> Option<(&'static str, String)> {
    match (login, kind) {
        (Login::Nobody, _) => None,
        (Login::Basic(user, password), _) => Some(("Authorization", basic(user, password.open()))),
        (Login::Token(token), AccountKind::Gitlab) => {
            Some(("Private-Token", token.open().to_owned()))
        }
        (Login::Token(token), AccountKind::Github) => {
            Some(("Authorization", format!("token {}", token.open())))
        }
        (
            Login::Token(token),
            AccountKind::Embedded
            | AccountKind::Http
            | AccountKind::Bitbucket
            | AccountKind::Helm
            | AccountKind::Docker
            | AccountKind::Local,
        ) => Some(("Authorization", format!("Bearer {}", token.open()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_under_another_by_whole_segments() {
        let table = [
            ("https://a.example/x/y", "https://a.example", true),
            ("https://a.example/x/y", "https://a.example/", true),
            ("https://a.example/x/y", "https://a.example/x", true),
            ("https://a.example/x/y", "https://a.example/x/", true),
            ("https://a.example/xy", "https://a.example/x", false),
            ("https://a.example/x/../y", "https://a.example/x", false),
            ("https://a.example.evil/x", "https://a.example", false),
            ("http://a.example/x", "https://a.example", false),
            ("https://a.example:444/x", "https://a.example", false),
            ("https://a.example:443/x", "https://a.example", true),
        ];
        for (url, base, expected) in table {
            let (url, base) = (Url::parse(url).unwrap(), Url::parse(base).unwrap());
            assert_eq!(lies_under(&url, &base), expected, "{url} under {base}");
        }
    }

    #[test]
    fn references_that_are_no_addresses_are_named() {
        for (text, message) in [
            ("deploy.yaml", "is no address"),
            ("file:///etc/passwd", "has the scheme \"file\""),
            ("https://ann:secret@host/x", "carries a user"),
        ] {
            let found = address(text).unwrap_err();
            assert!(
                found.contains(message) && !found.contains("secret"),
                "{text}: {found}"
            );
        }
    }
}
