//! Where a request comes from, while the server believes whoever reaches it.
//!
//! Reaching the loopback interface is no proof of being on this machine: a web page in a browser here reaches it too,
//! directly (a forged cross-site request) or under a name of its own that resolves to 127.0.0.1 (DNS rebinding). So
//! only names of the loopback interface are answered, and a browser may change things only from a page of this server.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::HttpProblem;
use crate::state::ApiState;

/// Turns away what a foreign web page sent.
pub(crate) async fn guard(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let options = state.options();
    if options.tokens.is_empty()
        && let Err(problem) = check(
            request.method(),
            request.uri(),
            request.headers(),
            &options.local_hosts,
        )
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    hosts: &[String],
) -> Result<(), HttpProblem> {
    let host = addressed(uri, headers)?;
    if !is_local(name_of(host), hosts) {
        return Err(HttpProblem::forbidden(format!(
            "this server has no tokens, so it answers to localhost, 127.0.0.1 and [::1] only, not to {host:?}; \
             configure tokens, or add the name to the local hosts"
        )));
    }
    if method.is_safe() {
        return Ok(());
    }
    let foreign_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none");
    let foreign_origin = headers
        .get(header::ORIGIN)
        .is_some_and(|origin| !origin.to_str().is_ok_and(|origin| is_of(origin, host)));
    if foreign_site || foreign_origin {
        return Err(HttpProblem::forbidden(
            "a page of another site may not change anything here; configure tokens to allow other origins",
        ));
    }
    Ok(())
}

/// The name by which the caller addresses this server.
fn addressed<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Result<&'r str, HttpProblem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    };
    let Some(host) = header else {
        return Err(HttpProblem::bad_request(
            "the request needs exactly one Host header",
        ));
    };
    match uri.authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(host) => Err(
            HttpProblem::bad_request("the URL and the Host header name different servers"),
        ),
        _ => Ok(host),
    }
}

fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_local(name: &str, hosts: &[String]) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
        || hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
}

fn is_of(origin: &str, host: &str) -> bool {
    let place = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    place.is_some_and(|place| place.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let method = method.parse().unwrap();
        let hosts = ["host.docker.internal".to_owned()];
        check(&method, &Uri::from_static("/x"), &map, &hosts)
            .map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let table = [
            ("localhost:8084", Ok(())),
            ("LOCALHOST.", Ok(())),
            ("127.0.0.1:8084", Ok(())),
            ("127.8.8.8", Ok(())),
            ("[::1]:8084", Ok(())),
            ("[::ffff:127.0.0.1]", Ok(())),
            ("host.docker.internal:8084", Ok(())),
            ("evil.example:8084", Err(403)),
            ("localhost.evil.example", Err(403)),
            ("127.0.0.1.nip.io", Err(403)),
            ("10.0.0.1", Err(403)),
            ("[::]", Err(403)),
            ("", Err(403)),
        ];
        for (host, expected) in table {
            assert_eq!(verdict("GET", &[("host", host)]), expected, "{host:?}");
        }
        assert_eq!(verdict("GET", &[]), Err(400));
        assert_eq!(
            verdict("GET", &[("host", "localhost"), ("host", "evil.example")]),
            Err(400)
        );
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        type Headers<'h> = &'h [(&'h str, &'h str)];
        let table: [(&str, Headers<'_>, Result<(), u16>); 9] = [
            ("POST", &[], Ok(())),
            ("POST", &[("origin", "http://localhost:8084")], Ok(())),
            ("POST", &[("origin", "http://localhost:9000")], Err(403)),
            ("POST", &[("origin", "http://evil.example")], Err(403)),
            ("PUT", &[("origin", "null")], Err(403)),
            ("DELETE", &[("sec-fetch-site", "cross-site")], Err(403)),
            ("PATCH", &[("sec-fetch-site", "same-site")], Err(403)),
            ("POST", &[("sec-fetch-site", "same-origin")], Ok(())),
            ("GET", &[("origin", "http://evil.example")], Ok(())),
        ];
        for (method, extra, expected) in table {
            let headers = [&[("host", "localhost:8084")], extra].concat();
            assert_eq!(verdict(method, &headers), expected, "{method} {extra:?}");
        }
    }
}
