//! `#fromUrl` and its family. The evaluator checks the URL; the environment answers, now or in a later pass.

use super::{json, properties, yaml};
use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::eval::Machine;
use crate::java::method::{Method, STRING, function, null_pointer};
use crate::scope::{Fetch, FetchKind, Fetched};
use crate::value::Value;

/// Domains that are never asked.
const EXCLUDED: [&str; 4] = [".spinnaker", ".local", ".localdomain", ".internal"];

fn refused(message: String) -> Thrown {
    Thrown::java(ILLEGAL_ARGUMENT, message)
}

/// What can be checked without asking the network: scheme, host name, no addresses.
fn check(url: &str) -> Eval<()> {
    let wrong = || refused(format!("URI not valid for use: {url}"));
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(refused(format!("Unsupported URI Scheme: {scheme}")));
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('\\') || authority.contains('%') {
        return Err(wrong());
    }
    let host_port = authority.rsplit('@').next().unwrap_or_default();
    if host_port.starts_with('[') {
        return Err(refused(format!(
            "Access to IP addresses is not allowed: {url}"
        )));
    }
    let host = host_port
        .split(':')
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    if host.is_empty() {
        return Err(refused(format!(
            "Unable to determine host for the url provided {url}"
        )));
    }
    if !host.contains('.') {
        return Err(refused(format!(
            "Host not allowed {host}. Host must match .*\\..+."
        )));
    }
    // Also the old spellings of addresses: 127.1, 0x7f.1.
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if numeric {
        return Err(refused(format!(
            "Access to IP addresses is not allowed: {host}"
        )));
    }
    if EXCLUDED.iter().any(|suffix| host.ends_with(suffix)) {
        return Err(refused(format!(
            "Host not allowed {host}. Host is excluded"
        )));
    }
    Ok(())
}

fn fetch<'a>(machine: &mut Machine<'a>, value: &Value<'a>, kind: FetchKind) -> Eval<Value<'a>> {
    let failed = |cause: Thrown| {
        Thrown::helper(format!(
            "#from({}) failed",
            value.char_sequence().unwrap_or("null")
        ))
        .because(cause)
    };
    let url = value
        .char_sequence()
        .ok_or_else(|| failed(null_pointer()))?;
    check(url).map_err(failed)?;
    let fetch = Fetch {
        url: url.to_owned(),
        kind,
    };
    match machine.scope.environment.fetch(&fetch) {
        Fetched::Body(body) => {
            machine.spend_bytes(body.len())?;
            Ok(Value::text(body))
        }
        Fetched::Failed(reason) => Err(failed(Thrown::java("java.io.IOException", reason))),
        Fetched::Unknown => Err(Thrown::needs(fetch)),
    }
}

/// The functions.
pub(super) static FUNCTIONS: &[Method] = &[
    function("fromUrl", &[STRING], |machine, _, args| {
        fetch(machine, &args[0], FetchKind::Text)
    }),
    function("jsonFromUrl", &[STRING], |machine, _, args| {
        let body = fetch(machine, &args[0], FetchKind::Json)?;
        json::read(&body)
    }),
    function("yamlFromUrl", &[STRING], |machine, _, args| {
        let body = fetch(machine, &args[0], FetchKind::Yaml)?;
        yaml::read(&body)
    }),
    function("propertiesFromUrl", &[STRING], |machine, _, args| {
        let body = fetch(machine, &args[0], FetchKind::Properties).map_err(|cause| {
            Thrown::helper(format!(
                "#propertiesFromUrl({}) failed",
                args[0].char_sequence().unwrap_or("null")
            ))
            .because(cause)
        })?;
        Ok(properties::read(body.char_sequence().unwrap_or_default()))
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_hosts_outside_are_asked() {
        for url in [
            "https://example.com/a?b#c",
            "http://user:p@a.example.org:8080/",
        ] {
            assert!(check(url).is_ok(), "{url}");
        }
        for url in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "example.com",
            "http://localhost/",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.0x1/",
            "http://[::1]/",
            "http://orca.spinnaker/",
            "http://metadata.google.internal/",
            "http://printer.local./",
            "http:///nohost",
            "http://a.com@127.0.0.1/",
            "http://exa mple.com/",
        ] {
            assert_eq!(check(url).unwrap_err().class, ILLEGAL_ARGUMENT, "{url}");
        }
    }
}
