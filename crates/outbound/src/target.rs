//! Where a request goes: a URL that was understood once.

use url::{Host, Url};

/// Longer URLs are refused; servers do not take them either.
const MAX_LENGTH: usize = 16 * 1024;
const MAX_NAME: usize = 253;

/// A URL of a kind this client sends to, with its host and port taken out.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
}

impl Target {
    /// Reads a URL as a person wrote it. The error is the reason and never repeats the URL.
    pub(crate) fn parse(raw: &str) -> Result<Target, String> {
        let raw = raw.trim();
        check_text(raw)?;
        // The URL standard repairs `http:host`, `http:\\host` and `http:////host`; nobody who means well writes them.
        let (scheme, rest) = raw
            .split_once("://")
            .ok_or("it does not start with http:// or https://")?;
        check_scheme(&scheme.to_ascii_lowercase())?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if authority.is_empty() {
            return Err("it has no host".to_owned());
        }
        // Other parsers disagree about both, which is how filters are led astray.
        if authority.contains('@') {
            return Err(
                "it contains credentials before the host; send them in a header".to_owned(),
            );
        }
        if authority.contains('\\') {
            return Err("it contains a backslash in the host".to_owned());
        }
        Target::from_url(Url::parse(raw).map_err(|error| error.to_string())?)
    }

    /// Reads the `Location` of a redirect.
    pub(crate) fn join(&self, location: &str) -> Result<Target, String> {
        check_text(location)?;
        Target::from_url(self.url.join(location).map_err(|error| error.to_string())?)
    }

    fn from_url(mut url: Url) -> Result<Target, String> {
        check_scheme(url.scheme())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "it contains credentials before the host; send them in a header".to_owned(),
            );
        }
        if let Some(name) = url.domain().and_then(|name| name.strip_suffix('.')) {
            let name = name.to_owned();
            url.set_host(Some(&name))
                .map_err(|error| error.to_string())?;
        }
        url.set_fragment(None);
        let host = url.host().ok_or("it has no host")?.to_owned();
        if let Host::Domain(name) = &host {
            check_name(name)?;
        }
        check_uri(&url)?;
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 {
            return Err("port 0 cannot be reached".to_owned());
        }
        Ok(Target { url, host, port })
    }

    /// The host, with the port where it is not the usual one of the scheme.
    pub(crate) fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    /// Whether secrets meant for `self` may also be sent to `next`: the same origin, or its encrypted form at the usual ports.
    pub(crate) fn shares_secrets_with(&self, next: &Target) -> bool {
        let same_host = self.host == next.host;
        let same_origin = self.url.scheme() == next.url.scheme() && self.port == next.port;
        let upgrade = (self.url.scheme(), self.port, next.url.scheme(), next.port)
            == ("http", 80, "https", 443);
        same_host && (same_origin || upgrade)
    }
}

fn check_text(raw: &str) -> Result<(), String> {
    if MAX_LENGTH < raw.len() {
        return Err(format!("it is longer than {MAX_LENGTH} bytes"));
    }
    match raw.chars().any(char::is_control) {
        true => Err("it contains control characters".to_owned()),
        false => Ok(()),
    }
}

fn check_scheme(scheme: &str) -> Result<(), String> {
    match scheme {
        "http" | "https" => Ok(()),
        _ => Err("only http and https are supported".to_owned()),
    }
}

/// The connector reads the text again, as a URI. It must find the host that is judged here.
fn check_uri(url: &Url) -> Result<(), String> {
    let uri: hyper::Uri = url
        .as_str()
        .parse()
        .map_err(|_| "the host name is not valid".to_owned())?;
    match uri.host() == url.host_str() && uri.port_u16() == url.port() {
        true => Ok(()),
        false => Err("it can be read in two ways".to_owned()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if MAX_NAME < name.len() {
        return Err(format!(
            "the host name is longer than {MAX_NAME} characters"
        ));
    }
    match name.split('.').any(str::is_empty) {
        true => Err("the host name has an empty label".to_owned()),
        false => Ok(()),
    }
}
